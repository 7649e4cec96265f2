/** Emits an instruction's semantics with its operands as constants and the state in locals. What does not go well leaves the region: tier 0 does it. */
import {
  MICRO_OP,
  SEGMENT_READ_SIZE,
  SEGMENT_STRIDE,
  SEGMENT_WRITE_SIZE,
  STATE,
  TLB_DELTA,
  TLB_ENTRIES,
  TLB_STRIDE,
  TLB_WRITE_TAG,
  ZERO_SLOT,
} from "../../cpu/layout";
import {
  maskOf,
  signExtend,
  truncate,
  type Emitter,
  type FlagOperation,
  type SegmentChoice,
} from "../../cpu/semantics/emitter";
import { pushAux, pushCarry } from "../../cpu/semantics/flags";
import type { OperandSize } from "../../isa/types";
import type { FunctionBuilder, Label } from "../../wasm/moduleBuilder";
import { InvariantError } from "../../base/errors";
import { KindEmitter, REGISTER_FIELDS } from "../kindEmitter";
import { LOAD_OPS, STORE_OPS } from "../memoryFunctions";
import type { RegionOp } from "./regionGraph";
import type { RegionFrame } from "./regionFrame";

const TLB_INDEX_MASK = (TLB_ENTRIES - 1) * TLB_STRIDE;
const TLB_INDEX_SHIFT = 12 - Math.log2(TLB_STRIDE);
const CARRY = 1;

export class RegionEmitter extends KindEmitter implements Emitter {
  private readonly view: DataView;

  /** `position`: how many instructions of the block come before. `end`: where the next instruction begins. */
  constructor(
    private readonly frame: RegionFrame,
    private readonly op: RegionOp,
    private readonly position: number,
    private readonly end: Label,
  ) {
    super(frame, op.kind);
    this.view = frame.view;
  }

  private u16(offset: number): number {
    return this.view.getUint16(this.op.microOp + offset, true);
  }

  private u64(offset: number): bigint {
    return this.view.getBigUint64(this.op.microOp + offset, true);
  }

  // ------------------------------------------------------------------ constants

  immediate(): void {
    this.b.i64(this.u64(MICRO_OP.immediate));
  }

  get knownImmediate(): bigint | undefined {
    const hasImmediate = this.kind.shapes.some(({ kind }) => kind === "imm");
    return hasImmediate ? this.u64(MICRO_OP.immediate) : undefined;
  }

  addressMask(): void {
    this.b.i64(this.u64(MICRO_OP.addressMask));
  }

  nextRip(): void {
    this.b.i64(this.u64(MICRO_OP.next));
  }

  get knownStackMask(): bigint {
    return this.frame.guards.stackMask;
  }

  stackMask(): void {
    this.b.i64(this.frame.guards.stackMask);
  }

  // ------------------------------------------------------------------ registers

  readGpr(register: number, size: OperandSize): void {
    this.b.get(this.frame.register(register));
    if (size < 32 || (size === 32 && !this.frame.guards.narrow)) truncate(this.b, size);
  }

  writeGpr(register: number, size: OperandSize, value: number): void {
    this.writePart(register, size, 0, value);
  }

  /** `shift` is 8 for AH, CH, DH and BH. */
  private writePart(register: number, size: OperandSize, shift: 0 | 8, value: number): void {
    const { b, frame } = this;
    const local = frame.registerToWrite(register);
    if (size < 32) {
      const mask = maskOf(size) << BigInt(shift);
      b.get(local).i64(BigInt.asUintN(64, ~mask)).op("i64.and").get(value);
      if (shift > 0) b.i64(shift).op("i64.shl");
      b.op("i64.or");
    } else b.get(value);
    b.set(local);
  }

  /** Register and shift of register operand `i`. */
  private place(i: number): { register: number; shift: 0 | 8 } {
    const offset = this.u16(REGISTER_FIELDS[i]!);
    return { register: offset >> 3, shift: offset & 1 ? 8 : 0 };
  }

  read(i: number): void {
    const shape = this.shape(i);
    switch (shape.kind) {
      case "reg":
        this.readRegister(i, shape.size);
        break;
      case "imm":
        this.immediate();
        break;
      case "mem":
        this.load(shape.size, "own", () => {
          this.effectiveAddress(i);
        });
        break;
      case "address":
        this.effectiveAddress(i);
    }
  }

