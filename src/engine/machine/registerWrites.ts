/** Setting registers from the debugger. What is impossible on hardware is refused with the processor's own reason. */
import { UserError } from "../base/errors";
import { isCpuAbort } from "../cpu/abort";
import { canonicalLinear } from "../cpu/linear";
import { loadSegment } from "../cpu/segmentation";
import { writeCr0, writeCr3, writeCr4 } from "../cpu/system/controlRegisters";
import { writeMsr } from "../cpu/system/msrs";
import { MSR } from "../isa/msrs";
import {
  GPR16,
  GPR32,
  GPR64,
  GPR8,
  GPR8_HIGH,
  SEGMENTS,
  type SegmentIndex,
} from "../isa/registers";
import type { Processor } from "../cpu/processor";
import type { OperandSize } from "../isa/types";
import type { ViewedMachine } from "./guestContext";

function setGeneral(cpu: Processor, name: string, value: bigint): boolean {
  const banks: readonly (readonly [readonly string[], OperandSize])[] = [
    [GPR64, 64],
    [GPR32, 32],
    [GPR16, 16],
    [GPR8, 8],
  ];
  for (const [names, size] of banks) {
    const register = names.indexOf(name);
    if (register < 0) continue;
    cpu.setGpr(register, value, size);
    return true;
  }
  const high = (GPR8_HIGH as readonly string[]).indexOf(name);
  if (high < 0) return false;
  cpu.setGpr(high, (cpu.gpr(high, 16) & 0xffn) | ((value & 0xffn) << 8n), 16);
  return true;
}

function setSpecial(cpu: Processor, name: string, value: bigint): boolean {
  const { system } = cpu;
  switch (name) {
    case "rip":
    case "eip":
    case "ip":
      if (cpu.is64 && canonicalLinear(value) === undefined)
        throw new UserError("bad-value", "The address is not canonical.");
      cpu.rip = value;
      return true;
    case "rflags":
    case "eflags":
    case "flags":
      cpu.rflags = Number(value & 0x3f7fd5n) | 2;
      cpu.refresh();
      return true;
    case "cr0":
      writeCr0(cpu, Number(value));
      return true;
    case "cr2":
      system.cr2 = value;
      return true;
    case "cr3":
      writeCr3(cpu, value);
      return true;
    case "cr4":
      writeCr4(cpu, Number(value));
      return true;
    case "efer":
      writeMsr(cpu, MSR.EFER, value);
      return true;
    case "dr6":
      system.dr6 = Number(value) >>> 0;
      return true;
    case "dr7":
      system.dr7 = Number(value) >>> 0;
      cpu.refresh();
      return true;
  }
  const debug = /^dr([0-3])$/.exec(name);
  if (!debug) return false;
  system.dr[Number(debug[1]) as 0 | 1 | 2 | 3] = value;
  return true;
}

/** Sets a register of the guest by name: in the processor that runs it, or in the VCPU. */
export function setRegister(
  { cpu, guestLocalApic, supervisor }: ViewedMachine,
  name: string,
  value: bigint,
): void {
  if (name.toLowerCase() === "cr8") guestLocalApic.taskPriority = (Number(value) & 15) << 4;
  else if (!supervisor?.changeGuest) setIn(cpu, name, value);
  else
    supervisor.changeGuest((vcpu) => {
      setIn(vcpu, name, value);
    });
}

function setIn(cpu: Processor, name: string, value: bigint): void {
  const lower = name.toLowerCase();
  try {
    if (setGeneral(cpu, lower, value) || setSpecial(cpu, lower, value)) return;
    const segment = (SEGMENTS as readonly string[]).indexOf(lower);
    if (segment < 0) throw new UserError("unknown-register", `There is no register ${name}.`);
    if (lower === "cs")
      throw new UserError(
        "bad-value",
        "CS changes only by a far transfer.",
        "Set RIP, or let the guest jump.",
      );
    loadSegment(cpu, segment as SegmentIndex, Number(value & 0xffffn));
  } catch (problem) {
    if (!isCpuAbort(problem)) throw problem;
    const why = problem.abort === "fault" ? problem.why : "the write would cause a VM exit";
    throw new UserError("bad-value", `${name} cannot hold that value: ${why}.`);
  }
}
