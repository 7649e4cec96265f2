/** The code cache of tier 0: fetches, decodes, and tells the interpreter where the micro-ops of an address are. */
import { decode } from "../codec/decode";
import type { Instruction } from "../codec/types";
import { gp, isCpuAbort, ud, type GuestFault } from "../cpu/abort";
import { ACCESS } from "../cpu/access";
import { hpaFor } from "../cpu/dataAccess";
import {
  LOOKUP_BASE,
  LOOKUP_BYTES,
  LOOKUP_ENTRIES,
  LOOKUP_STRIDE,
  PENDING,
  STATE,
} from "../cpu/layout";
import { isCanonical, linear32, linearOfHalves, linearToBigInt, type Linear } from "../cpu/linear";
import type { Processor } from "../cpu/processor";
import { CodeIndex, type Block, type Halves, type Part, type Region } from "./codeIndex";
import { InstructionMemo } from "./instructionMemo";
import { HANDLER_BREAKPOINT, HANDLER_LINK, HOT } from "./interpreterStatus";
import { MicroOpWriter, nextInstruction } from "./microOpWriter";
import type { RegionTable } from "./regions/regionTable";

const MAX_BLOCK = 48;
/** Bytes of an instruction. */
const LONGEST = 15;
/** Room for the blocks of a region and its entry records. */
const REGION_RECORDS = 4096;
/** Regions of a page that may be dropped because their code was written. */
const MAX_CHANGES = 16;

function halvesOf(rip: bigint): Halves {
  return {
    ripLow: Number(BigInt.asUintN(32, rip)),
    ripHigh: Number(BigInt.asUintN(32, rip >> 32n)),
  };
}

/** Linear address of an instruction; undefined if not canonical. */
function linearOf(cpu: Processor, { ripLow, ripHigh }: Halves): Linear | undefined {
  if (!cpu.is64) return linear32(cpu.cs.base, ripLow);
  const linear = linearOfHalves(ripLow, ripHigh);
  return isCanonical(linear) ? linear : undefined;
}

/**
 * A block runs from its first instruction to the first transfer, system event, breakpoint or end of page. An instruction that crosses into another page is
 * a block of its own.
 */
export class BlockCache {
  private readonly lookup: Uint32Array;
  private readonly index: CodeIndex;
  private readonly writer: MicroOpWriter;
  /** Linear addresses that end a block with a breakpoint micro-op. */
  private breakpoints: ReadonlySet<bigint> = new Set();
  private readonly fetchBuffer = new Uint8Array(LONGEST);
  private readonly memo = new InstructionMemo();
  /** Look-ups after which a block gets a region, at most HOT; "never" leaves everything to tier 0. Results do not depend on it. */
  hotAfter: number | "never" = HOT;
  /** How often code was written under a region, by HPA page: where that goes on, tier 0 is faster than compiling again. */
  private readonly changes = new Map<number, number>();
  /** Regions compiled so far. */
  regionCount = 0;
  /** A block that is in the look-up table but not in the index. */
  private transient: Block | undefined;
  /** RIP, for look-ups. */
  private readonly currentRip = { ripLow: 0, ripHigh: 0 };
  /** Whether the last fetch came from RAM. */
  private fetchedFromRam = true;
  /** Bytes of the instructions that `decodeFrom` decoded last. */
  private builtBytes = 0;
  /** Set by `decodeFrom` when its only instruction crosses into another page: HPA number of that page. */
  private secondPage: number | undefined;

  constructor(
    private readonly cpu: Processor,
    handlers: ReadonlyMap<string, number>,
    private readonly regions: RegionTable,
  ) {
    this.lookup = new Uint32Array(cpu.buffer, LOOKUP_BASE, LOOKUP_BYTES / 4);
    this.index = new CodeIndex(cpu);
    this.writer = new MicroOpWriter(cpu, handlers);
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
    this.index.clear();
    this.writer.clear();
    this.regions.clear();
    this.changes.clear();
    this.lookup.fill(0);
  }

  private invalidate(hpa: number, length: number): void {
    const dropped = this.index.drop(hpa, length);
    for (const block of dropped) this.unlink(block);
    // The block that is running may be among them: it must not run on.
    if (dropped.length > 0) this.cpu.setPending(PENDING.leave);
  }

