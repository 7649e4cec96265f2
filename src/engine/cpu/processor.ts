import { AR } from "../isa/descriptors";
import { CS, FS, GS, SS, type SegmentIndex } from "../isa/registers";
import type { Bits, OperandSize } from "../isa/types";
import type { Instruction } from "../codec/types";
import type { CpuAbort } from "./abort";
import type { CpuModel } from "./cpuModel";
import { DecodedTables } from "./decodedTables";
import type { DeliveredEvent } from "./event";
import { FetchContexts } from "./fetchContexts";
import {
  PENDING,
  SEGMENT_READ_SIZE,
  SEGMENT_STRIDE,
  SEGMENT_WRITE_SIZE,
  STATE,
  TLB_NONE,
  TLB_SUPERVISOR,
  TLB_USER,
} from "./layout";
import { pageOf, type Linear } from "./linear";
import type { ObservedEvent } from "./observation";
import { NoLocalApic, type LocalApicPort } from "./localApicPort";
import type { PhysicalMemory } from "./physicalMemory";
import {
  CR0,
  CR4,
  EFER,
  RFLAGS,
  resetState,
  type SegmentRegister,
  type SystemState,
} from "./systemState";
import { Tlb } from "./tlb";

/** Port space as the processor sees it. */
export interface Ports {
  read(port: number, size: 1 | 2 | 4): number;
  write(port: number, size: 1 | 2 | 4, value: number): void;
}

/** The INTR pin with its controller. */
export interface InterruptSource {
  /** Level of the pin. */
  readonly pending: boolean;
  /** INTA cycle: the vector. */
  acknowledge(): number;
}

/** A debugger's interest in data accesses outside the fast path; it never changes the machine. */
export interface DataWatcher {
  /** `hpa` is undefined for accesses that cross a page. `value` is what a write stores. */
  access(
    linear: Linear,
    hpa: number | undefined,
    bytes: number,
    write: boolean,
    value: bigint | undefined,
  ): void;
}

const ARITHMETIC = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;
/** Pages below address bit 20. */
const A20_FRAMES = 0x100;
const ALL_ONES = 0xffffffffffffffffn;

/** True if what the interpreter runs on is the same for both: it does not depend on selector and privilege. */
function derivesAlike(a: SegmentRegister, b: SegmentRegister): boolean {
  return a.base === b.base && a.limit === b.limit && ((a.ar ^ b.ar) & ~AR.DPL) === 0;
}

/**
 * One logical processor: its state and the derived values that the interpreter runs on. What instructions and events do to it is in the other
 * files of this folder; who drives it is in execution/.
 */
export class Processor {
  readonly registers: BigUint64Array;
  readonly view: DataView;
  readonly tlb: Tlb;
  readonly decoded = new DecodedTables();
  system: SystemState = resetState();
  /** Retired instructions: the machine's clock. */
  ticks = 0;
  /** Events delivered through the IDT so far. */
  deliveries = 0;
  /** Set by slow paths inside the interpreter; taken by whoever runs it. */
  pendingAbort: CpuAbort | undefined;
  private readonly contexts: FetchContexts;
  /** What the derived segments and masks were made from; segment registers are replaced, never changed in place. */
  private readonly derivedFrom: (SegmentRegister | undefined)[] = [];
  private derivedMode = -1;
  /** RFLAGS.AC as the supervisor's part of the interpreter's TLB was filled with, under SMAP. */
  private smapOverride = false;
  /** Level of the A20M# pin: false while it holds bit 20 of every physical address at 0. */
  a20 = true;
  /** Told about everything that a debugger may want to stop at. */
  observe: (event: ObservedEvent) => void = () => undefined;
  /** Called when an event has been delivered through the IDT. */
  delivered: ((event: DeliveredEvent) => void) | undefined;
  /** Asked before an instruction with system semantics; what it returns is called once the instruction has completed. */
  systemEventWatcher: ((instruction: Instruction) => (() => void) | undefined) | undefined;
  dataWatcher: DataWatcher | undefined;
  /** A watchpoint has no known place: no access may take the fast path. */
  watchEverything = false;
  ports: Ports = { read: (_port, size) => 2 ** (8 * size) - 1, write: () => undefined };
  interrupts: InterruptSource = { pending: false, acknowledge: () => 0xff };
  localApic: LocalApicPort = new NoLocalApic(this);
  /**
   * True while the interpreter runs several instructions: `ticks` is that of the first. Devices in memory need the exact one, so an access to them ends the
   * run before its instruction (see `RunAlone`).
   */
  isAhead = false;

