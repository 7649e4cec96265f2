/** A register made of named bits, as a variable with a child for each field. */
import { decodeBits, fieldMask, summarizeBits } from "../../engine/index";
import type { BitLayout } from "../../engine/index";
import { hexOf } from "../expressions/formatValue";
import type { VariableNode } from "./node";

/** `set` gets the whole new value. */
export function bitsNode(
  name: string,
  layout: BitLayout,
  value: bigint,
  set?: (value: bigint) => void,
  parse?: (text: string) => bigint,
): Pick<VariableNode, "name" | "value" | "children"> {
  const summary = summarizeBits(layout, value);
  return {
    name,
    value: `${hexOf(value, layout.width)} ${summary}`.trimEnd(),
    children: () => fieldNodes(name, layout, value, set, parse),
  };
}

function fieldNodes(
  register: string,
  layout: BitLayout,
  value: bigint,
  set: ((value: bigint) => void) | undefined,
  parse: ((text: string) => bigint) | undefined,
): readonly VariableNode[] {
  return decodeBits(layout, value).map((row) => {
    const field = layout.fields.find(({ name }) => name === row.name);
    const number = field && field.high > field.low ? `0x${row.value.toString(16)}` : String(row.value); // prettier-ignore
    const meaning = ["set", "clear", number].includes(row.meaning) ? "" : ` ${row.meaning}`;
    const change =
      field && set && parse
        ? { set: (text: string) => set(merge(value, fieldMask(field), field.low, parse(text))) }
        : {};
    return {
      name: row.name,
      value: number + meaning,
      type: `${register} bit ${row.bits}: ${row.title}`,
      ...change,
    };
  });
}

function merge(value: bigint, mask: bigint, low: number, part: bigint): bigint {
  return (value & ~mask) | ((part << BigInt(low)) & mask);
}
