/** SHL, SHR, SAR, ROL, ROR, RCL, RCR, SHLD, SHRD. SDM Vol. 2. OF for counts above 1 as processors compute it. */
import type { FunctionBuilder } from "../../wasm/moduleBuilder";
import { signExtend, truncate, type Emitter, type Semantics } from "./emitter";
import { flagsWithCarryOverflow, pushCarry, setCarryOverflow } from "./flags";

/** Pushes bit `bit` of an i64 local as i32. */
function pushBit(b: FunctionBuilder, local: number, bit: number): FunctionBuilder {
  return b.get(local).i64(bit).op("i64.shr_u", "i32.wrap_i64").i32(1).op("i32.and");
}

/** Pushes the i32 low bit of the i64 on the stack. */
function lowBit(b: FunctionBuilder): FunctionBuilder {
  return b.op("i32.wrap_i64").i32(1).op("i32.and");
}

/** Leaves the masked count (i64) in `count`. */
function readCount(e: Emitter, operand: number, count: number): void {
  e.read(operand);
  e.b
    .i64(e.size === 64 ? 63 : 31)
    .op("i64.and")
    .set(count);
}

/** What a shift by a count of zero does not do. A known count is tested here and now. */
function unlessZero(e: Emitter, count: number, action: () => void): void {
  const known = e.knownImmediate;
  if (known !== undefined) {
    if ((known & (e.size === 64 ? 63n : 31n)) !== 0n) action();
    return;
  }
  e.settleFlags();
  e.b.get(count).op("i64.eqz", "i32.eqz").if();
  action();
  e.b.end();
}

/** Shape shared by all: read, compute r, write, then flags only when the masked count is not zero. */
function shift(
  compute: (e: Emitter, a: number, count: number, r: number) => void,
  flags: (e: Emitter, a: number, count: number, r: number) => void,
): Semantics {
  return (e) => {
    const { b } = e;
    const [a, count, r] = e.t;
    e.readForUpdate(0);
    b.set(a);
    readCount(e, 1, count);
    compute(e, a, count, r);
    e.writeUpdate(0, r);
    unlessZero(e, count, () => {
      flags(e, a, count, r);
    });
    e.done();
  };
}

const shl = shift(
  (e, a, count, r) => {
    truncate(e.b.get(a).get(count).op("i64.shl"), e.size).set(r);
  },
  (e, a, count, r) => {
    const { b } = e;
    const [carry, overflow] = e.n;
    if (e.size === 64) lowBit(b.get(a).i64(64).get(count).op("i64.sub", "i64.shr_u")).set(carry);
    else lowBit(b.get(a).get(count).op("i64.shl").i64(e.size).op("i64.shr_u")).set(carry);
    pushBit(b, r, e.size - 1)
      .get(carry)
      .op("i32.xor")
      .set(overflow);
    flagsWithCarryOverflow(e, r, carry, overflow);
  },
);

const shr = shift(
  (e, a, count, r) => {
    e.b.get(a).get(count).op("i64.shr_u").set(r);
  },
  (e, a, count, r) => {
    const { b } = e;
    const [carry, overflow] = e.n;
    lowBit(b.get(a).get(count).i64(1).op("i64.sub", "i64.shr_u")).set(carry);
    pushBit(b, r, e.size - 1);
    pushBit(b, r, e.size - 2)
      .op("i32.xor")
      .set(overflow);
    flagsWithCarryOverflow(e, r, carry, overflow);
  },
);

const sar = shift(
  (e, a, count, r) => {
    signExtend(e.b.get(a), e.size).get(count).op("i64.shr_s");
    truncate(e.b, e.size).set(r);
  },
  (e, a, count, r) => {
    const { b } = e;
    const [carry, overflow] = e.n;
    signExtend(b.get(a), e.size).get(count).i64(1).op("i64.sub", "i64.shr_s");
    lowBit(b).set(carry).i32(0).set(overflow);
    flagsWithCarryOverflow(e, r, carry, overflow);
  },
);

