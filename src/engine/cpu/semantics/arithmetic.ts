/** ADD, SUB, ADC, SBB, CMP, INC, DEC, NEG, MUL, DIV and their kin. SDM Vol. 2. */
import { RAX, RDX } from "../../isa/registers";
import { maskOf, signExtend, truncate, type Emitter, type Semantics } from "./emitter";
import {
  flagsKeepingCarry,
  flagsOfAdd,
  flagsOfSub,
  flagsWithCarryOverflow,
  pushCarry,
} from "./flags";

function binary(op: "i64.add" | "i64.sub", withCarry: boolean, store: boolean): Semantics {
  return (e) => {
    const { b } = e;
    const [a, x, r] = e.t;
    if (store) e.readForUpdate(0);
    else e.read(0);
    b.set(a);
    e.read(1);
    b.set(x);
    b.get(a).get(x).op(op);
    if (withCarry) pushCarry(e).op("i64.extend_i32_u", op);
    truncate(b, e.size).set(r);
    if (store) e.writeUpdate(0, r);
    if (op === "i64.add") flagsOfAdd(e, a, x, r, withCarry);
    else flagsOfSub(e, a, x, r, withCarry);
    e.done();
  };
}

function byOne(add: boolean): Semantics {
  return (e) => {
    const { b } = e;
    const [a, x, r] = e.t;
    e.readForUpdate(0);
    b.set(a).i64(1).set(x);
    truncate(
      b
        .get(a)
        .get(x)
        .op(add ? "i64.add" : "i64.sub"),
      e.size,
    ).set(r);
    e.writeUpdate(0, r);
    flagsKeepingCarry(e, a, x, r, add);
    e.done();
  };
}

const neg: Semantics = (e) => {
  const { b } = e;
  const [a, x, r] = e.t;
  e.readForUpdate(0);
  b.set(x).i64(0).set(a);
  truncate(b.get(a).get(x).op("i64.sub"), e.size).set(r);
  e.writeUpdate(0, r);
  flagsOfSub(e, a, x, r);
  e.done();
};

/** Writes the double-width product low in `low`, high in `high` to (E/R)DX:(E/R)AX, AX for bytes. */
function writeProduct(e: Emitter, low: number, high: number): void {
  const { b } = e;
  if (e.size === 8) {
    b.get(high).i64(8).op("i64.shl").get(low).op("i64.or").set(high);
    e.writeGpr(RAX, 16, high);
    return;
  }
  e.writeGpr(RAX, e.size, low);
  e.writeGpr(RDX, e.size, high);
}

/** CF = OF = i32 local; SF, ZF, PF (undefined) from the low half, as processors do. */
function multiplyFlags(e: Emitter, low: number, overflow: number): void {
  flagsWithCarryOverflow(e, low, overflow, overflow);
}

const mul: Semantics = (e) => {
  const { b } = e;
  const [a, x, low, high] = e.t;
  const over = e.n[0];
  e.readGpr(RAX, e.size);
  b.set(a);
  e.read(0);
  b.set(x);
  truncate(b.get(a).get(x).op("i64.mul"), e.size).set(low);
  b.get(a).get(x);
  if (e.size === 64) e.multiplyHighUnsigned();
  else b.op("i64.mul").i64(e.size).op("i64.shr_u");
  b.set(high);
  writeProduct(e, low, high);
  truncateLocalHigh(e, high);
  b.get(high).op("i64.eqz", "i32.eqz").set(over);
  multiplyFlags(e, low, over);
  e.done();
};

/** writeProduct leaves AX in `high` for bytes: bring the high half back. */
function truncateLocalHigh(e: Emitter, high: number): void {
  if (e.size === 8) e.b.get(high).i64(8).op("i64.shr_u").set(high);
}

/** Pushes the high 64 bits of the signed product of locals a and x. */
function multiplyHighSigned(e: Emitter, a: number, x: number): void {
  const { b } = e;
  b.get(a).get(x);
  e.multiplyHighUnsigned();
  b.get(a).i64(63).op("i64.shr_s").get(x).op("i64.and", "i64.sub");
  b.get(x).i64(63).op("i64.shr_s").get(a).op("i64.and", "i64.sub");
}

/** Leaves the low product in `low` and whether it overflowed in `over`; a and x are sign-extended. */
function signedProduct(e: Emitter, a: number, x: number, low: number, over: number): void {
  const { b } = e;
  truncate(b.get(a).get(x).op("i64.mul"), e.size).set(low);
  if (e.size === 64) {
    multiplyHighSigned(e, a, x);
    b.get(low).i64(63).op("i64.shr_s", "i64.ne").set(over);
  } else {
    signExtend(b.get(low), e.size).get(a).get(x).op("i64.mul", "i64.ne").set(over);
  }
}

const imulWide: Semantics = (e) => {
  const { b } = e;
  const [a, x, low, high] = e.t;
  const over = e.n[0];
  e.readGpr(RAX, e.size);
  signExtend(b, e.size).set(a);
  e.read(0);
  signExtend(b, e.size).set(x);
  signedProduct(e, a, x, low, over);
  if (e.size === 64) multiplyHighSigned(e, a, x);
  else truncate(b.get(a).get(x).op("i64.mul").i64(e.size).op("i64.shr_s"), e.size);
  b.set(high);
  writeProduct(e, low, high);
  multiplyFlags(e, low, over);
  e.done();
};

