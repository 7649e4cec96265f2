/** The VMX instructions. SDM Vol. 3C, "VMX Instruction Reference". */
import type { Instruction } from "../../codec/types";
import { RAX, RCX } from "../../isa/registers";
import { VM_ERROR } from "../../isa/vmx/vmInstructionErrors";
import { accessedField, fieldBits, type VmcsField } from "../../isa/vmx/vmcsFields";
import { gp, ud, type ExitAbort } from "../abort";
import { readMemory } from "../dataAccess";
import { canonicalLinear } from "../linear";
import type { Processor } from "../processor";
import {
  effectiveAddress,
  memoryOperand,
  readOperand,
  writeOperand,
  type SystemEvent,
} from "../system/systemEvent";
import { CR4 } from "../systemState";
import { enterGuest } from "./entry";
import { isValidEptp } from "./entryContext";
import { hasFixedBits } from "./fixedBits";
import { intercept, vmfuncExit } from "./intercepts";
import { vmFail, vmFailInvalid, vmFailValid, vmSucceed } from "./outcome";
import { CAPABILITIES } from "./processorCapabilities";
import { throwExit } from "./throwExit";
import {
  adoptEpt,
  flushEpt,
  flushGuests,
  flushVpid,
  flushVpidButGlobals,
  flushVpidPage,
} from "./translationTags";
import { readFieldAt, readVmcs, setLaunchState, writeFieldAt, writeVmcs } from "./vmcs";

const NO_VMCS = 0xffffffffffffffffn;

function nameOf(instruction: Instruction): string {
  return instruction.form.mnemonic.toUpperCase();
}

/** #UD in modes without VMX instructions. */
function requireMode(cpu: Processor, instruction: Instruction): void {
  if (cpu.realOrVirtual8086 || (cpu.longMode && !cpu.is64))
    throw ud(`${nameOf(instruction)} needs protected or 64-bit mode`);
}

function requirePrivilege(cpu: Processor, instruction: Instruction): void {
  if (cpu.cpl > 0) throw gp(0, `${nameOf(instruction)} is privileged (CPL ${cpu.cpl})`);
}

/** What all but VMXON and VMFUNC begin with: a guest exits whatever its CPL. */
function requireRoot(cpu: Processor, instruction: Instruction): ExitAbort | undefined {
  if (cpu.system.vmx.vmxon < 0) throw ud(`${nameOf(instruction)} outside VMX operation`);
  requireMode(cpu, instruction);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  requirePrivilege(cpu, instruction);
  return undefined;
}

/** An instruction of VMX root operation that goes on behind itself. */
function rootInstruction(run: (cpu: Processor, instruction: Instruction) => void): SystemEvent {
  return (cpu, instruction) => {
    const exit = requireRoot(cpu, instruction);
    if (exit) return exit;
    run(cpu, instruction);
    return "next";
  };
}

/** A VMCS or VMXON pointer: 4 KiB aligned, within the physical-address width. */
function isRegionAddress(cpu: Processor, address: bigint): boolean {
  return (address & 0xfffn) === 0n && address >> BigInt(cpu.model.physicalAddressBits) === 0n;
}

/** Bits 30:0 are the revision identifier; bit 31 marks a shadow VMCS, which this processor does not have. */
function hasRevision(cpu: Processor, address: bigint): boolean {
  return cpu.ram.read32(Number(address)) === CAPABILITIES.revisionId;
}

const pointerOperand = (cpu: Processor, instruction: Instruction): bigint =>
  readOperand(cpu, instruction, 0, 8);

/** #GP(0) conditions of VMXON outside VMX operation. */
function checkVmxonState(cpu: Processor): void {
  const lockedAndOutsideSmx = 0b101n;
  if (!hasFixedBits(cpu)) throw gp(0, "CR0 or CR4 lacks a bit that VMX operation fixes to 1");
  if ((cpu.system.msrs.featureControl & lockedAndOutsideSmx) !== lockedAndOutsideSmx)
    throw gp(0, "IA32_FEATURE_CONTROL does not allow VMXON");
}

const vmxon: SystemEvent = (cpu, instruction) => {
  const { vmx, cr4 } = cpu.system;
  if (!(cr4 & CR4.VMXE)) throw ud("CR4.VMXE is 0");
  requireMode(cpu, instruction);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  requirePrivilege(cpu, instruction);
  if (vmx.vmxon >= 0) {
    vmFail(cpu, VM_ERROR.vmxonInRoot);
    return "next";
  }
  checkVmxonState(cpu);
  const address = pointerOperand(cpu, instruction);
  if (!isRegionAddress(cpu, address) || !hasRevision(cpu, address)) {
    vmFailInvalid(cpu);
    return "next";
  }
  vmx.vmxon = Number(address);
  vmx.current = -1;
  vmSucceed(cpu);
  return "next";
};

