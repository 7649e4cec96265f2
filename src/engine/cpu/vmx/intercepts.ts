/**
 * Which instructions exit in VMX non-root operation, as a table by semantics. SDM Vol. 3C, "Instructions That Cause VM Exits". Handlers call
 * `intercept` after the faults that take priority and before they do anything.
 */
import type { Instruction, MemoryOperand } from "../../codec/types";
import { RAX, RCX } from "../../isa/registers";
import type { ControlKey } from "../../isa/vmx/controls";
import { EXIT } from "../../isa/vmx/exitReasons";
import { ud, type ExitAbort } from "../abort";
import type { Processor } from "../processor";
import { effectiveAddress, memoryOperand, nextRip } from "../system/systemEvent";
import {
  cltsExit,
  lmswExit,
  moveRegisters,
  movFromCrExit,
  movToCrExit,
} from "./controlRegisterAccess";
import {
  invalidateInformation,
  memoryInformation,
  randomInformation,
  selectorInformation,
  tableInformation,
  vmreadVmwriteInformation,
} from "./instructionInformation";
import { portIoExit, stringIoExit } from "./ioExits";
import { operandLinear } from "./operandLinear";
import { throwExit } from "./throwExit";
import type { VmExit } from "./vmExit";
import { control, readVmcs, secondaryControl } from "./vmcs";

export { maskedCr0Write, maskedCr4Write, readCr0, readCr4 } from "./controlRegisterAccess";

type Interceptor = (cpu: Processor, instruction: Instruction) => VmExit | undefined;

function instructionExit(reason: number, instruction: Instruction, more?: Partial<VmExit>): VmExit {
  return { reason, qualification: 0n, instructionLength: instruction.length, ...more };
}

/** Exits whatever the controls say. */
function always(reason: number): Interceptor {
  return (_cpu, instruction) => instructionExit(reason, instruction);
}

function underPrimary(reason: number, key: ControlKey<"primary">): Interceptor {
  return (cpu, instruction) =>
    control(cpu, "primary", key) ? instructionExit(reason, instruction) : undefined;
}

function underSecondary(reason: number, key: ControlKey<"secondary">): Interceptor {
  return (cpu, instruction) =>
    secondaryControl(cpu, key) ? instructionExit(reason, instruction) : undefined;
}

/** The displacement of a memory operand; with RIP-relative addressing the address itself. SDM Vol. 3C, "Basic VM-Exit Information". */
function displacementOf(cpu: Processor, instruction: Instruction): bigint {
  const memory = instruction.operands.find((op): op is MemoryOperand => op.kind === "mem");
  if (!memory) return 0n;
  const displacement = (BigInt(memory.displacementHigh) << 32n) + BigInt(memory.displacement >>> 0);
  const base = memory.ripRelative ? nextRip(cpu, instruction) : 0n;
  return BigInt.asUintN(64, base + displacement);
}

/** An exit that reports the instruction's operands. */
function withOperands(
  reason: number,
  information: (instruction: Instruction) => number,
  when: (cpu: Processor) => boolean = () => true,
): Interceptor {
  return (cpu, instruction) => {
    if (!when(cpu)) return undefined;
    return instructionExit(reason, instruction, {
      qualification: displacementOf(cpu, instruction),
      instructionInformation: information(instruction),
    });
  };
}

const onDescriptorTables = (cpu: Processor): boolean =>
  secondaryControl(cpu, "descriptorTableExiting");

const tableAccess = withOperands(EXIT.GDTR_IDTR_ACCESS, tableInformation, onDescriptorTables);
const selectorAccess = withOperands(EXIT.LDTR_TR_ACCESS, selectorInformation, onDescriptorTables);

const invlpg: Interceptor = (cpu, instruction) => {
  if (!control(cpu, "primary", "invlpgExiting")) return undefined;
  const memory = memoryOperand(instruction, 0);
  const offset = effectiveAddress(cpu, instruction, memory);
  return instructionExit(EXIT.INVLPG, instruction, {
    qualification: operandLinear(cpu, memory.segment, offset),
  });
};

