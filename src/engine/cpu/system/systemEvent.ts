import type { DecodedOperand, Instruction, MemoryOperand } from "../../codec/types";
import { InvariantError } from "../../base/errors";
import type { OperandSize } from "../../isa/types";
import { ud, type CpuAbort } from "../abort";
import { readMemory, writeMemory } from "../dataAccess";
import type { Processor } from "../processor";
import { RFLAGS } from "../systemState";

/**
 * What an instruction does that is not emitted code. RIP is still that of the instruction; a handler that completes without jumping leaves it to the
 * caller to advance. Returns (where that happens often) or throws a CpuAbort if the instruction faults or exits; then it must not have changed anything.
 */
export type SystemEvent = (
  cpu: Processor,
  instruction: Instruction,
) => "next" | "jumped" | CpuAbort;

/** RIP of the next instruction. It wraps at 32 bits in 16-bit code too: running past 0xffff is for the limit check to refuse. */
export function nextRip(cpu: Processor, instruction: Instruction): bigint {
  return BigInt.asUintN(instruction.bits === 64 ? 64 : 32, cpu.rip + BigInt(instruction.length));
}

export function operand(instruction: Instruction, i: number): DecodedOperand {
  const found = instruction.operands[i];
  if (!found) throw new InvariantError(`${instruction.form.id} has no operand ${i}`);
  return found;
}

/** Effective address of a memory operand, without segment. */
export function effectiveAddress(
  cpu: Processor,
  instruction: Instruction,
  memory: MemoryOperand,
): bigint {
  let address = (BigInt(memory.displacementHigh) << 32n) + BigInt(memory.displacement >>> 0);
  if (memory.base >= 0) address += cpu.gpr(memory.base);
  if (memory.index >= 0) address += cpu.gpr(memory.index) * BigInt(memory.scale);
  if (memory.ripRelative) address += nextRip(cpu, instruction);
  return BigInt.asUintN(memory.addressSize, address);
}

/** Value of a register, memory or immediate operand, zero-extended from `bytes` (default: its own width). */
export function readOperand(
  cpu: Processor,
  instruction: Instruction,
  i: number,
  bytes?: number,
): bigint {
  const op = operand(instruction, i);
  switch (op.kind) {
    case "reg":
      if (op.high) return BigInt.asUintN(8, cpu.gpr(op.register) >> 8n);
      return cpu.gpr(op.register, bytes === undefined ? op.size : ((bytes * 8) as OperandSize));
    case "mem":
      return readMemory(
        cpu,
        op.segment,
        effectiveAddress(cpu, instruction, op),
        bytes ?? op.size / 8,
      );
    case "imm":
      return BigInt.asUintN(op.size, (BigInt(op.high) << 32n) | BigInt(op.value >>> 0));
    case "sreg":
      return BigInt(cpu.segment(op.register).selector);
    default:
      throw new InvariantError(`operand ${i} of ${instruction.form.id} has no value`);
  }
}

/** Writes a register or memory operand. A register takes its own width, memory `bytes` (default: its width). */
export function writeOperand(
  cpu: Processor,
  instruction: Instruction,
  i: number,
  value: bigint,
  bytes?: number,
): void {
  const op = operand(instruction, i);
  if (op.kind === "reg") {
    if (op.high) {
      cpu.setGpr(op.register, (cpu.gpr(op.register, 16) & 0xffn) | ((value & 0xffn) << 8n), 16);
    } else cpu.setGpr(op.register, value, op.size);
  } else if (op.kind === "mem") {
    writeMemory(
      cpu,
      op.segment,
      effectiveAddress(cpu, instruction, op),
      bytes ?? op.size / 8,
      value,
    );
  } else throw new InvariantError(`operand ${i} of ${instruction.form.id} cannot be written`);
}

export function memoryOperand(instruction: Instruction, i: number): MemoryOperand {
  const op = operand(instruction, i);
  if (op.kind !== "mem") throw ud("the operand must be in memory");
  return op;
}

/** Replaces the arithmetic flags in `mask` by those of `value`. */
export function setArithmeticFlags(cpu: Processor, mask: number, value: number): void {
  cpu.rflags = (cpu.rflags & ~mask) | (value & mask);
}

export function setZeroFlag(cpu: Processor, on: boolean): void {
  setArithmeticFlags(cpu, RFLAGS.ZF, on ? RFLAGS.ZF : 0);
}
