/** Decoded code: micro-op records in the machine's memory, keyed by where the bytes lie and how they are read. */
import { decode } from "../codec/decode";
import type { DecodedOperand, Instruction } from "../codec/types";
import { isCpuAbort, type GuestFault } from "../cpu/abort";
import { ACCESS } from "../cpu/access";
import { hpaFor } from "../cpu/dataAccess";
import {
  LOOKUP_BASE,
  LOOKUP_BYTES,
  LOOKUP_ENTRIES,
  LOOKUP_STRIDE,
  MICRO_OP,
  MICRO_OPS_BASE,
  MICRO_OPS_MAX,
  MICRO_OP_BYTES,
  PENDING,
  STATE,
  ZERO_SLOT,
} from "../cpu/layout";
import { canonicalLinear, type Linear } from "../cpu/linear";
import { PAGE } from "../cpu/physicalMemory";
import type { Processor } from "../cpu/processor";
import { gp, ud } from "../cpu/abort";
import { HANDLER_BREAKPOINT, HANDLER_LINK, HANDLER_SYSTEM } from "./interpreterStatus";
import { microOpKind } from "./operandShapes";

const MAX_BLOCK = 48;
/** A block's key is an HPA (40 bits) and one of so many code modes. */
const MAX_CODE_MODES = 4096;

interface Block {
  readonly key: number;
  readonly microOp: number;
  /** HPA page. */
  readonly page: number;
  /** First byte within the page, and the byte after the last. */
  readonly from: number;
  readonly to: number;
  readonly rip: bigint;
}

const ENDS_BLOCK = new Set(["jmp_near", "call_near", "ret_near"]);

function offsetOf(operand: DecodedOperand): number {
  if (operand.kind !== "reg") return ZERO_SLOT;
  return operand.register * 8 + (operand.high ? 1 : 0);
}

function immediateOf(operand: DecodedOperand, instruction: Instruction, next: bigint): bigint {
  if (operand.kind === "imm") return (BigInt(operand.high) << 32n) | BigInt(operand.value >>> 0);
  if (operand.kind !== "rel") return 0n;
  const target = next + BigInt(operand.displacement);
  return BigInt.asUintN(instruction.bits === 64 ? 64 : instruction.operandSize, target);
}

/** Linear address of an instruction; undefined if not canonical. */
export function linearOf(cpu: Processor, rip: bigint): Linear | undefined {
  if (cpu.is64) return canonicalLinear(rip);
  return Number(BigInt.asUintN(32, cpu.cs.base + rip));
}

/** 64-byte chunks of a page. */
const CHUNKS = 64;

function cover(chunks: Uint8Array, { from, to }: Block): void {
  chunks.fill(1, from >> 6, ((to - 1) >> 6) + 1);
}

function coverageOf(blocks: readonly Block[]): Uint8Array {
  const chunks = new Uint8Array(CHUNKS);
  for (const block of blocks) cover(chunks, block);
  return chunks;
}

function covers(chunks: Uint8Array, from: number, to: number): boolean {
  for (let i = from >> 6; i <= (to - 1) >> 6; i++) if (chunks[i]) return true;
  return false;
}

/**
 * The code cache of tier 0. A block runs from its first instruction to the first transfer, system event, breakpoint or end of page; blocks of a page die
 * together when the page is written.
 */
export class BlockCache {
  private readonly view: DataView;
  private readonly lookup: Uint32Array;
  /** By code mode and HPA of the first byte; several where one place is reached at different addresses. */
  private blocks = new Map<number, Block[]>();
  /** Numbers of the ways in which bytes are read: size, CS base and limit. */
  private codeModes = new Map<number, Map<number, number>>();
  private codeModeCount = 0;
  private readonly byPage = new Map<number, Block[]>();
  /** By page: which 64-byte chunks hold decoded bytes. */
  private readonly chunks = new Map<number, Uint8Array>();
  private next = MICRO_OPS_BASE;
  /** Decoded instructions by the number of their micro-op; system events are executed from here. */
  private instructions: Instruction[] = [];
  /** Linear addresses that end a block with a breakpoint micro-op. */
  private breakpoints: ReadonlySet<bigint> = new Set();
  private readonly fetchBuffer = new Uint8Array(15);

