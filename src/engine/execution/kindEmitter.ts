/** What both emitters know of an instruction before it is decoded: its micro-op kind. */
import { InvariantError } from "../base/errors";
import { MICRO_OP } from "../cpu/layout";
import type { Emitter } from "../cpu/semantics/emitter";
import type { OperandSize } from "../isa/types";
import type { FunctionBuilder } from "../wasm/moduleBuilder";
import type { MicroOpKind } from "./operandShapes";

/** Where a record has the registers of its first three operands. */
export const REGISTER_FIELDS = [MICRO_OP.r0, MICRO_OP.r1, MICRO_OP.r2] as const;

/** A function being emitted, and its scratch locals. */
export interface EmittedFunction {
  readonly f: FunctionBuilder;
  readonly t: Emitter["t"];
  readonly n: Emitter["n"];
}

/** The part of an Emitter that follows from the kind alone. */
export abstract class KindEmitter {
  readonly b: FunctionBuilder;
  readonly t: Emitter["t"];
  readonly n: Emitter["n"];
  /** i64 local added to the effective address; -1: none. */
  protected extraOffset = -1;
  private updating = -1;

  protected constructor(
    { f, t, n }: EmittedFunction,
    protected readonly kind: MicroOpKind,
  ) {
    this.b = f;
    this.t = t;
    this.n = n;
  }

  get size(): OperandSize {
    return this.kind.size;
  }

  get operandCount(): number {
    return this.kind.shapes.length;
  }

  get condition(): number {
    return this.kind.condition;
  }

  get addressSize(): 16 | 32 | 64 {
    return this.kind.addressSize;
  }

  get repeat(): MicroOpKind["repeat"] {
    return this.kind.repeat;
  }

  protected shape(i: number): MicroOpKind["shapes"][number] {
    const shape = this.kind.shapes[i];
    if (!shape) throw new InvariantError(`${this.kind.key} has no operand ${i}`);
    return shape;
  }

  operandSize(i: number): OperandSize {
    const shape = this.shape(i);
    if (shape.kind === "reg" || shape.kind === "mem") return shape.size;
    return shape.kind === "imm" ? 8 : this.size;
  }

  isMemory(i: number): boolean {
    return this.kind.shapes[i]?.kind === "mem";
  }

  offsetMemory(local: number): void {
    this.extraOffset = local;
  }

  abstract read(i: number): void;
  abstract write(i: number, value: number): void;
  /** Pushes a memory operand, and keeps its place for the write. */
  protected abstract readMemoryForUpdate(i: number, size: OperandSize): void;
  protected abstract writeMemoryUpdate(size: OperandSize, value: number): void;

  readForUpdate(i: number): void {
    const shape = this.shape(i);
    this.updating = i;
    if (shape.kind === "mem") this.readMemoryForUpdate(i, shape.size);
    else this.read(i);
  }

  writeUpdate(i: number, value: number): void {
    if (this.updating !== i)
      throw new InvariantError(`${this.kind.key}: no update of operand ${i}`);
    const shape = this.shape(i);
    if (shape.kind === "mem") this.writeMemoryUpdate(shape.size, value);
    else this.write(i, value);
  }
}
