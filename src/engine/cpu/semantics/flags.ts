/**
 * Lazy arithmetic flags. Two words hold all six: `flagResult` (the result, sign-extended) gives ZF, SF and PF; `flagAux` holds the carries:
 *
 *   31 carry out of the top bit = CF | 30 carry into the top bit (OF = 31 XOR 30) | 15-8 parity delta | 3 AF | 0 sign delta
 *
 * The deltas make every combination representable (POPF may set ZF and SF together).
 */
import type { OperandSize } from "../../isa/types";
import type { FunctionBuilder } from "../../wasm/moduleBuilder";
import { signExtend, type Emitter, type FlagOperation } from "./emitter";

const CARRIES = 0xc0000000 | 0;
const PARTIAL_BIT = 0x40000000;
/** Condition code "B", CF = 1. */
const CONDITION_CARRY = 2;

/** flagResult := sign-extended local. */
function setResult(e: Emitter, size: OperandSize, local: number): void {
  e.setFlagResult(() => {
    signExtend(e.b.get(local), size);
  });
}

function pushFlagAux(e: Emitter): FunctionBuilder {
  e.flagAux();
  return e.b;
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

/** Leaves in `carries` the carries of an addition or the borrows of a subtraction. */
function carriesOf(b: FunctionBuilder, operation: FlagOperation, carries: number): void {
  const { op, a, x, r } = operation;
  (op === "add" || op === "inc" ? addCarries : subBorrows)(b, a, x, r, carries);
}

/** Pushes the aux word of an addition or subtraction; `carries` is a scratch local (i64). */
function pushAuxOf(b: FunctionBuilder, operation: FlagOperation, carries: number): void {
  carriesOf(b, operation, carries);
  auxOfCarries(b, operation.size, carries);
}

/** All six flags of r = a + x, or with carry. */
export function flagsOfAdd(e: Emitter, a: number, x: number, r: number, withCarry = false): void {
  setFlags(e, { op: "add", size: e.size, a, x, r }, withCarry);
}

/** All six flags of r = a - x, or with borrow. */
export function flagsOfSub(e: Emitter, a: number, x: number, r: number, withCarry = false): void {
  setFlags(e, { op: "sub", size: e.size, a, x, r }, withCarry);
}

function setFlags(e: Emitter, operation: FlagOperation, withCarry: boolean): void {
  if (withCarry || !e.deferFlags(operation))
    e.setFlagAux(() => {
      pushAuxOf(e.b, operation, e.t[5]);
    });
  setResult(e, operation.size, operation.r);
}

/** INC and DEC: as add or sub of one, CF kept. */
export function flagsKeepingCarry(e: Emitter, a: number, x: number, r: number, add: boolean): void {
  const operation: FlagOperation = { op: add ? "inc" : "dec", size: e.size, a, x, r };
  if (!e.deferFlags(operation)) {
    const carry = e.n[2];
    pushCarry(e).set(carry);
    e.setFlagAux(() => {
      pushAuxKeepingCarry(e.b, operation, carry, e.t[5], e.n[3]);
    });
  }
  setResult(e, e.size, r);
}

/** Pushes the aux word of any of the four; INC and DEC take CF from i32 local `carry`. `carries` (i64) and `aux` (i32) are scratch locals. */
export function pushAux(
  b: FunctionBuilder,
  operation: FlagOperation,
  carry: number,
  carries: number,
  aux: number,
): void {
  if (operation.op === "inc" || operation.op === "dec")
    pushAuxKeepingCarry(b, operation, carry, carries, aux);
  else pushAuxOf(b, operation, carries);
}

function pushAuxKeepingCarry(
  b: FunctionBuilder,
  operation: FlagOperation,
  carry: number,
  carries: number,
  aux: number,
): void {
  pushAuxOf(b, operation, carries);
  b.set(aux).get(carry).i32(31).op("i32.shl");
  // OF = carry out XOR carry in must come out of the kept CF.
  b.get(carry).i32(30).op("i32.shl").get(aux).i32(1).op("i32.shr_u", "i32.xor");
  b.get(aux).op("i32.xor").i32(PARTIAL_BIT).op("i32.and", "i32.or");
  b.get(aux).i32(8).op("i32.and", "i32.or");
}

/** AND, OR, XOR, TEST: CF = OF = 0; AF, undefined by the manual, is cleared as on real processors. */
export function flagsOfLogic(e: Emitter, r: number, size = e.size): void {
  e.setFlagAux(() => e.b.i32(0));
  setResult(e, size, r);
}

/** All flags from a result and given CF and OF (i32 locals, 0 or 1); AF cleared. */
export function flagsWithCarryOverflow(
  e: Emitter,
  r: number,
  carry: number,
  overflow: number,
  size = e.size,
): void {
  e.setFlagAux(() => {
    carryBits(e.b, carry, overflow);
  });
  setResult(e, size, r);
}

/** Pushes CF in bit 31 and the carry into the top bit in bit 30. */
function carryBits(b: FunctionBuilder, carry: number, overflow: number): void {
  b.get(carry).i32(31).op("i32.shl");
  b.get(carry).get(overflow).op("i32.xor").i32(30).op("i32.shl", "i32.or");
}

/** CF and OF replaced, the other flags kept: rotates. */
export function setCarryOverflow(e: Emitter, carry: number, overflow: number): void {
  e.setFlagAux(() => {
    pushFlagAux(e).i32(0x3fffffff).op("i32.and");
    carryBits(e.b, carry, overflow);
    e.b.op("i32.or");
  });
}

/** CF replaced by i32 local (0 or 1), the others kept: BT, CLC, STC. */
export function setCarry(e: Emitter, carry: number): void {
  pushOverflow(e).set(e.n[3]);
  setCarryOverflow(e, carry, e.n[3]);
}

/** ZF, PF, SF, AF, OF cleared except ZF = (local is zero), CF = i32 local: POPCNT, LZCNT, TZCNT. */
export function flagsOfCount(e: Emitter, zeroWhenZero: number, carry: number): void {
  const { b } = e;
  e.setFlagAux(() => {
    b.get(carry).i32(31).op("i32.shl").get(carry).i32(30).op("i32.shl", "i32.or");
    b.i32(0x100).op("i32.or");
  });
  e.setFlagResult(() => b.i64(0).i64(0x100).get(zeroWhenZero).op("i64.eqz", "select"));
}

export function pushCarry(e: Emitter): FunctionBuilder {
  if (e.pushDeferredCondition(CONDITION_CARRY)) return e.b;
  return pushFlagAux(e).i32(31).op("i32.shr_u");
}

function pushOverflow(e: Emitter): FunctionBuilder {
  pushFlagAux(e).i32(31).op("i32.shr_u");
  return pushFlagAux(e).i32(30).op("i32.shr_u", "i32.xor").i32(1).op("i32.and");
}

export function pushZero(e: Emitter): FunctionBuilder {
  e.flagResult();
  return e.b.op("i64.eqz");
}

function pushSign(e: Emitter): FunctionBuilder {
  e.flagResult();
  e.b.i64(63).op("i64.shr_u", "i32.wrap_i64");
  return pushFlagAux(e).op("i32.xor").i32(1).op("i32.and");
}

function pushParity(e: Emitter): FunctionBuilder {
  e.flagResult();
  e.b.op("i32.wrap_i64");
  pushFlagAux(e).i32(8).op("i32.shr_u", "i32.xor").i32(0xff).op("i32.and", "i32.popcnt");
  return e.b.i32(1).op("i32.and", "i32.eqz");
}

/** Pushes condition code `code` (0-15) as i32 0 or 1. SDM Vol. 1, "EFLAGS Condition Codes". */
export function pushCondition(e: Emitter, code: number): void {
  if (e.pushDeferredCondition(code)) return;
  const { b } = e;
  switch (code >> 1) {
    case 0:
      pushOverflow(e);
      break;
    case 1:
      pushCarry(e);
      break;
    case 2:
      pushZero(e);
      break;
    case 3:
      pushCarry(e);
      pushZero(e).op("i32.or");
      break;
    case 4:
      pushSign(e);
      break;
    case 5:
      pushParity(e);
      break;
    case 6:
      pushSign(e);
      pushOverflow(e).op("i32.xor");
      break;
    default:
      pushSign(e);
      pushOverflow(e).op("i32.xor");
      pushZero(e).op("i32.or");
  }
  if (code & 1) b.op("i32.eqz");
}
