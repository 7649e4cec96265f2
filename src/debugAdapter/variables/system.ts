/** The scopes Segments, Control Registers and MSRs. */
import {
  accessRightsText,
  AR,
  CR0_LAYOUT,
  CR3_LAYOUT,
  CR4_LAYOUT,
  CR8_LAYOUT,
  DR6_LAYOUT,
  DR7_LAYOUT,
  EFER_LAYOUT,
  msrByNumber,
  SEGMENTS,
  selectorText,
} from "../../engine/index";
import type { BitLayout, SegmentView } from "../../engine/index";
import { hexOf, symbolNote } from "../expressions/formatValue";
import { memoryReference } from "../memoryReference";
import { VARIABLE_MENU_CONTEXTS } from "../protocol";
import { bitsNode } from "./bitNodes";
import { typedValue } from "./inputs";
import type { ScopeInputs } from "./inputs";
import type { VariableNode } from "./node";

/** Registers that are tables of bits; the others of the scope are plain addresses. */
export const SYSTEM_LAYOUTS: Readonly<Record<string, BitLayout>> = {
  cr0: CR0_LAYOUT, cr3: CR3_LAYOUT, cr4: CR4_LAYOUT, cr8: CR8_LAYOUT, efer: EFER_LAYOUT, dr6: DR6_LAYOUT, dr7: DR7_LAYOUT,
}; // prettier-ignore

const SYSTEM_REGISTERS = [
  "cr0", "cr2", "cr3", "cr4", "cr8", "efer", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7",
]; // prettier-ignore

const SEGMENT_ORDER = ["cs", "ss", "ds", "es", "fs", "gs", "tr", "ldtr"] as const;

export function controlNodes(inputs: ScopeInputs): readonly VariableNode[] {
  const present = SYSTEM_REGISTERS.filter((name) => inputs.view.registers[name] !== undefined);
  return present.map((name) => controlNode(inputs, name, inputs.view.registers[name] ?? 0n));
}

function controlNode(inputs: ScopeInputs, name: string, value: bigint): VariableNode {
  const layout = SYSTEM_LAYOUTS[name];
  const set = (next: bigint): void => inputs.setRegister(name, next);
  const common = {
    evaluateName: name,
    type: layout?.name ?? "address",
    context: VARIABLE_MENU_CONTEXTS.register,
    ...(inputs.frame ? {} : { set: (text: string) => set(typedValue(inputs, text)) }),
  };
  if (name === "cr3") {
    const root = memoryReference("gpa", value & 0x000f_ffff_ffff_f000n);
    return { ...bitsNode(name, CR3_LAYOUT, value), ...common, memoryReference: root };
  }
  if (layout) return { ...bitsNode(name, layout, value, set, inputs.parse), ...common };
  return {
    name,
    value: hexOf(value, 64) + symbolNote(inputs.program, value),
    memoryReference: memoryReference("gva", value),
    ...common,
  };
}

export function segmentNodes(inputs: ScopeInputs): readonly VariableNode[] {
  const segments = SEGMENT_ORDER.map((name) => segmentNode(inputs, name));
  const tables = (["gdtr", "idtr"] as const).map((name): VariableNode => {
    const { base, limit } = inputs.view[name];
    return {
      name,
      value: `base ${hexOf(base, 64)} limit ${hexOf(BigInt(limit), 16)}`,
      type: name === "gdtr" ? "global descriptor table" : "interrupt descriptor table",
      memoryReference: memoryReference("gva", base),
      evaluateName: name,
    };
  });
  return [...segments, ...tables];
}

function segmentNode(inputs: ScopeInputs, name: (typeof SEGMENT_ORDER)[number]): VariableNode {
  const segment = inputs.view.segments[name];
  const settable = (SEGMENTS as readonly string[]).includes(name) && !inputs.frame;
  return {
    name,
    value: segmentText(segment),
    type: "segment register",
    evaluateName: name,
    context: VARIABLE_MENU_CONTEXTS.register,
    memoryReference: memoryReference("gva", segment.base),
    children: () => segmentParts(name, segment),
    ...(settable
      ? {
          set: (text: string) => inputs.setRegister(name, inputs.parse(text.split(" ")[0] ?? text)),
        }
      : {}),
  };
}

/** "0x0008 base 0x0 limit 0xffffffff code execute/read, 32-bit, DPL 0". */
export function segmentText(segment: SegmentView): string {
  const selector = hexOf(BigInt(segment.selector), 16);
  if (segment.accessRights & AR.UNUSABLE) return `${selector} unusable`;
  const limit = `0x${segment.limit.toString(16)}`;
  const rights = accessRightsText(segment.accessRights);
  return `${selector} base 0x${segment.base.toString(16)} limit ${limit} ${rights}`;
}

function segmentParts(name: string, segment: SegmentView): readonly VariableNode[] {
  return [
    { name: "selector", value: selectorText(segment.selector), evaluateName: name },
    {
      name: "base",
      value: hexOf(segment.base, 64),
      memoryReference: memoryReference("gva", segment.base),
      evaluateName: `${name}.base`,
    },
    { name: "limit", value: hexOf(BigInt(segment.limit), 32), evaluateName: `${name}.limit` },
    {
      name: "rights",
      value: `${hexOf(BigInt(segment.accessRights), 32)} ${accessRightsText(segment.accessRights)}`,
      evaluateName: `${name}.rights`,
    },
  ];
}

export function msrNodes(inputs: ScopeInputs): readonly VariableNode[] {
  return inputs.debuggee.msrs().map(({ name, number, value }): VariableNode => {
    const row = msrByNumber(number);
    const common = {
      name,
      type: `MSR 0x${number.toString(16)}${row ? `: ${row.description}` : ""}`,
      evaluateName: name,
      ...(inputs.frame
        ? {}
        : { set: (text: string) => inputs.setRegister(name, typedValue(inputs, text)) }),
    };
    if (row?.bits) return { ...bitsNode(name, row.bits, value), ...common };
    return { value: hexOf(value, 64) + symbolNote(inputs.program, value), ...common };
  });
}
