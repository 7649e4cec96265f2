/** MOV, MOVZX, MOVSX, LEA, XCHG, BSWAP, CMOVcc, SETcc, XLAT, conversions. SDM Vol. 2. */
import { RAX, RBX, RDX } from "../../isa/registers";
import type { OperandSize } from "../../isa/types";
import type { FunctionBuilder } from "../../wasm/moduleBuilder";
import { signExtend, truncate, type Semantics } from "./emitter";
import { pushCondition } from "./flags";

const mov: Semantics = (e) => {
  const [a] = e.t;
  e.read(1);
  e.b.set(a);
  e.write(0, a);
  e.done();
};

function extend(signed: boolean): Semantics {
  return (e) => {
    const [a] = e.t;
    e.read(1);
    if (signed) truncate(signExtend(e.b, e.operandSize(1)), e.operandSize(0));
    e.b.set(a);
    e.write(0, a);
    e.done();
  };
}

const lea: Semantics = (e) => {
  const [a] = e.t;
  e.effectiveAddress(1);
  truncate(e.b, e.operandSize(0)).set(a);
  e.write(0, a);
  e.done();
};

const xchg: Semantics = (e) => {
  const [a, x] = e.t;
  // The memory operand, if there is one, may stand on either side.
  const [first, second] = e.isMemory(1) ? [1, 0] : [0, 1];
  e.readForUpdate(first);
  e.b.set(a);
  e.read(second);
  e.b.set(x);
  e.writeUpdate(first, x);
  e.write(second, a);
  e.done();
};

/** Pushes the i64 local with its `bytes` low bytes reversed. */
function reverseBytes(b: FunctionBuilder, local: number, bytes: number): void {
  b.i64(0);
  for (let i = 0; i < bytes; i++) {
    b.get(local)
      .i64(8 * i)
      .op("i64.shr_u")
      .i64(0xff)
      .op("i64.and");
    b.i64(8 * (bytes - 1 - i)).op("i64.shl", "i64.or");
  }
}

const bswap: Semantics = (e) => {
  const [a, r] = e.t;
  e.read(0);
  e.b.set(a);
  // BSWAP r16 is undefined; processors write zero.
  if (e.size === 16) e.b.i64(0);
  else reverseBytes(e.b, a, e.size / 8);
  e.b.set(r);
  e.write(0, r);
  e.done();
};

const movbe: Semantics = (e) => {
  const [a, r] = e.t;
  e.read(1);
  e.b.set(a);
  reverseBytes(e.b, a, e.operandSize(0) / 8);
  e.b.set(r);
  e.write(0, r);
  e.done();
};

const cmovcc: Semantics = (e) => {
  const [a, x, r] = e.t;
  const { b } = e;
  e.read(1);
  b.set(x);
  e.read(0);
  b.set(a);
  b.get(x).get(a);
  pushCondition(e, e.condition);
  b.op("select").set(r);
  e.write(0, r);
  e.done();
};

const setcc: Semantics = (e) => {
  const [r] = e.t;
  pushCondition(e, e.condition);
  e.b.op("i64.extend_i32_u").set(r);
  e.write(0, r);
  e.done();
};

const xlat: Semantics = (e) => {
  const { b } = e;
  const [r] = e.t;
  e.load(8, "own", () => {
    e.readGpr(RBX, 64);
    e.readGpr(RAX, 8);
    b.op("i64.add");
    e.addressMask();
    b.op("i64.and");
  });
  b.set(r);
  e.writeGpr(RAX, 8, r);
  e.done();
};

/** CBW, CWDE, CDQE: the accumulator's lower half, sign-extended to the operation's size. */
const cbw: Semantics = (e) => {
  const [r] = e.t;
  const half = (e.size / 2) as OperandSize;
  e.readGpr(RAX, half);
  truncate(signExtend(e.b, half), e.size).set(r);
  e.writeGpr(RAX, e.size, r);
  e.done();
};

/** CWD, CDQ, CQO: (E/R)DX filled with the accumulator's sign. */
const cwd: Semantics = (e) => {
  const [r] = e.t;
  e.readGpr(RAX, e.size);
  truncate(signExtend(e.b, e.size).i64(63).op("i64.shr_s"), e.size).set(r);
  e.writeGpr(RDX, e.size, r);
  e.done();
};

export const moves: Readonly<Record<string, Semantics>> = {
  mov,
  movzx: extend(false),
  movsx: extend(true),
  movsxd: extend(true),
  lea,
  xchg,
  bswap,
  movbe,
  cmovcc,
  setcc,
  xlat,
  cbw,
  cwd,
};
