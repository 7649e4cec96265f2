/** Memory references: `gva:0x…`, `gpa:0x…`, `hpa:0x…`; a bare address is a GVA. */
import { hex } from "../engine/index";
import type { AddressSpace } from "../engine/index";

export interface Place {
  readonly space: AddressSpace;
  readonly address: bigint;
}

export function memoryReference(space: AddressSpace, address: bigint): string {
  return `${space}:${hex(address)}`;
}

const FORM = /^\s*(?:(gva|gpa|hpa):)?\s*(0x[0-9a-f]{1,16}|\d{1,20})\s*$/i;

/** Reads a reference; what is not plain is an expression, and `evaluate` decides (it throws what is wrong). */
export function parsePlace(reference: string, evaluate: (text: string) => bigint): Place {
  const match = FORM.exec(reference);
  if (match?.[2] !== undefined) {
    const space = (match[1]?.toLowerCase() ?? "gva") as AddressSpace;
    return { space, address: BigInt.asUintN(64, BigInt(match[2])) };
  }
  const prefix = /^\s*(gva|gpa|hpa):(.*)$/is.exec(reference);
  if (!prefix) return { space: "gva", address: evaluate(reference) };
  return { space: prefix[1]?.toLowerCase() as AddressSpace, address: evaluate(prefix[2] ?? "") };
}
