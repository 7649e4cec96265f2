/** BT, BTS, BTR, BTC, BSF, BSR, POPCNT, LZCNT, TZCNT. SDM Vol. 2. */
import { signExtend, type Emitter, type Semantics } from "./emitter";
import { flagsOfCount, flagsOfLogic, setCarry } from "./flags";

/** Leaves the bit's number within the operand in `bit`; a register offset into memory moves the operand. */
function bitOffset(e: Emitter, bit: number, isRegister: boolean): void {
  const { b } = e;
  e.read(1);
  if (e.isMemory(0) && isRegister) {
    const whole = e.t[3];
    signExtend(b, e.size).set(whole);
    const log = Math.log2(e.size);
    b.get(whole)
      .i64(log)
      .op("i64.shr_s")
      .i64(log - 3)
      .op("i64.shl")
      .set(e.t[4]);
    e.offsetMemory(e.t[4]);
    b.get(whole);
  }
  b.i64(e.size - 1)
    .op("i64.and")
    .set(bit);
}

function bitTest(change: "none" | "set" | "reset" | "complement"): Semantics {
  return (e) => {
    const { b } = e;
    const [a, bit, r] = e.t;
    const carry = e.n[0];
    bitOffset(e, bit, e.operandSize(1) === e.size);
    if (change === "none") e.read(0);
    else e.readForUpdate(0);
    b.set(a);
    b.get(a).get(bit).op("i64.shr_u", "i32.wrap_i64").i32(1).op("i32.and").set(carry);
    if (change !== "none") {
      b.get(a).i64(1).get(bit).op("i64.shl");
      if (change === "set") b.op("i64.or");
      if (change === "reset") b.i64(-1).op("i64.xor", "i64.and");
      if (change === "complement") b.op("i64.xor");
      b.set(r);
      e.writeUpdate(0, r);
    }
    setCarry(e, carry);
    e.done();
  };
}

/** BSF and BSR: ZF from the source, destination unchanged when it is zero; the other flags, undefined, follow the source. */
function bitScan(reverse: boolean): Semantics {
  return (e) => {
    const { b } = e;
    const [x, r] = e.t;
    e.read(1);
    b.tee(x).op("i64.eqz", "i32.eqz").if();
    if (reverse) b.i64(63).get(x).op("i64.clz", "i64.sub");
    else b.get(x).op("i64.ctz");
    b.set(r);
    e.write(0, r);
    b.end();
    flagsOfLogic(e, x);
    e.done();
  };
}

const popcnt: Semantics = (e) => {
  const [x, r] = e.t;
  e.read(1);
  e.b.tee(x).op("i64.popcnt").set(r);
  e.write(0, r);
  e.b.i32(0).set(e.n[0]);
  flagsOfCount(e, x, e.n[0]);
  e.done();
};

function countZeros(leading: boolean): Semantics {
  return (e) => {
    const { b } = e;
    const [x, r] = e.t;
    e.read(1);
    b.set(x);
    if (leading)
      b.get(x)
        .op("i64.clz")
        .i64(64 - e.size)
        .op("i64.sub");
    else if (e.size === 64) b.get(x).op("i64.ctz");
    else
      b.get(x)
        .i64(1n << BigInt(e.size))
        .op("i64.or", "i64.ctz");
    b.set(r);
    e.write(0, r);
    b.get(x).op("i64.eqz").set(e.n[0]);
    flagsOfCount(e, r, e.n[0]);
    e.done();
  };
}

export const bits: Readonly<Record<string, Semantics>> = {
  bt: bitTest("none"),
  bts: bitTest("set"),
  btr: bitTest("reset"),
  btc: bitTest("complement"),
  bsf: bitScan(false),
  bsr: bitScan(true),
  popcnt,
  lzcnt: countZeros(true),
  tzcnt: countZeros(false),
};