  /** Makes the interpreter forget a block, and the regions that it is part of. */
  private unlink(block: Block): void {
    this.dropLookup(block);
    const page = block.parts[0]?.page ?? -1;
    for (const region of block.regions) {
      this.dropRegion(region);
      this.changes.set(page, (this.changes.get(page) ?? 0) + 1);
    }
  }

  private dropRegion(region: Region): void {
    for (const entry of region.entries) {
      this.dropLookup(entry);
      entry.entry = entry.microOp;
    }
    for (const block of region.blocks)
      block.regions = block.regions.filter((other) => other !== region);
    this.regions.release(region.number);
  }

  private lookupIndex({ ripLow, ripHigh }: Halves): number {
    const mixed = ripLow ^ ((ripLow >>> 13) | (ripHigh << 19));
    return ((mixed & (LOOKUP_ENTRIES - 1)) * LOOKUP_STRIDE) / 4;
  }

  private dropLookup(block: Block): void {
    const i = this.lookupIndex(block);
    if (this.lookup[i + 3] === block.entry) this.lookup.fill(0, i, i + 4);
  }

  private enterLookup(block: Block): void {
    const i = this.lookupIndex(block);
    this.lookup[i] = block.ripLow;
    this.lookup[i + 1] = block.ripHigh;
    this.lookup[i + 2] = this.cpu.view.getUint32(STATE.context, true);
    this.lookup[i + 3] = block.entry;
  }

  instructionOf(microOp: number): Instruction {
    return this.writer.instructionAt(microOp)!;
  }

  /** True for a string instruction with a repeat prefix; false also where no instruction stands. */
  isRepeated(microOp: number): boolean {
    return (this.writer.instructionAt(microOp)?.repeat ?? 0) !== 0;
  }

  /**
   * Makes the block at RIP known to the interpreter. `single`: exactly one instruction, without breakpoint, not kept.
   * Returns true if the block may be used for one instruction only and must then be dropped with `dropTransient`.
   * Throws a CpuAbort if the fetch faults.
   */
  prepare(single: boolean): boolean {
    const { cpu, index } = this;
    if (!this.writer.hasRoom(MAX_BLOCK + 2) || index.isFull) this.clear();
    const { view } = cpu;
    const rip = this.currentRip;
    rip.ripLow = view.getUint32(STATE.rip, true);
    rip.ripHigh = view.getUint32(STATE.rip + 4, true);
    const linear = this.fetchAddress(rip);
    const hpa = hpaFor(cpu, linear, this.access());
    if (single) {
      const microOp = this.decodeFrom(cpu.rip, linear, hpa, 1, false);
      return this.enterTransient(this.newBlock(-1, cpu.rip, microOp, []));
    }
    const key = index.key(hpa);
    let block = index.find(key, rip);
    if (block && !this.stillWhole(block, linear)) {
      index.forget(block);
      this.unlink(block);
      block = undefined;
    }
    if (!block) {
      block = this.build(key, cpu.rip, linear, hpa);
      if (!this.keep(block)) return this.enterTransient(block);
    }
    cpu.noteFetch(linear);
    if (block.parts.length > 1) cpu.noteFetch(this.nextPage(linear));
    this.enterLookup(block);
    return false;
  }

  private newBlock(key: number, rip: bigint, microOp: number, parts: readonly Part[]): Block {
    const { ripLow, ripHigh } = halvesOf(rip);
    return { key, rip, ripLow, ripHigh, microOp, entry: microOp, regions: [], parts };
  }

  /** The whole block at an address, not yet known to anyone. */
  private build(key: number, rip: bigint, linear: Linear, hpa: number): Block {
    const microOp = this.decodeFrom(rip, linear, hpa, MAX_BLOCK, true);
    return this.newBlock(key, rip, microOp, this.partsOf(hpa));
  }

