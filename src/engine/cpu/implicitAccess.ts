/** Supervisor accesses whatever the CPL: GDT, LDT, IDT and TSS. SDM Vol. 3A, "Access Rights", implicit supervisor-mode accesses. */
import { gp } from "./abort";
import { ACCESS } from "./access";
import { readLinear, readLinear32, writeLinear } from "./dataAccess";
import { canonicalLinear, isCanonical, type Linear } from "./linear";
import type { Processor } from "./processor";

const TWO_32 = 2 ** 32;

/** A table of the processor: descriptor-table register, LDTR or TR. The objects are replaced, never changed in place. */
export interface Table {
  readonly base: bigint;
}

const numbers = new WeakMap<Table, number>();

/** The base as a number: signed, NaN if not canonical. */
function baseOf(table: Table): number {
  const known = numbers.get(table);
  if (known !== undefined) return known;
  const base = canonicalLinear(table.base) ?? NaN;
  numbers.set(table, base);
  return base;
}

/** Linear address of a byte of a table; throws #GP if it is not canonical. */
export function tableLinear(cpu: Processor, table: Table, offset: number): Linear {
  const at = baseOf(table) + offset;
  if (at >= 0 && at < TWO_32) return at;
  if (!cpu.longMode) return Number(BigInt.asUintN(32, table.base + BigInt(offset)));
  if (isCanonical(at)) return at;
  const address = BigInt.asUintN(64, table.base + BigInt(offset));
  throw gp(0, `descriptor-table address 0x${address.toString(16)} is not canonical`);
}

/** The low 32 bits of an implicit read. */
export function readImplicit32(cpu: Processor, linear: Linear, bytes: 1 | 2 | 4 | 8): number {
  return readLinear32(cpu, linear, bytes, ACCESS.implicit);
}

export function readImplicit(cpu: Processor, linear: Linear, bytes: 1 | 2 | 4 | 8): bigint {
  return readLinear(cpu, linear, bytes, ACCESS.implicit);
}

export function writeImplicit(
  cpu: Processor,
  linear: Linear,
  bytes: 1 | 2 | 4 | 8,
  value: bigint,
): void {
  writeLinear(cpu, linear, bytes, value, ACCESS.implicit | ACCESS.write);
}