/** Leaves count modulo `modulus` in `effective`. */
function reduce(e: Emitter, count: number, modulus: number, effective: number): void {
  e.b.get(count).i64(modulus).op("i64.rem_u").set(effective);
}

/** Rotate left by `effective` (less than size); also right, by the complement. */
function rotate(left: boolean): Semantics {
  return shift(
    (e, a, count, r) => {
      const { b } = e;
      const effective = e.t[3];
      if (e.size === 64) {
        b.get(a)
          .get(count)
          .op(left ? "i64.rotl" : "i64.rotr")
          .set(r);
        return;
      }
      if (e.size === 32) {
        b.get(a).op("i32.wrap_i64").get(count).op("i32.wrap_i64");
        b.op(left ? "i32.rotl" : "i32.rotr", "i64.extend_i32_u").set(r);
        return;
      }
      reduce(e, count, e.size, effective);
      if (!left) b.i64(e.size).get(effective).op("i64.sub").set(effective);
      b.get(a).get(effective).op("i64.shl");
      b.get(a).i64(e.size).get(effective).op("i64.sub", "i64.shr_u", "i64.or");
      truncate(b, e.size).set(r);
    },
    (e, _a, _count, r) => {
      const { b } = e;
      const [carry, overflow] = e.n;
      pushBit(b, r, left ? 0 : e.size - 1).set(carry);
      pushBit(b, r, e.size - 1);
      if (left) b.get(carry).op("i32.xor").set(overflow);
      else
        pushBit(b, r, e.size - 2)
          .op("i32.xor")
          .set(overflow);
      setCarryOverflow(e, carry, overflow);
    },
  );
}

/** RCL and RCR rotate size + 1 bits with CF on top. `effective` is the count modulo size + 1; the new CF stays in e.n[0]. */
function rotateThroughCarry(left: boolean): Semantics {
  return shift(
    (e, a, count, r) => {
      const { b } = e;
      const [, , , effective, wide] = e.t;
      const carry = e.n[0];
      pushCarry(e).set(carry);
      if (e.size === 64) rotateThroughCarry64(e, left, a, count, r);
      else {
        reduce(e, count, e.size + 1, effective);
        if (!left) {
          // Right by c is left by size + 1 - c; zero stays zero.
          b.i64(e.size + 1)
            .get(effective)
            .op("i64.sub")
            .i64(e.size + 1)
            .op("i64.rem_u")
            .set(effective);
        }
        b.get(carry).op("i64.extend_i32_u").i64(e.size).op("i64.shl").get(a).op("i64.or").set(wide);
        b.get(wide).get(effective).op("i64.shl");
        b.get(wide)
          .i64(e.size + 1)
          .get(effective)
          .op("i64.sub", "i64.shr_u", "i64.or")
          .set(wide);
        pushBit(b, wide, e.size).set(carry);
        truncate(b.get(wide), e.size).set(r);
      }
    },
    (e, _a, _count, r) => {
      const { b } = e;
      const [carry, overflow] = e.n;
      pushBit(b, r, e.size - 1);
      if (left) b.get(carry).op("i32.xor").set(overflow);
      else
        pushBit(b, r, e.size - 2)
          .op("i32.xor")
          .set(overflow);
      setCarryOverflow(e, carry, overflow);
    },
  );
}

function rotateThroughCarry64(
  e: Emitter,
  left: boolean,
  a: number,
  count: number,
  r: number,
): void {
  const { b } = e;
  const carry = e.n[0];
  const out = e.n[1];
  const [toward, away] = left
    ? (["i64.shl", "i64.shr_u"] as const)
    : (["i64.shr_u", "i64.shl"] as const);
  b.get(a).set(r);
  b.get(count).op("i64.eqz", "i32.eqz").if();
  // The bit that falls out last is the new CF.
  if (left) lowBit(b.get(a).i64(64).get(count).op("i64.sub", "i64.shr_u")).set(out);
  else lowBit(b.get(a).get(count).i64(1).op("i64.sub", "i64.shr_u")).set(out);
  b.get(a).get(count).op(toward);
  b.get(carry).op("i64.extend_i32_u");
  if (left) b.get(count).i64(1).op("i64.sub", "i64.shl");
  else b.i64(64).get(count).op("i64.sub", "i64.shl");
  b.op("i64.or");
  // A shift by 65 - count, in two parts because a shift by 64 would be a shift by 0.
  b.get(a).i64(1).op(away).i64(64).get(count).op("i64.sub", away, "i64.or").set(r);
  b.get(out).set(carry);
  b.end();
}

