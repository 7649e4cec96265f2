/**
 * Tier 0: one WebAssembly function that executes micro-op records. Its cases are emitted from cpu/semantics, one per operand shape; there is no
 * other definition of what these instructions do.
 */
import {
  LOOKUP_BASE,
  LOOKUP_ENTRIES,
  LOOKUP_STRIDE,
  MICRO_OP,
  MICRO_OP_BYTES,
  PENDING,
  STATE,
  ZERO_SLOT,
} from "../cpu/layout";
import { RCX } from "../isa/registers";
import { EMITTED } from "../cpu/semantics";
import { maskOf, type Emitter, type SegmentChoice } from "../cpu/semantics/emitter";
import { InvariantError } from "../base/errors";
import type { InstructionForm, OperandSize } from "../isa/types";
import { I32, I64, ModuleBuilder, type FunctionBuilder, type Label } from "../wasm/moduleBuilder";
import { defineBulkFunctions, type BulkFunctions } from "./bulkStrings";
import { KindEmitter, REGISTER_FIELDS, type EmittedFunction } from "./kindEmitter";
import { FIRST_KIND, HOT, MAX_REGIONS, STATUS } from "./interpreterStatus";
import {
  LOAD_OPS,
  STORE_OPS,
  defineMemoryFunctions,
  importSlowPaths,
  type MemoryFunctions,
  type SlowPaths,
} from "./memoryFunctions";
import { allMicroOpKinds, type MicroOpKind } from "./operandShapes";

/** Locals and labels of the interpreter function that all cases share. */
interface Frame extends EmittedFunction {
  readonly microOp: number;
  readonly budget: number;
  /** i64 jump target for `lookupLabel`. */
  readonly target: number;
  next: Label;
  lookup: Label;
  abort: Label;
  advance: Label;
  leaveAtTarget: Label;
}

/** Emits operands as dynamic loads from the current micro-op record. */
class MicroOpEmitter extends KindEmitter implements Emitter {
  /** True once something was stored: the end of the case then looks at PENDING.leave. */
  private stored = false;

  constructor(
    private readonly frame: Frame,
    kind: MicroOpKind,
    private readonly functions: Functions,
  ) {
    super(frame, kind);
  }

  private field(offset: number, op: "i32.load16_u" | "i32.load8_u" | "i64.load"): FunctionBuilder {
    return this.b.get(this.frame.microOp).mem(op, offset);
  }

  private registerAddress(i: number): void {
    this.field(REGISTER_FIELDS[i]!, "i32.load16_u");
  }

  private segment(choice: SegmentChoice): void {
    if (choice === "own") this.field(MICRO_OP.segment, "i32.load8_u");
    else this.b.i32(choice);
  }

  stackMask(): void {
    this.b.i32(0).mem("i64.load", STATE.stackMask);
  }

  readonly knownStackMask = undefined;
  readonly knownImmediate = undefined;

  flagResult(): void {
    this.b.i32(0).mem("i64.load", STATE.flagResult);
  }

  flagAux(): void {
    this.b.i32(0).mem("i32.load", STATE.flagAux);
  }

  setFlagResult(push: () => void): void {
    this.b.i32(0);
    push();
    this.b.mem("i64.store", STATE.flagResult);
  }

  setFlagAux(push: () => void): void {
    this.b.i32(0);
    push();
    this.b.mem("i32.store", STATE.flagAux);
  }

  /** The words in memory are always true. */
  deferFlags(): boolean {
    return false;
  }

  pushDeferredCondition(): boolean {
    return false;
  }

  settleFlags(): void {
    // Nothing is deferred.
  }

  immediate(): void {
    this.field(MICRO_OP.immediate, "i64.load");
  }

  addressMask(): void {
    this.field(MICRO_OP.addressMask, "i64.load");
  }

  nextRip(): void {
    this.field(MICRO_OP.next, "i64.load");
  }

  effectiveAddress(_i: number): void {
    this.b.get(this.frame.microOp).call(this.functions.effectiveAddress);
    if (this.extraOffset >= 0) {
      this.b.get(this.extraOffset).op("i64.add");
      this.addressMask();
      this.b.op("i64.and");
    }
  }

  /** After an access: out of the case if it aborted. */
  private abortIfPending(): void {
    this.b
      .i32(0)
      .mem("i32.load", STATE.pending)
      .i32(PENDING.abort)
      .op("i32.and")
      .brIf(this.frame.abort);
  }

