/** From parsed operands to the encoder's, with the values of this pass. */
import type { AsmOperand, AsmRegister } from "../codec/types";
import type { Bits, OperandSize } from "../isa/types";
import { Evaluator, type BaseHint, type Surroundings } from "./evaluate";
import type { Expression } from "./expressionTree";
import type { RegisterKeyword } from "./keywords";
import type { FarOperand, MemoryOperandTree, OperandTree, PlainOperand } from "./statementTree";
import { NO_SEGMENT } from "./symbols";
import type { Token } from "./tokens";
import type { Value } from "./value";

export interface OperandSurroundings extends Surroundings {
  readonly bits: Bits;
  readonly defaultRel: boolean;
  /** What to add to an offset in a segment to get the address. */
  baseOf(segment: number): number;
  warn(token: Token, name: string, message: string): void;
}

type Memory = Extract<AsmOperand, { kind: "mem" }>;
type Immediate = Extract<AsmOperand, { kind: "imm" }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const GS = 5;
const FS = 4;

export class OperandEvaluator {
  private readonly evaluator: Evaluator;

  constructor(private readonly around: OperandSurroundings) {
    this.evaluator = new Evaluator(around);
  }

  /** Undefined: an error was reported. */
  operand(tree: OperandTree): AsmOperand | undefined {
    switch (tree.kind) {
      case "plain":
        return this.plain(tree);
      case "far":
        return this.far(tree);
      case "memory":
        return this.memory(tree);
    }
  }

  private fail(token: Token, code: string, message: string): AsmOperand | undefined {
    this.around.report(token, code, message);
    return undefined;
  }

  private value(expression: Expression): Value | undefined {
    this.evaluator.external = undefined;
    const value = this.evaluator.evaluate(expression);
    const { external } = this.evaluator;
    if (value && external && this.around.critical) {
      const message = "binary output format does not support external references";
      this.fail(expression.token, "external-reference", message);
      return undefined;
    }
    return value;
  }

  /** The address that a relocatable value means. */
  private address(value: Value): bigint {
    let address = value.scalar;
    for (const { segment, factor } of value.segments) {
      address += BigInt(this.around.baseOf(segment)) * factor;
    }
    return BigInt.asIntN(64, address);
  }

  private plain(tree: PlainOperand): AsmOperand | undefined {
    const { expression, size, strict, distance } = tree;
    if (expression.op === "register") return this.registerOperand(tree, expression.register);
    const value = this.value(expression);
    if (value === undefined) return undefined;
    const first = value.registers[0];
    if (first !== undefined && value.registers.length === 1) return this.register(tree, value);
    const known = !value.isJustUnknown;
    const { segment } = this.around;
    if (known && !value.isRelocatable(segment)) return this.register(tree, value);
    const plainNumber = !known || value.segments.length === 0;
    const isAddress =
      !plainNumber && (value.segment !== NO_SEGMENT || value.isSelfRelative(segment));
    const operand: Mutable<Immediate> = {
      kind: "imm",
      value: plainNumber ? value.scalar : this.address(value),
      known,
      isAddress,
      strict,
    };
    if (size !== undefined) operand.size = size as OperandSize;
    if (distance !== undefined) operand.distance = distance;
    if (isAddress && value.segment !== segment) operand.otherSection = true;
    if (isAddress && this.around.bits === 64 && this.around.defaultRel) operand.relative = "rel";
    return operand;
  }

  private register(tree: PlainOperand, value: Value): AsmOperand | undefined {
    const [term, ...others] = value.registers;
    const { token } = tree.expression;
    const alone =
      others.length === 0 && value.scalar === 0n && value.segments.length === 0 && !value.unknown;
    if (term?.factor !== 1n || !alone || value.number !== 0n) {
      return this.fail(token, "operand-type", "invalid operand type");
    }
    return this.registerOperand(tree, term.register);
  }

  private registerOperand(
    { expression, size: written, to }: PlainOperand,
    { register, size, name }: RegisterKeyword,
  ): AsmOperand | undefined {
    const { token } = expression;
    if (register === undefined) {
      if (!this.around.critical) return undefined;
      return this.fail(token, "unsupported-register", unsupportedRegister(name));
    }
    if (written !== undefined && size !== 0 && written !== size) {
      this.around.warn(token, "regsize", "invalid register size specification ignored");
    }
    return to ? { kind: "reg", register, to: true } : { kind: "reg", register };
  }

  private far(tree: FarOperand): AsmOperand | undefined {
    if (tree.distance !== undefined || tree.size === 8 || tree.size === 64) {
      if (!this.around.critical) return undefined;
      return this.fail(tree.selector.token, "operands", "mismatch in operand sizes");
    }
    const selector = this.value(tree.selector);
    const offset = selector && this.value(tree.offset);
    if (selector === undefined || offset === undefined) return undefined;
    const { segment } = this.around;
    for (const [value, part] of [
      [selector, tree.selector],
      [offset, tree.offset],
    ] as const) {
      if (!value.isJustUnknown && !value.isRelocatable(segment)) {
        return this.fail(part.token, "operands", "invalid combination of opcode and operands");
      }
    }
    return {
      kind: "far",
      selector: this.address(selector),
      offset: this.address(offset),
      known: !selector.isJustUnknown && !offset.isJustUnknown,
      ...(tree.size === undefined ? {} : { size: tree.size as OperandSize }),
    };
  }

