/** Tier 1: one WebAssembly function for a region (cpu/semantics emitted with constants and locals). */
import { EMITTED } from "../../cpu/semantics";
import { pushAux } from "../../cpu/semantics/flags";
import { InvariantError } from "../../base/errors";
import {
  I32,
  I64,
  ModuleBuilder,
  type FunctionBuilder,
  type Label,
} from "../../wasm/moduleBuilder";
import { defineMultiplyHigh, REGION_TYPE } from "../interpreter";
import { RegionEmitter } from "./regionEmitter";
import {
  BUDGET,
  ENTRY,
  kindOfNumber,
  RegionFrame,
  type Destination,
  type Guards,
} from "./regionFrame";
import type { RegionBlock, RegionGraph } from "./regionGraph";
import { layOut, type Edge, type Item } from "./regionLayout";

export interface RegionCode {
  readonly bytes: Uint8Array;
  /** Blocks that can be entered, in the order of their entry numbers. */
  readonly entries: readonly RegionBlock[];
}

/** (kind, a, x, r, carry) -> aux word, for the kinds that were noted. */
function defineAuxOf(f: FunctionBuilder, kinds: ReadonlySet<number>): void {
  const [kind, a, x, r, carry] = [0, 1, 2, 3, 4];
  const carries = f.local(I64);
  const aux = f.local(I32);
  for (const number of kinds) {
    f.get(kind).i32(number).op("i32.eq").if();
    pushAux(f, { ...kindOfNumber(number), a, x, r }, carry, carries, aux);
    f.op("return").end();
  }
  f.i32(0);
}

function edgesOf({ blocks }: RegionGraph, numbers: ReadonlyMap<bigint, number>): Edge[] {
  return blocks.flatMap(({ ops, end }, from) => {
    const targets = ops.flatMap(({ target }) => target ?? []);
    if (end.kind === "goto") targets.push(end.rip);
    return targets.flatMap((rip) => {
      const to = numbers.get(rip);
      return to === undefined ? [] : [{ from, to }];
    });
  });
}

/** Emits one region. */
class RegionWriter {
  private readonly numbers: ReadonlyMap<bigint, number>;
  private readonly items: readonly Item[];
  /** Item of each block. */
  private readonly itemOf: number[] = [];
  private readonly itemLabels: Label[] = [];
  /** Labels of the blocks of the loop in hand. */
  private readonly blockLabels = new Map<number, Label>();
  private dispatch!: Label;
  private current = 0;

  constructor(
    private readonly graph: RegionGraph,
    private readonly frame: RegionFrame,
    entry: bigint,
  ) {
    this.numbers = new Map(graph.blocks.map(({ rip }, i) => [rip, i]));
    const entries = [entry, ...graph.returnSites].flatMap((rip) => this.numbers.get(rip) ?? []);
    this.items = layOut(graph.blocks.length, edgesOf(graph, this.numbers), new Set(entries));
    this.items.forEach(({ first, last }, item) => {
      for (let block = first; block <= last; block++) this.itemOf[block] = item;
    });
  }

  get entries(): readonly RegionBlock[] {
    return this.items.map(({ first }) => this.graph.blocks[first]!);
  }

  write(): void {
    const { frame } = this;
    const { f } = frame;
    frame.exit = f.block();
    this.dispatch = f.loop();
    frame.navigation = {
      find: (rip) => this.find(rip),
      returns: this.returns(),
      dispatch: this.dispatch,
    };
    for (let i = this.items.length - 1; i >= 0; i--) this.itemLabels[i] = f.block();
    f.get(ENTRY).brTable(this.itemLabels, this.itemLabels[0]!);
    for (const item of this.items) {
      f.end();
      if (item.isLoop) this.loop(item);
      else this.block(item.first);
    }
    f.op("unreachable").end().end();
    frame.emitEpilogue();
  }

  private returns(): { rip: bigint; entry: number }[] {
    return [...this.graph.returnSites].flatMap((rip) => {
      const block = this.numbers.get(rip);
      return block === undefined ? [] : [{ rip, entry: this.itemOf[block]! }];
    });
  }

  private loop({ first, last }: Item): void {
    const { f } = this.frame;
    this.blockLabels.set(first, f.loop());
    for (let block = last; block > first; block--) this.blockLabels.set(block, f.block());
    this.block(first);
    for (let block = first + 1; block <= last; block++) {
      f.end();
      this.blockLabels.delete(block);
      this.block(block);
    }
    f.end();
    this.blockLabels.delete(first);
  }

  private find(rip: bigint): Destination | undefined {
    const block = this.numbers.get(rip);
    if (block === undefined) return undefined;
    const inner = this.blockLabels.get(block);
    if (inner) return { kind: "label", label: inner };
    const item = this.itemOf[block]!;
    if (this.items[item]!.first !== block)
      throw new InvariantError(`a jump into the middle of a loop, to 0x${rip.toString(16)}`);
    if (block > this.current) return { kind: "label", label: this.itemLabels[item]! };
    return { kind: "entry", entry: item, dispatch: this.dispatch };
  }

  private block(number: number): void {
    const { frame } = this;
    const { f } = frame;
    const { ops, end, microOp } = this.graph.blocks[number]!;
    this.current = number;
    frame.flags = "unknown";
    f.get(BUDGET).i32(ops.length).op("i32.lt_s").if();
    frame.leaveAt(microOp, 0);
    f.end();
    ops.forEach((op, position) => {
      const semantics = EMITTED[op.kind.semantics];
      if (!semantics) throw new InvariantError(`no semantics for ${op.kind.key}`);
      const done = f.block();
      semantics(new RegionEmitter(frame, op, position, done));
      f.end();
    });
    if (end.kind === "resume") frame.leaveAt(end.microOp, ops.length);
    if (end.kind === "goto") {
      frame.spend(ops.length);
      frame.noteFlags();
      frame.goTo(end.rip);
    }
    if (end.kind === "transfer") f.op("unreachable");
  }
}

/** The module of a region; its function is exported as "region". */
export function buildRegion(
  graph: RegionGraph,
  entry: bigint,
  guards: Guards,
  view: DataView,
  memoryPages: number,
): RegionCode {
  const module = new ModuleBuilder(memoryPages);
  const auxOf = module.function([I32, I64, I64, I64, I32], [I32]);
  const f = module.function(...REGION_TYPE, "region");
  const functions = {
    auxOf: auxOf.index,
    defineMultiplyHigh: () => defineMultiplyHigh(module),
  };
  const frame = new RegionFrame(f, view, guards, functions);
  const writer = new RegionWriter(graph, frame, entry);
  writer.write();
  // Only now is it known which registers the body uses.
  const body = f.code.splice(0);
  frame.emitPrologue();
  for (const byte of body) f.code.push(byte);
  defineAuxOf(auxOf, frame.notedKinds);
  return { bytes: module.build(), entries: writer.entries };
}