  read(i: number): void {
    const shape = this.shape(i);
    switch (shape.kind) {
      case "reg":
        this.registerAddress(i);
        this.b.mem(LOAD_OPS[shape.size]);
        break;
      case "imm":
        this.immediate();
        break;
      case "mem":
        this.segment("own");
        this.effectiveAddress(i);
        this.b.call(this.functions.memory.load[shape.size]);
        this.abortIfPending();
        break;
      case "address":
        this.effectiveAddress(i);
    }
  }

  write(i: number, value: number): void {
    const shape = this.shape(i);
    if (shape.kind === "reg") {
      this.registerAddress(i);
      this.storeRegister(shape.size, value);
    } else if (shape.kind === "mem") {
      this.segment("own");
      this.effectiveAddress(i);
      this.b.get(value).call(this.functions.memory.store[shape.size]);
      this.stored = true;
      this.abortIfPending();
    } else throw new InvariantError(`${this.kind.key}: operand ${i} is not written`);
  }

  /** Register address on the stack. A 32-bit write clears the upper half. */
  private storeRegister(size: OperandSize, value: number): void {
    this.b.get(value).mem(size === 32 ? "i64.store" : STORE_OPS[size]);
  }

  protected readMemoryForUpdate(i: number, size: OperandSize): void {
    this.segment("own");
    this.effectiveAddress(i);
    this.b.call(this.functions.memory.loadForUpdate[size]);
    this.abortIfPending();
  }

  protected writeMemoryUpdate(size: OperandSize, value: number): void {
    this.b.get(value).call(this.functions.memory.storeUpdate[size]);
    this.stored = true;
  }

  readGpr(register: number, size: OperandSize): void {
    this.b.i32(0).mem(LOAD_OPS[size], register * 8);
  }

  writeGpr(register: number, size: OperandSize, value: number): void {
    this.b.i32(register * 8);
    this.storeRegister(size, value);
  }

  load(size: OperandSize, segment: SegmentChoice, offset: () => void): void {
    this.segment(segment);
    offset();
    this.b.call(this.functions.memory.load[size]);
    this.abortIfPending();
  }

  store(size: OperandSize, segment: SegmentChoice, offset: () => void, value: number): void {
    this.segment(segment);
    offset();
    this.b.get(value).call(this.functions.memory.store[size]);
    this.stored = true;
    this.abortIfPending();
  }

  checkTarget(target: number): void {
    const { b } = this;
    b.get(target).i32(0).mem("i64.load", STATE.ipBias).op("i64.add");
    b.i32(0).mem("i64.load", STATE.ipLimit).op("i64.gt_u").if();
    this.raise(13);
    b.end();
  }

  jump(target: number): void {
    const { b, frame } = this;
    b.get(target).set(frame.target);
    if (this.stored) b.i32(0).mem("i32.load", STATE.pending).brIf(frame.leaveAtTarget);
    b.br(frame.lookup);
  }

  done(): void {
    const { b, frame } = this;
    if (this.stored) {
      b.i32(0).mem("i32.load", STATE.pending).op("i32.eqz").brIf(frame.advance);
      this.nextRip();
      b.set(frame.target).br(frame.leaveAtTarget);
    } else b.br(frame.advance);
  }

  /** The loop head has counted one iteration already. */
  bulk(instruction: "movs" | "stos"): void {
    const { b, frame } = this;
    const done = this.n[0];
    this.segment("own");
    b.i32(this.size / 8).i64(maskOf(this.addressSize));
    b.get(0).i32(1).op("i32.add").call(this.functions.bulk[instruction]).tee(done).if();
    b.get(0).get(done).op("i32.sub").i32(1).op("i32.add").set(0);
    this.readGpr(RCX, this.addressSize);
    b.op("i64.eqz").brIf(frame.advance).br(frame.next).end();
  }

  again(): void {
    const { b, frame } = this;
    b.i32(0).mem("i32.load", STATE.pending).op("i32.eqz").brIf(frame.next);
    this.field(MICRO_OP.rip, "i64.load").set(frame.target).br(frame.leaveAtTarget);
  }

  raise(vector: number): void {
    this.b.i32(vector).call(this.functions.slow.raise).br(this.frame.abort);
  }

  multiplyHighUnsigned(): void {
    this.b.call(this.functions.multiplyHigh);
  }
}

interface Functions {
  readonly slow: SlowPaths;
  readonly memory: MemoryFunctions;
  readonly effectiveAddress: number;
  readonly multiplyHigh: number;
  readonly bulk: BulkFunctions;
}

