/**
 * Lazy arithmetic flags. Two words hold all six: `flagResult` (the result, sign-extended) gives ZF, SF and PF; `flagAux` holds the carries:
 *
 *   31 carry out of the top bit = CF | 30 carry into the top bit (OF = 31 XOR 30) | 15-8 parity delta | 3 AF | 0 sign delta
 *
 * The deltas make every combination representable (POPF may set ZF and SF together).
 */
import type { OperandSize } from "../../isa/types";
import type { FunctionBuilder } from "../../wasm/moduleBuilder";
import { STATE } from "../layout";
import { signExtend, type Emitter } from "./emitter";

const CARRIES = 0xc0000000 | 0;
const CF_BIT = 0x80000000 | 0;
const PARTIAL_BIT = 0x40000000;

/** flagResult := sign-extended local. */
export function setResult(b: FunctionBuilder, size: OperandSize, local: number): void {
  b.i32(0).get(local);
  signExtend(b, size).mem("i64.store", STATE.flagResult);
}

/** flagAux := i32 local. */
function storeAux(b: FunctionBuilder, local: number): void {
  b.i32(0).get(local).mem("i32.store", STATE.flagAux);
}

export function loadAux(b: FunctionBuilder): FunctionBuilder {
  return b.i32(0).mem("i32.load", STATE.flagAux);
}

/** Pushes the aux word (i32) for the carry vector in i64 local `carries`. */
function auxOfCarries(b: FunctionBuilder, size: OperandSize, carries: number): void {
  if (size === 64) b.get(carries).i64(32).op("i64.shr_u", "i32.wrap_i64");
  else
    b.get(carries)
      .op("i32.wrap_i64")
      .i32(32 - size)
      .op("i32.shl");
  b.i32(CARRIES).op("i32.and");
  b.get(carries).op("i32.wrap_i64").i32(8).op("i32.and", "i32.or");
}

/** Leaves in `carries` the carry out of each bit position of a + x (+ carry) = r. */
function addCarries(b: FunctionBuilder, a: number, x: number, r: number, carries: number): void {
  b.get(a).get(x).op("i64.and").get(a).get(x).op("i64.or");
  b.get(r).i64(-1).op("i64.xor", "i64.and", "i64.or").set(carries);
}

/** Leaves in `carries` the borrow out of each bit position of a - x (- borrow) = r. */
function subBorrows(b: FunctionBuilder, a: number, x: number, r: number, carries: number): void {
  b.get(a).i64(-1).op("i64.xor").get(x).op("i64.and");
  b.get(a).get(x).op("i64.xor").i64(-1).op("i64.xor").get(r).op("i64.and", "i64.or").set(carries);
}

/** All six flags of r = a + x (+ carry). */
export function flagsOfAdd(e: Emitter, a: number, x: number, r: number): void {
  addCarries(e.b, a, x, r, e.t[5]);
  storeCarries(e, r);
}

/** All six flags of r = a - x (- borrow). */
export function flagsOfSub(e: Emitter, a: number, x: number, r: number, size = e.size): void {
  subBorrows(e.b, a, x, r, e.t[5]);
  storeCarries(e, r, size);
}

function storeCarries(e: Emitter, r: number, size = e.size): void {
  e.b.i32(0);
  auxOfCarries(e.b, size, e.t[5]);
  e.b.mem("i32.store", STATE.flagAux);
  setResult(e.b, size, r);
}

/** INC and DEC: as add or sub of one, CF kept. */
export function flagsKeepingCarry(e: Emitter, a: number, x: number, r: number, add: boolean): void {
  const { b } = e;
  const aux = e.n[3];
  (add ? addCarries : subBorrows)(b, a, x, r, e.t[5]);
  auxOfCarries(b, e.size, e.t[5]);
  b.set(aux).i32(0);
  loadAux(b).i32(CF_BIT).op("i32.and");
  loadAux(b).i32(1).op("i32.shr_u").get(aux).op("i32.xor");
  b.get(aux).i32(1).op("i32.shr_u", "i32.xor").i32(PARTIAL_BIT).op("i32.and", "i32.or");
  b.get(aux).i32(8).op("i32.and", "i32.or").mem("i32.store", STATE.flagAux);
  setResult(b, e.size, r);
}