  constructor(
    private readonly cpu: Processor,
    private readonly handlers: ReadonlyMap<string, number>,
  ) {
    this.view = new DataView(cpu.buffer);
    this.lookup = new Uint32Array(cpu.buffer, LOOKUP_BASE, LOOKUP_BYTES / 4);
    cpu.ram.onCodeWrite = (hpa, length) => {
      this.invalidate(hpa, length);
    };
  }

  /** The breakpoints in force; a change drops all blocks. */
  setBreakpoints(breakpoints: ReadonlySet<bigint>): void {
    if (breakpoints === this.breakpoints) return;
    const same =
      breakpoints.size === this.breakpoints.size &&
      [...breakpoints].every((address) => this.breakpoints.has(address));
    this.breakpoints = breakpoints;
    if (!same) this.clear();
  }

  /** Forgets everything: full cache, restored snapshot. */
  clear(): void {
    this.blocks = new Map();
    this.codeModes = new Map();
    this.codeModeCount = 0;
    for (const page of this.byPage.keys()) this.unguard(page);
    this.byPage.clear();
    this.chunks.clear();
    this.instructions = [];
    this.next = MICRO_OPS_BASE;
    this.lookup.fill(0);
  }

  private unguard(page: number): void {
    const { guards } = this.cpu.ram;
    guards[page] = guards[page]! & ~PAGE.code;
  }

  /** Drops the blocks that contain a written byte. Data beside code on a page costs a look, not a translation. */
  private invalidate(hpa: number, length: number): void {
    const page = Math.floor(hpa / 4096);
    const blocks = this.byPage.get(page);
    if (!blocks) return;
    const from = hpa % 4096;
    const to = from + length;
    const chunks = this.chunks.get(page);
    if (chunks && !covers(chunks, from, to)) return;
    const kept = blocks.filter((block) => block.to <= from || block.from >= to);
    if (kept.length === blocks.length) return;
    for (const block of blocks) {
      if (kept.includes(block)) continue;
      this.forget(block);
      this.dropLookup(block);
    }
    this.byPage.set(page, kept);
    this.chunks.set(page, coverageOf(kept));
    if (kept.length === 0) {
      this.byPage.delete(page);
      this.chunks.delete(page);
      this.unguard(page);
    }
    // The block that is running may be among the dropped ones: it must not run on.
    this.cpu.setPending(PENDING.leave);
  }

  private lookupIndex(rip: bigint): number {
    const mixed = BigInt.asUintN(32, rip ^ (rip >> 13n));
    return ((Number(mixed) & (LOOKUP_ENTRIES - 1)) * LOOKUP_STRIDE) / 4;
  }

  private dropLookup(block: Block): void {
    const i = this.lookupIndex(block.rip);
    if (this.lookup[i + 3] === block.microOp) this.lookup.fill(0, i, i + 4);
  }

  private enterLookup(rip: bigint, microOp: number): void {
    const i = this.lookupIndex(rip);
    this.lookup[i] = Number(rip & 0xffffffffn);
    this.lookup[i + 1] = Number(rip >> 32n);
    this.lookup[i + 2] = this.view.getUint32(STATE.context, true);
    this.lookup[i + 3] = microOp;
  }

  instructionOf(microOp: number): Instruction {
    return this.instructions[(microOp - MICRO_OPS_BASE) / MICRO_OP_BYTES]!;
  }

  /** True for a string instruction with a repeat prefix; false also where no instruction stands. */
  isRepeated(microOp: number): boolean {
    return (this.instructions[(microOp - MICRO_OPS_BASE) / MICRO_OP_BYTES]?.repeat ?? 0) !== 0;
  }

