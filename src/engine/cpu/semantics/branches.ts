/** Near control transfers and the stack. SDM Vol. 2; far transfers are system events. */
import { RBP, RCX, RSP, SS } from "../../isa/registers";
import type { OperandSize } from "../../isa/types";
import { maskOf, truncate, type Emitter, type Semantics } from "./emitter";
import { pushCondition, pushZero } from "./flags";

/** RSP with its bits under the stack mask replaced by local `value` (already masked). */
function setStackPointer(e: Emitter, value: number): void {
  const { b } = e;
  if (e.knownStackMask === maskOf(64)) {
    e.writeGpr(RSP, 64, value);
    return;
  }
  const whole = e.t[3];
  e.readGpr(RSP, 64);
  e.stackMask();
  b.i64(-1).op("i64.xor", "i64.and").get(value).op("i64.or").set(whole);
  e.writeGpr(RSP, 64, whole);
}

/** Pushes (RSP + bytes + what `extra` pushes) under the stack mask. */
function pushStackPointer(e: Emitter, bytes: number, extra?: () => void): void {
  e.readGpr(RSP, 64);
  e.b.i64(bytes).op("i64.add");
  if (extra) {
    extra();
    e.b.op("i64.add");
  }
  e.stackMask();
  e.b.op("i64.and");
}

/** Pushes local `value` of `size` bits on the guest's stack. Uses t[3] and t[4]. */
function pushStack(e: Emitter, size: OperandSize, value: number): void {
  const { b } = e;
  const top = e.t[4];
  pushStackPointer(e, -size / 8);
  b.set(top);
  e.store(size, SS, () => b.get(top), value);
  setStackPointer(e, top);
}

/** Leaves the value on top of the stack in `value`; RSP moves only with `releaseStack`. */
function peekStack(e: Emitter, size: OperandSize, value: number): void {
  e.load(size, SS, () => {
    pushStackPointer(e, 0);
  });
  e.b.set(value);
}

/** RSP := (RSP + bytes + what `extra` pushes) under the stack mask. Uses t[3] and t[4]. */
function releaseStack(e: Emitter, bytes: number, extra?: () => void): void {
  const top = e.t[4];
  pushStackPointer(e, bytes, extra);
  e.b.set(top);
  setStackPointer(e, top);
}

const push: Semantics = (e) => {
  const [a] = e.t;
  e.read(0);
  truncate(e.b, e.size).set(a);
  pushStack(e, e.size, a);
  e.done();
};

/** POP: the address of a memory destination is computed after RSP moved, and a fault must leave RSP alone. SDM Vol. 2B, "POP". */
const pop: Semantics = (e) => {
  const { b } = e;
  const [a, oldTop] = e.t;
  peekStack(e, e.size, a);
  e.readGpr(RSP, 64);
  b.set(oldTop);
  if (e.isMemory(0)) {
    // RSP is moved for the address and put back in case the store aborts: the final move follows the store.
    const ea = e.t[2];
    releaseStack(e, e.size / 8);
    e.effectiveAddress(0);
    b.set(ea);
    e.writeGpr(RSP, 64, oldTop);
    e.store(e.size, "own", () => b.get(ea), a);
    releaseStack(e, e.size / 8);
  } else {
    releaseStack(e, e.size / 8);
    e.write(0, a);
  }
  e.done();
};

const leave: Semantics = (e) => {
  const { b } = e;
  const [value, frame] = e.t;
  e.readGpr(RBP, 64);
  e.stackMask();
  b.op("i64.and").set(frame);
  e.load(e.size, SS, () => b.get(frame));
  b.set(value);
  b.get(frame)
    .i64(e.size / 8)
    .op("i64.add");
  e.stackMask();
  b.op("i64.and").set(frame);
  setStackPointer(e, frame);
  e.writeGpr(RBP, e.size, value);
  e.done();
};

/** The target of a near jump: the immediate (already absolute) or a register or memory operand. */
function readTarget(e: Emitter, target: number): void {
  e.read(0);
  e.b.set(target);
}

const jmpNear: Semantics = (e) => {
  const [target] = e.t;
  readTarget(e, target);
  e.checkTarget(target);
  e.jump(target);
};

const callNear: Semantics = (e) => {
  const [target, next] = e.t;
  readTarget(e, target);
  e.checkTarget(target);
  e.nextRip();
  truncate(e.b, e.size).set(next);
  pushStack(e, e.size, next);
  e.jump(target);
};

const retNear: Semantics = (e) => {
  const [target] = e.t;
  peekStack(e, e.size, target);
  e.checkTarget(target);
  if (e.operandCount === 1) {
    releaseStack(e, e.size / 8, () => {
      e.read(0);
    });
  } else releaseStack(e, e.size / 8);
  e.jump(target);
};

const jcc: Semantics = (e) => {
  const [target] = e.t;
  pushCondition(e, e.condition);
  e.b.if();
  readTarget(e, target);
  e.checkTarget(target);
  e.jump(target);
  e.b.end();
  e.done();
};

/** LOOP, LOOPE, LOOPNE; the count register's width is the address size. */
function loop(condition: "none" | "zero" | "not-zero"): Semantics {
  return (e) => {
    const { b } = e;
    const [target, count] = e.t;
    const taken = e.n[0];
    readTarget(e, target);
    e.readGpr(RCX, e.addressSize);
    b.i64(1).op("i64.sub");
    truncate(b, e.addressSize).tee(count).op("i64.eqz", "i32.eqz");
    if (condition !== "none") {
      pushZero(e);
      if (condition === "not-zero") b.op("i32.eqz");
      b.op("i32.and");
    }
    b.set(taken);
    b.get(taken).if();
    e.checkTarget(target);
    b.end();
    e.writeGpr(RCX, e.addressSize, count);
    b.get(taken).if();
    e.jump(target);
    b.end();
    e.done();
  };
}

const jcxz: Semantics = (e) => {
  const [target] = e.t;
  e.readGpr(RCX, e.addressSize);
  e.b.op("i64.eqz").if();
  readTarget(e, target);
  e.checkTarget(target);
  e.jump(target);
  e.b.end();
  e.done();
};

export const branches: Readonly<Record<string, Semantics>> = {
  push,
  pop,
  leave,
  jmp_near: jmpNear,
  call_near: callNear,
  ret_near: retNear,
  jcc,
  loop: loop("none"),
  loope: loop("zero"),
  loopne: loop("not-zero"),
  jcxz,
};