  constructor(
    readonly buffer: ArrayBuffer,
    readonly ram: PhysicalMemory,
    readonly model: CpuModel,
  ) {
    this.registers = new BigUint64Array(buffer, 0, 17);
    this.view = new DataView(buffer, 0, 0x1000);
    this.tlb = new Tlb(buffer);
    this.contexts = new FetchContexts(buffer);
    this.refresh();
  }

  // ------------------------------------------------------------------ registers

  /** A general register by number, zero-extended from its low `size` bits. */
  gpr(register: number, size: OperandSize = 64): bigint {
    return size === 64
      ? this.registers[register]!
      : BigInt.asUintN(size, this.registers[register]!);
  }

  /** The low 32 bits, unsigned. */
  gpr32(register: number): number {
    return this.view.getUint32(register * 8, true);
  }

  /** 32-bit writes zero-extend, 8 and 16 keep the rest. */
  setGpr(register: number, value: bigint, size: OperandSize = 64): void {
    if (size >= 32) this.registers[register] = BigInt.asUintN(size, value);
    else if (size === 16)
      this.view.setUint16(register * 8, Number(BigInt.asUintN(16, value)), true);
    else this.view.setUint8(register * 8, Number(BigInt.asUintN(8, value)));
  }

  get rip(): bigint {
    return this.view.getBigUint64(STATE.rip, true);
  }

  set rip(value: bigint) {
    this.view.setBigUint64(STATE.rip, BigInt.asUintN(64, value), true);
  }

  /** Moves RIP behind an instruction that has completed; it wraps at 32 bits outside 64-bit mode, and in 16-bit code too. */
  advance({ length, bits }: { readonly length: number; readonly bits: Bits }): void {
    const { view } = this;
    const low = view.getUint32(STATE.rip, true) + length;
    view.setUint32(STATE.rip, low, true);
    if (low > 0xffffffff && bits === 64)
      view.setUint32(STATE.rip + 4, view.getUint32(STATE.rip + 4, true) + 1, true);
  }

  /** RFLAGS; bit 1 reads as one. */
  get rflags(): number {
    const aux = this.view.getInt32(STATE.flagAux, true);
    const low = this.view.getUint32(STATE.flagResult, true);
    const high = this.view.getInt32(STATE.flagResult + 4, true);
    let parity = (low ^ (aux >>> 8)) & 0xff;
    parity ^= parity >>> 4;
    parity ^= parity >>> 2;
    parity ^= parity >>> 1;
    const carry = aux >>> 31;
    const sign = (high >>> 31) ^ (aux & 1);
    return (
      this.flagSystem |
      2 |
      carry |
      (parity & 1 ? 0 : RFLAGS.PF) |
      (aux & 8 ? RFLAGS.AF : 0) |
      (low === 0 && high === 0 ? RFLAGS.ZF : 0) |
      (sign ? RFLAGS.SF : 0) |
      (carry !== ((aux >>> 30) & 1) ? RFLAGS.OF : 0)
    );
  }

  set rflags(value: number) {
    const carry = value & RFLAGS.CF ? 1 : 0;
    const overflow = value & RFLAGS.OF ? 1 : 0;
    const aux =
      (carry << 31) |
      ((carry ^ overflow) << 30) |
      (value & RFLAGS.PF ? 0 : 0x100) |
      (value & RFLAGS.AF ? 8 : 0) |
      (value & RFLAGS.SF ? 1 : 0);
    this.view.setInt32(STATE.flagAux, aux, true);
    this.view.setBigUint64(STATE.flagResult, value & RFLAGS.ZF ? 0n : 0x100n, true);
    this.flagSystem = value & ~ARITHMETIC & ~2;
  }

  /** RFLAGS without the arithmetic flags. */
  get flagSystem(): number {
    return this.view.getInt32(STATE.flagSystem, true);
  }

