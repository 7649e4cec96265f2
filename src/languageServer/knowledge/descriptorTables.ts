/** Descriptor tables that LGDT names with a constant address, read from the assembled image. */
import { decodeDescriptor, type Descriptor, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";

export interface StaticDescriptor {
  readonly index: number;
  readonly address: number;
  readonly descriptor: Descriptor;
  readonly raw: bigint;
  /** The statement that holds its first byte: a `dq`, or the first of a macro's lines. */
  readonly statement: Statement;
}

export interface StaticTable {
  readonly lgdt: Statement;
  /** The statement of the pseudo-descriptor's limit. */
  readonly pointer: Statement;
  readonly base: number;
  readonly limit: number;
  readonly entries: readonly StaticDescriptor[];
}

/** More entries than a GDT in source text ever has. */
const MOST_ENTRIES = 256;

/** The assembled bytes by address. */
export class Image {
  private readonly view: DataView;
  private readonly origin: number;

  constructor(analysis: Analysis) {
    const { image, origin } = analysis.model.assembly;
    this.view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    this.origin = origin;
  }

  holds(address: number, length: number): boolean {
    const at = address - this.origin;
    return Number.isSafeInteger(at) && at >= 0 && at + length <= this.view.byteLength;
  }

  word(address: number): number {
    return this.view.getUint16(address - this.origin, true);
  }

  dword(address: number): number {
    return this.view.getUint32(address - this.origin, true);
  }

  byte(address: number): number {
    return this.view.getUint8(address - this.origin);
  }

  qword(address: number): bigint {
    return this.view.getBigUint64(address - this.origin, true);
  }
}

/** Where an operand without registers lies. */
export function constantAddress(statement: Statement): number | undefined {
  const target = statement.operands[0]?.value;
  if (target?.kind !== "mem" || target.base !== undefined || target.index !== undefined)
    return undefined;
  return target.displacementKnown && target.displacementIsAddress
    ? Number(target.displacement)
    : undefined;
}

function tableOf(
  analysis: Analysis,
  image: Image,
  lgdt: Statement,
  wide: boolean,
): StaticTable | undefined {
  const at = constantAddress(lgdt);
  if (at === undefined || !image.holds(at, 6)) return undefined;
  const pointer = analysis.statementAtAddress(at);
  const limit = image.word(at);
  const base = image.dword(at + 2);
  // A pointer that code fills in at run time holds zeros, or an address that is not in the image.
  // A limit that is the size itself reaches one byte beyond the table: that is for a rule to find.
  if (pointer === undefined || pointer.kind === "instruction") return undefined;
  if (base === 0 || limit < 7 || !image.holds(base, limit)) return undefined;
  const entries: StaticDescriptor[] = [];
  for (let index = 0; index < Math.min((limit + 1) >> 3, MOST_ENTRIES); index++) {
    const address = base + 8 * index;
    const statement = analysis.statementAtAddress(address);
    // A table in memory at an address that is code here is made at run time.
    if (statement === undefined || statement.kind === "instruction" || !image.holds(address, 8))
      return undefined;
    const raw = image.qword(address);
    const upper = wide && image.holds(address + 8, 8) ? image.qword(address + 8) : 0n;
    const descriptor = decodeDescriptor(raw, wide, upper);
    entries.push({ index, address, descriptor, raw, statement });
    // In IA-32e mode a system descriptor takes two places. SDM Vol. 3A, "Segment Descriptor Tables in IA-32e Mode".
    if (wide && (descriptor.kind === "system" || descriptor.kind === "gate")) index += 1;
  }
  return { lgdt, pointer, base, limit, entries };
}

/** The GDTs of a program whose place and contents are known at assembly time. */
export const staticGdts = oncePerAnalysis((analysis): readonly StaticTable[] =>
  findTables(analysis),
);

function findTables(analysis: Analysis): StaticTable[] {
  const image = new Image(analysis);
  const { statements } = analysis.model;
  // A program that has 64-bit code makes its TSS descriptors 16 bytes long.
  const wide = statements.some((each) => each.bits === 64 && each.kind === "instruction");
  const tables = statements
    .filter((each) => each.form?.mnemonic === "lgdt")
    .flatMap((each) => tableOf(analysis, image, each, wide) ?? []);
  const distinct = new Map(tables.map((table) => [`${table.base}:${table.limit}`, table]));
  return [...distinct.values()];
}