const invpcid: Interceptor = (cpu, instruction) => {
  if (!secondaryControl(cpu, "enableInvpcid")) throw ud('"enable INVPCID" is 0');
  const exits = withOperands(EXIT.INVPCID, invalidateInformation, () =>
    control(cpu, "primary", "invlpgExiting"),
  );
  return exits(cpu, instruction);
};

const rdtscp: Interceptor = (cpu, instruction) => {
  if (!secondaryControl(cpu, "enableRdtscp")) throw ud('"enable RDTSCP" is 0');
  return underPrimary(EXIT.RDTSCP, "rdtscExiting")(cpu, instruction);
};

/** RDPID never exits, but needs what RDTSCP needs. SDM Vol. 3C, "Changes to Instruction Behavior in VMX Non-Root Operation". */
const rdpid: Interceptor = (cpu) => {
  if (!secondaryControl(cpu, "enableRdtscp")) throw ud('"enable RDTSCP" is 0');
  return undefined;
};

/** The MSR bitmap: 1 KiB each for reads of low, reads of high, writes of low and writes of high MSRs. SDM Vol. 3C, "MSR-Bitmap Address". */
function msrExits(cpu: Processor, number: number, isWrite: boolean): boolean {
  if (!control(cpu, "primary", "useMsrBitmaps")) return true;
  const isHigh = number >= 0xc0000000;
  const index = isHigh ? number - 0xc0000000 : number;
  if (index > 0x1fff) return true;
  const part = (isWrite ? 2 : 0) + (isHigh ? 1 : 0);
  const at = Number(readVmcs(cpu, "MSR_BITMAP_ADDRESS")) + part * 1024 + (index >> 3);
  return ((cpu.ram.read8(at) >> (index & 7)) & 1) === 1;
}

function msrAccess(reason: number, isWrite: boolean): Interceptor {
  return (cpu, instruction) =>
    msrExits(cpu, cpu.gpr32(RCX), isWrite) ? instructionExit(reason, instruction) : undefined;
}

/** SDM Vol. 3C, "Exit Qualification for MOV DR". */
function movDr(special: 0 | 1): Interceptor {
  return (cpu, instruction) => {
    if (!control(cpu, "primary", "movDrExiting")) return undefined;
    const { register, gpr } = moveRegisters(instruction, special);
    return instructionExit(EXIT.MOV_DR, instruction, {
      qualification: BigInt(register | (special === 1 ? 0x10 : 0)) | gpr,
    });
  };
}

function random(reason: number, key: ControlKey<"secondary">): Interceptor {
  return (cpu, instruction) =>
    secondaryControl(cpu, key)
      ? instructionExit(reason, instruction, {
          instructionInformation: randomInformation(instruction),
        })
      : undefined;
}

/** VMFUNC exits for functions that are not enabled; its handler exits where the function itself fails. */
const vmfunc: Interceptor = (cpu, instruction) => {
  if (!secondaryControl(cpu, "enableVmFunctions")) throw ud('"enable VM functions" is 0');
  const leaf = cpu.gpr32(RAX);
  if (leaf > 63) throw ud(`there is no VM function ${leaf}`);
  const enabled = ((readVmcs(cpu, "VM_FUNCTION_CONTROLS") >> BigInt(leaf)) & 1n) === 1n;
  return enabled ? undefined : vmfuncExit(instruction);
};

export function vmfuncExit(instruction: Instruction): VmExit {
  return instructionExit(EXIT.VMFUNC, instruction);
}

const memory = (reason: number): Interceptor => withOperands(reason, memoryInformation);

