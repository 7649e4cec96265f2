/** Stack accesses of system events: pushes are prepared on a copy of the stack pointer and committed at the end, so a fault changes nothing. */
import { AR } from "../isa/descriptors";
import { RSP, SS } from "../isa/registers";
import { ss as stackFault } from "./abort";
import { ACCESS } from "./access";
import { linearAt, readLinear, readLinear32, writeLinear, writeLinear32 } from "./dataAccess";
import { isCanonical, linear32 } from "./linear";
import type { Processor } from "./processor";
import type { SegmentRegister } from "./systemState";

const TWO_32 = 2 ** 32;
const TWO_16 = 2 ** 16;
/** Of a pointer in 64-bit mode: it faults before it wraps. */
const UNLIMITED = 0;

type Width = 2 | 4 | 8;

/** A stack that need not be the current one yet. */
export class StackFrame {
  private constructor(
    private readonly cpu: Processor,
    /** SS that it lies in. */
    private readonly ss: SegmentRegister,
    /** Stack pointer: in 64-bit mode signed (exact where it can be canonical), otherwise the bits under the stack's width. */
    private at: number,
    /** Where the pointer wraps. */
    private readonly size: number,
    /** ACCESS.user if the rights of CPL 3 apply. */
    private readonly user: number,
  ) {}

  /** The current stack. */
  static current(cpu: Processor): StackFrame {
    const { ss, cpl } = cpu;
    return cpu.is64
      ? StackFrame.in64Bit(cpu, cpu.gpr(RSP), cpl)
      : StackFrame.inRing(cpu, ss, cpu.gpr32(RSP), cpl);
  }

  /** A stack outside 64-bit mode, of a segment that need not be loaded yet. */
  static inRing(cpu: Processor, ss: SegmentRegister, pointer: number, ring: number): StackFrame {
    const wide = (ss.ar & AR.DB) !== 0;
    const at = wide ? pointer : pointer % TWO_16;
    return new StackFrame(cpu, ss, at, wide ? TWO_32 : TWO_16, ring === 3 ? ACCESS.user : 0);
  }

  static in64Bit(cpu: Processor, pointer: bigint, ring: number): StackFrame {
    const at = Number(BigInt.asIntN(64, pointer));
    return new StackFrame(cpu, cpu.ss, at, UNLIMITED, ring === 3 ? ACCESS.user : 0);
  }

  private moved(bytes: number): number {
    const to = this.at + bytes;
    if (this.size === UNLIMITED) return to;
    // A division costs more than the rest of a push.
    if (to < 0) return to + this.size;
    return to < this.size ? to : to - this.size;
  }

  private linear(at: number, bytes: number, write: boolean): number {
    if (this.size === UNLIMITED) {
      if (!isCanonical(at)) throw stackFault(0, "the stack pointer is not canonical");
      return at;
    }
    if (this.ss === this.cpu.ss) return linearAt(this.cpu, SS, at, bytes, write);
    return this.linearInOther(at, bytes);
  }

  /** Limit check of a stack segment that is not loaded yet. */
  private linearInOther(at: number, bytes: number): number {
    const { limit, ar, base, selector } = this.ss;
    const last = at + bytes - 1;
    const expandDown = (ar & 0xc) === 4;
    const top = ar & AR.DB ? 0xffffffff : 0xffff;
    const ok = expandDown ? at > limit && last <= top : last <= limit;
    if (!ok) throw stackFault(selector & 0xfffc, "the new stack is too small for the frame");
    return linear32(base, at);
  }

  push(bytes: Width, value: bigint): void {
    const next = this.moved(-bytes);
    const linear = this.linear(next, bytes, true);
    writeLinear(
      this.cpu,
      linear,
      bytes,
      BigInt.asUintN(8 * bytes, value),
      ACCESS.write | this.user,
    );
    this.at = next;
  }

  /** Pushes an unsigned number of 32 bits, cut or zero-extended. */
  push32(bytes: Width, value: number): void {
    const next = this.moved(-bytes);
    const linear = this.linear(next, bytes, true);
    writeLinear32(this.cpu, linear, bytes, value, ACCESS.write | this.user);
    this.at = next;
  }

  pop(bytes: Width): bigint {
    const linear = this.linear(this.at, bytes, false);
    const value = readLinear(this.cpu, linear, bytes, this.user);
    this.skip(bytes);
    return value;
  }

  /** The low 32 bits of what is popped. */
  pop32(bytes: Width): number {
    const linear = this.linear(this.at, bytes, false);
    const value = readLinear32(this.cpu, linear, bytes, this.user);
    this.skip(bytes);
    return value;
  }

  skip(bytes: number): void {
    this.at = this.moved(bytes);
  }

  /** The pointer as it would be committed to the current stack. */
  get top(): bigint {
    if (this.size === UNLIMITED) return BigInt.asUintN(64, BigInt(this.at));
    const bits = this.size === TWO_32 ? 32n : 16n;
    return ((this.cpu.gpr(RSP) >> bits) << bits) | BigInt(this.at);
  }

  /** Makes the stack pointer the processor's; only the bits of the stack's width change. */
  commit(): void {
    const { cpu, at } = this;
    if (this.size === UNLIMITED) cpu.setGpr(RSP, BigInt(at));
    else if (this.size === TWO_32) cpu.view.setUint32(RSP * 8, at, true);
    else cpu.view.setUint16(RSP * 8, at, true);
  }

  /** The same for a stack that becomes the current one: a 32-bit pointer clears the upper half, one of 16 bits keeps the rest. */
  commitAsNew(): void {
    this.commit();
    if (this.size === TWO_32) this.cpu.view.setUint32(RSP * 8 + 4, 0, true);
  }
}