/** AND, OR, XOR, TEST: CF = OF = 0; AF, undefined by the manual, is cleared as on real processors. */
export function flagsOfLogic(e: Emitter, r: number, size = e.size): void {
  e.b.i32(0).i32(0).mem("i32.store", STATE.flagAux);
  setResult(e.b, size, r);
}

/** All flags from a result and given CF and OF (i32 locals, 0 or 1); AF cleared. */
export function flagsWithCarryOverflow(
  e: Emitter,
  r: number,
  carry: number,
  overflow: number,
  size = e.size,
): void {
  e.b.i32(0);
  carryBits(e.b, carry, overflow);
  e.b.mem("i32.store", STATE.flagAux);
  setResult(e.b, size, r);
}

/** Pushes CF in bit 31 and the carry into the top bit in bit 30. */
function carryBits(b: FunctionBuilder, carry: number, overflow: number): void {
  b.get(carry).i32(31).op("i32.shl");
  b.get(carry).get(overflow).op("i32.xor").i32(30).op("i32.shl", "i32.or");
}

/** CF and OF replaced, the other flags kept: rotates. */
export function setCarryOverflow(e: Emitter, carry: number, overflow: number): void {
  e.b.i32(0);
  loadAux(e.b).i32(0x3fffffff).op("i32.and");
  carryBits(e.b, carry, overflow);
  e.b.op("i32.or").mem("i32.store", STATE.flagAux);
}

/** CF replaced by i32 local (0 or 1), the others kept: BT, CLC, STC. */
export function setCarry(e: Emitter, carry: number): void {
  const { b } = e;
  pushOverflow(b);
  b.set(e.n[3]);
  setCarryOverflow(e, carry, e.n[3]);
}

/** ZF, PF, SF, AF, OF cleared except ZF = (local is zero), CF = i32 local: POPCNT, LZCNT, TZCNT. */
export function flagsOfCount(e: Emitter, zeroWhenZero: number, carry: number): void {
  const { b } = e;
  const aux = e.n[3];
  b.get(carry).i32(31).op("i32.shl").get(carry).i32(30).op("i32.shl", "i32.or");
  b.i32(0x100).op("i32.or").set(aux);
  storeAux(b, aux);
  b.i32(0)
    .i64(0)
    .i64(0x100)
    .get(zeroWhenZero)
    .op("i64.eqz", "select")
    .mem("i64.store", STATE.flagResult);
}

export function pushCarry(b: FunctionBuilder): FunctionBuilder {
  return loadAux(b).i32(31).op("i32.shr_u");
}

export function pushOverflow(b: FunctionBuilder): FunctionBuilder {
  loadAux(b).i32(31).op("i32.shr_u");
  return loadAux(b).i32(30).op("i32.shr_u", "i32.xor").i32(1).op("i32.and");
}

export function pushZero(b: FunctionBuilder): FunctionBuilder {
  return b.i32(0).mem("i64.load", STATE.flagResult).op("i64.eqz");
}

export function pushSign(b: FunctionBuilder): FunctionBuilder {
  b.i32(0).mem("i64.load", STATE.flagResult).i64(63).op("i64.shr_u", "i32.wrap_i64");
  return loadAux(b).op("i32.xor").i32(1).op("i32.and");
}

function pushParity(b: FunctionBuilder): FunctionBuilder {
  b.i32(0).mem("i32.load", STATE.flagResult);
  loadAux(b).i32(8).op("i32.shr_u", "i32.xor").i32(0xff).op("i32.and", "i32.popcnt");
  return b.i32(1).op("i32.and", "i32.eqz");
}

/** Pushes condition code `code` (0-15) as i32 0 or 1. SDM Vol. 1, "EFLAGS Condition Codes". */
export function pushCondition(b: FunctionBuilder, code: number): void {
  switch (code >> 1) {
    case 0:
      pushOverflow(b);
      break;
    case 1:
      pushCarry(b);
      break;
    case 2:
      pushZero(b);
      break;
    case 3:
      pushCarry(b);
      pushZero(b).op("i32.or");
      break;
    case 4:
      pushSign(b);
      break;
    case 5:
      pushParity(b);
      break;
    case 6:
      pushSign(b);
      pushOverflow(b).op("i32.xor");
      break;
    default:
      pushSign(b);
      pushOverflow(b).op("i32.xor");
      pushZero(b).op("i32.or");
  }
  if (code & 1) b.op("i32.eqz");
}