const vmxoff = rootInstruction((cpu) => {
  const { vmx } = cpu.system;
  vmx.vmxon = -1;
  vmx.current = -1;
  vmSucceed(cpu);
});

/** Error numbers of a pointer operand, or undefined if it may name a VMCS. */
function pointerError(
  cpu: Processor,
  address: bigint,
  errors: { readonly invalid: number; readonly vmxon: number },
): number | undefined {
  if (!isRegionAddress(cpu, address)) return errors.invalid;
  return Number(address) === cpu.system.vmx.vmxon ? errors.vmxon : undefined;
}

const vmclear = rootInstruction((cpu, instruction) => {
  const { vmx } = cpu.system;
  const address = pointerOperand(cpu, instruction);
  const error = pointerError(cpu, address, {
    invalid: VM_ERROR.vmclearInvalidAddress,
    vmxon: VM_ERROR.vmclearVmxonPointer,
  });
  if (error !== undefined) {
    vmFail(cpu, error);
    return;
  }
  setLaunchState(cpu, Number(address), "clear");
  if (vmx.current === Number(address)) vmx.current = -1;
  vmSucceed(cpu);
});

const vmptrld = rootInstruction((cpu, instruction) => {
  const address = pointerOperand(cpu, instruction);
  const error =
    pointerError(cpu, address, {
      invalid: VM_ERROR.vmptrldInvalidAddress,
      vmxon: VM_ERROR.vmptrldVmxonPointer,
    }) ?? (hasRevision(cpu, address) ? undefined : VM_ERROR.vmptrldWrongRevision);
  if (error !== undefined) {
    vmFail(cpu, error);
    return;
  }
  cpu.system.vmx.current = Number(address);
  vmSucceed(cpu);
});

const vmptrst = rootInstruction((cpu, instruction) => {
  const { current } = cpu.system.vmx;
  writeOperand(cpu, instruction, 0, current < 0 ? NO_VMCS : BigInt(current), 8);
  vmSucceed(cpu);
});

/** The field that an encoding in a register names; undefined after VMfail. */
function fieldOperand(
  cpu: Processor,
  instruction: Instruction,
  i: number,
): { readonly field: VmcsField; readonly high: boolean } | undefined {
  if (cpu.system.vmx.current < 0) {
    vmFailInvalid(cpu);
    return undefined;
  }
  const encoding = readOperand(cpu, instruction, i);
  const found = encoding >> 32n ? undefined : accessedField(Number(encoding));
  if (!found) vmFailValid(cpu, VM_ERROR.unsupportedField);
  return found;
}

const vmread = rootInstruction((cpu, instruction) => {
  const found = fieldOperand(cpu, instruction, 1);
  if (!found) return;
  const value = readFieldAt(cpu, cpu.system.vmx.current, found.field);
  writeOperand(cpu, instruction, 0, found.high ? value >> 32n : value);
  vmSucceed(cpu);
});

function mergedHigh(cpu: Processor, field: VmcsField, value: bigint): bigint {
  const low = readFieldAt(cpu, cpu.system.vmx.current, field) & 0xffffffffn;
  return (BigInt.asUintN(32, value) << 32n) | low;
}

const vmwrite = rootInstruction((cpu, instruction) => {
  if (cpu.system.vmx.current < 0) {
    vmFailInvalid(cpu);
    return;
  }
  const value = readOperand(cpu, instruction, 1);
  const found = fieldOperand(cpu, instruction, 0);
  if (!found) return;
  const { field, high } = found;
  if (field.readOnly) {
    vmFailValid(cpu, VM_ERROR.readOnlyField);
    return;
  }
  const stored = high ? mergedHigh(cpu, field, value) : BigInt.asUintN(fieldBits(field), value);
  writeFieldAt(cpu, cpu.system.vmx.current, field, stored);
  vmSucceed(cpu);
});

function entering(launch: boolean): SystemEvent {
  return (cpu, instruction) => {
    const exit = requireRoot(cpu, instruction);
    if (exit) return exit;
    const { outcome } = enterGuest(cpu, launch);
    return outcome.kind === "fail-invalid" || outcome.kind === "fail-valid" ? "next" : "jumped";
  };
}