const imul: Semantics = (e) => {
  if (e.operandCount === 1) {
    imulWide(e);
    return;
  }
  const { b } = e;
  const [a, x, low] = e.t;
  const over = e.n[0];
  e.read(e.operandCount - 2);
  signExtend(b, e.size).set(a);
  e.read(e.operandCount - 1);
  signExtend(b, e.size).set(x);
  signedProduct(e, a, x, low, over);
  e.write(0, low);
  multiplyFlags(e, low, over);
  e.done();
};

/** Pushes the dividend (AX, DX:AX or EDX:EAX) as one i64. */
function pushDividend(e: Emitter): void {
  const { b } = e;
  if (e.size === 8) {
    e.readGpr(RAX, 16);
    return;
  }
  e.readGpr(RDX, e.size);
  b.i64(e.size).op("i64.shl");
  e.readGpr(RAX, e.size);
  b.op("i64.or");
}

function writeQuotient(e: Emitter, quotient: number, remainder: number): void {
  const { b } = e;
  if (e.size === 8) {
    b.get(quotient).i64(0xff).op("i64.and").get(remainder).i64(0xff).op("i64.and").i64(8);
    b.op("i64.shl", "i64.or").set(quotient);
    e.writeGpr(RAX, 16, quotient);
    return;
  }
  truncate(b.get(quotient), e.size).set(quotient);
  truncate(b.get(remainder), e.size).set(remainder);
  e.writeGpr(RAX, e.size, quotient);
  e.writeGpr(RDX, e.size, remainder);
}

const DIVIDE_ERROR = 0;

/** DIV for 8, 16 and 32 bits; flags, undefined, are left alone. */
const div: Semantics = (e) => {
  const { b } = e;
  const [dividend, divisor, quotient, remainder] = e.t;
  e.read(0);
  b.tee(divisor).op("i64.eqz");
  b.if();
  e.raise(DIVIDE_ERROR);
  b.end();
  pushDividend(e);
  b.tee(dividend).get(divisor).op("i64.div_u").tee(quotient);
  b.i64(maskOf(e.size)).op("i64.gt_u").if();
  e.raise(DIVIDE_ERROR);
  b.end();
  b.get(dividend).get(divisor).op("i64.rem_u").set(remainder);
  writeQuotient(e, quotient, remainder);
  e.done();
};

const idiv: Semantics = (e) => {
  const { b } = e;
  const [dividend, divisor, quotient, remainder] = e.t;
  e.read(0);
  signExtend(b, e.size).tee(divisor).op("i64.eqz").if();
  e.raise(DIVIDE_ERROR);
  b.end();
  pushDividend(e);
  if (e.size === 8) b.op("i64.extend16_s");
  if (e.size === 16) b.op("i64.extend32_s");
  b.set(dividend);
  b.get(dividend)
    .i64(-(2n ** 63n))
    .op("i64.eq")
    .get(divisor)
    .i64(-1)
    .op("i64.eq", "i32.and")
    .if();
  e.raise(DIVIDE_ERROR);
  b.end();
  b.get(dividend).get(divisor).op("i64.div_s").tee(quotient);
  signExtend(b.get(quotient), e.size).op("i64.ne").if();
  e.raise(DIVIDE_ERROR);
  b.end();
  b.get(dividend).get(divisor).op("i64.rem_s").set(remainder);
  writeQuotient(e, quotient, remainder);
  e.done();
};

const xadd: Semantics = (e) => {
  const { b } = e;
  const [a, x, r] = e.t;
  e.readForUpdate(0);
  b.set(a);
  e.read(1);
  b.set(x);
  truncate(b.get(a).get(x).op("i64.add"), e.size).set(r);
  // The source register takes the old value first: XADD r, r of the same register ends with the sum.
  if (e.isMemory(0)) {
    e.writeUpdate(0, r);
    e.write(1, a);
  } else {
    e.write(1, a);
    e.writeUpdate(0, r);
  }
  flagsOfAdd(e, a, x, r);
  e.done();
};

const cmpxchg: Semantics = (e) => {
  const { b } = e;
  const [accumulator, destination, r, source] = e.t;
  e.readForUpdate(0);
  b.set(destination);
  e.readGpr(RAX, e.size);
  b.set(accumulator);
  e.read(1);
  b.set(source);
  truncate(b.get(accumulator).get(destination).op("i64.sub"), e.size).set(r);
  b.get(r).op("i64.eqz").if();
  e.writeUpdate(0, source);
  b.else();
  // In memory the old value is written back; a register keeps even its upper half.
  if (e.isMemory(0)) e.writeUpdate(0, destination);
  e.writeGpr(RAX, e.size, destination);
  b.end();
  flagsOfSub(e, accumulator, destination, r);
  e.done();
};

export const arithmetic: Readonly<Record<string, Semantics>> = {
  add: binary("i64.add", false, true),
  adc: binary("i64.add", true, true),
  sub: binary("i64.sub", false, true),
  sbb: binary("i64.sub", true, true),
  cmp: binary("i64.sub", false, false),
  inc: byOne(true),
  dec: byOne(false),
  neg,
  mul,
  imul,
  div,
  idiv,
  xadd,
  cmpxchg,
};