  /** Puts a block into the index, where it can become hot; false if it is not in RAM and its bytes may change unseen. */
  private keep(block: Block): boolean {
    if (!block.parts.every(({ page }) => this.cpu.ram.isRam(page * 4096))) return false;
    this.index.keep(block);
    this.writer.setHeat(block.microOp, this.hotAfter === "never" ? HOT + 1 : HOT - this.hotAfter);
    return true;
  }

  /** Compiles the region around RIP, whose block has become hot. */
  makeRegion(): void {
    const { cpu, regions, writer } = this;
    if (regions.isFull) this.clear();
    if (!writer.hasRoom(REGION_RECORDS)) return;
    const entry = this.plainBlock(cpu.rip);
    if (!entry || this.changesOften(entry)) return;
    const blocks = new Map([[cpu.rip, entry]]);
    const compiled = regions.compile(cpu.rip, (rip) => {
      const block = blocks.get(rip) ?? this.plainBlock(rip);
      if (block) blocks.set(rip, block);
      return block?.microOp;
    });
    if (!compiled) return;
    this.regionCount++;
    const entries = compiled.entries.map((rip) => blocks.get(rip)!);
    const region: Region = { number: compiled.number, entries, blocks: [...blocks.values()] };
    for (const block of region.blocks) block.regions = [...block.regions, region];
    entries.forEach((block, entry) => {
      this.dropLookup(block);
      block.entry = writer.regionCall(block.rip, block.microOp, region.number, entry);
      this.enterLookup(block);
    });
  }

  private changesOften({ parts }: Block): boolean {
    return (this.changes.get(parts[0]!.page) ?? 0) >= MAX_CHANGES;
  }

  /** The block at an address of the page that is being executed; undefined if it cannot be kept. */
  private plainBlock(rip: bigint): Block | undefined {
    const halves = halvesOf(rip);
    const linear = linearOf(this.cpu, halves);
    if (linear === undefined) return undefined;
    try {
      const hpa = hpaFor(this.cpu, linear, this.access());
      const key = this.index.key(hpa);
      const known = this.index.find(key, halves);
      if (known) return known.parts.length === 1 ? known : undefined;
      const block = this.build(key, rip, linear, hpa);
      return block.parts.length === 1 && this.keep(block) ? block : undefined;
    } catch (problem) {
      if (isCpuAbort(problem)) return undefined;
      throw problem;
    }
  }

  private enterTransient(block: Block): true {
    this.transient = block;
    this.enterLookup(block);
    return true;
  }

  /** Forgets the last block that `prepare` called transient, and its records. */
  dropTransient(): void {
    if (!this.transient) return;
    this.dropLookup(this.transient);
    this.writer.next = this.transient.microOp;
    this.transient = undefined;
  }

  /** The bytes that `decodeFrom` decoded last, from the HPA of the first. */
  private partsOf(hpa: number): readonly Part[] {
    const page = Math.floor(hpa / 4096);
    const from = hpa % 4096;
    const to = from + this.builtBytes;
    if (this.secondPage === undefined) return [{ page, from, to }];
    return [
      { page, from, to: 4096 },
      { page: this.secondPage, from: 0, to: Math.max(1, to - 4096) },
    ];
  }

  /** The second page of a crossing instruction is looked up every time: its translation may have changed apart from the first one's. */
  private stillWhole({ parts }: Block, linear: Linear): boolean {
    const second = parts[1];
    if (!second) return true;
    const hpa = hpaFor(this.cpu, this.nextPage(linear), this.access());
    return Math.floor(hpa / 4096) === second.page;
  }

  /** Start of the page behind; linear addresses wrap at 4 GiB outside 64-bit mode. */
  private nextPage(linear: Linear): Linear {
    const start = linear - (linear & 0xfff) + 4096;
    return this.cpu.is64 ? start : start % 2 ** 32;
  }

  private fetchAddress(rip: Halves): Linear {
    const { cpu } = this;
    const linear = linearOf(cpu, rip);
    if (linear === undefined)
      throw gp(0, "instruction fetch from an address that is not canonical");
    if (!cpu.is64 && (rip.ripHigh > 0 || rip.ripLow > cpu.cs.limit))
      throw gp(0, "instruction fetch beyond the limit of CS");
    return linear;
  }