  private memory(tree: MemoryOperandTree): AsmOperand | undefined {
    const { evaluator } = this;
    const parts = new AddressParts(this.around.segment, this.around.report);
    const hint: BaseHint = { kind: "none", register: undefined };
    for (const part of tree.parts) {
      hint.kind = "none";
      evaluator.hint = hint;
      const value = this.value(part);
      evaluator.hint = undefined;
      if (value === undefined || !parts.add(value, part.token)) return undefined;
    }
    if (tree.indexPart && !this.separateIndex(parts, tree.indexPart)) return undefined;
    return this.memoryOperand(tree, parts, tree.indexPart ? undefined : hint);
  }

  /** `[base, index*scale]`. */
  private separateIndex(parts: AddressParts, expression: Expression): boolean {
    const value = this.value(expression);
    if (value === undefined) return false;
    const [term, ...others] = value.registers;
    if (
      parts.index ||
      others.length > 0 ||
      !term ||
      value.number !== 0n ||
      value.segments.length > 0
    ) {
      this.fail(expression.token, "operand-syntax", "invalid mib expression");
      return false;
    }
    parts.index = term.register;
    parts.scale = Number(term.factor);
    return true;
  }

  private memoryOperand(
    tree: MemoryOperandTree,
    parts: AddressParts,
    hint: BaseHint | undefined,
  ): AsmOperand | undefined {
    const { base, index, scale, unknown, segment } = parts;
    for (const used of [base, index]) {
      if (used && used.register === undefined) {
        const token = tree.parts[0]!.token;
        return this.fail(token, "unsupported-register", unsupportedRegister(used.name));
      }
    }
    const registers = base !== undefined || (index !== undefined && scale !== 0);
    const relative = this.relative(tree, registers, parts.selfRelative);
    const displacement = this.displacement(parts);
    const hinted = hint && hint.kind !== "none" ? hint.register?.register : undefined;
    const isAddress = segment !== NO_SEGMENT;
    const operand: Mutable<Memory> = {
      kind: "mem",
      far: tree.far,
      scale: index ? scale : 1,
      noSplit: tree.noSplit || tree.indexPart !== undefined,
      displacement,
      displacementKnown: !unknown,
      hasDisplacement:
        !registers ||
        displacement !== 0n ||
        unknown ||
        isAddress ||
        tree.displacementSize !== undefined,
      displacementIsAddress: isAddress,
      strict: tree.strict,
    };
    if (tree.size !== undefined) operand.size = tree.size;
    if (base?.register) operand.base = base.register;
    if (index?.register) operand.index = index.register;
    if (hinted) operand.hint = hintFor(hint!.kind, hinted);
    if (tree.displacementSize !== undefined) operand.displacementSize = tree.displacementSize;
    if (tree.addressSize !== undefined) operand.addressSize = tree.addressSize;
    if (tree.segment !== undefined) operand.segment = tree.segment;
    if (relative !== undefined) operand.relative = relative;
    return operand;
  }

  private relative(
    tree: MemoryOperandTree,
    registers: boolean,
    isDistance: boolean,
  ): "rel" | "abs" | undefined {
    const { bits, defaultRel } = this.around;
    const byDefault =
      bits === 64 && defaultRel && !registers && tree.segment !== FS && tree.segment !== GS;
    const relative = tree.relative ?? (byDefault ? "rel" : undefined);
    if (relative !== "rel" || bits !== 64 || !isDistance || registers) return relative;
    // `[label - $]` is a distance between sections and no address.
    if (this.around.critical) {
      const message = "absolute address can not be RIP-relative";
      this.around.warn(tree.parts[0]!.token, "ea-absolute", message);
    }
    return "abs";
  }

  private displacement(parts: AddressParts): bigint {
    let value = parts.number;
    if (parts.segment !== NO_SEGMENT) value += BigInt(this.around.baseOf(parts.segment));
    if (parts.selfRelative) value -= BigInt(this.around.baseOf(this.around.segment));
    return BigInt.asIntN(64, value);
  }
}

/** Of AVX-512, AMX or MPX. */
const unsupportedRegister = (name: string): string =>
  `register \`${name}' is not supported: known, not assembled`;

function hintFor(
  kind: BaseHint["kind"],
  register: AsmRegister,
): { readonly kind: "makeBase" | "notBase" | "summed"; readonly register: AsmRegister } {
  return { kind: kind === "none" ? "makeBase" : kind, register };
}

/** Base, index and displacement, collected from the terms of one or two expressions. */
class AddressParts {
  base: RegisterKeyword | undefined;
  index: RegisterKeyword | undefined;
  scale = 1;
  number = 0n;
  segment = NO_SEGMENT;
  selfRelative = false;
  unknown = false;

  constructor(
    private readonly here: number,
    private readonly fail: (token: Token, code: string, message: string) => void,
  ) {}

  private refuse(token: Token, message: string): false {
    this.fail(token, "effective-address", `invalid effective address: ${message}`);
    return false;
  }

  add(value: Value, token: Token): boolean {
    for (const { register, factor } of value.registers) {
      const general = register.register?.class === "gpr";
      if (general && factor === 1n && this.base === undefined) this.base = register;
      else if (this.index === undefined) {
        this.index = register;
        this.scale = Number(factor);
      } else if (this.base === undefined) return this.refuse(token, "two index registers");
      else if (!general) return this.refuse(token, "impossible register");
      else return this.refuse(token, "too many registers");
    }
    this.unknown ||= value.unknown;
    if (value.unknown) return true;
    this.number += value.number;
    return this.addSegments(value, token);
  }

  private addSegments(value: Value, token: Token): boolean {
    for (const { segment, factor } of value.segments) {
      if (factor === 1n) {
        if (this.segment !== NO_SEGMENT) return this.refuse(token, "multiple base segments");
        this.segment = segment;
      } else if (factor === -1n && segment === this.here && !this.selfRelative) {
        this.selfRelative = true;
      } else return this.refuse(token, "impossible segment base multiplier");
    }
    return true;
  }
}