  private readRegister(i: number, size: OperandSize): void {
    const { register, shift } = this.place(i);
    if (shift === 0) this.readGpr(register, size);
    else truncate(this.b.get(this.frame.register(register)).i64(shift).op("i64.shr_u"), size);
  }

  write(i: number, value: number): void {
    const shape = this.shape(i);
    if (shape.kind === "reg") {
      const { register, shift } = this.place(i);
      this.writePart(register, shape.size, shift, value);
    } else if (shape.kind === "mem") {
      this.store(
        shape.size,
        "own",
        () => {
          this.effectiveAddress(i);
        },
        value,
      );
    } else throw new InvariantError(`${this.kind.key}: operand ${i} is not written`);
  }

  // ------------------------------------------------------------------ memory

  effectiveAddress(_i: number): void {
    const { b } = this;
    const base = this.u16(MICRO_OP.base);
    const index = this.u16(MICRO_OP.index);
    const displacement = this.u64(MICRO_OP.displacement);
    if (base === ZERO_SLOT) b.i64(displacement);
    else {
      b.get(this.frame.register(base >> 3));
      if (displacement !== 0n) b.i64(displacement).op("i64.add");
    }
    if (index !== ZERO_SLOT) {
      b.get(this.frame.register(index >> 3));
      const scale = this.view.getUint8(this.op.microOp + MICRO_OP.scale);
      if (scale > 0) b.i64(scale).op("i64.shl");
      b.op("i64.add");
    }
    this.maskAddress();
    if (this.extraOffset >= 0) {
      b.get(this.extraOffset).op("i64.add");
      this.maskAddress();
    }
  }

  private maskAddress(): void {
    if (this.u64(MICRO_OP.addressMask) === maskOf(64)) return;
    this.addressMask();
    this.b.op("i64.and");
  }

  /** Leaves the host address of segment:offset in frame.host, or leaves the region. */
  private hostAddress(
    size: OperandSize,
    choice: SegmentChoice,
    write: boolean,
    offset: () => void,
  ): void {
    const { b, frame } = this;
    const segment =
      choice === "own" ? this.view.getUint8(this.op.microOp + MICRO_OP.segment) : choice;
    const bytes = size / 8;
    const { va, host, guards } = frame;
    offset();
    b.set(va);
    if (!guards.isFlat(segment)) this.throughSegment(segment, bytes, write);
    b.get(va).op("i32.wrap_i64").i32(TLB_INDEX_SHIFT).op("i32.shr_u");
    b.i32(TLB_INDEX_MASK).op("i32.and").tee(host);
    b.mem("i64.load", guards.tlbBase + (write ? TLB_WRITE_TAG : 0)).get(va);
    if (bytes > 1) b.i64(bytes - 1).op("i64.add");
    b.i64(~0xfffn).op("i64.and", "i64.ne").if();
    // Filling the TLB here would cost more than it saves: V8 keeps registers free for a call that hardly ever happens.
    this.leaveHere();
    b.end();
    b.get(host).mem("i32.load", guards.tlbBase + TLB_DELTA);
    b.get(va).op("i32.wrap_i64", "i32.add").set(host);
  }

  /** va := linear address of offset va, within the segment's bounds. */
  private throughSegment(segment: number, bytes: number, write: boolean): void {
    const { b, frame } = this;
    const at = STATE.segments + segment * SEGMENT_STRIDE;
    b.get(frame.va)
      .i64(bytes - 1)
      .op("i64.add");
    b.i32(0).mem("i64.load", at + (write ? SEGMENT_WRITE_SIZE : SEGMENT_READ_SIZE));
    b.op("i64.ge_u").if();
    this.leaveHere();
    b.end();
    b.i32(0).mem("i64.load", at).get(frame.va).op("i64.add");
    b.i32(0).mem("i64.load", STATE.linearMask).op("i64.and").set(frame.va);
  }

  load(size: OperandSize, segment: SegmentChoice, offset: () => void): void {
    this.hostAddress(size, segment, false, offset);
    this.b.get(this.frame.host).mem(LOAD_OPS[size]);
  }

  store(size: OperandSize, segment: SegmentChoice, offset: () => void, value: number): void {
    this.hostAddress(size, segment, true, offset);
    this.b.get(this.frame.host).get(value).mem(STORE_OPS[size]);
  }

