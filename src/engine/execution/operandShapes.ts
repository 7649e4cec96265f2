import { EMITTED } from "../cpu/semantics";
import type { Instruction } from "../codec/types";
import type { InstructionForm, OperandKind, OperandSize } from "../isa/types";

/** How an operand reaches emitted code: all registers of a size are one shape, all immediates another. */
export type Shape =
  | { readonly kind: "reg"; readonly size: OperandSize }
  | { readonly kind: "mem"; readonly size: OperandSize }
  | { readonly kind: "address" }
  | { readonly kind: "imm" };

/** One case of the interpreter: a family's semantics with the shapes and sizes it is emitted for. */
export interface MicroOpKind {
  readonly key: string;
  readonly semantics: string;
  readonly size: OperandSize;
  readonly shapes: readonly Shape[];
  readonly condition: number;
  readonly addressSize: 16 | 32 | 64;
  readonly repeat: "none" | "rep" | "repe" | "repne";
}

const FIXED: Partial<Record<OperandKind, OperandSize>> = {
  al: 8, cl: 8, ax: 16, cx: 16, dx: 16, eax: 32, ecx: 32, rax: 64, rcx: 64,
}; // prettier-ignore

/** Families whose meaning depends on the address size: their index or count registers have its width. */
const BY_ADDRESS_SIZE = new Set([
  "movs",
  "stos",
  "lods",
  "cmps",
  "scas",
  "loop",
  "loope",
  "loopne",
  "jcxz",
]);
const STRINGS = new Set(["movs", "stos", "lods", "cmps", "scas"]);
const COMPARING = new Set(["cmps", "scas"]);

const SIZE_SUFFIX = /^(?:r|rr|rm|m|moffs|strsi|strdi|strbx)(8|16|32|64)$/;

function sizeOf(kind: OperandKind): OperandSize | undefined {
  const fixed = FIXED[kind];
  if (fixed !== undefined) return fixed;
  const match = SIZE_SUFFIX.exec(kind);
  return match ? (Number(match[1]) as OperandSize) : undefined;
}

/** The shape of an operand slot, or undefined for implicit string operands. */
function shapeOf(kind: OperandKind, inMemory: boolean): Shape | undefined {
  if (kind.startsWith("str")) return undefined;
  if (/^(imm|sx|rel)/.test(kind) || kind === "one") return { kind: "imm" };
  if (kind === "m") return { kind: "address" };
  const size = sizeOf(kind);
  if (size === undefined) return undefined;
  if (/^(m|moffs)\d/.test(kind)) return { kind: "mem", size };
  if (kind.startsWith("rm") && inMemory) return { kind: "mem", size };
  return { kind: "reg", size };
}

/** The width of the operation: the row's operand size, or that of its first sized operand. */
function operationSize(form: InstructionForm): OperandSize {
  if (form.encoding.operandSize !== 0) return form.encoding.operandSize;
  for (const { kind } of form.operands) {
    const size = sizeOf(kind);
    if (size !== undefined) return size;
  }
  return 8;
}

function keyOf(kind: Omit<MicroOpKind, "key">): string {
  const shapes = kind.shapes.map((shape) =>
    shape.kind === "imm" || shape.kind === "address" ? shape.kind : `${shape.kind}${shape.size}`,
  );
  return [
    kind.semantics,
    kind.size,
    shapes.join(","),
    kind.condition < 0 ? "" : `cc${kind.condition}`,
    BY_ADDRESS_SIZE.has(kind.semantics) ? `a${kind.addressSize}` : "",
    kind.repeat === "none" ? "" : kind.repeat,
  ].join("/");
}

function kindOf(
  form: InstructionForm,
  inMemory: boolean,
  addressSize: 16 | 32 | 64,
  repeat: MicroOpKind["repeat"],
): MicroOpKind | undefined {
  const { semantics } = form;
  if (semantics === undefined || !Object.hasOwn(EMITTED, semantics)) return undefined;
  // 64-bit division needs 128-bit dividends: a system event.
  const size = operationSize(form);
  if ((semantics === "div" || semantics === "idiv") && size === 64) return undefined;
  const shapes = form.operands.flatMap(({ kind }) => shapeOf(kind, inMemory) ?? []);
  const parts = {
    semantics,
    size,
    shapes,
    condition: form.condition ?? -1,
    addressSize: BY_ADDRESS_SIZE.has(semantics) ? addressSize : (64 as const),
    repeat,
  };
  return { ...parts, key: keyOf(parts) };
}

function repeatOf(form: InstructionForm, prefix: number): MicroOpKind["repeat"] {
  if (form.semantics === undefined || !STRINGS.has(form.semantics) || prefix === 0) return "none";
  if (!COMPARING.has(form.semantics)) return "rep";
  return prefix === 0xf2 ? "repne" : "repe";
}

/** The interpreter case for a decoded instruction, or undefined if it is a system event. */
export function microOpKind(instruction: Instruction): MicroOpKind | undefined {
  const { form } = instruction;
  const inMemory = instruction.operands.some(({ kind }) => kind === "mem");
  return kindOf(form, inMemory, instruction.addressSize, repeatOf(form, instruction.repeat));
}

/** Every case that the table's rows can need, once. */
export function allMicroOpKinds(forms: readonly InstructionForm[]): MicroOpKind[] {
  const kinds = new Map<string, MicroOpKind>();
  for (const form of forms) {
    for (const inMemory of [false, true]) {
      for (const addressSize of [16, 32, 64] as const) {
        for (const prefix of [0, 0xf3, 0xf2]) {
          const kind = kindOf(form, inMemory, addressSize, repeatOf(form, prefix));
          if (kind) kinds.set(kind.key, kind);
        }
      }
    }
  }
  return [...kinds.values()];
}
