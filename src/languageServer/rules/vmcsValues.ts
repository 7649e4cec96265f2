/**
 * Constants that VM entry refuses or that lose bits on the way into the VMCS: VMM11 (width), VMM13 (controls), VMM17 (EPT pointer). SDM Vol.
 * 3C, "VM Entries", "Checks on VMX Controls".
 */
import {
  controlsOf,
  fieldBits,
  reservedMask,
  EPTP_LAYOUT,
  setBits,
  vmxCapabilities,
  type ControlWord,
  type VmcsFieldName,
} from "../../engine/language";
import { valueWritten, vmcsAccessesOf, type VmcsAccess } from "../knowledge/vmcsAccesses";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

function finding(code: string, access: VmcsAccess, message: string): Finding {
  const { statement } = access;
  return withCall({ code, severity: "warning", message, range: statement.range }, statement);
}

function lostBits(access: VmcsAccess): Finding[] {
  const { field, high, statement } = access;
  const value = valueWritten(access);
  if (field === undefined || value === undefined) return [];
  const width = high ? 32 : fieldBits(field);
  const operandBits = statement.bits === 64 ? 64 : 32;
  const lost = width < operandBits ? BigInt.asUintN(operandBits, value) >> BigInt(width) : 0n;
  // A sign-extended number of the field's own width is meant as that number.
  const isNegative = BigInt.asIntN(operandBits, value) === BigInt.asIntN(width, value);
  if (lost === 0n || isNegative) return [];
  return [
    finding("VMM11", access, `${field.name} has ${width} bits: VMWRITE ignores the bits above, and 0x${value.toString(16)} becomes 0x${BigInt.asUintN(width, value).toString(16)}.`), // prettier-ignore
  ];
}

function isHalf(access: VmcsAccess, name: VmcsFieldName, high: boolean): boolean {
  return access.writes && access.field?.name === name && access.high === high;
}

/** Outside 64-bit mode VMWRITE of a whole 64-bit field clears bits 63:32. */
function upperHalves(accesses: readonly VmcsAccess[]): Finding[] {
  return accesses.flatMap((access, at) => {
    const { field, statement, writes, high } = access;
    if (field?.width !== 64 || statement.bits === 64 || !writes || high) return [];
    const before = accesses[at - 1];
    if (before !== undefined && before.index > access.index - 6 && isHalf(before, field.name, true))
      return [
        finding("VMM11", access, `Outside 64-bit mode this clears bits 63:32 of ${field.name}, which were written just before: write the low half (0x${field.encoding.toString(16)}) first.`), // prettier-ignore
      ];
    const isLink = field.name === "VMCS_LINK_POINTER" && valueWritten(access) === 0xffffffffn;
    const allKnown = accesses.every((each) => each.encoding !== undefined);
    if (!isLink || !allKnown || accesses.some((each) => isHalf(each, field.name, true))) return [];
    return [
      finding("VMM11", access, "Outside 64-bit mode this writes bits 31:0 and clears bits 63:32, and nothing writes the high half (0x2801): the link pointer is 0x00000000ffffffff, not -1, and VM entry fails."), // prettier-ignore
    ];
  });
}

function widths({ analysis }: RuleContext): Finding[] {
  const accesses = vmcsAccessesOf(analysis);
  return [...accesses.filter(({ writes }) => writes).flatMap(lostBits), ...upperHalves(accesses)];
}

export const vmcsWidth: Rule = { id: "VMM11", title: "Width of a VMCS field", run: widths };

const CONTROL_WORDS: Readonly<Partial<Record<VmcsFieldName, ControlWord>>> = {
  PIN_BASED_CONTROLS: "pin",
  PRIMARY_PROCESSOR_BASED_CONTROLS: "primary",
  SECONDARY_PROCESSOR_BASED_CONTROLS: "secondary",
  VM_EXIT_CONTROLS: "exit",
  VM_ENTRY_CONTROLS: "entry",
};

const CAPABILITY_MSR: Readonly<Record<ControlWord, string>> = {
  pin: "IA32_VMX_TRUE_PINBASED_CTLS",
  primary: "IA32_VMX_TRUE_PROCBASED_CTLS",
  secondary: "IA32_VMX_PROCBASED_CTLS2",
  exit: "IA32_VMX_TRUE_EXIT_CTLS",
  entry: "IA32_VMX_TRUE_ENTRY_CTLS",
};

function bitNames(word: ControlWord, mask: number): string {
  const named = controlsOf(word);
  return setBits(BigInt(mask))
    .map((position) => named.find(({ bit }) => bit === position)?.name ?? `bit ${position}`)
    .join(", ");
}

function controlFinding(access: VmcsAccess): Finding[] {
  const word = access.field === undefined ? undefined : CONTROL_WORDS[access.field.name];
  const value = access.writes ? valueWritten(access) : undefined;
  if (word === undefined || value === undefined) return [];
  const { mustBeOne, mayBeOne } = vmxCapabilities().allowed[word];
  const bits = Number(BigInt.asUintN(32, value));
  const missing = (mustBeOne & ~bits) >>> 0;
  const excess = (bits & ~mayBeOne) >>> 0;
  const parts = [
    missing === 0 ? "" : `must be 1 and is 0: ${bitNames(word, missing)}`,
    excess === 0 ? "" : `must be 0 on this processor and is 1: ${bitNames(word, excess)}`,
  ].filter((part) => part !== "");
  if (parts.length === 0) return [];
  return [
    finding("VMM13", access, `VMLAUNCH fails with VM-instruction error 7 (invalid control field): ${parts.join("; ")}. Read ${CAPABILITY_MSR[word]}: OR with its low half, AND with its high half.`), // prettier-ignore
  ];
}

export const vmxControls: Rule = {
  id: "VMM13",
  title: "VMX controls that the processor does not allow",
  run: ({ analysis }) => vmcsAccessesOf(analysis).flatMap(controlFinding),
};

function pointerMistake(value: bigint): string | undefined {
  const type = value & 7n;
  if (type !== 0n && type !== 6n)
    return `memory type ${type} in bits 2:0 is not allowed (0 uncacheable, 6 write-back)`;
  const length = (value >> 3n) & 7n;
  if (length !== 3n)
    return `bits 5:3 hold the page-walk length minus 1 and must be 3 for four levels, not ${length}`;
  const reserved = value & reservedMask(EPTP_LAYOUT);
  return reserved === 0n ? undefined : `reserved bits are set: ${setBits(reserved).join(", ")}`;
}

function pointerFinding(access: VmcsAccess): Finding[] {
  const value = access.writes ? valueWritten(access) : undefined;
  if (access.field?.name !== "EPT_POINTER" || access.high || value === undefined) return [];
  const mistake = pointerMistake(value);
  if (mistake === undefined) return [];
  return [finding("VMM17", access, `This EPT pointer makes VM entry fail with VM-instruction error 7: ${mistake}.`)]; // prettier-ignore
}

export const eptPointer: Rule = {
  id: "VMM17",
  title: "Malformed EPT pointer",
  run: ({ analysis }) => vmcsAccessesOf(analysis).flatMap(pointerFinding),
};
