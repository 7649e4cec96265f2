/** Guest memory access as WebAssembly functions: segment bounds, TLB tag, host address; everything else is one call to TypeScript. */
import {
  SEGMENT_READ_SIZE,
  SEGMENT_STRIDE,
  SEGMENT_WRITE_SIZE,
  STATE,
  TLB_DELTA,
  TLB_ENTRIES,
  TLB_STRIDE,
  TLB_WRITE_TAG,
} from "../cpu/layout";
import type { OperandSize } from "../isa/types";
import type { MemoryOp } from "../wasm/opcodes";
import { I32, I64, type FunctionBuilder, type ModuleBuilder } from "../wasm/moduleBuilder";
import { MISS_TYPE, pushMiss } from "./missCode";

export const SIZES: readonly OperandSize[] = [8, 16, 32, 64];

export const LOAD_OPS: Readonly<Record<OperandSize, MemoryOp>> = {
  8: "i64.load8_u",
  16: "i64.load16_u",
  32: "i64.load32_u",
  64: "i64.load",
};
export const STORE_OPS: Readonly<Record<OperandSize, MemoryOp>> = {
  8: "i64.store8",
  16: "i64.store16",
  32: "i64.store32",
  64: "i64.store",
};

/** Imported TypeScript functions, by name; sizes are in bytes, offsets are within the segment. */
export interface SlowPaths {
  /**
   * (low and high half of the linear address, code of the access: see missCode.ts) -> host address, once the TLB holds the page; 0 if `load` and its kin must do it. If the access
   * faults, PENDING.abort is set and the address is STATE.nowhere.
   */
  readonly miss: number;
  /** (segment, offset, bytes) -> value; sets PENDING.abort if it faults. */
  readonly load: number;
  readonly store: number;
  readonly loadForUpdate: number;
  /** (value, bytes): to the place of the last loadForUpdate. */
  readonly storeUpdate: number;
  readonly raise: number;
}

export function importSlowPaths(module: ModuleBuilder): SlowPaths {
  return {
    miss: module.importFunction("miss", ...MISS_TYPE),
    load: module.importFunction("load", [I32, I64, I32], [I64]),
    store: module.importFunction("store", [I32, I64, I64, I32], []),
    loadForUpdate: module.importFunction("loadForUpdate", [I32, I64, I32], [I64]),
    storeUpdate: module.importFunction("storeUpdate", [I64, I32], []),
    raise: module.importFunction("raise", [I32], []),
  };
}

export interface MemoryFunctions {
  readonly load: Readonly<Record<OperandSize, number>>;
  readonly store: Readonly<Record<OperandSize, number>>;
  readonly loadForUpdate: Readonly<Record<OperandSize, number>>;
  readonly storeUpdate: Readonly<Record<OperandSize, number>>;
}

/** Replaces the linear address on the stack by the address of its TLB entry. */
export function pushTlbEntry(f: FunctionBuilder): FunctionBuilder {
  f.i64(12)
    .op("i64.shr_u", "i32.wrap_i64")
    .i32(TLB_ENTRIES - 1)
    .op("i32.and");
  return f.i32(TLB_STRIDE).op("i32.mul").i32(0).mem("i32.load", STATE.tlbBase).op("i32.add");
}

/**
 * Emits: leave the host address in `host` and push it; 0 if the segment's bounds forbid the access, or it needs more than a translation.
 * Parameters 0 and 1 of the function are segment (i32) and offset (i64).
 */
function pushFastAddress(
  f: FunctionBuilder,
  slow: SlowPaths,
  size: OperandSize,
  write: boolean,
  host: number,
): void {
  const bytes = size / 8;
  const segment = f.local(I32);
  const va = f.local(I64);
  const entry = f.local(I32);
  f.get(0).i32(SEGMENT_STRIDE).op("i32.mul").set(segment);
  f.get(1)
    .i64(bytes - 1)
    .op("i64.add");
  f.get(segment).mem("i64.load", STATE.segments + (write ? SEGMENT_WRITE_SIZE : SEGMENT_READ_SIZE));
  f.op("i64.lt_u");
  f.if(I32);
  f.get(segment).mem("i64.load", STATE.segments).get(1).op("i64.add");
  f.i32(0).mem("i64.load", STATE.linearMask).op("i64.and").tee(va);
  pushTlbEntry(f).set(entry).get(va);
  if (bytes > 1) f.i64(bytes - 1).op("i64.add");
  f.i64(~0xfffn).op("i64.and");
  f.get(entry)
    .mem("i64.load", write ? TLB_WRITE_TAG : 0)
    .op("i64.eq")
    .if(I32);
  f.get(entry).mem("i32.load", TLB_DELTA).get(va).op("i32.wrap_i64", "i32.add").else();
  pushMiss(f, va, size, write).call(slow.miss).end();
  f.else().i32(0).end().tee(host);
}

function defineLoad(module: ModuleBuilder, slow: SlowPaths, size: OperandSize): number {
  const f = module.function([I32, I64], [I64]);
  const host = f.local(I32);
  pushFastAddress(f, slow, size, false, host);
  f.if(I64);
  f.get(host).mem(LOAD_OPS[size]);
  f.else()
    .get(0)
    .get(1)
    .i32(size / 8)
    .call(slow.load)
    .end();
  return f.index;
}

function defineStore(module: ModuleBuilder, slow: SlowPaths, size: OperandSize): number {
  const f = module.function([I32, I64, I64], []);
  const host = f.local(I32);
  pushFastAddress(f, slow, size, true, host);
  f.if();
  f.get(host).get(2).mem(STORE_OPS[size]);
  f.else()
    .get(0)
    .get(1)
    .get(2)
    .i32(size / 8)
    .call(slow.store)
    .end();
  return f.index;
}

function defineLoadForUpdate(module: ModuleBuilder, slow: SlowPaths, size: OperandSize): number {
  const f = module.function([I32, I64], [I64]);
  const host = f.local(I32);
  pushFastAddress(f, slow, size, true, host);
  f.if(I64);
  f.i32(0).get(host).mem("i32.store", STATE.rmwAddress).get(host).mem(LOAD_OPS[size]);
  f.else().i32(0).i32(0).mem("i32.store", STATE.rmwAddress);
  f.get(0)
    .get(1)
    .i32(size / 8)
    .call(slow.loadForUpdate)
    .end();
  return f.index;
}

function defineStoreUpdate(module: ModuleBuilder, slow: SlowPaths, size: OperandSize): number {
  const f = module.function([I64], []);
  const host = f.local(I32);
  f.i32(0).mem("i32.load", STATE.rmwAddress).tee(host).if();
  f.get(host).get(0).mem(STORE_OPS[size]);
  f.else()
    .get(0)
    .i32(size / 8)
    .call(slow.storeUpdate)
    .end();
  return f.index;
}

export function defineMemoryFunctions(module: ModuleBuilder, slow: SlowPaths): MemoryFunctions {
  const bySize = (define: typeof defineLoad): Record<OperandSize, number> => ({
    8: define(module, slow, 8),
    16: define(module, slow, 16),
    32: define(module, slow, 32),
    64: define(module, slow, 64),
  });
  return {
    load: bySize(defineLoad),
    store: bySize(defineStore),
    loadForUpdate: bySize(defineLoadForUpdate),
    storeUpdate: bySize(defineStoreUpdate),
  };
}