/** SHLD and SHRD. For 16 bits and counts above 16 the result, undefined by the manual, rotates destination:source:destination as Intel processors do. */
function doubleShift(left: boolean): Semantics {
  return (e) => {
    const { b } = e;
    const [a, count, r, x, wide] = e.t;
    const [carry, overflow] = e.n;
    e.readForUpdate(0);
    b.set(a);
    e.read(1);
    b.set(x);
    readCount(e, 2, count);
    b.get(a).set(r);
    e.settleFlags();
    b.get(count).op("i64.eqz", "i32.eqz").if();
    (left ? doubleLeft : doubleRight)(e, { a, x, count, r, wide, carry });
    if (left)
      pushBit(b, r, e.size - 1)
        .get(carry)
        .op("i32.xor")
        .set(overflow);
    else {
      pushBit(b, r, e.size - 1);
      pushBit(b, r, e.size - 2)
        .op("i32.xor")
        .set(overflow);
    }
    flagsWithCarryOverflow(e, r, carry, overflow);
    b.end();
    e.writeUpdate(0, r);
    e.done();
  };
}

interface DoubleShiftLocals {
  a: number;
  x: number;
  count: number;
  r: number;
  wide: number;
  carry: number;
}

function doubleLeft(e: Emitter, { a, x, count, r, wide, carry }: DoubleShiftLocals): void {
  const { b } = e;
  if (e.size === 64) {
    b.get(a).get(count).op("i64.shl");
    b.get(x).i64(64).get(count).op("i64.sub", "i64.shr_u", "i64.or").set(r);
    lowBit(b.get(a).i64(64).get(count).op("i64.sub", "i64.shr_u")).set(carry);
    return;
  }
  if (e.size === 16) tripleWord(b, a, x, wide);
  else b.get(a).i64(32).op("i64.shl").get(x).op("i64.or").set(wide);
  truncate(b.get(wide).i64(32).get(count).op("i64.sub", "i64.shr_u"), e.size).set(r);
  const top = e.size === 16 ? 48 : 64;
  lowBit(b.get(wide).i64(top).get(count).op("i64.sub", "i64.shr_u")).set(carry);
}

function doubleRight(e: Emitter, { a, x, count, r, wide, carry }: DoubleShiftLocals): void {
  const { b } = e;
  if (e.size === 64) {
    b.get(a).get(count).op("i64.shr_u");
    b.get(x).i64(64).get(count).op("i64.sub", "i64.shl", "i64.or").set(r);
    lowBit(b.get(a).get(count).i64(1).op("i64.sub", "i64.shr_u")).set(carry);
    return;
  }
  if (e.size === 16) tripleWord(b, a, x, wide);
  else b.get(x).i64(32).op("i64.shl").get(a).op("i64.or").set(wide);
  truncate(b.get(wide).get(count).op("i64.shr_u"), e.size).set(r);
  lowBit(b.get(wide).get(count).i64(1).op("i64.sub", "i64.shr_u")).set(carry);
}

/** wide := a:x:a, 16 bits each. */
function tripleWord(b: FunctionBuilder, a: number, x: number, wide: number): void {
  b.get(a)
    .i64(32)
    .op("i64.shl")
    .get(x)
    .i64(16)
    .op("i64.shl", "i64.or")
    .get(a)
    .op("i64.or")
    .set(wide);
}

export const shifts: Readonly<Record<string, Semantics>> = {
  shl,
  shr,
  sar,
  rol: rotate(true),
  ror: rotate(false),
  rcl: rotateThroughCarry(true),
  rcr: rotateThroughCarry(false),
  shld: doubleShift(true),
  shrd: doubleShift(false),
};
