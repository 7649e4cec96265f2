/** Where decoded blocks lie in memory: found by place, dropped when one of their bytes is written. */
import { CodeSegmentNumbers } from "../cpu/codeSegmentNumbers";
import { PAGE } from "../cpu/physicalMemory";
import type { Processor } from "../cpu/processor";

/** A block's key is an HPA (40 bits) and one of so many code modes. */
const MAX_CODE_MODES = 4096;
/** A page is watched in chunks of 64 bytes. */
const CHUNKS = 64;

/** Bytes of a block on one HPA page, from `from` to before `to`. */
export interface Part {
  readonly page: number;
  readonly from: number;
  readonly to: number;
}

/** Blocks compiled together: if one of them changes, none of it holds. */
export interface Region {
  readonly number: number;
  /** Those whose entry record calls it. */
  readonly entries: readonly Block[];
  readonly blocks: readonly Block[];
}

/** RIP in unsigned 32-bit halves: numbers are compared faster than bigints. */
export interface Halves {
  readonly ripLow: number;
  readonly ripHigh: number;
}

export interface Block extends Halves {
  readonly key: number;
  readonly rip: bigint;
  /** Address of its first micro-op record. */
  readonly microOp: number;
  /** The record that a look-up gives: the first micro-op, or one that calls a region. */
  entry: number;
  /** Regions that contain it. */
  regions: readonly Region[];
  /** One, or two if its only instruction crosses into another page. */
  readonly parts: readonly Part[];
}

/** The blocks of one page. */
interface CodePage {
  blocks: Block[];
  /** Chunks that hold decoded bytes. */
  chunks: Uint8Array;
}

function cover(chunks: Uint8Array, block: Block, page: number): void {
  for (const part of block.parts)
    if (part.page === page) chunks.fill(1, part.from >> 6, ((part.to - 1) >> 6) + 1);
}

function covers(chunks: Uint8Array, from: number, to: number): boolean {
  for (let i = from >> 6; i <= (to - 1) >> 6; i++) if (chunks[i]) return true;
  return false;
}

function overlaps({ parts }: Block, page: number, from: number, to: number): boolean {
  return parts.some((part) => part.page === page && part.from < to && part.to > from);
}

export class CodeIndex {
  /** By key; several where one place is reached at different addresses. */
  private readonly blocks = new Map<number, Block[]>();
  private readonly pages = new Map<number, CodePage>();
  /** The ways in which bytes are read. */
  private readonly codeModes = new CodeSegmentNumbers();

  constructor(private readonly cpu: Processor) {}

  get isFull(): boolean {
    return this.codeModes.count > MAX_CODE_MODES;
  }

  /** What the bytes at an HPA mean depends on the code size and on CS. */
  key(hpa: number): number {
    const { cs, longMode, realOrVirtual8086 } = this.cpu;
    const mode = (longMode ? 2 : 0) + (realOrVirtual8086 ? 1 : 0);
    return hpa + this.codeModes.numberOf(cs, mode) * 2 ** 40;
  }

  find(key: number, rip: Halves): Block | undefined {
    const sharing = this.blocks.get(key);
    if (!sharing) return undefined;
    for (const block of sharing)
      if (block.ripLow === rip.ripLow && block.ripHigh === rip.ripHigh) return block;
    return undefined;
  }

  keep(block: Block): void {
    const sharing = this.blocks.get(block.key);
    if (sharing) sharing.push(block);
    else this.blocks.set(block.key, [block]);
    for (const { page } of block.parts) {
      let code = this.pages.get(page);
      if (!code) this.pages.set(page, (code = { blocks: [], chunks: new Uint8Array(CHUNKS) }));
      code.blocks.push(block);
      cover(code.chunks, block, page);
      this.guard(page);
    }
  }

  private guard(page: number): void {
    const { guards } = this.cpu.ram;
    if (guards[page]! & PAGE.code) return;
    guards[page] = guards[page]! | PAGE.code;
    this.cpu.tlb.flushL0();
  }

  private unguard(page: number): void {
    const { guards } = this.cpu.ram;
    guards[page] = guards[page]! & ~PAGE.code;
  }

  /** Drops and returns the blocks that contain a written byte. Data beside code on a page costs a look, not a translation. */
  drop(hpa: number, length: number): readonly Block[] {
    const page = Math.floor(hpa / 4096);
    const from = hpa % 4096;
    const code = this.pages.get(page);
    if (!code || !covers(code.chunks, from, from + length)) return [];
    const dropped = code.blocks.filter((block) => overlaps(block, page, from, from + length));
    for (const block of dropped) this.forget(block);
    return dropped;
  }

  forget(block: Block): void {
    const others = this.blocks.get(block.key)?.filter((other) => other !== block) ?? [];
    if (others.length === 0) this.blocks.delete(block.key);
    else this.blocks.set(block.key, others);
    for (const { page } of block.parts) this.forgetOn(page, block);
  }

  private forgetOn(page: number, block: Block): void {
    const code = this.pages.get(page);
    if (!code) return;
    code.blocks = code.blocks.filter((other) => other !== block);
    code.chunks = new Uint8Array(CHUNKS);
    for (const other of code.blocks) cover(code.chunks, other, page);
    if (code.blocks.length > 0) return;
    this.pages.delete(page);
    this.unguard(page);
  }

  clear(): void {
    for (const page of this.pages.keys()) this.unguard(page);
    this.pages.clear();
    this.blocks.clear();
    this.codeModes.clear();
  }
}