  /**
   * Makes the block at RIP known to the interpreter. `single`: exactly one instruction, without breakpoint, not kept.
   * Returns true if the block may be used for one instruction only and must then be dropped with `dropTransient`.
   * Throws a CpuAbort if the fetch faults.
   */
  prepare(single: boolean): boolean {
    const { cpu } = this;
    const full = MICRO_OPS_BASE + MICRO_OPS_MAX * MICRO_OP_BYTES;
    const isFull = this.next + (MAX_BLOCK + 2) * MICRO_OP_BYTES > full;
    if (isFull || this.codeModeCount > MAX_CODE_MODES) this.clear();
    const { rip } = cpu;
    const linear = this.fetchAddress(rip);
    const hpa = hpaFor(cpu, linear, this.access());
    if (single) {
      this.transient = {
        key: -1,
        page: -1,
        from: 0,
        to: 0,
        rip,
        microOp: this.build(rip, linear, 1, false),
      };
      this.enterLookup(rip, this.transient.microOp);
      return true;
    }
    const key = hpa + this.codeMode() * 2 ** 40;
    let block = this.blocks.get(key)?.find((candidate) => candidate.rip === rip);
    if (!block) {
      const microOp = this.build(rip, linear, MAX_BLOCK, true);
      const from = hpa % 4096;
      block = { key, microOp, page: Math.floor(hpa / 4096), from, to: from + this.builtBytes, rip };
      // An instruction across a page boundary lies on two pages: its block is not kept.
      if (this.crossed || !cpu.ram.isRam(hpa)) {
        this.transient = block;
        this.enterLookup(rip, block.microOp);
        return true;
      }
      this.keep(block);
    }
    this.enterLookup(rip, block.microOp);
    return false;
  }

  /** The number of the way in which code bytes are read now. */
  private codeMode(): number {
    const { cs, bits, realOrVirtual8086 } = this.cpu;
    const rules = cs.limit + 2 ** 32 * (bits + (realOrVirtual8086 ? 1 : 0));
    let byBase = this.codeModes.get(rules);
    if (!byBase) this.codeModes.set(rules, (byBase = new Map<number, number>()));
    const base = Number(cs.base);
    let mode = byBase.get(base);
    if (mode === undefined) byBase.set(base, (mode = this.codeModeCount++));
    return mode;
  }

  private forget(block: Block): void {
    const sharing = this.blocks.get(block.key)?.filter((other) => other !== block) ?? [];
    if (sharing.length === 0) this.blocks.delete(block.key);
    else this.blocks.set(block.key, sharing);
  }

  private transient: Block | undefined;

  /** Forgets the last block that `prepare` called transient, and its records. */
  dropTransient(): void {
    if (!this.transient) return;
    this.dropLookup(this.transient);
    this.next = this.transient.microOp;
    this.transient = undefined;
  }

  private keep(block: Block): void {
    const sharing = this.blocks.get(block.key);
    if (sharing) sharing.push(block);
    else this.blocks.set(block.key, [block]);
    const blocks = this.byPage.get(block.page);
    if (blocks) blocks.push(block);
    else this.byPage.set(block.page, [block]);
    const chunks = this.chunks.get(block.page) ?? new Uint8Array(CHUNKS);
    cover(chunks, block);
    this.chunks.set(block.page, chunks);
    const { guards } = this.cpu.ram;
    if (!(guards[block.page]! & PAGE.code)) {
      guards[block.page] = guards[block.page]! | PAGE.code;
      this.cpu.tlb.flushL0();
    }
  }

  /** Bytes of the instructions that `build` decoded last. */
  private builtBytes = 0;
  /** Set by `build` when its only instruction crosses into the next page. */
  private crossed = false;

  private fetchAddress(rip: bigint): Linear {
    const { cpu } = this;
    const linear = linearOf(cpu, rip);
    if (linear === undefined)
      throw gp(0, "instruction fetch from an address that is not canonical");
    if (!cpu.is64 && rip > BigInt(cpu.cs.limit))
      throw gp(0, "instruction fetch beyond the limit of CS");
    return linear;
  }

