/** The scopes Registers and Flags. */
import { fieldValue, GPR16, GPR32, GPR64, GPR8, GPR8_HIGH, RFLAGS_LAYOUT, summarizeBits } from "../../engine/index"; // prettier-ignore
import type { BitField } from "../../engine/index";
import { hexOf, symbolNote } from "../expressions/formatValue";
import { FLAG_NAMES, REGISTER_NAMES } from "../expressions/registers";
import { memoryReference } from "../memoryReference";
import { VARIABLE_MENU_CONTEXTS } from "../protocol";
import { typedValue } from "./inputs";
import type { ScopeInputs } from "./inputs";
import type { VariableNode } from "./node";

/** The sub-registers of GPR `index` below `width` bits, wide to narrow. */
function parts(index: number, width: 64 | 32): readonly string[] {
  const lists = width === 64 ? [GPR32, GPR16, GPR8] : [GPR16, GPR8];
  const names = lists.map((names) => names[index] ?? "");
  const high = GPR8_HIGH[index];
  // SPL, BPL, SIL, DIL and R8-R15 exist only in 64-bit mode.
  const usable = width === 64 ? names : names.filter((_, at) => at === 0 || index < 4);
  return high === undefined ? usable : [...usable, high];
}

/** General registers and the instruction pointer, in the width of the mode. */
export function registerNodes(inputs: ScopeInputs): readonly VariableNode[] {
  const wide = inputs.view.mode === "long64";
  const names = wide ? GPR64 : GPR32.slice(0, 8);
  const general = names.map((name, index) => ({
    ...registerNode(inputs, name),
    children: () => parts(index, wide ? 64 : 32).map((part) => registerNode(inputs, part)),
  }));
  return [...general, registerNode(inputs, wide ? "rip" : "eip")];
}

/** Segment whose base a register's value is relative to. */
const SEGMENT_OF: Readonly<Record<string, "ss" | "cs">> = {
  rsp: "ss", esp: "ss", rbp: "ss", ebp: "ss", rip: "cs", eip: "cs",
}; // prettier-ignore

export function registerNode(inputs: ScopeInputs, name: string): VariableNode {
  const register = REGISTER_NAMES.get(name);
  const value = register?.read(inputs.view) ?? 0n;
  const width = register?.width ?? 64;
  const segment = SEGMENT_OF[name];
  const base = segment ? inputs.view.segments[segment].base : 0n;
  const linear = BigInt.asUintN(64, value + base);
  const pointer = width >= 32 ? { memoryReference: memoryReference("gva", linear) } : {};
  return {
    name,
    value: hexOf(value, width) + (width >= 32 ? symbolNote(inputs.program, linear) : ""),
    type: `${width}-bit register`,
    evaluateName: name,
    context: VARIABLE_MENU_CONTEXTS.register,
    ...pointer,
    ...setter(inputs, name),
  };
}

/** Callers' frames cannot be changed: their registers are not the processor's. */
function setter(inputs: ScopeInputs, name: string): Pick<VariableNode, "set"> {
  const write = (REGISTER_NAMES.get(name) ?? FLAG_NAMES.get(name))?.write;
  if (!write || inputs.frame) return {};
  return { set: (text) => inputs.setRegister(...write(inputs.view, typedValue(inputs, text))) };
}

/** RFLAGS bit by bit, and whole. */
export function flagNodes(inputs: ScopeInputs): readonly VariableNode[] {
  const value = inputs.view.registers.rflags ?? 0n;
  const whole: VariableNode = {
    name: "rflags",
    value: `${hexOf(value, 32)} ${summarizeFlags(value)}`.trimEnd(),
    type: "RFLAGS",
    evaluateName: "rflags",
    context: VARIABLE_MENU_CONTEXTS.register,
    ...setter(inputs, "rflags"),
  };
  const fields: readonly BitField[] = RFLAGS_LAYOUT.fields;
  const flags = fields.filter(({ name }) => FLAG_NAMES.has(name.toLowerCase()));
  return [whole, ...flags.map((field) => flagNode(inputs, field, value))];
}

function flagNode(inputs: ScopeInputs, field: BitField, value: bigint): VariableNode {
  const lower = field.name.toLowerCase();
  return {
    name: field.name,
    value: String(fieldValue(field, value)),
    type: field.title,
    evaluateName: lower,
    ...setter(inputs, lower),
  };
}

/** Set flags by name, without the bit that is always one. */
export function summarizeFlags(value: bigint): string {
  return summarizeBits(RFLAGS_LAYOUT, value & ~2n);
}