  set flagSystem(value: number) {
    this.view.setInt32(STATE.flagSystem, value, true);
  }

  segment(index: SegmentIndex): SegmentRegister {
    return this.system.segments[index]!;
  }

  get cs(): SegmentRegister {
    return this.segment(CS);
  }

  get ss(): SegmentRegister {
    return this.segment(SS);
  }

  get cpl(): number {
    return this.system.cpl;
  }

  get iopl(): number {
    return (this.flagSystem >> 12) & 3;
  }

  // ------------------------------------------------------------------ modes

  get protectedMode(): boolean {
    return (this.system.cr0 & CR0.PE) !== 0;
  }

  get paging(): boolean {
    return (this.system.cr0 & CR0.PG) !== 0;
  }

  get virtual8086(): boolean {
    return this.protectedMode && (this.flagSystem & RFLAGS.VM) !== 0;
  }

  /** Real-address mode or virtual-8086 mode. */
  get realOrVirtual8086(): boolean {
    return !this.protectedMode || this.virtual8086;
  }

  /** IA-32e mode: IA32_EFER.LMA. */
  get longMode(): boolean {
    return (this.system.efer & EFER.LMA) !== 0;
  }

  /** IA-32e mode with a 64-bit code segment. */
  get is64(): boolean {
    return this.longMode && (this.cs.ar & AR.L) !== 0;
  }

  get bits(): Bits {
    if (this.is64) return 64;
    return this.cs.ar & AR.DB ? 32 : 16;
  }

  // ------------------------------------------------------------------ derived state

  /** Recomputes what the interpreter runs on. Call after any change of segments, control registers, CPL or RFLAGS.VM. */
  refresh(): void {
    const is64 = this.is64;
    const mode = is64 ? 2 : this.realOrVirtual8086 ? 1 : 0;
    let changed = false;
    for (let i = 0; i < 6; i++) {
      const segment = this.system.segments[i]!;
      const last = this.derivedFrom[i];
      if (mode === this.derivedMode && last === segment) continue;
      this.derivedFrom[i] = segment;
      if (mode === this.derivedMode && last && derivesAlike(last, segment)) continue;
      this.refreshSegment(i as SegmentIndex, is64);
      changed = true;
    }
    this.derivedMode = mode;
    if (changed) this.refreshMasks(is64);
    this.refreshFlags();
    this.refreshContext();
  }

  private refreshMasks(is64: boolean): void {
    const { view } = this;
    view.setBigUint64(STATE.linearMask, is64 ? ALL_ONES : 0xffffffffn, true);
    view.setBigUint64(
      STATE.stackMask,
      is64 ? ALL_ONES : this.ss.ar & AR.DB ? 0xffffffffn : 0xffffn,
      true,
    );
    view.setBigUint64(STATE.ipBias, is64 ? 1n << 47n : 0n, true);
    view.setBigUint64(STATE.ipLimit, is64 ? (1n << 48n) - 1n : BigInt(this.cs.limit), true);
  }

  /** The part of `refresh` that depends on RFLAGS.AC: enough after an instruction that changes flags only. */
  refreshFlags(): void {
    this.view.setUint32(STATE.tlbBase, this.tlbInForce(), true);
    if (!(this.system.cr4 & CR4.SMAP) || this.cpl === 3) return;
    const override = (this.flagSystem & RFLAGS.AC) !== 0;
    // With AC set, user pages have become reachable: that must end with it.
    if (this.smapOverride && !override) this.tlb.flushL0();
    this.smapOverride = override;
  }

  private refreshSegment(index: SegmentIndex, is64: boolean): void {
    const at = STATE.segments + index * SEGMENT_STRIDE;
    const { view } = this;
    const segment = this.segment(index);
    const [read, write] = is64 ? [ALL_ONES, ALL_ONES] : this.segmentBounds(segment);
    const flat = is64 && index !== FS && index !== GS;
    view.setBigUint64(at, flat ? 0n : BigInt.asUintN(64, segment.base), true);
    view.setBigUint64(at + SEGMENT_READ_SIZE, read, true);
    view.setBigUint64(at + SEGMENT_WRITE_SIZE, write, true);
    const whole = is64 ? ALL_ONES : 1n << 32n;
    const isFlat = read === whole && write === whole && (flat || segment.base === 0n);
    const others = view.getUint32(STATE.flatSegments, true) & ~(1 << index);
    view.setUint32(STATE.flatSegments, others | (isFlat ? 1 << index : 0), true);
  }