  protected readMemoryForUpdate(i: number, size: OperandSize): void {
    this.hostAddress(size, "own", true, () => {
      this.effectiveAddress(i);
    });
    this.b.get(this.frame.host).tee(this.frame.updateHost).mem(LOAD_OPS[size]);
  }

  protected writeMemoryUpdate(size: OperandSize, value: number): void {
    this.b.get(this.frame.updateHost).get(value).mem(STORE_OPS[size]);
  }

  multiplyHighUnsigned(): void {
    this.b.call(this.frame.multiplyHigh());
  }

  // ------------------------------------------------------------------ flags

  flagResult(): void {
    this.b.get(this.frame.flagResult);
  }

  flagAux(): void {
    this.settleFlags();
    this.b.get(this.frame.flagAux);
  }

  setFlagResult(push: () => void): void {
    push();
    this.b.set(this.frame.flagResult);
  }

  setFlagAux(push: () => void): void {
    push();
    this.b.set(this.frame.flagAux);
    this.frame.flags = "settled";
  }

  deferFlags(operation: FlagOperation): boolean {
    const { b, frame } = this;
    const { op, size, a, x, r } = operation;
    if (op === "inc" || op === "dec") pushCarry(this).set(frame.flagCarry);
    b.get(a).set(frame.flagA).get(x).set(frame.flagX).get(r).set(frame.flagR);
    frame.flags = { op, size, a: frame.flagA, x: frame.flagX, r: frame.flagR };
    return true;
  }

  settleFlags(): void {
    const { frame } = this;
    if (frame.flags === "settled") return;
    if (frame.flags === "unknown") frame.settleUnknown();
    else {
      pushAux(this.b, frame.flags, frame.flagCarry, this.t[5], this.n[3]);
      this.b.set(frame.flagAux);
    }
    frame.flags = "settled";
  }

  pushDeferredCondition(code: number): boolean {
    const { frame } = this;
    if (frame.flags === "settled") return false;
    const group = code >> 1;
    if (frame.flags === "unknown") {
      if (group !== CARRY) return false;
      frame.pushUnknownCarry();
    } else if (!this.pushCompared(frame.flags, group)) return false;
    if (code & 1) this.b.op("i32.eqz");
    return true;
  }

  /** A pair of condition codes from the operands that made the flags. */
  private pushCompared({ op, size, a, x, r }: FlagOperation, group: number): boolean {
    const { b, frame } = this;
    const signed = (local: number): FunctionBuilder => signExtend(b.get(local), size);
    if (group === CARRY && (op === "inc" || op === "dec")) b.get(frame.flagCarry);
    else if (group === CARRY && op === "add") b.get(r).get(a).op("i64.lt_u");
    else if (group === 4) b.get(frame.flagResult).i64(0).op("i64.lt_s");
    else if (op !== "sub") return false;
    else if (group === CARRY) b.get(a).get(x).op("i64.lt_u");
    else if (group === 3) b.get(a).get(x).op("i64.le_u");
    else if (group === 6 || group === 7) {
      signed(a);
      signed(x).op(group === 6 ? "i64.lt_s" : "i64.le_s");
    } else return false;
    return true;
  }

  // ------------------------------------------------------------------ where it goes on

  /** Leaves the region before this instruction; tier 0 executes it. */
  private leaveHere(): void {
    this.frame.leaveAt(this.op.microOp, this.position);
  }

  checkTarget(target: number): void {
    const { b, frame } = this;
    const { ipBias, ipLimit } = frame.guards;
    if (this.op.target !== undefined) {
      if (BigInt.asUintN(64, this.op.target + ipBias) > ipLimit) this.leaveHere();
      return;
    }
    b.get(target).i64(ipBias).op("i64.add").i64(ipLimit).op("i64.gt_u").if();
    this.leaveHere();
    b.end();
  }

  jump(target: number): void {
    const { frame } = this;
    frame.spend(this.position + 1);
    frame.noteFlags();
    if (this.op.target !== undefined) frame.goTo(this.op.target);
    else frame.goToLocal(target, this.kind.semantics === "ret_near");
  }

  done(): void {
    this.b.br(this.end);
  }

  bulk(): void {
    throw new InvariantError("repeated string instructions are not part of regions");
  }

  again(): void {
    throw new InvariantError("repeated string instructions are not part of regions");
  }

  raise(_vector: number): void {
    this.leaveHere();
  }
}