/** In a guest VMCALL exits in every mode and at every CPL; in root operation it is for SMM, which there is not. */
const vmcall: SystemEvent = (cpu, instruction) => {
  if (cpu.system.vmx.vmxon < 0) throw ud("VMCALL outside VMX operation");
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  requireMode(cpu, instruction);
  requirePrivilege(cpu, instruction);
  vmFail(cpu, VM_ERROR.vmcallInRoot);
  return "next";
};

/** The 128-bit descriptor of INVEPT and INVVPID. */
function descriptor(cpu: Processor, instruction: Instruction): readonly [bigint, bigint] {
  const memory = memoryOperand(instruction, 1);
  const at = effectiveAddress(cpu, instruction, memory);
  const next = BigInt.asUintN(memory.addressSize, at + 8n);
  return [readMemory(cpu, memory.segment, at, 8), readMemory(cpu, memory.segment, next, 8)];
}

function invalidation(
  run: (cpu: Processor, type: bigint, low: bigint, high: bigint) => boolean,
): SystemEvent {
  return rootInstruction((cpu, instruction) => {
    const type = readOperand(cpu, instruction, 0);
    const [low, high] = descriptor(cpu, instruction);
    if (!run(cpu, type, low, high)) {
      vmFail(cpu, VM_ERROR.invalidInvalidationOperand);
      return;
    }
    cpu.translationChanged();
    vmSucceed(cpu);
  });
}

const INVEPT_TYPE = { single: 1n, all: 2n } as const;
const INVVPID_TYPE = { address: 0n, single: 1n, all: 2n, singleButGlobals: 3n } as const;

const invept = invalidation((cpu, type, eptp, reserved) => {
  if (reserved !== 0n) return false;
  if (type === INVEPT_TYPE.all) flushEpt(cpu, "all");
  else if (type === INVEPT_TYPE.single && isValidEptp(cpu, eptp)) flushEpt(cpu, eptp);
  else return false;
  return true;
});

const invvpid = invalidation((cpu, type, low, address) => {
  if (low >> 16n !== 0n) return false;
  const vpid = Number(low);
  if (type === INVVPID_TYPE.all) {
    flushGuests(cpu);
    return true;
  }
  if (vpid === 0) return false;
  const linear = canonicalLinear(address);
  switch (type) {
    case INVVPID_TYPE.address:
      if (linear === undefined) return false;
      flushVpidPage(cpu, vpid, linear);
      return true;
    case INVVPID_TYPE.single:
      flushVpid(cpu, vpid);
      return true;
    case INVVPID_TYPE.singleButGlobals:
      flushVpidButGlobals(cpu, vpid);
      return true;
    default:
      return false;
  }
});

const EPTP_LIST_ENTRIES = 512;

/** VM function 0: another EPTP from the list. SDM Vol. 3C, "EPTP Switching". */
function switchEptp(cpu: Processor, instruction: Instruction): void {
  const index = cpu.gpr32(RCX);
  const list = Number(readVmcs(cpu, "EPTP_LIST_ADDRESS"));
  const eptp = index < EPTP_LIST_ENTRIES ? cpu.ram.read64(list + 8 * index) : undefined;
  if (eptp === undefined || !isValidEptp(cpu, eptp)) throwExit(vmfuncExit(instruction));
  const same = readVmcs(cpu, "EPT_POINTER") === eptp;
  writeVmcs(cpu, "EPT_POINTER", eptp);
  if (same) return;
  // Without VPID the mappings of the old EPTP are under tag 0, which knows no EPTP.
  flushVpid(cpu, 0);
  adoptEpt(cpu);
  cpu.translationChanged();
}

const vmfunc: SystemEvent = (cpu, instruction) => {
  if (!cpu.system.vmx.nonRoot) throw ud("VMFUNC outside VMX non-root operation");
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  if (cpu.gpr32(RAX) === 0) switchEptp(cpu, instruction);
  return "next";
};

/** Every VMX instruction by the `semantics` of its rows. */
export const VMX_EVENTS: Readonly<Record<string, SystemEvent>> = {
  vmxon,
  vmxoff,
  vmclear,
  vmptrld,
  vmptrst,
  vmread,
  vmwrite,
  vmlaunch: entering(true),
  vmresume: entering(false),
  vmcall,
  vmfunc,
  invept,
  invvpid,
};
