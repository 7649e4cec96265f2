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

/** Where a control is. Those that are asked for on every TLB miss and at every instruction boundary are looked up once. */
export interface ControlBit {
  /** Of the control word in its region. */
  readonly offset: number;
  readonly mask: number;
  /** It counts only when the secondary controls are activated. */
  readonly isSecondary: boolean;
}

const BITS = new Map<string, ControlBit>();
for (const { control: word, key, bit } of VMX_CONTROLS)
  BITS.set(`${word} ${key}`, {
    offset: WORD_OFFSETS[word],
    mask: (1 << bit) >>> 0,
    isSecondary: word === "secondary",
  });

export function controlBit<Word extends ControlWord>(
  word: Word,
  key: ControlKey<Word>,
): ControlBit {
  return BITS.get(`${word} ${key}`)!;
}

const ACTIVATE_SECONDARY = controlBit("primary", "activateSecondaryControls");

/** Whether a control of the current VMCS is 1; secondary controls count only when activated. */
export function hasControl(cpu: Processor, { offset, mask, isSecondary }: ControlBit): boolean {
  const { current } = cpu.system.vmx;
  if ((cpu.ram.read32(current + offset) & mask) === 0) return false;
  if (!isSecondary) return true;
  const { offset: primary, mask: activate } = ACTIVATE_SECONDARY;
  return (cpu.ram.read32(current + primary) & activate) !== 0;
}

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

/** The same by name. */
export function control<Word extends ControlWord>(
  cpu: Processor,
  word: Word,
  key: ControlKey<Word>,
): boolean {
  return hasControl(cpu, controlBit(word, key));
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

const ENABLE_VPID = controlBit("secondary", "enableVpid");
const VPID = offsetOf("VIRTUAL_PROCESSOR_IDENTIFIER");

/** The VPID that tags translations now; 0 outside non-root operation or without "enable VPID". */
export function currentVpid(cpu: Processor): number {
  return cpu.system.vmx.nonRoot && hasControl(cpu, ENABLE_VPID) ? readOffset32(cpu, VPID) : 0;
}

export function launchState(cpu: Processor, region: number): "clear" | "launched" {
  return cpu.ram.read32(region + VMCS_HEADER.launchState) === 1 ? "launched" : "clear";
}

export function setLaunchState(cpu: Processor, region: number, state: "clear" | "launched"): void {
  cpu.ram.write32(region + VMCS_HEADER.launchState, state === "launched" ? 1 : 0);
}
