/** IN, OUT, INS, OUTS. SDM Vol. 1, "Input/Output": IOPL and the I/O permission bitmap. */
import { RAX, RCX, RDI, RDX, RSI, type SegmentIndex } from "../../isa/registers";
import type { Instruction } from "../../codec/types";
import type { OperandSize } from "../../isa/types";
import { gp } from "../abort";
import { dataAccess, hpaFor, readMemory, segmentLinear, writeMemory } from "../dataAccess";
import { notePortAccess } from "../debugRegisters";
import { readImplicit32, tableLinear } from "../implicitAccess";
import type { Processor } from "../processor";
import { RFLAGS } from "../systemState";
import { intercept } from "../vmx/intercepts";
import { operand, writeOperand, type SystemEvent } from "./systemEvent";

/** Throws #GP(0) unless CPL <= IOPL or the TSS's bitmap allows all ports of the access. */
export function checkIoPermission(cpu: Processor, port: number, size: number): void {
  if (!cpu.protectedMode) return;
  if (!cpu.virtual8086 && cpu.cpl <= cpu.iopl) return;
  const { tr } = cpu.system;
  const denied = (why: string): never => {
    throw gp(0, `port 0x${port.toString(16)}: CPL ${cpu.cpl} is above IOPL ${cpu.iopl} and ${why}`);
  };
  if (!(tr.ar & 8) || tr.limit < 0x67) denied("the TSS has no I/O bitmap");
  const map = readImplicit32(cpu, tableLinear(cpu, tr, 0x66), 2);
  const at = map + (port >>> 3);
  if (at + 1 > tr.limit) denied("the port is beyond the I/O bitmap");
  const bits = readImplicit32(cpu, tableLinear(cpu, tr, at), 2);
  if ((bits >>> (port & 7)) & ((1 << size) - 1)) denied("the I/O bitmap denies it");
}

/** DX or an immediate byte. */
function portOf(cpu: Processor, instruction: Instruction, i: number): number {
  const op = operand(instruction, i);
  return op.kind === "imm" ? op.value & 0xff : cpu.gpr32(RDX) & 0xffff;
}

const MASKS = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;

function sizeOf(instruction: Instruction, i: number): 1 | 2 | 4 {
  const op = operand(instruction, i);
  return op.kind === "reg" ? ((op.size / 8) as 1 | 2 | 4) : 1;
}

const input: SystemEvent = (cpu, instruction) => {
  const port = portOf(cpu, instruction, 1);
  const size = sizeOf(instruction, 0);
  checkIoPermission(cpu, port, size);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  writeOperand(cpu, instruction, 0, BigInt(cpu.ports.read(port, size) >>> 0));
  notePortAccess(cpu, port, size);
  return "next";
};

const output: SystemEvent = (cpu, instruction) => {
  const port = portOf(cpu, instruction, 0);
  const size = sizeOf(instruction, 1);
  checkIoPermission(cpu, port, size);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  cpu.ports.write(port, size, (cpu.gpr32(RAX) & MASKS[size]) >>> 0);
  notePortAccess(cpu, port, size);
  return "next";
};

/** One iteration of INS or OUTS; "jumped" keeps RIP for the next iteration. */
function stringIo(isInput: boolean): SystemEvent {
  return (cpu, instruction) => {
    const width = instruction.addressSize as OperandSize;
    const repeated = instruction.repeat !== 0;
    const port = Number(cpu.gpr(RDX, 16));
    const size = elementBytes(instruction);
    // Permission is checked even when nothing is to be transferred.
    checkIoPermission(cpu, port, size);
    if (repeated && cpu.gpr(RCX, width) === 0n) return "next";
    const exit = intercept(cpu, instruction);
    if (exit) return exit;
    const index = isInput ? RDI : RSI;
    const offset = cpu.gpr(index, width);
    if (isInput) {
      // The destination is checked before the port is read: a fault must not lose input.
      hpaFor(cpu, segmentLinear(cpu, 0, offset, size, true), dataAccess(cpu, true));
      writeMemory(cpu, 0, offset, size, BigInt(cpu.ports.read(port, size) >>> 0));
    } else {
      const value = readMemory(cpu, sourceSegment(instruction), offset, size);
      cpu.ports.write(port, size, Number(value));
    }
    notePortAccess(cpu, port, size);
    const step = cpu.flagSystem & RFLAGS.DF ? -size : size;
    cpu.setGpr(index, cpu.gpr(index, width) + BigInt(step), width);
    if (!repeated) return "next";
    cpu.setGpr(RCX, cpu.gpr(RCX, width) - 1n, width);
    return cpu.gpr(RCX, width) === 0n ? "next" : "jumped";
  };
}

function sourceSegment(instruction: Instruction): SegmentIndex {
  return instruction.segmentPrefix >= 0 ? (instruction.segmentPrefix as SegmentIndex) : 3;
}

function elementBytes(instruction: Instruction): 1 | 2 | 4 {
  const kinds = instruction.form.operands.map(({ kind }) => kind);
  const found = kinds
    .map((kind) => /^str[sd]i(8|16|32)$/.exec(kind)?.[1])
    .find((bits) => bits !== undefined);
  return (Number(found ?? 8) / 8) as 1 | 2 | 4;
}

export const IO_EVENTS: Readonly<Record<string, SystemEvent>> = {
  in: input,
  out: output,
  ins: stringIo(true),
  outs: stringIo(false),
};
