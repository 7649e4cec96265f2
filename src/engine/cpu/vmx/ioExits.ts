/** VM exits of IN, OUT, INS and OUTS. SDM Vol. 3C, "Instructions That Cause VM Exits Conditionally"; "Exit Qualification for I/O Instructions". */
import type { Instruction, MemoryOperand } from "../../codec/types";
import { RDX } from "../../isa/registers";
import { EXIT } from "../../isa/vmx/exitReasons";
import type { Processor } from "../processor";
import { effectiveAddress, operand, readOperand } from "../system/systemEvent";
import { stringIoInformation } from "./instructionInformation";
import { operandLinear } from "./operandLinear";
import type { VmExit } from "./vmExit";
import { control, readVmcs } from "./vmcs";

const PORTS_PER_BITMAP = 0x8000;
const QUALIFICATION = { in: 8, string: 0x10, rep: 0x20, immediate: 0x40 } as const;

function bitmapHas(cpu: Processor, port: number): boolean {
  const field = port < PORTS_PER_BITMAP ? "IO_BITMAP_A_ADDRESS" : "IO_BITMAP_B_ADDRESS";
  const at = Number(readVmcs(cpu, field)) + ((port % PORTS_PER_BITMAP) >> 3);
  return ((cpu.ram.read8(at) >> (port & 7)) & 1) === 1;
}

/** The bitmaps decide if used; an access that wraps around port 0xffff exits in any case. */
function portExits(cpu: Processor, port: number, size: number): boolean {
  if (!control(cpu, "primary", "useIoBitmaps"))
    return control(cpu, "primary", "unconditionalIoExiting");
  if (port + size > 0x10000) return true;
  return Array.from({ length: size }, (_, i) => port + i).some((each) => bitmapHas(cpu, each));
}

function ioExit(port: number, size: number, flags: number, instruction: Instruction): VmExit {
  const qualification = BigInt((size - 1) | flags) | (BigInt(port) << 16n);
  return {
    reason: EXIT.IO_INSTRUCTION,
    qualification,
    instructionLength: instruction.length,
    isIo: true,
  };
}

/** IN and OUT; `port` and `data` are operand numbers. */
export function portIoExit(port: 0 | 1) {
  return (cpu: Processor, instruction: Instruction): VmExit | undefined => {
    const number = Number(readOperand(cpu, instruction, port) & 0xffffn);
    const data = operand(instruction, 1 - port);
    const size = data.kind === "reg" ? data.size / 8 : 1;
    if (!portExits(cpu, number, size)) return undefined;
    const isImmediate = operand(instruction, port).kind === "imm";
    const flags = (port === 1 ? QUALIFICATION.in : 0) | (isImmediate ? QUALIFICATION.immediate : 0);
    return ioExit(number, size, flags, instruction);
  };
}

/** INS and OUTS; `memory` is the operand number of the string. */
export function stringIoExit(memory: 0 | 1) {
  return (cpu: Processor, instruction: Instruction): VmExit | undefined => {
    const string = operand(instruction, memory) as MemoryOperand;
    const port = Number(cpu.gpr(RDX, 16));
    const size = string.size / 8;
    if (!portExits(cpu, port, size)) return undefined;
    const isIn = memory === 0;
    const flags =
      QUALIFICATION.string |
      (isIn ? QUALIFICATION.in : 0) |
      (instruction.repeat === 0 ? 0 : QUALIFICATION.rep);
    const offset = effectiveAddress(cpu, instruction, string);
    return {
      ...ioExit(port, size, flags, instruction),
      instructionInformation: stringIoInformation(instruction, isIn ? 0 : string.segment),
      guestLinearAddress: operandLinear(cpu, string.segment, offset),
    };
  };
}
