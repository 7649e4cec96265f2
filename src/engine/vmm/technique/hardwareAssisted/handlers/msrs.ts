/** RDMSR and WRMSR of the MSRs that the bitmap does not pass through. */
import { EFER } from "../../../../cpu/systemState";
import { CR0 } from "../../../../cpu/systemState";
import { isPossibleApicBase, MSR } from "../../../../isa/msrs";
import { RAX, RCX, RDX } from "../../../../isa/registers";
import { InvariantError } from "../../../../base/errors";
import { raise } from "../events";
import type { MsrAccess } from "../state";
import { aroundInstruction } from "../steps";
import type { Handler, Step, Vm } from "../vm";

const GENERAL_PROTECTION = 13;
const EFER_BITS = BigInt(EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE);

function decode(vm: Vm): void {
  const value = (vm.gpr(RDX, 32) << 32n) | vm.gpr(RAX, 32);
  vm.state.work.msr = { number: Number(vm.gpr(RCX, 32)), value };
}

const DECODE_READ: Step = {
  name: "Read the MSR's number",
  text: "ECX; the exit has no qualification.",
  run: decode,
};

const DECODE_WRITE: Step = {
  name: "Read the MSR's number and the value",
  text: "ECX and EDX:EAX; the exit has no qualification.",
  run: decode,
};

function accessOf(vm: Vm): MsrAccess {
  const { msr } = vm.state.work;
  if (!msr) throw new InvariantError("the MSR access has not been decoded");
  return msr;
}

/** Value of a virtual MSR; undefined if this guest's processor has none of that number. VMX and its MSRs are hidden. */
function readVirtual(vm: Vm, number: number): bigint | undefined {
  const { vcpu } = vm.state;
  const { localApic } = vm.parts.devices;
  switch (number) {
    case MSR.EFER:
      return BigInt(vm.memory.efer(vm));
    case MSR.APIC_BASE:
      return localApic && BigInt(localApic.base);
    case MSR.TSC_DEADLINE:
      return localApic?.tscDeadline;
    case MSR.MISC_ENABLE:
      return vcpu.miscEnable;
    case MSR.MTRRCAP:
    case MSR.MTRR_DEF_TYPE:
    case MSR.MCG_CAP:
      return 0n;
    default:
      return undefined;
  }
}

const ANSWER_READ: Step = {
  name: "Answer from the virtual processor",
  text: "EDX:EAX take the value that the guest believes; an MSR that this virtual processor does not have is #GP(0).",
  run: (vm) => {
    const value = readVirtual(vm, accessOf(vm).number);
    if (value === undefined) {
      raise(vm, GENERAL_PROTECTION, 0);
      return;
    }
    vm.setGpr(RAX, value & 0xffffffffn, 32);
    vm.setGpr(RDX, value >> 32n, 32);
  },
};

/** SDM Vol. 3A, "Extended Feature Enable Register"; LMA is read-only. */
function writeEfer(vm: Vm, value: bigint): boolean {
  const old = vm.memory.efer(vm);
  const wanted = (Number(value & EFER_BITS) & ~EFER.LMA) | (old & EFER.LMA);
  if (value & ~EFER_BITS) return false;
  if (vm.cr0 & CR0.PG && (wanted ^ old) & EFER.LME) return false;
  vm.memory.setEfer(vm, wanted);
  if (wanted !== old) vm.memory.pagingChanged(vm);
  return true;
}

function writeDeadline({ parts }: Vm, value: bigint): boolean {
  const { localApic } = parts.devices;
  if (localApic) localApic.tscDeadline = value;
  return localApic !== undefined;
}

/** The page may lie where there is no RAM. SDM Vol. 3A, "Local APIC Status and Location". */
function writeApicBase(vm: Vm, value: bigint): boolean {
  const { localApic } = vm.parts.devices;
  if (!localApic || !isPossibleApicBase(value, vm.cpu.model.physicalAddressBits)) return false;
  localApic.base = Number(value);
  if (localApic.isEnabled && vm.parts.guest.toHost(localApic.address) !== undefined) {
    vm.stop("error", "apic-over-ram", `The guest put its local APIC over RAM, at GPA 0x${localApic.address.toString(16)}, which this VMM does not virtualize.`); // prettier-ignore
  }
  return true;
}

/** False: #GP(0). */
function writeVirtual(vm: Vm, { number, value }: MsrAccess): boolean {
  const { vcpu } = vm.state;
  switch (number) {
    case MSR.EFER:
      return writeEfer(vm, value);
    case MSR.TIME_STAMP_COUNTER:
      vm.write("TSC_OFFSET", BigInt.asUintN(64, value - vm.cpu.tsc));
      vm.parts.devices.localApic?.tscChanged();
      return true;
    case MSR.TSC_DEADLINE:
      return writeDeadline(vm, value);
    case MSR.APIC_BASE:
      return writeApicBase(vm, value);
    case MSR.MISC_ENABLE:
      vcpu.miscEnable = value;
      return true;
    case MSR.MTRR_DEF_TYPE:
      return true;
    default:
      return false;
  }
}

const CARRY_OUT_WRITE: Step = {
  name: "Change the virtual processor",
  text: "IA32_EFER decides the guest's paging, the time-stamp counter becomes a TSC offset, others are only remembered; what the processor would refuse is #GP(0).",
  run: (vm) => {
    if (!writeVirtual(vm, accessOf(vm))) raise(vm, GENERAL_PROTECTION, 0);
  },
};

export const MSR_HANDLERS: readonly Handler[] = [
  { key: "RDMSR", title: "RDMSR", steps: aroundInstruction(DECODE_READ, ANSWER_READ) },
  { key: "WRMSR", title: "WRMSR", steps: aroundInstruction(DECODE_WRITE, CARRY_OUT_WRITE) },
];