export const INTERCEPTS: Readonly<Record<string, Interceptor>> = {
  cpuid: always(EXIT.CPUID),
  getsec: always(EXIT.GETSEC),
  invd: always(EXIT.INVD),
  xsetbv: always(EXIT.XSETBV),
  vmcall: always(EXIT.VMCALL),
  vmlaunch: always(EXIT.VMLAUNCH),
  vmresume: always(EXIT.VMRESUME),
  vmxoff: always(EXIT.VMXOFF),
  vmclear: memory(EXIT.VMCLEAR),
  vmptrld: memory(EXIT.VMPTRLD),
  vmptrst: memory(EXIT.VMPTRST),
  vmxon: memory(EXIT.VMXON),
  vmread: withOperands(EXIT.VMREAD, (instruction) => vmreadVmwriteInformation(instruction, 0, 1)),
  vmwrite: withOperands(EXIT.VMWRITE, (instruction) => vmreadVmwriteInformation(instruction, 1, 0)),
  invept: withOperands(EXIT.INVEPT, invalidateInformation),
  invvpid: withOperands(EXIT.INVVPID, invalidateInformation),
  vmfunc,
  hlt: underPrimary(EXIT.HLT, "hltExiting"),
  invlpg,
  invpcid,
  rdpmc: underPrimary(EXIT.RDPMC, "rdpmcExiting"),
  rdtsc: underPrimary(EXIT.RDTSC, "rdtscExiting"),
  rdtscp,
  rdpid,
  rdmsr: msrAccess(EXIT.RDMSR, false),
  wrmsr: msrAccess(EXIT.WRMSR, true),
  in: portIoExit(1),
  out: portIoExit(0),
  ins: stringIoExit(0),
  outs: stringIoExit(1),
  mov_to_cr: movToCrExit,
  mov_from_cr: movFromCrExit,
  clts: cltsExit,
  lmsw: lmswExit,
  mov_to_dr: movDr(0),
  mov_from_dr: movDr(1),
  sgdt: tableAccess,
  sidt: tableAccess,
  lgdt: tableAccess,
  lidt: tableAccess,
  sldt: selectorAccess,
  str: selectorAccess,
  lldt: selectorAccess,
  ltr: selectorAccess,
  monitor: underPrimary(EXIT.MONITOR, "monitorExiting"),
  mwait: underPrimary(EXIT.MWAIT, "mwaitExiting"),
  pause: underPrimary(EXIT.PAUSE, "pauseExiting"),
  wbinvd: underSecondary(EXIT.WBINVD, "wbinvdExiting"),
  rdrand: random(EXIT.RDRAND, "rdrandExiting"),
  rdseed: random(EXIT.RDSEED, "rdseedExiting"),
};

/** The VM exit that the instruction causes, if any: the handler ends with it. Throwing it would cost more than all the rest of the exit. */
export function intercept(cpu: Processor, instruction: Instruction): ExitAbort | undefined {
  if (!cpu.system.vmx.nonRoot) return undefined;
  const { semantics } = instruction.form;
  const exit = semantics === undefined ? undefined : INTERCEPTS[semantics]?.(cpu, instruction);
  return exit && { abort: "exit", exit };
}

export const TASK_SWITCH_SOURCE = { call: 0, iret: 1, jmp: 2, taskGate: 3 } as const;

/** A task switch always exits. `length`: of the instruction; for a task gate only with a software interrupt. SDM Vol. 3C, "Exit Qualification for Task Switches". */
export function interceptTaskSwitch(
  cpu: Processor,
  selector: number,
  source: (typeof TASK_SWITCH_SOURCE)[keyof typeof TASK_SWITCH_SOURCE],
  length?: number,
): void {
  if (!cpu.system.vmx.nonRoot) return;
  const exit: VmExit = {
    reason: EXIT.TASK_SWITCH,
    qualification: BigInt(selector & 0xffff) | (BigInt(source) << 30n),
    ...(length === undefined ? {} : { instructionLength: length }),
  };
  throwExit(exit);
}

/** The time-stamp counter as RDTSC, RDTSCP and RDMSR read it: with the TSC offset in a guest that has one. */
export function guestTsc(cpu: Processor): bigint {
  const { nonRoot } = cpu.system.vmx;
  if (!nonRoot || !control(cpu, "primary", "useTscOffsetting")) return cpu.tsc;
  return BigInt.asUintN(64, cpu.tsc + readVmcs(cpu, "TSC_OFFSET"));
}
