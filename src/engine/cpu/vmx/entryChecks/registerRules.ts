/** Requirements that host and guest registers share: fixed bits, canonical addresses, IA32_PAT and IA32_EFER. */
import { setBits, type BitLayout } from "../../../isa/bitFields";
import { PAT_RESET, isValidPat } from "../../../isa/msrs";
import { fieldByName, type VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import { canonical, isCanonical, type EntryState } from "./entryState";
import { hex, type EntryRule, type RuleText } from "./rule";

export type Section = (text: RuleText) => EntryRule;

/** "PE (bit 0), bit 63". */
export function bitNames(of: BitLayout, mask: bigint): string {
  return setBits(mask)
    .map((position) => {
      const field = of.fields.find((row) => row.low === position && row.high === position);
      return field === undefined ? `bit ${position}` : `${field.name} (bit ${position})`;
    })
    .join(", ");
}

/** Bits that must be 1 and bits that may be 1. */
export function fixedBits(
  of: Section,
  id: string,
  field: VmcsFieldName,
  layout: BitLayout,
  allowed: (state: EntryState) => { readonly mustBeOne: bigint; readonly mayBeOne: bigint },
): EntryRule {
  const { title } = fieldByName(field);
  return of({
    id,
    title: `${title} must have the bits that are fixed in VMX operation, and no unsupported ones`,
    fields: [field],
    find(state) {
      const value = state.read(field);
      const { mustBeOne, mayBeOne } = allowed(state);
      const missing = mustBeOne & ~value;
      const extra = value & ~mayBeOne;
      if (missing === 0n && extra === 0n) return undefined;
      const parts = [
        ...(missing === 0n ? [] : [`${bitNames(layout, missing)} must be 1`]),
        ...(extra === 0n ? [] : [`${bitNames(layout, extra)} must be 0`]),
      ];
      return {
        sentence: `${title} ${hex(value)}: ${parts.join("; ")}.`,
        fix: [{ field, value: (value | mustBeOne) & mayBeOne }],
      };
    },
  });
}

export function canonicalAddress(
  of: Section,
  id: string,
  field: VmcsFieldName,
  applies: (state: EntryState) => boolean = () => true,
): EntryRule {
  const { title } = fieldByName(field);
  return of({
    id,
    title: `${title} must be a canonical address`,
    fields: [field],
    find(state) {
      const value = state.read(field);
      if (!applies(state) || isCanonical(value)) return undefined;
      return {
        sentence: `${title} ${hex(value)} is not canonical: bits 63:47 must be equal.`,
        fix: [{ field, value: canonical(value) }],
      };
    },
  });
}

/** CR3 must fit the physical-address width. */
export function cr3Width(of: Section, id: string, field: VmcsFieldName): EntryRule {
  const { title } = fieldByName(field);
  return of({
    id,
    title: `${title} must not have bits beyond the physical-address width`,
    fields: [field],
    find(state) {
      const value = state.read(field);
      if (state.beyondPhysicalWidth(value) === 0n) return undefined;
      const width = state.context.physicalAddressBits;
      return {
        sentence: `${title} ${hex(value)} is beyond the ${width}-bit physical-address width.`,
        fix: [{ field, value: BigInt.asUintN(width, value) }],
      };
    },
  });
}

export function patValue(
  of: Section,
  id: string,
  field: VmcsFieldName,
  control: string,
  applies: (state: EntryState) => boolean,
): EntryRule {
  const { title } = fieldByName(field);
  return of({
    id,
    title: `Every byte of ${title} must be a memory type (0, 1, 4, 5, 6 or 7) when "${control}" is 1`,
    fields: [field],
    find(state) {
      const value = state.read(field);
      if (!applies(state) || isValidPat(value)) return undefined;
      return {
        sentence: `${title} ${hex(value)} has a byte that is not 0, 1, 4, 5, 6 or 7.`,
        hint: `Write the current IA32_PAT to ${field}, or ${hex(PAT_RESET)}, its reset value.`,
        fix: [{ field, value: PAT_RESET }],
      };
    },
  });
}

export function eferReserved(
  of: Section,
  id: string,
  field: VmcsFieldName,
  layout: BitLayout,
  applies: (state: EntryState) => boolean,
): EntryRule {
  const { title } = fieldByName(field);
  return of({
    id,
    title: `Reserved bits of ${title} must be 0`,
    fields: [field],
    find(state) {
      const value = state.read(field);
      const extra = value & ~state.capabilities.eferSupported;
      if (!applies(state) || extra === 0n) return undefined;
      return {
        sentence: `${title} ${hex(value)}: ${bitNames(layout, extra)} must be 0.`,
        fix: [{ field, value: value & state.capabilities.eferSupported }],
      };
    },
  });
}
