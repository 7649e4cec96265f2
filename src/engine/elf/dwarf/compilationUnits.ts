/** `.debug_info`, as far as a debugger of source lines needs it: where each unit was compiled, and the functions' names and addresses. */
import { ByteCursor } from "../byteCursor";
import type { DwarfSections } from "./sections";
import { AT, readUnit, TAG } from "./unit";
import type { AddressRange, Entry, Unit } from "./unit";

/** A run of addresses of one function. A function may have several (cold parts), and an inlined one has those of its copies. */
export interface FunctionRange extends AddressRange {
  readonly name: string;
  /** The same for all runs of one function or copy. */
  readonly id: number;
  readonly isInlined: boolean;
}

export interface CompilationUnits {
  /** Directory of the compilation, by offset of the unit's line table. */
  readonly directories: ReadonlyMap<number, string>;
  readonly functions: readonly FunctionRange[];
  readonly problems: readonly string[];
}

/** A name, or the entry that has it: an inlined copy points to its origin, a definition to its declaration. */
interface Naming {
  readonly name: string | undefined;
  readonly see: number | undefined;
}

interface UnnamedRange extends AddressRange {
  readonly entry: number;
  readonly isInlined: boolean;
}

/** A chain of names longer than this is a circle. */
const MAX_CHAIN = 8;

export function readCompilationUnits(sections: DwarfSections): CompilationUnits {
  const reader = new InfoReader();
  const problems: string[] = [];
  const all = new ByteCursor(sections.info);
  while (!all.atEnd) {
    const offset = all.offset;
    const result = readUnit(all, sections);
    if (!result) continue;
    const found = "unit" in result ? reader.read(result.unit) : result.problem;
    const problem = all.overrun ? "is cut off" : found;
    if (problem !== undefined) problems.push(`The unit at offset ${offset} of .debug_info ${problem}.`); // prettier-ignore
  }
  return { directories: reader.directories, functions: reader.functions(), problems };
}

class InfoReader {
  readonly directories = new Map<number, string>();
  private readonly namings = new Map<number, Naming>();
  private readonly ranges: UnnamedRange[] = [];

  /** What is wrong with the unit, if something is. */
  read(unit: Unit): string | undefined {
    let isFirst = true;
    for (const entry of unit.entries()) {
      if (isFirst) this.noteUnit(unit, entry);
      isFirst = false;
      if (entry.tag === TAG.subprogram || entry.tag === TAG.inlinedSubroutine) this.note(unit, entry); // prettier-ignore
    }
    return unit.isDamaged ? "is damaged" : undefined;
  }

  functions(): FunctionRange[] {
    return this.ranges.flatMap(({ entry, from, to, isInlined }) => {
      const name = this.nameOf(entry);
      return name === undefined ? [] : [{ name, id: entry, from, to, isInlined }];
    });
  }

  private noteUnit(unit: Unit, { attributes }: Entry): void {
    const lineTable = unit.sectionOffset(attributes, AT.lineTable);
    if (lineTable === undefined) return;
    this.directories.set(lineTable, unit.text(attributes, AT.directory) ?? "");
  }

  private note(unit: Unit, { offset, tag, attributes }: Entry): void {
    const see = unit.reference(attributes, AT.abstractOrigin) ?? unit.reference(attributes, AT.specification); // prettier-ignore
    this.namings.set(offset, { name: unit.text(attributes, AT.name), see });
    const isInlined = tag === TAG.inlinedSubroutine;
    for (const range of unit.codeRanges(attributes)) {
      this.ranges.push({ ...range, entry: offset, isInlined });
    }
  }

  private nameOf(entry: number): string | undefined {
    let naming = this.namings.get(entry);
    for (let steps = 0; naming && steps < MAX_CHAIN; steps++) {
      if (naming.name !== undefined) return naming.name;
      naming = naming.see === undefined ? undefined : this.namings.get(naming.see);
    }
    return undefined;
  }
}
