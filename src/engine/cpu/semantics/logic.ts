/** AND, OR, XOR, NOT, TEST and flag instructions. SDM Vol. 2. */
import { STATE } from "../layout";
import { RFLAGS } from "../systemState";
import { maskOf, type Semantics } from "./emitter";
import { flagsOfLogic, pushCarry, setCarry } from "./flags";

function binary(op: "i64.and" | "i64.or" | "i64.xor", store: boolean): Semantics {
  return (e) => {
    const { b } = e;
    const [a, , r] = e.t;
    if (store) e.readForUpdate(0);
    else e.read(0);
    b.set(a);
    e.read(1);
    b.get(a).op(op).set(r);
    if (store) e.writeUpdate(0, r);
    flagsOfLogic(e, r);
    e.done();
  };
}

const not: Semantics = (e) => {
  const [, , r] = e.t;
  e.readForUpdate(0);
  e.b.i64(maskOf(e.size)).op("i64.xor").set(r);
  e.writeUpdate(0, r);
  e.done();
};

function carryFlag(change: "clear" | "set" | "complement"): Semantics {
  return (e) => {
    const { b } = e;
    if (change === "complement") pushCarry(e).op("i32.eqz").set(e.n[0]);
    else b.i32(change === "set" ? 1 : 0).set(e.n[0]);
    setCarry(e, e.n[0]);
    e.done();
  };
}

function directionFlag(set: boolean): Semantics {
  return (e) => {
    const { b } = e;
    b.i32(0).i32(0).mem("i32.load", STATE.flagSystem);
    if (set) b.i32(RFLAGS.DF).op("i32.or");
    else b.i32(~RFLAGS.DF).op("i32.and");
    b.mem("i32.store", STATE.flagSystem);
    e.done();
  };
}

const nop: Semantics = (e) => {
  e.done();
};

export const logic: Readonly<Record<string, Semantics>> = {
  and: binary("i64.and", true),
  or: binary("i64.or", true),
  xor: binary("i64.xor", true),
  test: binary("i64.and", false),
  not,
  clc: carryFlag("clear"),
  stc: carryFlag("set"),
  cmc: carryFlag("complement"),
  cld: directionFlag(false),
  std: directionFlag(true),
  nop,
};