/** (microOp) -> (base + (index << scale) + displacement) & addressMask. */
function defineEffectiveAddress(module: ModuleBuilder): number {
  const f = module.function([I32], [I64]);
  f.get(0).mem("i32.load16_u", MICRO_OP.base).mem("i64.load");
  f.get(0).mem("i32.load16_u", MICRO_OP.index).mem("i64.load");
  f.get(0).mem("i64.load8_u", MICRO_OP.scale).op("i64.shl", "i64.add");
  f.get(0).mem("i64.load", MICRO_OP.displacement).op("i64.add");
  f.get(0).mem("i64.load", MICRO_OP.addressMask).op("i64.and");
  return f.index;
}

/** High 64 bits of the unsigned product, by 32-bit halves. */
export function defineMultiplyHigh(module: ModuleBuilder): number {
  const f = module.function([I64, I64], [I64]);
  const low = f.local(I64);
  const cross = f.local(I64);
  const half = (local: number, high: boolean): FunctionBuilder =>
    high ? f.get(local).i64(32).op("i64.shr_u") : f.get(local).i64(0xffffffffn).op("i64.and");
  half(0, false);
  half(1, false).op("i64.mul").i64(32).op("i64.shr_u").set(low);
  half(0, true);
  half(1, false).op("i64.mul").get(low).op("i64.add").tee(cross);
  f.i64(0xffffffffn).op("i64.and");
  half(0, false);
  half(1, true).op("i64.mul", "i64.add").i64(32).op("i64.shr_u");
  f.get(cross).i64(32).op("i64.shr_u", "i64.add");
  half(0, true);
  half(1, true).op("i64.mul", "i64.add");
  return f.index;
}

/** The interpreter's module and the number of each micro-op kind. */
export interface InterpreterCode {
  readonly bytes: Uint8Array;
  readonly handlers: ReadonlyMap<string, number>;
  /** By handler number - FIRST_KIND. */
  readonly kinds: readonly MicroOpKind[];
}

function emitExit(
  f: FunctionBuilder,
  frame: Frame,
  status: number,
  rip: "microOp" | "target",
): void {
  f.i32(0);
  if (rip === "target") f.get(frame.target);
  else f.get(frame.microOp).mem("i64.load", MICRO_OP.rip);
  f.mem("i64.store", STATE.rip);
  f.i32(0).get(frame.microOp).mem("i32.store", STATE.microOp);
  f.i32(0).get(frame.budget).mem("i32.store", STATE.budgetLeft);
  f.i32(status).op("return");
}

/** Gives back the instruction that the loop head counted. */
function uncount(f: FunctionBuilder, frame: Frame): void {
  f.get(frame.budget).i32(1).op("i32.add").set(frame.budget);
}

