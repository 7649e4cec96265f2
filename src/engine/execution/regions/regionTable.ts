/** The regions that exist, by their numbers in the table that the interpreter calls them through. */
import type { Processor } from "../../cpu/processor";
import { MAX_REGIONS } from "../interpreterStatus";
import type { MicroOpKind } from "../operandShapes";
import { buildRegion } from "./regionCode";
import { readGuards } from "./regionFrame";
import { RegionReader, type BlockSource } from "./regionGraph";

export interface CompiledRegion {
  /** Place in the table. */
  readonly number: number;
  /** Addresses where it can be entered, by entry number. */
  readonly entries: readonly bigint[];
}

export class RegionTable {
  readonly table = new WebAssembly.Table({ element: "anyfunc", initial: MAX_REGIONS });
  private readonly free: number[] = [];
  private next = 0;
  private readonly view: DataView;
  private readonly reader: RegionReader;
  constructor(
    private readonly cpu: Processor,
    private readonly memory: WebAssembly.Memory,
    kinds: readonly MicroOpKind[],
  ) {
    this.view = new DataView(memory.buffer);
    this.reader = new RegionReader(cpu, this.view, kinds);
  }

  get isFull(): boolean {
    return this.free.length === 0 && this.next === MAX_REGIONS;
  }

  /** Compiles the region around an address; undefined if tier 0 does as well. */
  compile(entry: bigint, source: BlockSource): CompiledRegion | undefined {
    const graph = this.reader.read(entry, source);
    if (!graph) return undefined;
    const guards = readGuards(this.view, !this.cpu.is64);
    const pages = this.memory.buffer.byteLength / 65536;
    const { bytes, entries } = buildRegion(graph, entry, guards, this.view, pages);
    const module = new WebAssembly.Module(bytes);
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory } });
    const number = this.free.pop() ?? this.next++;
    this.table.set(number, instance.exports.region);
    return { number, entries: entries.map(({ rip }) => rip) };
  }

  release(number: number): void {
    this.table.set(number, null);
    this.free.push(number);
  }

  clear(): void {
    for (let number = 0; number < this.next; number++) this.table.set(number, null);
    this.free.length = 0;
    this.next = 0;
  }
}