  /** Writes micro-ops from `rip` on, whose bytes begin at `hpa`; returns the address of the first. */
  private decodeFrom(
    firstRip: bigint,
    firstLinear: Linear,
    hpa: number,
    max: number,
    withBreakpoints: boolean,
  ): number {
    const { writer } = this;
    const start = writer.next;
    const breaks = withBreakpoints && this.breakpoints.size > 0;
    let rip = firstRip;
    let linear = firstLinear;
    this.secondPage = undefined;
    for (let count = 0; count < max; count++) {
      if (breaks && this.breakpoints.has(linearToBigInt(linear))) {
        writer.special(HANDLER_BREAKPOINT, rip);
        this.builtBytes = Math.max(1, linear - firstLinear);
        return start;
      }
      const instruction = this.fetch(linear, hpa + linear - firstLinear, rip, count === 0);
      if (!instruction) break;
      const next = nextInstruction(rip, instruction);
      const ends = writer.append(instruction, rip, next);
      rip = next;
      linear += instruction.length;
      const pageEnds = (linear & 0xfff) === 0;
      if (ends || pageEnds || this.secondPage !== undefined) break;
    }
    this.builtBytes = linear - firstLinear;
    writer.special(HANDLER_LINK, rip);
    return start;
  }

  /**
   * Decodes one instruction. Later instructions of a block stop it (undefined) instead of faulting or crossing a page; the first one faults as the
   * processor would.
   */
  private fetch(linear: Linear, hpa: number, rip: bigint, first: boolean): Instruction | undefined {
    const { cpu } = this;
    const { bits } = cpu;
    const toLimit = bits === 64 ? LONGEST : cpu.cs.limit - Number(rip) + 1;
    const available = Math.min(LONGEST, 4096 - (linear & 0xfff), toLimit);
    if (available <= 0) return undefined;
    this.fetchedFromRam = cpu.ram.isRam(hpa);
    if (!this.fetchedFromRam) return this.decodeFetched(linear, hpa, available, toLimit, first);
    const { bytes } = cpu.ram;
    const known = this.memo.find(bytes, hpa, available, bits);
    if (known) return known;
    const instruction = this.decodeFetched(linear, hpa, available, toLimit, first);
    if (instruction && this.secondPage === undefined)
      this.memo.keep(bytes, hpa, available, instruction);
    return instruction;
  }

  private decodeFetched(
    linear: Linear,
    hpa: number,
    available: number,
    toLimit: number,
    first: boolean,
  ): Instruction | undefined {
    const { bits } = this.cpu;
    let result = decode(this.read(hpa, available), 0, bits);
    if ("failure" in result && result.failure === "truncated") {
      if (!first) return undefined;
      if (toLimit <= available && available < LONGEST)
        throw gp(0, "the instruction runs beyond the limit of CS");
      const more = Math.min(LONGEST, toLimit);
      result = decode(this.readAcross(linear, available, more), 0, bits);
    }
    if (!("failure" in result)) return result;
    if (!first) return undefined;
    throw this.decodeFault(result.failure);
  }

  private decodeFault(failure: "truncated" | "invalid" | "too-long"): GuestFault {
    if (failure === "invalid") {
      return ud(
        this.fetchedFromRam
          ? "the bytes are not an instruction in this mode"
          : "there is no memory at this address: it reads as FFs, which are no instruction",
      );
    }
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

  private read(hpa: number, length: number): Uint8Array {
    const { fetchBuffer, cpu } = this;
    for (let i = 0; i < length; i++) fetchBuffer[i] = cpu.ram.read8(hpa + i);
    return fetchBuffer.subarray(0, length);
  }

  /** Bytes over a page boundary; the second page is fetched only as far as the instruction needs it. */
  private readAcross(linear: Linear, have: number, want: number): Uint8Array {
    const { fetchBuffer, cpu } = this;
    const second = cpu.is64 ? linear + have : (linear + have) % 2 ** 32;
    const hpa = hpaFor(cpu, second, this.access());
    this.secondPage = Math.floor(hpa / 4096);
    for (let i = have; i < want; i++) fetchBuffer[i] = cpu.ram.read8(hpa + i - have);
    return fetchBuffer.subarray(0, want);
  }
}