/** run(budget) -> Status. Starts at STATE.rip. */
export function buildInterpreter(
  forms: readonly InstructionForm[],
  memoryPages: number,
): InterpreterCode {
  const kinds = allMicroOpKinds(forms);
  const module = new ModuleBuilder(memoryPages);
  const slow = importSlowPaths(module);
  module.importTable(MAX_REGIONS);
  const functions: Functions = {
    slow,
    memory: defineMemoryFunctions(module, slow),
    effectiveAddress: defineEffectiveAddress(module),
    multiplyHigh: defineMultiplyHigh(module),
    bulk: defineBulkFunctions(module),
  };
  const f = module.function([I32], [I32], "run");
  const i64s = (): number => f.local(I64);
  const i32s = (): number => f.local(I32);
  const microOp = i32s();
  const entry = i32s();
  const target = i64s();
  const t = [i64s(), i64s(), i64s(), i64s(), i64s(), i64s()] as const;
  const n = [i32s(), i32s(), i32s(), i32s()] as const;
  f.i32(ZERO_SLOT).i64(0).mem("i64.store");
  f.i32(0).mem("i64.load", STATE.rip).set(target);

  // Nesting, outside in: abort, leave, lookup loop, next loop, again/advance, cases.
  const abort = f.block();
  const leaveAtTarget = f.block();
  const lookup = f.loop();
  const lookupMissDone = f.block();
  const frameBase = { f, microOp, budget: 0, target, t, n, abort, leaveAtTarget, lookup };
  // The lookup itself runs first; a hit falls into the `next` loop.
  f.get(target).get(target).i64(13).op("i64.shr_u", "i64.xor", "i32.wrap_i64");
  f.i32(LOOKUP_ENTRIES - 1)
    .op("i32.and")
    .i32(LOOKUP_STRIDE)
    .op("i32.mul")
    .set(entry);
  f.get(entry).mem("i64.load", LOOKUP_BASE).get(target).op("i64.eq");
  f.get(entry)
    .mem("i32.load", LOOKUP_BASE + 8)
    .i32(0)
    .mem("i32.load", STATE.context)
    .op("i32.eq", "i32.and");
  f.brIf(lookupMissDone);
  emitExit(f, { ...frameBase } as Frame, STATUS.lookup, "target");
  f.end();
  f.get(entry)
    .mem("i32.load", LOOKUP_BASE + 12)
    .tee(microOp);
  f.get(microOp).mem("i32.load", MICRO_OP.heat).i32(1).op("i32.add").tee(entry);
  f.mem("i32.store", MICRO_OP.heat).get(entry).i32(HOT).op("i32.eq").if();
  emitExit(f, { ...frameBase } as Frame, STATUS.hot, "target");
  f.end();

  const next = f.loop();
  const advance = f.block();
  const frame: Frame = { ...frameBase, next, advance };
  f.get(0).op("i32.eqz").if();
  emitExit(f, frame, STATUS.budget, "microOp");
  f.end();
  f.get(0).i32(1).op("i32.sub").set(0);
  emitCases(f, frame, kinds, functions, module.type(...REGION_TYPE));
  f.end(); // advance
  f.get(microOp).i32(MICRO_OP_BYTES).op("i32.add").set(microOp).br(next);
  f.end(); // next
  f.op("unreachable");
  f.end(); // lookup
  f.op("unreachable");
  f.end(); // leaveAtTarget
  emitExit(f, frame, STATUS.leave, "target");
  f.end(); // abort
  uncount(f, frame);
  emitExit(f, frame, STATUS.abort, "microOp");
  f.op("unreachable");
  const handlers = new Map(kinds.map((kind, i) => [kind.key, i + FIRST_KIND]));
  return { bytes: module.build(), handlers, kinds };
}

/** region(budget, entry, first micro-op) -> micro-op to go on at, or 0: look STATE.rip up. What is left of the budget is in STATE.budgetLeft. */
export const REGION_TYPE = [[I32, I32, I32], [I32]] as const;

/** A region record: entry number in r0, the block's own first micro-op in `immediate`, the region's number in `displacement`. */
function emitRegionCall(f: FunctionBuilder, frame: Frame, regionType: number): void {
  const { microOp } = frame;
  f.get(0).get(microOp).mem("i32.load16_u", MICRO_OP.r0);
  f.get(microOp).mem("i32.load", MICRO_OP.immediate);
  f.get(microOp).mem("i32.load", MICRO_OP.displacement).callIndirect(regionType).set(microOp);
  f.i32(0).mem("i32.load", STATE.budgetLeft).set(0);
  f.get(microOp).brIf(frame.next);
  f.i32(0).mem("i64.load", STATE.rip).set(frame.target).br(frame.lookup);
}

/** br_table over the handler number, then the four special handlers and one case per kind. */
function emitCases(
  f: FunctionBuilder,
  frame: Frame,
  kinds: readonly MicroOpKind[],
  functions: Functions,
  regionType: number,
): void {
  const count = kinds.length + FIRST_KIND;
  const labels: Label[] = [];
  for (let i = 0; i < count; i++) labels.push(f.block());
  // Opened last is innermost: case i ends with the i-th `end`.
  const byHandler = [...labels].reverse();
  f.get(frame.microOp).mem("i32.load16_u", MICRO_OP.handler).brTable(byHandler, byHandler[0]!);
  f.end();
  uncount(f, frame); // HANDLER_LINK: not an instruction
  f.get(frame.microOp).mem("i64.load", MICRO_OP.rip).set(frame.target).br(frame.lookup);
  f.end();
  uncount(f, frame);
  emitExit(f, frame, STATUS.system, "microOp");
  f.end();
  uncount(f, frame);
  emitExit(f, frame, STATUS.breakpoint, "microOp");
  f.end();
  uncount(f, frame);
  emitRegionCall(f, frame, regionType);
  for (const kind of kinds) {
    f.end();
    const semantics = EMITTED[kind.semantics];
    if (!semantics) throw new InvariantError(`no semantics for ${kind.key}`);
    semantics(new MicroOpEmitter(frame, kind, functions));
  }
}
