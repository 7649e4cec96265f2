/** CR0, CR3, CR4 and CR8 in VMX non-root operation: what the guest reads and writes, and which accesses exit. SDM Vol. 3C, "Instructions That Cause VM Exits Conditionally" and "Changes to Instruction Behavior". */
import type { Instruction } from "../../codec/types";
import { EXIT } from "../../isa/vmx/exitReasons";
import type { Processor } from "../processor";
import { effectiveAddress, operand, readOperand } from "../system/systemEvent";
import { CR0 } from "../systemState";
import { operandLinear } from "./operandLinear";
import type { VmExit } from "./vmExit";
import { control, readVmcs, readVmcs32 } from "./vmcs";

const ACCESS_TYPE = { movTo: 0, movFrom: 1, clts: 2, lmsw: 3 } as const;
const CR3_TARGETS = [
  "CR3_TARGET_VALUE_0",
  "CR3_TARGET_VALUE_1",
  "CR3_TARGET_VALUE_2",
  "CR3_TARGET_VALUE_3",
] as const;

interface MaskAndShadow {
  /** Bits that the host owns. */
  readonly mask: number;
  readonly shadow: number;
}

function cr0Ownership(cpu: Processor): MaskAndShadow {
  return {
    mask: readVmcs32(cpu, "CR0_GUEST_HOST_MASK"),
    shadow: readVmcs32(cpu, "CR0_READ_SHADOW"),
  };
}

function cr4Ownership(cpu: Processor): MaskAndShadow {
  return {
    mask: readVmcs32(cpu, "CR4_GUEST_HOST_MASK"),
    shadow: readVmcs32(cpu, "CR4_READ_SHADOW"),
  };
}

function seen(real: number, { mask, shadow }: MaskAndShadow): number {
  return ((real & ~mask) | (shadow & mask)) >>> 0;
}

/** CR0 as software reads it: host-owned bits come from the read shadow. */
export function readCr0(cpu: Processor): number {
  const { cr0, vmx } = cpu.system;
  return vmx.nonRoot ? seen(cr0, cr0Ownership(cpu)) : cr0 >>> 0;
}

export function readCr4(cpu: Processor): number {
  const { cr4, vmx } = cpu.system;
  return vmx.nonRoot ? seen(cr4, cr4Ownership(cpu)) : cr4 >>> 0;
}

/** What a write leaves in CR0: host-owned bits stay as they are. */
export function maskedCr0Write(cpu: Processor, value: number): number {
  const { cr0, vmx } = cpu.system;
  if (!vmx.nonRoot) return value >>> 0;
  const { mask } = cr0Ownership(cpu);
  return ((value & ~mask) | (cr0 & mask)) >>> 0;
}

export function maskedCr4Write(cpu: Processor, value: number): number {
  const { cr4, vmx } = cpu.system;
  if (!vmx.nonRoot) return value >>> 0;
  const { mask } = cr4Ownership(cpu);
  return ((value & ~mask) | (cr4 & mask)) >>> 0;
}

/** SDM Vol. 3C, "Exit Qualification for Control-Register Accesses". */
function crExit(
  instruction: Instruction,
  register: number,
  type: number,
  rest: bigint,
  more: Partial<VmExit> = {},
): VmExit {
  return {
    reason: EXIT.CR_ACCESS,
    qualification: BigInt(register | (type << 4)) | rest,
    instructionLength: instruction.length,
    ...more,
  };
}

function isCr3Target(cpu: Processor, value: bigint): boolean {
  const count = readVmcs32(cpu, "CR3_TARGET_COUNT");
  return CR3_TARGETS.slice(0, count).some((field) => readVmcs(cpu, field) === value);
}

function writeExits(cpu: Processor, register: number, value: bigint): boolean {
  const differs = ({ mask, shadow }: MaskAndShadow): boolean =>
    ((Number(BigInt.asUintN(32, value)) ^ shadow) & mask) !== 0;
  switch (register) {
    case 0:
      return differs(cr0Ownership(cpu));
    case 3:
      return control(cpu, "primary", "cr3LoadExiting") && !isCr3Target(cpu, value);
    case 4:
      return differs(cr4Ownership(cpu));
    case 8:
      return control(cpu, "primary", "cr8LoadExiting");
    default:
      return false;
  }
}

/** Numbers of the control (or debug) register and of the general register of a move. */
export function moveRegisters(
  instruction: Instruction,
  special: 0 | 1,
): { readonly register: number; readonly gpr: bigint } {
  const system = operand(instruction, special);
  const general = operand(instruction, 1 - special);
  return {
    register: system.kind === "cr" || system.kind === "dr" ? system.register : 0,
    gpr: general.kind === "reg" ? BigInt(general.register) << 8n : 0n,
  };
}

export function movToCrExit(cpu: Processor, instruction: Instruction): VmExit | undefined {
  const { register, gpr } = moveRegisters(instruction, 0);
  if (!writeExits(cpu, register, readOperand(cpu, instruction, 1))) return undefined;
  return crExit(instruction, register, ACCESS_TYPE.movTo, gpr);
}

export function movFromCrExit(cpu: Processor, instruction: Instruction): VmExit | undefined {
  const { register, gpr } = moveRegisters(instruction, 1);
  const exits =
    (register === 3 && control(cpu, "primary", "cr3StoreExiting")) ||
    (register === 8 && control(cpu, "primary", "cr8StoreExiting"));
  return exits ? crExit(instruction, register, ACCESS_TYPE.movFrom, gpr) : undefined;
}

export function cltsExit(cpu: Processor, instruction: Instruction): VmExit | undefined {
  const { mask, shadow } = cr0Ownership(cpu);
  return mask & shadow & CR0.TS ? crExit(instruction, 0, ACCESS_TYPE.clts, 0n) : undefined;
}

/** LMSW cannot clear PE, so PE exits only when it would be set. */
export function lmswExit(cpu: Processor, instruction: Instruction): VmExit | undefined {
  const source = Number(readOperand(cpu, instruction, 0, 2));
  const { mask, shadow } = cr0Ownership(cpu);
  const setsPe = (mask & source & ~shadow & CR0.PE) !== 0;
  const changesRest = ((source ^ shadow) & mask & (CR0.MP | CR0.EM | CR0.TS)) !== 0;
  if (!setsPe && !changesRest) return undefined;
  const target = operand(instruction, 0);
  const rest = BigInt(source & 0xffff) << 16n;
  if (target.kind !== "mem") return crExit(instruction, 0, ACCESS_TYPE.lmsw, rest);
  const offset = effectiveAddress(cpu, instruction, target);
  return crExit(instruction, 0, ACCESS_TYPE.lmsw, rest | 0x40n, {
    guestLinearAddress: operandLinear(cpu, target.segment, offset),
  });
}
