/**
 * `.debug_line`: which source line each address was made from, as a program that writes the rows of a table. DWARF 5, section 6.2 "Line Number
 * Information"; versions 2 to 5.
 */
import { ByteCursor } from "../byteCursor";
import { readForm, readUnitLength } from "./forms";
import type { Encoding } from "./forms";
import { joinPath } from "./paths";
import type { DwarfSections } from "./sections";

export interface LineRow {
  readonly address: number;
  /** Index into the unit's `files`. */
  readonly file: number;
  /** From 1; 0 for code of no line. */
  readonly line: number;
  /** From 1; 0 for the whole line. */
  readonly column: number;
  /** A recommended place for a breakpoint. */
  readonly isStatement: boolean;
  /** The first address after a sequence: no code of its own. */
  readonly endsSequence: boolean;
}

export interface LineUnit {
  /** Offset in .debug_line, by which a compilation unit names it. */
  readonly offset: number;
  /** Paths by the file numbers of the rows. */
  readonly files: readonly (string | undefined)[];
  readonly rows: readonly LineRow[];
}

export interface LineTables {
  readonly units: readonly LineUnit[];
  /** What could not be read, as sentences. */
  readonly problems: readonly string[];
}

/** All line tables of a file. `directoryOf` gives the directory of the compilation unit whose table is at an offset. */
export function readLineTables(
  sections: DwarfSections,
  directoryOf: (offset: number) => string,
): LineTables {
  const units: LineUnit[] = [];
  const problems: string[] = [];
  const all = new ByteCursor(sections.line);
  while (!all.atEnd) {
    const offset = all.offset;
    const { length, offsetBytes } = readUnitLength(all);
    // Padding between units.
    if (length === 0) continue;
    const unit = all.part(length);
    const { files, rows, problem = all.overrun ? "is cut off" : undefined } = readUnit(unit, offsetBytes, directoryOf(offset), sections); // prettier-ignore
    units.push({ offset, files, rows });
    if (problem !== undefined) problems.push(`The line table at offset ${offset} of .debug_line ${problem}.`); // prettier-ignore
  }
  return { units, problems };
}

interface UnitContent {
  readonly files: readonly (string | undefined)[];
  readonly rows: readonly LineRow[];
  readonly problem?: string;
}

interface ProgramHeader {
  readonly encoding: Encoding;
  readonly minimumInstructionLength: number;
  readonly statementByDefault: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Number of LEB128 operands of each standard opcode, from opcode 1. */
  readonly operandCounts: readonly number[];
}

function readUnit(
  cursor: ByteCursor,
  offsetBytes: number,
  directory: string,
  sections: DwarfSections,
): UnitContent {
  const version = cursor.u16();
  if (version < 2 || version > 5) {
    return { files: [], rows: [], problem: cursor.overrun ? "is cut off" : `is of version ${version}` }; // prettier-ignore
  }
  const addressBytes = version >= 5 ? cursor.u8() : 8;
  if (version >= 5) cursor.skip(1);
  const headerBytes = cursor.word(offsetBytes);
  const programStart = cursor.offset + headerBytes;
  const header = readHeader(cursor, { version, addressBytes, offsetBytes });
  const paths =
    version >= 5
      ? readPathsByFormat(cursor, header.encoding, directory, sections)
      : readPathLists(cursor, directory);
  const { files } = paths;
  // What a later producer adds to the header is skipped.
  if (!cursor.overrun) cursor.skip(programStart - cursor.offset);
  if (cursor.overrun) return { files, rows: [], problem: "has a damaged header" };
  const rows = new LineMachine(header, paths).run(cursor);
  return cursor.overrun ? { files, rows, problem: "is cut off" } : { files, rows };
}

function readHeader(cursor: ByteCursor, encoding: Encoding): ProgramHeader {
  const minimumInstructionLength = cursor.u8();
  // Operations per instruction: x86 has no VLIW.
  if (encoding.version >= 4) cursor.skip(1);
  const statementByDefault = cursor.u8() !== 0;
  const lineBase = cursor.i8();
  // A zero would divide: only damage has it.
  const lineRange = cursor.u8() || 1;
  const opcodeBase = cursor.u8();
  const operandCounts = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => cursor.u8());
  return { encoding, minimumInstructionLength, statementByDefault, lineBase, lineRange, opcodeBase, operandCounts }; // prettier-ignore
}

// ------------------------------------------------------------------------------------------------------------ files

interface Paths {
  readonly directories: readonly string[];
  readonly files: (string | undefined)[];
}

/** Versions 2 to 4: two lists that end with an empty name. Directory 0 is the unit's; files count from 1. */
function readPathLists(cursor: ByteCursor, directory: string): Paths {
  const directories = [directory];
  for (let name = cursor.text(); name !== "" && !cursor.overrun; name = cursor.text()) {
    directories.push(joinPath(directory, name));
  }
  const files: (string | undefined)[] = [undefined];
  for (let name = cursor.text(); name !== "" && !cursor.overrun; name = cursor.text()) {
    files.push(joinPath(directories[readFileEntry(cursor)] ?? directory, name));
  }
  return { directories, files };
}

/** After a file's name: its directory, which is returned, and its time and size. */
function readFileEntry(cursor: ByteCursor): number {
  const directory = cursor.uleb();
  cursor.uleb();
  cursor.uleb();
  return directory;
}

const CONTENT_PATH = 1;
const CONTENT_DIRECTORY = 2;

interface PathEntry {
  readonly path: string;
  readonly directory: number;
}