  /** Writes micro-ops from `rip` on; returns the address of the first. */
  private build(
    firstRip: bigint,
    firstLinear: Linear,
    max: number,
    withBreakpoints: boolean,
  ): number {
    const start = this.next;
    let rip = firstRip;
    let linear = firstLinear;
    this.crossed = false;
    for (let count = 0; count < max; count++) {
      if (withBreakpoints && this.breakpoints.has(BigInt.asUintN(64, BigInt(linear)))) {
        this.special(HANDLER_BREAKPOINT, rip);
        this.builtBytes = Math.max(1, linear - firstLinear);
        return start;
      }
      const instruction = this.fetch(linear, rip, count === 0);
      if (!instruction) break;
      const ends = this.append(instruction, rip);
      rip = this.after(rip, instruction);
      linear += instruction.length;
      if (ends || this.crossed || ((linear % 4096) + 4096) % 4096 === 0) break;
    }
    this.builtBytes = linear - firstLinear;
    this.special(HANDLER_LINK, rip);
    return start;
  }

  private after(rip: bigint, instruction: Instruction): bigint {
    const next = rip + BigInt(instruction.length);
    return BigInt.asUintN(instruction.bits === 64 ? 64 : 32, next);
  }

  /**
   * Decodes one instruction. Later instructions of a block stop it (undefined) instead of faulting or crossing a page; the first one faults as the
   * processor would.
   */
  private fetch(linear: Linear, rip: bigint, first: boolean): Instruction | undefined {
    const { cpu } = this;
    const offset = ((linear % 4096) + 4096) % 4096;
    const inPage = Math.min(15, 4096 - offset);
    const toLimit = cpu.is64 ? 15n : BigInt(cpu.cs.limit) - rip + 1n;
    const available = toLimit < BigInt(inPage) ? Number(toLimit) : inPage;
    let bytes: Uint8Array;
    try {
      bytes = this.read(linear, available);
    } catch (problem) {
      if (!first && isCpuAbort(problem)) return undefined;
      throw problem;
    }
    let result = decode(bytes, 0, cpu.bits);
    if ("failure" in result && result.failure === "truncated") {
      if (!first) return undefined;
      if (toLimit <= BigInt(available) && available < 15)
        throw gp(0, "the instruction runs beyond the limit of CS");
      this.crossed = true;
      const more = toLimit < 15n ? Number(toLimit) : 15;
      result = decode(this.readAcross(linear, available, more), 0, cpu.bits);
    }
    if (!("failure" in result)) return result;
    if (!first) return undefined;
    throw this.decodeFault(result.failure);
  }

  private decodeFault(failure: "truncated" | "invalid" | "too-long"): GuestFault {
    if (failure === "invalid") return ud("the bytes are not an instruction in this mode");
    return gp(
      0,
      failure === "too-long"
        ? "the instruction is longer than 15 bytes"
        : "the instruction runs beyond the limit of CS",
    );
  }

  private access(): number {
    return ACCESS.fetch | (this.cpu.cpl === 3 ? ACCESS.user : 0);
  }

  private read(linear: Linear, length: number): Uint8Array {
    const hpa = hpaFor(this.cpu, linear, this.access());
    const { fetchBuffer, cpu } = this;
    for (let i = 0; i < length; i++) fetchBuffer[i] = cpu.ram.read8(hpa + i);
    return fetchBuffer.subarray(0, length);
  }

  /** Bytes over a page boundary; the second page is fetched only as far as the instruction needs it. */
  private readAcross(linear: Linear, have: number, want: number): Uint8Array {
    const { fetchBuffer, cpu } = this;
    const second = cpu.is64 ? linear + have : (linear + have) % 2 ** 32;
    const hpa = hpaFor(cpu, second, this.access());
    for (let i = have; i < want; i++) fetchBuffer[i] = cpu.ram.read8(hpa + i - have);
    return fetchBuffer.subarray(0, want);
  }