  /** Bytes from offset 0 for reads and for writes. SDM Vol. 3A, "Limit Checking" and "Type Checking". */
  private segmentBounds({ ar, limit }: SegmentRegister): [bigint, bigint] {
    if (ar & AR.UNUSABLE || !(ar & AR.P)) return [0n, 0n];
    const size = BigInt(limit) + 1n;
    if (this.realOrVirtual8086) return [size, size];
    const isCode = (ar & 8) !== 0;
    // A segment that expands down has none at offset 0.
    if (!isCode && (ar & 4) !== 0) return [0n, 0n];
    const readable = !isCode || (ar & 2) !== 0;
    const writable = !isCode && (ar & 2) !== 0;
    return [readable ? size : 0n, writable ? size : 0n];
  }

  /** Accesses that may need more than a translation get a TLB that never hits. */
  private tlbInForce(): number {
    if (this.alignmentChecking || this.dataBreakpointsEnabled || this.watchEverything)
      return TLB_NONE;
    return this.cpl === 3 ? TLB_USER : TLB_SUPERVISOR;
  }

  /** SDM Vol. 3A, "Interrupt 17—Alignment Check Exception (#AC)". */
  get alignmentChecking(): boolean {
    return (
      this.cpl === 3 && (this.system.cr0 & CR0.AM) !== 0 && (this.flagSystem & RFLAGS.AC) !== 0
    );
  }

  /** A DR7-enabled breakpoint on data or I/O. */
  get dataBreakpointsEnabled(): boolean {
    const { dr7 } = this.system;
    for (let i = 0; i < 4; i++) {
      if ((dr7 >>> (2 * i)) & 3 && (dr7 >>> (16 + 4 * i)) & 3) return true;
    }
    return false;
  }

  private refreshContext(): void {
    const kind = this.virtual8086 ? 2 : this.protectedMode ? 1 : 0;
    const mode = 2 * kind + (this.cpl === 3 ? 1 : 0) + (this.longMode ? 6 : 0);
    this.view.setUint32(STATE.context, this.contexts.context(this.cs, mode), true);
  }

  /** SDM Vol. 3A, "Translation Lookaside Buffers": translations are cached as the bus sees them, so they go when the pin changes. */
  setA20(level: boolean): void {
    if (level === this.a20) return;
    this.a20 = level;
    this.tlb.flushAll();
    this.translationChanged();
  }

  /** The page that the bus sees: A20M# masks bit 20 of the address. */
  busFrame(frame: number): number {
    return this.a20 || (Math.floor(frame / A20_FRAMES) & 1) === 0 ? frame : frame - A20_FRAMES;
  }

  /** Instruction fetch may now see other bytes at the same address: CR3, mode, VM transitions. */
  translationChanged(): void {
    this.contexts.nextGeneration();
    this.refreshContext();
  }

  /** A block that begins at this address can be looked up. */
  noteFetch(linear: Linear): void {
    this.contexts.notePage(pageOf(linear));
  }

  /** INVLPG: the page's translation is no longer cached, nor those of a large page around it. */
  invalidatePage(linear: Linear): void {
    const page = pageOf(linear);
    const alone = this.tlb.flushPage(page);
    if (!alone || this.contexts.hasPage(page)) this.translationChanged();
  }

  // ------------------------------------------------------------------ aborts

  /** Records an abort from within a slow path called by the interpreter. */
  abort(cause: CpuAbort): void {
    this.pendingAbort = cause;
    this.setPending(PENDING.abort);
  }

  setPending(bit: number): void {
    this.view.setUint32(STATE.pending, this.view.getUint32(STATE.pending, true) | bit, true);
  }

  clearPending(): void {
    this.view.setUint32(STATE.pending, 0, true);
  }

  /** Time-stamp counter. */
  get tsc(): bigint {
    return BigInt.asUintN(64, BigInt(this.ticks) + this.system.msrs.tscOffset);
  }
}
