/** Stack accesses of system events: pushes are prepared on a copy of the stack pointer and committed at the end, so a fault changes nothing. */
import { AR } from "../isa/descriptors";
import { RSP, SS } from "../isa/registers";
import { ss as stackFault } from "./abort";
import { ACCESS } from "./access";
import { readLinear, segmentLinear, writeLinear } from "./dataAccess";
import { canonicalLinear } from "./linear";
import type { Processor } from "./processor";
import type { SegmentRegister } from "./systemState";

/** A stack that need not be the current one yet. */
export class StackFrame {
  private readonly mask: bigint;

  constructor(
    private readonly cpu: Processor,
    /** SS that it lies in. */
    private readonly ss: SegmentRegister,
    private pointer: bigint,
    /** CPL whose access rights apply. */
    private readonly cpl: number,
    private readonly is64: boolean,
  ) {
    this.mask = is64 ? 0xffffffffffffffffn : ss.ar & AR.DB ? 0xffffffffn : 0xffffn;
  }

  /** The current stack. */
  static current(cpu: Processor): StackFrame {
    return new StackFrame(cpu, cpu.ss, cpu.gpr(RSP), cpu.cpl, cpu.is64);
  }

  private linear(offset: bigint, bytes: number, write: boolean): number {
    if (this.is64) {
      const linear = canonicalLinear(offset);
      if (linear === undefined) throw stackFault(0, "the stack pointer is not canonical");
      return linear;
    }
    if (this.ss === this.cpu.ss) return segmentLinear(this.cpu, SS, offset, bytes, write);
    return this.linearInOther(offset, bytes);
  }

  /** Limit check of a stack segment that is not loaded yet. */
  private linearInOther(offset: bigint, bytes: number): number {
    const { limit, ar, base, selector } = this.ss;
    const at = Number(offset);
    const last = at + bytes - 1;
    const expandDown = (ar & 0xc) === 4;
    const top = ar & AR.DB ? 0xffffffff : 0xffff;
    const ok = expandDown ? at > limit && last <= top : last <= limit;
    if (!ok) throw stackFault(selector & 0xfffc, "the new stack is too small for the frame");
    return Number(BigInt.asUintN(32, base + offset));
  }

  private access(write: boolean): number {
    return (write ? ACCESS.write : 0) | (this.cpl === 3 ? ACCESS.user : 0);
  }

  push(bytes: 2 | 4 | 8, value: bigint): void {
    const next = (this.pointer - BigInt(bytes)) & this.mask;
    const linear = this.linear(next, bytes, true);
    writeLinear(this.cpu, linear, bytes, BigInt.asUintN(8 * bytes, value), this.access(true));
    this.pointer = (this.pointer & ~this.mask) | next;
  }

  pop(bytes: 2 | 4 | 8): bigint {
    const at = this.pointer & this.mask;
    const value = readLinear(this.cpu, this.linear(at, bytes, false), bytes, this.access(false));
    this.skip(bytes);
    return value;
  }

  skip(bytes: number): void {
    this.pointer = (this.pointer & ~this.mask) | ((this.pointer + BigInt(bytes)) & this.mask);
  }

  /** The pointer as it would be committed. */
  get top(): bigint {
    return this.pointer;
  }

  /** Makes the stack pointer the processor's; only the bits of the stack's width change. */
  commit(): void {
    const old = this.cpu.gpr(RSP);
    this.cpu.setGpr(RSP, (old & ~this.mask) | (this.pointer & this.mask));
  }
}