  private special(handler: number, rip: bigint): void {
    const { view } = this;
    view.setUint16(this.next + MICRO_OP.handler, handler, true);
    view.setBigUint64(this.next + MICRO_OP.rip, rip, true);
    view.setBigUint64(this.next + MICRO_OP.next, rip, true);
    this.next += MICRO_OP_BYTES;
  }

  private handlerOf(instruction: Instruction): number {
    const { form } = instruction;
    const { model } = this.cpu;
    const kind = microOpKind(instruction);
    if (!kind) return HANDLER_SYSTEM;
    const absent = form.feature !== undefined && !model.features.has(form.feature);
    // Without their feature LZCNT and TZCNT are BSR and BSF behind a prefix that means nothing.
    const key = absent
      ? kind.key.replace(/^tzcnt\//, "bsf/").replace(/^lzcnt\//, "bsr/")
      : kind.key;
    if (absent && key === kind.key) return HANDLER_SYSTEM;
    return this.handlers.get(key) ?? HANDLER_SYSTEM;
  }

  /** Writes one record; true if the block ends with it. */
  private append(instruction: Instruction, rip: bigint): boolean {
    const { view } = this;
    const at = this.next;
    const next = this.after(rip, instruction);
    const handler = this.handlerOf(instruction);
    this.next += MICRO_OP_BYTES;
    new Uint8Array(view.buffer, at, MICRO_OP_BYTES).fill(0);
    view.setUint16(at + MICRO_OP.handler, handler, true);
    view.setUint8(at + MICRO_OP.length, instruction.length);
    view.setUint16(at + MICRO_OP.base, ZERO_SLOT, true);
    view.setUint16(at + MICRO_OP.index, ZERO_SLOT, true);
    view.setBigUint64(
      at + MICRO_OP.addressMask,
      (1n << BigInt(instruction.addressSize)) - 1n,
      true,
    );
    view.setBigUint64(at + MICRO_OP.rip, rip, true);
    view.setBigUint64(at + MICRO_OP.next, next, true);
    view.setUint8(
      at + MICRO_OP.segment,
      instruction.segmentPrefix >= 0 ? instruction.segmentPrefix : 3,
    );
    this.instructions[(at - MICRO_OPS_BASE) / MICRO_OP_BYTES] = instruction;
    this.appendOperands(instruction, at, next);
    return handler === HANDLER_SYSTEM || ENDS_BLOCK.has(instruction.form.semantics ?? "");
  }

  private appendOperands(instruction: Instruction, at: number, next: bigint): void {
    const { view } = this;
    const fields = [MICRO_OP.r0, MICRO_OP.r1, MICRO_OP.r2];
    instruction.operands.forEach((operand, i) => {
      if (i < 3) view.setUint16(at + fields[i]!, offsetOf(operand), true);
      if (operand.kind === "imm" || operand.kind === "rel") {
        view.setBigUint64(
          at + MICRO_OP.immediate,
          BigInt.asUintN(64, this.immediate(operand, instruction, next)),
          true,
        );
      }
      if (operand.kind !== "mem") return;
      view.setUint8(at + MICRO_OP.segment, operand.segment);
      if (operand.base >= 0) view.setUint16(at + MICRO_OP.base, operand.base * 8, true);
      if (operand.index >= 0) view.setUint16(at + MICRO_OP.index, operand.index * 8, true);
      view.setUint8(at + MICRO_OP.scale, Math.log2(operand.scale));
      const displacement =
        (BigInt(operand.displacementHigh) << 32n) +
        BigInt(operand.displacement >>> 0) +
        (operand.ripRelative ? next : 0n);
      view.setBigUint64(at + MICRO_OP.displacement, BigInt.asUintN(64, displacement), true);
    });
  }

  /** Immediates are stored truncated to the operation's width, so that emitted code need not. */
  private immediate(operand: DecodedOperand, instruction: Instruction, next: bigint): bigint {
    const value = immediateOf(operand, instruction, next);
    if (operand.kind === "rel") return value;
    const size = instruction.form.encoding.operandSize;
    return BigInt.asUintN(size === 0 ? 8 : size, value);
  }
}
