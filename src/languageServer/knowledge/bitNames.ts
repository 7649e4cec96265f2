/** Names for the bits of a register: those that the program has, else new ones in the manual's spelling. */
import { setBits, type BitLayout } from "../../engine/language";
import type { Analysis } from "../analysis";

export interface BitNames {
  /** One name a bit, from the lowest. */
  readonly words: readonly string[];
  /** Those that the program does not define. */
  readonly missing: readonly { readonly name: string; readonly bit: number }[];
}

/** "IA32_EFER" says EFER. */
function registerName(layout: BitLayout): string {
  return layout.name.replace(/^IA32_/, "").replaceAll(/\W/g, "_");
}

/** A constant of the program with this value whose name holds the register's and the bit's. */
function ownName(
  analysis: Analysis,
  register: string,
  field: string,
  value: bigint,
): string | undefined {
  const holds = (name: string): boolean => {
    const words = name.toUpperCase().split(/[_.]/);
    return words.includes(register) && words.includes(field.toUpperCase());
  };
  return analysis.model.assembly.symbols.find(
    (symbol) => symbol.kind === "equ" && symbol.value === value && holds(symbol.name),
  )?.name;
}

/** Undefined where a set bit has no name of its own, or where a name is taken by something else. */
export function bitNames(
  analysis: Analysis,
  layout: BitLayout,
  value: bigint,
): BitNames | undefined {
  const bits = setBits(value);
  if (bits.length === 0 || bits.length > 8) return undefined;
  const register = registerName(layout);
  const words: string[] = [];
  const missing: { name: string; bit: number }[] = [];
  for (const bit of bits) {
    const field = layout.fields.find((each) => each.low === bit && each.high === bit);
    if (field === undefined || !/^[A-Z]\w*$/i.test(field.name)) return undefined;
    const own = ownName(analysis, register, field.name, 1n << BigInt(bit));
    const name = own ?? `${register}_${field.name.toUpperCase()}`;
    words.push(name);
    if (own !== undefined) continue;
    if (analysis.model.names.some((each) => each.name === name)) return undefined;
    missing.push({ name, bit });
  }
  return { words, missing };
}
