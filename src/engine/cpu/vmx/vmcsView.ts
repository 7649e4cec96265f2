/** The contents of a VMCS for display: every field with its value and what it means. */
import { decodeBits, summarizeBits, type DecodedField } from "../../isa/bitFields";
import {
  decodeExitQualification,
  decodeInterruptionInformation,
} from "../../isa/vmx/exitQualification";
import { exitReasonByNumber } from "../../isa/vmx/exitReasons";
import { decodeInstructionInformation } from "../../isa/vmx/instructionInformation";
import { ENTRY_FAILURE_BIT } from "../../isa/vmx/fieldLayouts";
import { vmInstructionError } from "../../isa/vmx/vmInstructionErrors";
import {
  VMCS_FIELDS,
  fieldByName,
  type VmcsField,
  type VmcsFieldName,
} from "../../isa/vmx/vmcsFields";
import type { Processor } from "../processor";
import { launchState, readFieldAt } from "./vmcs";

export interface VmcsFieldValue {
  readonly field: VmcsField;
  readonly value: bigint;
  /** One phrase; empty where the number says it all. */
  readonly decoded: string;
  /** The field bit by bit, where it has a layout. */
  readonly bits: readonly DecodedField[];
}

export interface VmcsContents {
  /** HPA of the region. */
  readonly region: number;
  readonly launchState: "clear" | "launched";
  readonly isCurrent: boolean;
  readonly fields: readonly VmcsFieldValue[];
}

type Read = (name: VmcsFieldName) => bigint;
interface Decoded {
  readonly text: string;
  readonly bits: readonly DecodedField[];
}

function reasonText(value: bigint): string {
  const number = Number(value);
  const title = exitReasonByNumber(number)?.title ?? `reason ${number & 0xffff}`;
  return number & ENTRY_FAILURE_BIT ? `VM-entry failure: ${title}` : title;
}

function interruption(value: bigint, from: "entry" | "exit" | "idt-vectoring"): Decoded {
  const { text, fields } = decodeInterruptionInformation(Number(value), from);
  return { text, bits: fields };
}

/** Fields whose meaning depends on more than their bits. */
const SPECIAL: Partial<Record<VmcsFieldName, (value: bigint, read: Read) => Decoded>> = {
  EXIT_REASON: (value) => ({ text: reasonText(value), bits: [] }),
  EXIT_QUALIFICATION: (value, read) => {
    const information = Number(read("VM_EXIT_INTERRUPTION_INFORMATION"));
    const reason = Number(read("EXIT_REASON"));
    const { text, fields } = decodeExitQualification(reason, value, information);
    return { text, bits: fields };
  },
  VM_EXIT_INSTRUCTION_INFORMATION: (value, read) => {
    const reason = exitReasonByNumber(Number(read("EXIT_REASON")));
    const layout = reason?.instructionInformation ?? "none";
    const decoded = decodeInstructionInformation(layout, Number(value), read("EXIT_QUALIFICATION"));
    return { text: decoded.text, bits: decoded.fields };
  },
  VM_INSTRUCTION_ERROR: (value) => ({
    text: vmInstructionError(Number(value))?.text ?? "",
    bits: [],
  }),
  VM_ENTRY_INTERRUPTION_INFORMATION: (value) => interruption(value, "entry"),
  VM_EXIT_INTERRUPTION_INFORMATION: (value) => interruption(value, "exit"),
  IDT_VECTORING_INFORMATION: (value) => interruption(value, "idt-vectoring"),
};

function decode(field: VmcsField, value: bigint, read: Read): Decoded {
  const special = SPECIAL[field.name]?.(value, read);
  if (special) return special;
  if (!field.bits) return { text: "", bits: [] };
  return { text: summarizeBits(field.bits, value), bits: decodeBits(field.bits, value) };
}

/** The VMCS at `region` (default: the current one); undefined if there is none. Reads only. */
export function vmcsView(
  cpu: Processor,
  region = cpu.system.vmx.current,
): VmcsContents | undefined {
  if (region < 0) return undefined;
  const read: Read = (name) => readFieldAt(cpu, region, fieldByName(name));
  return {
    region,
    launchState: launchState(cpu, region),
    isCurrent: region === cpu.system.vmx.current,
    fields: VMCS_FIELDS.map((field) => {
      const value = read(field.name);
      const { text, bits } = decode(field, value, read);
      return { field, value, decoded: text, bits };
    }),
  };
}
