/** VM-instruction error numbers. SDM Vol. 3C, "VM Instruction Error Numbers". */

export interface VmInstructionError {
  readonly number: number;
  readonly text: string;
  /** What usually went wrong and what to do. */
  readonly advice: string;
}

function error(number: number, text: string, advice: string): VmInstructionError {
  return { number, text, advice };
}

// prettier-ignore
export const VM_INSTRUCTION_ERRORS: readonly VmInstructionError[] = [
  error(1, "VMCALL executed in VMX root operation", "VMCALL is for guests: it ran in the VMM itself."),
  error(2, "VMCLEAR with invalid physical address", "The address must be 4 KiB aligned and within the physical-address width."),
  error(3, "VMCLEAR with VMXON pointer", "The VMXON region cannot serve as a VMCS: allocate another page."),
  error(4, "VMLAUNCH with non-clear VMCS", "The VMCS was launched before: use VMRESUME, or VMCLEAR it first."),
  error(5, "VMRESUME with non-launched VMCS", "The VMCS was never launched, or was cleared since: use VMLAUNCH."),
  error(6, "VMRESUME after VMXOFF (VMXOFF and VMXON between VMLAUNCH and VMRESUME)", "VMCLEAR and VMLAUNCH the VMCS again after VMXON."),
  error(7, "VM entry with invalid control field(s)", "A VM-execution, VM-exit or VM-entry control is not valid: see the violated checks."),
  error(8, "VM entry with invalid host-state field(s)", "A host-state field is not valid: see the violated checks."),
  error(9, "VMPTRLD with invalid physical address", "The address must be 4 KiB aligned and within the physical-address width."),
  error(10, "VMPTRLD with VMXON pointer", "The VMXON region cannot serve as a VMCS: allocate another page."),
  error(11, "VMPTRLD with incorrect VMCS revision identifier", "Write bits 30:0 of IA32_VMX_BASIC to the first four bytes of the region."),
  error(12, "VMREAD/VMWRITE from/to unsupported VMCS component", "The field encoding does not exist on this processor."),
  error(13, "VMWRITE to read-only VMCS component", "VM-exit information fields are written by the processor only."),
  error(15, "VMXON executed in VMX root operation", "VMX operation is already on."),
  error(16, "VM entry with invalid executive-VMCS pointer", "Only with the dual-monitor treatment of SMIs."),
  error(17, "VM entry with non-launched executive VMCS", "Only with the dual-monitor treatment of SMIs."),
  error(18, "VM entry with executive-VMCS pointer not VMXON pointer (when attempting to deactivate the dual-monitor treatment of SMIs and SMM)", "Only with the dual-monitor treatment of SMIs."),
  error(19, "VMCALL with non-clear VMCS (when attempting to activate the dual-monitor treatment of SMIs and SMM)", "Only with the dual-monitor treatment of SMIs."),
  error(20, "VMCALL with invalid VM-exit control fields", "Only with the dual-monitor treatment of SMIs."),
  error(22, "VMCALL with incorrect MSEG revision identifier (when attempting to activate the dual-monitor treatment of SMIs and SMM)", "Only with the dual-monitor treatment of SMIs."),
  error(23, "VMXOFF under dual-monitor treatment of SMIs and SMM", "Only with the dual-monitor treatment of SMIs."),
  error(24, "VMCALL with invalid SMM-monitor features (when attempting to activate the dual-monitor treatment of SMIs and SMM)", "Only with the dual-monitor treatment of SMIs."),
  error(25, "VM entry with invalid VM-execution control fields in executive VMCS (when attempting to return from SMM)", "Only with the dual-monitor treatment of SMIs."),
  error(26, "VM entry with events blocked by MOV SS", "VMLAUNCH or VMRESUME directly after MOV SS or POP SS: put an instruction between them."),
  error(28, "Invalid operand to INVEPT/INVVPID", "The invalidation type is not supported or its descriptor has a reserved bit set, a zero VPID or a non-canonical address."),
];

/** Numbers by what they mean, for the instructions that report them. */
export const VM_ERROR = {
  vmcallInRoot: 1,
  vmclearInvalidAddress: 2,
  vmclearVmxonPointer: 3,
  vmlaunchNonClear: 4,
  vmresumeNonLaunched: 5,
  vmresumeAfterVmxoff: 6,
  invalidControls: 7,
  invalidHostState: 8,
  vmptrldInvalidAddress: 9,
  vmptrldVmxonPointer: 10,
  vmptrldWrongRevision: 11,
  unsupportedField: 12,
  readOnlyField: 13,
  vmxonInRoot: 15,
  blockedByMovSs: 26,
  invalidInvalidationOperand: 28,
} as const;

const byNumber = new Map(VM_INSTRUCTION_ERRORS.map((row) => [row.number, row]));

export function vmInstructionError(number: number): VmInstructionError | undefined {
  return byNumber.get(number);
}
