/** What a region consists of: the blocks of one page that lead to each other, read from the micro-op records of tier 0. */
import { MICRO_OP, MICRO_OP_BYTES } from "../../cpu/layout";
import type { Processor } from "../../cpu/processor";
import { FIRST_KIND, HANDLER_LINK, HANDLER_REGION } from "../interpreterStatus";
import type { MicroOpKind } from "../operandShapes";

/** Beyond these, V8 takes longer to compile a region than it gains (docs/performance.md). */
const MAX_BLOCKS = 48;
const MAX_INSTRUCTIONS = 400;

const TRANSFERS: ReadonlySet<string> = new Set(["jmp_near", "call_near", "ret_near"]);
const BRANCHES: ReadonlySet<string> = new Set(["jcc", "loop", "loope", "loopne", "jcxz"]);

/** One instruction: its micro-op record and what tier 0 would execute it with. */
export interface RegionOp {
  readonly microOp: number;
  readonly rip: bigint;
  readonly kind: MicroOpKind;
  /** Where it jumps, if the record says so. */
  readonly target: bigint | undefined;
}

/** What comes after the last instruction: nothing (it transfers), another address, or tier 0 at a micro-op. */
export type BlockEnd =
  | { readonly kind: "transfer" }
  | { readonly kind: "goto"; readonly rip: bigint }
  | { readonly kind: "resume"; readonly microOp: number };

export interface RegionBlock {
  readonly rip: bigint;
  readonly microOp: number;
  readonly ops: readonly RegionOp[];
  readonly end: BlockEnd;
}

export interface RegionGraph {
  /** By address, ascending. */
  readonly blocks: readonly RegionBlock[];
  /** Addresses behind calls: where a return may lead. */
  readonly returnSites: ReadonlySet<bigint>;
}

/** The first micro-op of tier 0's block at an address of the page in hand; undefined if there can be none. */
export type BlockSource = (rip: bigint) => number | undefined;

/** Entering and leaving a region costs as much as some instructions in tier 0: it must go round in it, or be long. */
const WORTHWHILE = 12;

function isWorthwhile(blocks: readonly RegionBlock[]): boolean {
  const heads = new Set(blocks.map(({ rip }) => rip));
  const goesRound = blocks.some(({ rip, ops }) =>
    ops.some(({ target }) => target !== undefined && target <= rip && heads.has(target)),
  );
  return goesRound || blocks.reduce((sum, { ops }) => sum + ops.length, 0) >= WORTHWHILE;
}

/** Reads the blocks that a hot one leads to. */
export class RegionReader {
  constructor(
    private readonly cpu: Processor,
    private readonly view: DataView,
    private readonly kinds: readonly MicroOpKind[],
  ) {}

  /** The region around `entry`, or undefined if tier 0 runs it as well. */
  read(entry: bigint, source: BlockSource): RegionGraph | undefined {
    const found = this.discover(entry, source);
    const returnSites = new Set<bigint>();
    const blocks: RegionBlock[] = [];
    for (const [rip, microOp] of found) {
      const block = this.cut(rip, microOp, found);
      if (block.ops.length > 0) blocks.push(block);
      const last = block.ops.at(-1);
      if (last?.kind.semantics === "call_near") returnSites.add(this.nextOf(last.microOp));
    }
    if (!blocks.some(({ rip }) => rip === entry)) return undefined;
    if (!isWorthwhile(blocks)) return undefined;
    blocks.sort((a, b) => (a.rip < b.rip ? -1 : 1));
    return { blocks, returnSites };
  }

  /** Addresses and first micro-ops, from the entry on, breadth first. */
  private discover(entry: bigint, source: BlockSource): Map<bigint, number> {
    const found = new Map<bigint, number>();
    const queue = [entry];
    const page = this.pageOf(entry);
    let instructions = 0;
    for (const rip of queue) {
      if (found.size >= MAX_BLOCKS || instructions >= MAX_INSTRUCTIONS) break;
      if (found.has(rip) || this.pageOf(rip) !== page) continue;
      const microOp = source(rip);
      if (microOp === undefined) continue;
      found.set(rip, microOp);
      const block = this.cut(rip, microOp, new Map());
      instructions += block.ops.length;
      queue.push(...this.successors(block));
    }
    return found;
  }

  private successors({ ops, end }: RegionBlock): bigint[] {
    const successors = ops.flatMap(({ target }) => target ?? []);
    const last = ops.at(-1);
    if (last?.kind.semantics === "call_near") successors.push(this.nextOf(last.microOp));
    if (end.kind === "goto") successors.push(end.rip);
    return successors;
  }

  private pageOf(rip: bigint): bigint {
    return (this.cpu.cs.base + rip) >> 12n;
  }

  private nextOf(microOp: number): bigint {
    return this.view.getBigUint64(microOp + MICRO_OP.next, true);
  }

  /** The block from `first` on, up to where another one begins. */
  private cut(rip: bigint, first: number, leaders: ReadonlyMap<bigint, unknown>): RegionBlock {
    const ops: RegionOp[] = [];
    const whole = (end: BlockEnd): RegionBlock => ({ rip, microOp: first, ops, end });
    for (let microOp = first; ; microOp += MICRO_OP_BYTES) {
      const at = this.view.getBigUint64(microOp + MICRO_OP.rip, true);
      const handler = this.view.getUint16(microOp + MICRO_OP.handler, true);
      if (handler === HANDLER_LINK) return whole({ kind: "goto", rip: at });
      if (at !== rip && leaders.has(at)) return whole({ kind: "goto", rip: at });
      const op = handler > HANDLER_REGION ? this.op(microOp, at, handler) : undefined;
      if (!op) return whole({ kind: "resume", microOp });
      ops.push(op);
      if (TRANSFERS.has(op.kind.semantics)) return whole({ kind: "transfer" });
    }
  }

  /** Undefined for a repeated string instruction: tier 0 does one iteration a step. */
  private op(microOp: number, rip: bigint, handler: number): RegionOp | undefined {
    const kind = this.kinds[handler - FIRST_KIND]!;
    if (kind.repeat !== "none") return undefined;
    const jumps = TRANSFERS.has(kind.semantics) || BRANCHES.has(kind.semantics);
    const isStatic = jumps && kind.semantics !== "ret_near" && kind.shapes[0]?.kind === "imm";
    const target = isStatic
      ? this.view.getBigUint64(microOp + MICRO_OP.immediate, true)
      : undefined;
    return { microOp, rip, kind, target };
  }
}
