/** Stack accesses of system events: pushes are prepared on a copy of the stack pointer and committed at the end, so a fault changes nothing. */
import { AR } from "../isa/descriptors";
import { RSP, SS } from "../isa/registers";
import { ss as stackFault } from "./abort";
import { ACCESS } from "./access";
import { linearAt, readLinear, writeLinear } from "./dataAccess";
import { isCanonical, linear32 } from "./linear";
import type { Processor } from "./processor";
import type { SegmentRegister } from "./systemState";

const TWO_32 = 2 ** 32;

/** A stack that need not be the current one yet. */
export class StackFrame {
  /**
   * Stack pointer: in 64-bit mode signed (exact where it can be canonical), otherwise the bits under the stack's width.
   */
  private at: number;
  /** Bits of the pointer beyond the stack's width: they stay. */
  private readonly beyond: bigint;
  /** Where the pointer wraps; 0 in 64-bit mode, where it faults before. */
  private readonly size: number;

  constructor(
    private readonly cpu: Processor,
    /** SS that it lies in. */
    private readonly ss: SegmentRegister,
    pointer: bigint,
    /** CPL whose access rights apply. */
    private readonly cpl: number,
    private readonly is64: boolean,
  ) {
    const bits = is64 ? 64 : ss.ar & AR.DB ? 32 : 16;
    this.size = is64 ? 0 : 2 ** bits;
    this.at = Number(is64 ? BigInt.asIntN(64, pointer) : BigInt.asUintN(bits, pointer));
    this.beyond = is64 || pointer < this.size ? 0n : (pointer >> BigInt(bits)) << BigInt(bits);
  }

  /** The current stack. */
  static current(cpu: Processor): StackFrame {
    return new StackFrame(cpu, cpu.ss, cpu.gpr(RSP), cpu.cpl, cpu.is64);
  }

  private moved(bytes: number): number {
    const to = this.at + bytes;
    if (this.is64) return to;
    return to < 0 ? to + this.size : to % this.size;
  }

  private linear(at: number, bytes: number, write: boolean): number {
    if (this.is64) {
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

  private access(write: boolean): number {
    return (write ? ACCESS.write : 0) | (this.cpl === 3 ? ACCESS.user : 0);
  }

  push(bytes: 2 | 4 | 8, value: bigint): void {
    const next = this.moved(-bytes);
    const linear = this.linear(next, bytes, true);
    writeLinear(this.cpu, linear, bytes, BigInt.asUintN(8 * bytes, value), this.access(true));
    this.at = next;
  }

  pop(bytes: 2 | 4 | 8): bigint {
    const linear = this.linear(this.at, bytes, false);
    const value = readLinear(this.cpu, linear, bytes, this.access(false));
    this.skip(bytes);
    return value;
  }

  skip(bytes: number): void {
    this.at = this.moved(bytes);
  }

  /** The pointer as it would be committed. */
  get top(): bigint {
    return this.is64 ? BigInt.asUintN(64, BigInt(this.at)) : this.beyond | BigInt(this.at);
  }

  /** Makes the stack pointer the processor's; only the bits of the stack's width change. */
  commit(): void {
    const { cpu } = this;
    if (this.is64) cpu.setGpr(RSP, this.top);
    else {
      const bits = this.size === TWO_32 ? 32n : 16n;
      cpu.setGpr(RSP, ((cpu.gpr(RSP) >> bits) << bits) | BigInt(this.at));
    }
  }
}
