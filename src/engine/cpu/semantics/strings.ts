/** MOVS, STOS, LODS, CMPS, SCAS. SDM Vol. 2. A repeated instruction is one step per iteration, so that it can be interrupted and counted exactly. */
import { ES, RAX, RCX, RDI, RSI } from "../../isa/registers";
import { STATE } from "../layout";
import { RFLAGS } from "../systemState";
import { truncate, type Emitter, type Semantics } from "./emitter";
import { flagsOfSub, pushZero } from "./flags";

/** Leaves +bytes or -bytes in `step` by DF. */
function loadStep(e: Emitter, step: number): void {
  const { b } = e;
  b.i64(-e.size / 8).i64(e.size / 8);
  b.i32(0).mem("i32.load", STATE.flagSystem).i32(RFLAGS.DF).op("i32.and", "select").set(step);
}

function advance(e: Emitter, register: number, step: number): void {
  const moved = e.t[4];
  e.readGpr(register, e.addressSize);
  truncate(e.b.get(step).op("i64.add"), e.addressSize).set(moved);
  e.writeGpr(register, e.addressSize, moved);
}

function loadSource(e: Emitter): void {
  e.load(e.size, "own", () => {
    e.readGpr(RSI, e.addressSize);
  });
}

function loadDestination(e: Emitter): void {
  e.load(e.size, ES, () => {
    e.readGpr(RDI, e.addressSize);
  });
}

function storeDestination(e: Emitter, value: number): void {
  e.store(
    e.size,
    ES,
    () => {
      e.readGpr(RDI, e.addressSize);
    },
    value,
  );
}

/** Wraps one iteration in the repeat protocol. `compares`: REPE and REPNE look at ZF. */
function repeated(
  iteration: (e: Emitter) => void,
  compares: boolean,
  bulk?: "movs" | "stos",
): Semantics {
  return (e) => {
    const { b } = e;
    const count = e.t[5];
    if (e.repeat === "none") {
      iteration(e);
      e.done();
      return;
    }
    e.readGpr(RCX, e.addressSize);
    b.op("i64.eqz").if();
    e.done();
    b.end();
    if (bulk) e.bulk(bulk);
    iteration(e);
    e.readGpr(RCX, e.addressSize);
    truncate(b.i64(1).op("i64.sub"), e.addressSize).set(count);
    e.writeGpr(RCX, e.addressSize, count);
    b.get(count).op("i64.eqz", "i32.eqz");
    if (compares) {
      pushZero(e);
      if (e.repeat === "repne") b.op("i32.eqz");
      b.op("i32.and");
    }
    b.if();
    e.again();
    b.end();
    e.done();
  };
}

const movs = repeated(
  (e) => {
    const [value, step] = e.t;
    loadSource(e);
    e.b.set(value);
    storeDestination(e, value);
    loadStep(e, step);
    advance(e, RSI, step);
    advance(e, RDI, step);
  },
  false,
  "movs",
);

const stos = repeated(
  (e) => {
    const [value, step] = e.t;
    e.readGpr(RAX, e.size);
    e.b.set(value);
    storeDestination(e, value);
    loadStep(e, step);
    advance(e, RDI, step);
  },
  false,
  "stos",
);

const lods = repeated((e) => {
  const [value, step] = e.t;
  loadSource(e);
  e.b.set(value);
  e.writeGpr(RAX, e.size, value);
  loadStep(e, step);
  advance(e, RSI, step);
}, false);

/** flags of left - right, both on the way in t[0], t[1]. */
function compare(e: Emitter): void {
  const [left, right, r] = e.t;
  truncate(e.b.get(left).get(right).op("i64.sub"), e.size).set(r);
  flagsOfSub(e, left, right, r);
}

const cmps = repeated((e) => {
  const [left, right, , step] = e.t;
  loadSource(e);
  e.b.set(left);
  loadDestination(e);
  e.b.set(right);
  compare(e);
  loadStep(e, step);
  advance(e, RSI, step);
  advance(e, RDI, step);
}, true);

const scas = repeated((e) => {
  const [left, right, , step] = e.t;
  loadDestination(e);
  e.b.set(right);
  e.readGpr(RAX, e.size);
  e.b.set(left);
  compare(e);
  loadStep(e, step);
  advance(e, RDI, step);
}, true);

export const strings: Readonly<Record<string, Semantics>> = { movs, stos, lods, cmps, scas };
