/** How emitted code tells TypeScript of an access whose page its table does not hold: the halves of the linear address, and a number for the rest. */
import type { GuestFault } from "../cpu/abort";
import { hpaOfMiss } from "../cpu/dataAccess";
import { linearOfHalves } from "../cpu/linear";
import type { Processor } from "../cpu/processor";
import type { OperandSize } from "../isa/types";
import { I32, type FunctionBuilder } from "../wasm/moduleBuilder";

const WRITE = 16;
/** Of the imported function that is told. */
export const MISS_TYPE = [[I32, I32, I32], [I32]] as const;

/** Pushes an i64 local with a linear address, and the code of the access. */
export function pushMiss(
  f: FunctionBuilder,
  linear: number,
  size: OperandSize,
  write: boolean,
): FunctionBuilder {
  f.get(linear).op("i32.wrap_i64").get(linear).i64(32).op("i64.shr_u", "i32.wrap_i64");
  return f.i32(size / 8 + (write ? WRITE : 0));
}

/** See `hpaOfMiss`. */
export function hpaOfMissCode(
  cpu: Processor,
  low: number,
  high: number,
  code: number,
): number | GuestFault {
  return hpaOfMiss(cpu, linearOfHalves(low, high), code % WRITE, code > WRITE);
}
