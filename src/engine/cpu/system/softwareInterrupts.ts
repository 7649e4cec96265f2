/** INT n, INT3, INT1, INTO. SDM Vol. 2A, "INT n/INTO/INT3/INT1". */
import type { Instruction } from "../../codec/types";
import { BP, DB, OF } from "../abort";
import { deliver } from "../delivery";
import { EVENT } from "../event";
import { RFLAGS } from "../systemState";
import { nextRip, operand, type SystemEvent } from "./systemEvent";
import { interruptIn8086 } from "./virtualInterrupts";

function immediateByte(instruction: Instruction): number {
  const op = operand(instruction, 0);
  return op.kind === "imm" ? op.value & 0xff : 0;
}

function softwareInterrupt(vector: number, type: 4 | 5 | 6): SystemEvent {
  return (cpu, instruction) => {
    const actual = type === EVENT.software ? immediateByte(instruction) : vector;
    const returnRip = nextRip(cpu, instruction);
    const stays = type === EVENT.software && cpu.virtual8086;
    if (stays && interruptIn8086(cpu, actual, returnRip)) return "jumped";
    // INT1 is a #DB: debug traps that MOV SS held back do not come after it. After INT n and INT3 they do, in the handler.
    if (type === EVENT.privilegedSoftware) cpu.system.pendingDebug = 0;
    cpu.observe({ kind: "interrupt", vector: actual, source: "software" });
    deliver(cpu, { vector: actual, type, returnRip, length: instruction.length });
    return "jumped";
  };
}

const into: SystemEvent = (cpu, instruction) => {
  if (!(cpu.rflags & RFLAGS.OF)) return "next";
  return softwareInterrupt(OF, EVENT.softwareException)(cpu, instruction);
};

export const INTERRUPT_EVENTS: Readonly<Record<string, SystemEvent>> = {
  int: softwareInterrupt(0, EVENT.software),
  int3: softwareInterrupt(BP, EVENT.softwareException),
  int1: softwareInterrupt(DB, EVENT.privilegedSoftware),
  into,
};
