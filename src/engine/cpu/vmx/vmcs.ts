/** The current VMCS: a region in host-physical memory, laid out by isa/vmx/vmcsFields. SDM Vol. 3C, "Virtual Machine Control Structures". */
import { VMX_CONTROLS, type ControlKey, type ControlWord } from "../../isa/vmx/controls";
import {
  VMCS_HEADER,
  fieldBits,
  fieldByName,
  type VmcsField,
  type VmcsFieldName,
} from "../../isa/vmx/vmcsFields";
import type { Processor } from "../processor";

const WORD_FIELDS: Readonly<Record<ControlWord, VmcsFieldName>> = {
  pin: "PIN_BASED_CONTROLS",
  primary: "PRIMARY_PROCESSOR_BASED_CONTROLS",
  secondary: "SECONDARY_PROCESSOR_BASED_CONTROLS",
  exit: "VM_EXIT_CONTROLS",
  entry: "VM_ENTRY_CONTROLS",
};

const WORD_OFFSETS = Object.fromEntries(
  Object.entries(WORD_FIELDS).map(([word, name]) => [word, fieldByName(name).offset]),
) as Readonly<Record<ControlWord, number>>;

/** Masks by word and key: controls are asked for on every TLB miss and at every instruction boundary. */
const MASKS = {
  pin: {},
  primary: {},
  secondary: {},
  exit: {},
  entry: {},
} as Record<ControlWord, Record<string, number>>;
for (const row of VMX_CONTROLS) MASKS[row.control][row.key] = (1 << row.bit) >>> 0;

/** Reads a field of the VMCS at `region` (HPA). */
export function readFieldAt(cpu: Processor, region: number, field: VmcsField): bigint {
  return BigInt.asUintN(fieldBits(field), cpu.ram.read64(region + field.offset));
}

export function writeFieldAt(
  cpu: Processor,
  region: number,
  field: VmcsField,
  value: bigint,
): void {
  cpu.ram.write64(region + field.offset, BigInt.asUintN(fieldBits(field), value));
}

/** Offset of a field in its region: for those who access it at every exit and entry. */
export function offsetOf(name: VmcsFieldName): number {
  return fieldByName(name).offset;
}

/** The 64 bits of a field of the current VMCS by its offset; a narrower one is zero-extended. */
export function readOffset(cpu: Processor, offset: number): bigint {
  return cpu.ram.read64(cpu.system.vmx.current + offset);
}

/** The low 32 bits. */
export function readOffset32(cpu: Processor, offset: number): number {
  return cpu.ram.read32(cpu.system.vmx.current + offset);
}

/** Writes a field of 64 bits. */
export function writeOffset(cpu: Processor, offset: number, value: bigint): void {
  cpu.ram.write64(cpu.system.vmx.current + offset, value);
}

/** Writes an unsigned number of at most 32 bits; what lies above it in the field's 64 reads as zero. */
export function writeOffset32(cpu: Processor, offset: number, value: number): void {
  const at = cpu.system.vmx.current + offset;
  cpu.ram.write32(at, value);
  cpu.ram.write32(at + 4, 0);
}

/** Reads a field of the current VMCS. */
export function readVmcs(cpu: Processor, name: VmcsFieldName): bigint {
  return readFieldAt(cpu, cpu.system.vmx.current, fieldByName(name));
}

export function readVmcs32(cpu: Processor, name: VmcsFieldName): number {
  return cpu.ram.read32(cpu.system.vmx.current + fieldByName(name).offset);
}

export function writeVmcs(cpu: Processor, name: VmcsFieldName, value: bigint | number): void {
  writeFieldAt(cpu, cpu.system.vmx.current, fieldByName(name), BigInt(value));
}

/** Writes a field of at most 32 bits. */
export function writeVmcs32(cpu: Processor, name: VmcsFieldName, value: number): void {
  writeOffset32(cpu, fieldByName(name).offset, value >>> 0);
}

/** Whether a control of the current VMCS is 1; secondary controls count only when activated. */
export function control<Word extends ControlWord>(
  cpu: Processor,
  word: Word,
  key: ControlKey<Word>,
): boolean {
  if (word === "secondary" && !control(cpu, "primary", "activateSecondaryControls")) return false;
  const value = cpu.ram.read32(cpu.system.vmx.current + WORD_OFFSETS[word]);
  return (value & MASKS[word][key]) !== 0;
}

export function secondaryControl(cpu: Processor, key: ControlKey<"secondary">): boolean {
  return control(cpu, "secondary", key);
}

/** A control of the current VMCS, in VMX non-root operation only. */
export function nonRootControl<Word extends ControlWord>(
  cpu: Processor,
  word: Word,
  key: ControlKey<Word>,
): boolean {
  return cpu.system.vmx.nonRoot && control(cpu, word, key);
}

/** The VPID that tags translations now; 0 outside non-root operation or without "enable VPID". */
export function currentVpid(cpu: Processor): number {
  return nonRootControl(cpu, "secondary", "enableVpid")
    ? Number(readVmcs(cpu, "VIRTUAL_PROCESSOR_IDENTIFIER"))
    : 0;
}

export function launchState(cpu: Processor, region: number): "clear" | "launched" {
  return cpu.ram.read32(region + VMCS_HEADER.launchState) === 1 ? "launched" : "clear";
}

export function setLaunchState(cpu: Processor, region: number, state: "clear" | "launched"): void {
  cpu.ram.write32(region + VMCS_HEADER.launchState, state === "launched" ? 1 : 0);
}