/** Version 5: both lists say first how their entries are written. Directory 0 and file 0 are the unit's own. */
function readPathsByFormat(
  cursor: ByteCursor,
  encoding: Encoding,
  unitDirectory: string,
  sections: DwarfSections,
): Paths {
  const directories: string[] = [];
  for (const { path } of readEntries(cursor, encoding, sections)) {
    directories.push(joinPath(directories[0] ?? unitDirectory, path));
  }
  const files = readEntries(cursor, encoding, sections).map(({ path, directory }) =>
    joinPath(directories[directory] ?? unitDirectory, path),
  );
  return { directories, files };
}

function readEntries(cursor: ByteCursor, encoding: Encoding, sections: DwarfSections): PathEntry[] {
  const formatCount = cursor.u8();
  const formats = Array.from({ length: formatCount }, () => ({
    content: cursor.uleb(),
    form: cursor.uleb(),
  }));
  const count = cursor.uleb();
  const entries: PathEntry[] = [];
  // Without formats an entry takes no bytes: any count would do.
  for (let index = 0; index < count && formats.length > 0 && !cursor.overrun; index++) {
    let path = "";
    let directory = 0;
    for (const { content, form } of formats) {
      const value = readForm(form, cursor, encoding, sections);
      if (!value) {
        cursor.skip(Infinity);
        return entries;
      }
      if (content === CONTENT_PATH && value.kind === "text") path = value.text;
      if (content === CONTENT_DIRECTORY && value.kind === "constant") directory = value.value;
    }
    if (!cursor.overrun) entries.push({ path, directory });
  }
  return entries;
}

// ---------------------------------------------------------------------------------------------------------- program

const EXTENDED_END_SEQUENCE = 1;
const EXTENDED_SET_ADDRESS = 2;
const EXTENDED_DEFINE_FILE = 3;

/** Number of LEB128 operands of the standard opcodes; a table that says otherwise means other opcodes by these numbers. */
const STANDARD_OPERANDS: readonly number[] = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

/** The registers of DWARF 5, section 6.2.2 "State Machine Registers", that matter here. */
class LineMachine {
  private readonly rows: LineRow[] = [];
  private address = 0;
  private file = 1;
  private line = 1;
  private column = 0;
  private isStatement: boolean;

  constructor(
    private readonly header: ProgramHeader,
    private readonly paths: Paths,
  ) {
    this.isStatement = header.statementByDefault;
  }

  run(cursor: ByteCursor): readonly LineRow[] {
    while (!cursor.atEnd) {
      const opcode = cursor.u8();
      if (opcode >= this.header.opcodeBase) this.special(opcode);
      else if (opcode === 0) this.extended(cursor);
      else this.standard(opcode, cursor);
    }
    return this.rows;
  }

  private special(opcode: number): void {
    const { lineBase, lineRange, opcodeBase } = this.header;
    const adjusted = opcode - opcodeBase;
    this.advance(Math.floor(adjusted / lineRange));
    this.line += lineBase + (adjusted % lineRange);
    this.emit();
  }

  private advance(operations: number): void {
    this.address += operations * this.header.minimumInstructionLength;
  }

  private emit(endsSequence = false): void {
    const { address, file, line, column, isStatement } = this;
    this.rows.push({ address, file, line: Math.max(0, line), column, isStatement, endsSequence });
  }

  private standard(opcode: number, cursor: ByteCursor): void {
    const operands = this.header.operandCounts[opcode - 1] ?? 0;
    if (STANDARD_OPERANDS[opcode - 1] === operands) this.knownStandard(opcode, cursor);
    else for (let index = 0; index < operands; index++) cursor.uleb();
  }

  private knownStandard(opcode: number, cursor: ByteCursor): void {
    switch (opcode) {
      case 1: // copy
        this.emit();
        return;
      case 2: // advance_pc
        this.advance(cursor.uleb());
        return;
      case 3: // advance_line
        this.line += cursor.sleb();
        return;
      case 4: // set_file
        this.file = cursor.uleb();
        return;
      case 5: // set_column
        this.column = cursor.uleb();
        return;
      case 6: // negate_stmt
        this.isStatement = !this.isStatement;
        return;
      case 8: // const_add_pc
        this.advance(Math.floor((255 - this.header.opcodeBase) / this.header.lineRange));
        return;
      case 9: // fixed_advance_pc
        this.address += cursor.u16();
        return;
      case 12: // set_isa
        cursor.uleb();
        return;
      default: // set_basic_block, set_prologue_end, set_epilogue_begin
        return;
    }
  }

  /** Each says its length, so that unknown ones are skipped (set_discriminator is). */
  private extended(cursor: ByteCursor): void {
    const operation = cursor.part(cursor.uleb());
    const opcode = operation.atEnd ? 0 : operation.u8();
    if (opcode === EXTENDED_END_SEQUENCE) {
      this.emit(true);
      this.reset();
    } else if (opcode === EXTENDED_SET_ADDRESS) {
      // As wide as the operation's length leaves room for.
      this.address = operation.word(operation.left);
    } else if (opcode === EXTENDED_DEFINE_FILE) {
      const name = operation.text();
      const directory = this.paths.directories[readFileEntry(operation)] ?? "";
      this.paths.files.push(joinPath(directory, name));
    }
  }

  private reset(): void {
    this.address = 0;
    this.file = 1;
    this.line = 1;
    this.column = 0;
    this.isStatement = this.header.statementByDefault;
  }
}
