/** Writes decoded instructions as micro-op records into the machine's memory. */
import type { DecodedOperand, Instruction } from "../codec/types";
import { MICRO_OP, MICRO_OPS_BASE, MICRO_OPS_MAX, MICRO_OP_BYTES, ZERO_SLOT } from "../cpu/layout";
import { maskOf } from "../cpu/semantics/emitter";
import type { InstructionForm } from "../isa/types";
import type { Processor } from "../cpu/processor";
import { REGISTER_FIELDS } from "./kindEmitter";
import { HANDLER_REGION, HANDLER_SYSTEM, HOT } from "./interpreterStatus";
import { microOpKind } from "./operandShapes";

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

/** RIP behind an instruction; it wraps at 32 bits outside 64-bit mode. */
export function nextInstruction(rip: bigint, instruction: Instruction): bigint {
  return BigInt.asUintN(instruction.bits === 64 ? 64 : 32, rip + BigInt(instruction.length));
}

const VARIANTS = 32;
const REPEATS = [0, 0xf3, 0xf2];

/** A number for what besides the form decides about the handler: see microOpKind. */
function variantOf({ operands, addressSize, repeat }: Instruction): number {
  const inMemory = operands.some(({ kind }) => kind === "mem") ? 1 : 0;
  const address = addressSize === 64 ? 2 : addressSize === 32 ? 1 : 0;
  return inMemory + 2 * address + 8 * REPEATS.indexOf(repeat);
}

/** The record of an instruction wherever it stands. */
interface Template {
  readonly bytes: Uint8Array;
  /** The block ends with it. */
  readonly ends: boolean;
  /** Operands depend on the place. */
  readonly isRelative: boolean;
}

const MAX_TEMPLATES = 0x8000;

export class MicroOpWriter {
  private readonly templates = new Map<Instruction, Template>();
  /** Handlers found so far, by variant; -1 where not asked for yet. */
  private readonly known = new Map<InstructionForm, Int16Array>();
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  /** Decoded instructions by the number of their micro-op; system events are executed from here. */
  private instructions: Instruction[] = [];
  /** Where the next record goes. */
  next = MICRO_OPS_BASE;

  constructor(
    private readonly cpu: Processor,
    private readonly handlers: ReadonlyMap<string, number>,
  ) {
    this.view = new DataView(cpu.buffer);
    this.bytes = new Uint8Array(cpu.buffer);
  }

  /** True if that many more records have room. */
  hasRoom(records: number): boolean {
    const end = MICRO_OPS_BASE + MICRO_OPS_MAX * MICRO_OP_BYTES;
    return this.next + records * MICRO_OP_BYTES <= end;
  }

  clear(): void {
    this.instructions = [];
    this.next = MICRO_OPS_BASE;
  }

  instructionAt(microOp: number): Instruction | undefined {
    return this.instructions[(microOp - MICRO_OPS_BASE) / MICRO_OP_BYTES];
  }

  /** Address of an empty record behind the others. */
  private newRecord(): number {
    const at = this.next;
    this.next += MICRO_OP_BYTES;
    this.bytes.fill(0, at, this.next);
    return at;
  }

  /** A record that is no instruction. Returns its address. */
  special(handler: number, rip: bigint): number {
    const { view } = this;
    const at = this.newRecord();
    view.setUint16(at + MICRO_OP.handler, handler, true);
    view.setBigUint64(at + MICRO_OP.rip, rip, true);
    view.setBigUint64(at + MICRO_OP.next, rip, true);
    return at;
  }

  /** Look-ups that a block's first record counts as having had. */
  setHeat(microOp: number, heat: number): void {
    this.view.setInt32(microOp + MICRO_OP.heat, heat, true);
  }

  /** A record that calls a region instead of going on at `first`. Returns its address. */
  regionCall(rip: bigint, first: number, region: number, entry: number): number {
    const { view } = this;
    const at = this.special(HANDLER_REGION, rip);
    view.setUint16(at + MICRO_OP.r0, entry, true);
    view.setUint32(at + MICRO_OP.displacement, region, true);
    view.setUint32(at + MICRO_OP.immediate, first, true);
    // It is as hot as it will get.
    this.setHeat(at, HOT + 1);
    return at;
  }

  /** The handler, from the form's known ones: what else it depends on has few values. */
  private handlerOf(instruction: Instruction): number {
    const { form } = instruction;
    let known = this.known.get(form);
    if (!known) this.known.set(form, (known = new Int16Array(VARIANTS).fill(-1)));
    const variant = variantOf(instruction);
    if (known[variant] === -1) known[variant] = this.findHandler(instruction);
    return known[variant]!;
  }

  private findHandler(instruction: Instruction): number {
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

  /** Writes one record; true if the block ends with it. `next`: RIP behind it. */
  append(instruction: Instruction, rip: bigint, next: bigint): boolean {
    const template = this.templates.get(instruction) ?? this.newTemplate(instruction, rip, next);
    const { view, next: at } = this;
    this.next += MICRO_OP_BYTES;
    this.bytes.set(template.bytes, at);
    view.setBigUint64(at + MICRO_OP.rip, rip, true);
    view.setBigUint64(at + MICRO_OP.next, next, true);
    this.instructions[(at - MICRO_OPS_BASE) / MICRO_OP_BYTES] = instruction;
    if (template.isRelative) this.appendOperands(instruction, at, next);
    return template.ends;
  }

  private newTemplate(instruction: Instruction, rip: bigint, next: bigint): Template {
    const at = this.next;
    const ends = this.write(instruction, rip, next);
    this.next = at;
    const isRelative = instruction.operands.some(
      (operand) => operand.kind === "rel" || (operand.kind === "mem" && operand.ripRelative),
    );
    const template = { bytes: this.bytes.slice(at, at + MICRO_OP_BYTES), ends, isRelative };
    if (this.templates.size === MAX_TEMPLATES) this.templates.clear();
    this.templates.set(instruction, template);
    return template;
  }

  private write(instruction: Instruction, rip: bigint, next: bigint): boolean {
    const { view } = this;
    const at = this.newRecord();
    const handler = this.handlerOf(instruction);
    view.setUint16(at + MICRO_OP.handler, handler, true);
    view.setUint8(at + MICRO_OP.length, instruction.length);
    view.setUint16(at + MICRO_OP.base, ZERO_SLOT, true);
    view.setUint16(at + MICRO_OP.index, ZERO_SLOT, true);
    view.setBigUint64(at + MICRO_OP.addressMask, maskOf(instruction.addressSize), true);
    view.setBigUint64(at + MICRO_OP.rip, rip, true);
    view.setBigUint64(at + MICRO_OP.next, next, true);
    view.setUint8(
      at + MICRO_OP.segment,
      instruction.segmentPrefix >= 0 ? instruction.segmentPrefix : 3,
    );
    this.appendOperands(instruction, at, next);
    return handler === HANDLER_SYSTEM || ENDS_BLOCK.has(instruction.form.semantics ?? "");
  }

  private appendOperands(instruction: Instruction, at: number, next: bigint): void {
    const { view } = this;
    instruction.operands.forEach((operand, i) => {
      const field = REGISTER_FIELDS[i];
      if (field !== undefined) view.setUint16(at + field, offsetOf(operand), true);
      if (operand.kind === "imm" || operand.kind === "rel") {
        view.setBigUint64(
          at + MICRO_OP.immediate,
          BigInt.asUintN(64, this.immediate(operand, instruction, next)),
          true,
        );
      }
      // ES:DI of a string instruction is not what its prefix or record names.
      if (operand.kind !== "mem" || instruction.form.operands[i]?.kind.startsWith("strdi")) return;
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
