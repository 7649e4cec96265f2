import assert from "node:assert/strict";
import { readLineTables } from "../../src/engine/elf/dwarf/lineProgram";
import type { LineRow } from "../../src/engine/elf/dwarf/lineProgram";
import { dwarfSections } from "../../src/engine/elf/dwarf/sections";
import type { DwarfSections } from "../../src/engine/elf/dwarf/sections";

const EMPTY = dwarfSections({ bits: 32, entry: 0, segments: [], sections: [], symbols: [] });

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const text = (value: string): number[] => [...Buffer.from(value), 0];

const OPERANDS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

interface Shape {
  readonly version?: number;
  readonly files?: readonly number[];
  readonly operands?: readonly number[];
  readonly minimumInstructionLength?: number;
}

/** A line table with line_base -3 and line_range 12. */
function table(program: readonly number[], shape: Shape = {}): Uint8Array {
  const { version = 4, operands = OPERANDS, minimumInstructionLength = 1 } = shape;
  const files = shape.files ?? [
    ...text("src"),
    0,
    ...text("a.c"),
    1,
    0,
    0,
    ...text("b.c"),
    0,
    0,
    0,
    0,
  ];
  const middle = [
    minimumInstructionLength,
    ...(version >= 4 ? [1] : []),
    1,
    0xfd,
    12,
    operands.length + 1,
    ...operands,
    ...files,
  ];
  const head = [version, 0, ...(version >= 5 ? [4, 0] : []), ...word(middle.length)];
  return Uint8Array.from([
    ...word(head.length + middle.length + program.length),
    ...head,
    ...middle,
    ...program,
  ]);
}

function read(line: Uint8Array, more: Partial<DwarfSections> = {}) {
  return readLineTables({ ...EMPTY, ...more, line }, () => "/build");
}

/** "address line" of each row, with the marks of what is not as usual. */
function rows(line: Uint8Array): string[] {
  return (read(line).units[0]?.rows ?? []).map(rowText);
}

function rowText({ address, file, line, isStatement, endsSequence }: LineRow): string {
  const marks = `${file === 1 ? "" : ` file ${file}`}${isStatement ? "" : " no statement"}`;
  return `${address.toString(16)} ${endsSequence ? "end" : line}${marks}`;
}

const setAddress = (address: number): number[] => [0, 5, 2, ...word(address)];
const END = [0, 1, 1];
const COPY = 1;

describe("the program of a line table", () => {
  it("moves by special opcodes, by constants and by operands", () => {
    const program = [
      ...setAddress(0x1000),
      COPY,
      13 + 3 + 2 + 12 * 4, // special: 4 bytes on, 2 lines on
      8, // const_add_pc
      COPY,
      ...[2, 0x81, 0x01], // advance_pc 129
      ...[3, 0x7b], // advance_line -5
      COPY,
      ...[9, 0x34, 0x12], // fixed_advance_pc
      ...END,
    ];
    assert.deepEqual(rows(table(program)), ["1000 1", "1004 3", "1018 3", "1099 0", "22cd end"]);
  });

  it("multiplies by the shortest instruction's length, except in a fixed advance", () => {
    const program = [2, 3, COPY, ...[9, 5, 0], ...END];
    assert.deepEqual(rows(table(program, { minimumInstructionLength: 2 })), ["6 1", "b end"]);
  });

  it("keeps track of files, columns and statements, and forgets them at the end of a sequence", () => {
    const program = [
      ...[4, 2], // set_file
      ...[5, 7], // set_column
      6, // negate_stmt
      COPY,
      ...END,
      COPY,
    ];
    assert.deepEqual(rows(table(program)), [
      "0 1 file 2 no statement",
      "0 end file 2 no statement",
      "0 1",
    ]);
    assert.equal(read(table(program)).units[0]?.rows[0]?.column, 7);
  });

  it("skips operations that it does not know, by the lengths that the table gives", () => {
    const operands = [...OPERANDS, 2];
    const program = [13, 0x81, 0x01, 5, ...[0, 3, 0x80, 1, 2], 7, 10, 11, 12, 9, COPY];
    assert.deepEqual(rows(table(program, { operands })), ["0 1"]);
  });

  it("takes the operands of a table that redefines a standard opcode", () => {
    const operands = OPERANDS.map((count, index) => (index === 6 ? 1 : count));
    assert.deepEqual(rows(table([7, 0x99, 0x01, COPY], { operands })), ["0 1"]);
  });

  it("keeps addresses of the upper half exact", () => {
    const program = [0, 9, 2, ...word(0x80100000), ...word(0xffffffff), COPY, 2, 4, COPY];
    const [first, second] = read(table(program)).units[0]?.rows ?? [];
    assert.deepEqual([first?.address, second?.address], [-0x7ff00000, -0x7feffffc]);
  });
});

describe("the files of a line table", () => {
  it("are joined from directory lists in versions 2 to 4", () => {
    const program = [...[0, 8, 3], ...text("c.c"), 1, 0, 0];
    for (const version of [2, 3, 4]) {
      const [unit] = read(table(program, { version })).units;
      assert.deepEqual(unit?.files, [undefined, "/build/src/a.c", "/build/b.c", "/build/src/c.c"]);
    }
  });

  it("are written in the forms that version 5 lists", () => {
    const files = [
      ...[1, 1, 0x1f], // directories: path as line_strp
      ...[2, ...word(0), ...word(7)],
      ...[4, 1, 0x0e, 2, 0x0b, 5, 0x1e, 0x2001, 0x08], // files: path as strp, directory as data1, MD5 as data16, source text
    ].flatMap((byte) => (byte === 0x2001 ? [0x81, 0x40] : [byte]));
    const entry = (name: number, directory: number) => [...word(name), directory, ...Array<number>(16).fill(0xaa), ...text("int x;")]; // prettier-ignore
    const line = table([], { version: 5, files: [...files, 2, ...entry(0, 0), ...entry(4, 1)] });
    const lineStr = Uint8Array.from([...text("/where"), ...text("../lib")]);
    const str = Uint8Array.from([...text("a.c"), ...text("b.c")]);
    assert.deepEqual(read(line, { lineStr, str }).units[0]?.files, ["/where/a.c", "/lib/b.c"]);
  });
});

describe("damaged line tables", () => {
  it("give the rows before the damage, and say where it is", () => {
    const whole = table([...setAddress(0x1000), COPY, COPY, ...setAddress(0x2000)]);
    const { units, problems } = read(whole.subarray(0, whole.length - 2));
    assert.deepEqual(units[0]?.rows.map(rowText), ["1000 1", "1000 1"]);
    assert.match(problems[0] ?? "", /table at offset 0 of \.debug_line is cut off/);
  });

  it("are told by version, and do not hide the next table", () => {
    const strange = table([COPY], { version: 9 });
    const both = Uint8Array.from([...strange, ...table([COPY])]);
    const { units, problems } = read(both);
    assert.match(problems[0] ?? "", /is of version 9/);
    assert.equal(units[1]?.rows.length, 1);
  });
});
