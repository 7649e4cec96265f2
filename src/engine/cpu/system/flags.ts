/** PUSHF, POPF, CLI, STI and kin. SDM Vol. 2. The silent cases are the architecture's own. */
import { gp, ud } from "../abort";
import type { Processor } from "../processor";
import { StackFrame } from "../stack";
import { CR4, RFLAGS } from "../systemState";
import type { SystemEvent } from "./systemEvent";
import { changeVirtualFlag, loadVirtualFlags, usesVme, virtualFlags } from "./virtualInterrupts";

const STATUS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;
const ALWAYS = STATUS | RFLAGS.TF | RFLAGS.DF | RFLAGS.NT | RFLAGS.AC | RFLAGS.ID;

const pushf: SystemEvent = (cpu, { operandSize }) => {
  const vme = operandSize === 16 && usesVme(cpu);
  if (!vme && cpu.virtual8086 && cpu.iopl < 3)
    throw gp(0, "PUSHF in virtual-8086 mode needs IOPL 3");
  const stack = StackFrame.current(cpu);
  const flags = vme ? virtualFlags(cpu) : cpu.rflags;
  // VM and RF read as zero.
  stack.push32((operandSize / 8) as 2 | 4 | 8, (flags & ~(RFLAGS.VM | RFLAGS.RF)) >>> 0);
  stack.commit();
  return "next";
};

/** Bits that POPF and IRET may change at this CPL: IOPL only in ring 0, IF only if CPL <= IOPL; other bits silently stay. */
export function writableFlags(cpu: Processor, operandSize: number): number {
  let mask = ALWAYS;
  if (cpu.cpl === 0) mask |= RFLAGS.IOPL;
  if (cpu.cpl <= cpu.iopl) mask |= RFLAGS.IF;
  return operandSize === 16 ? mask & 0xffff : mask;
}

const popf: SystemEvent = (cpu, { operandSize }) => {
  const vme = operandSize === 16 && usesVme(cpu);
  if (!vme && cpu.virtual8086 && cpu.iopl < 3)
    throw gp(0, "POPF in virtual-8086 mode needs IOPL 3");
  const stack = StackFrame.current(cpu);
  const value = stack.pop32((operandSize / 8) as 2 | 4 | 8);
  if (vme) {
    loadVirtualFlags(cpu, value);
    stack.commit();
    return "next";
  }
  stack.commit();
  const mask = cpu.virtual8086
    ? (ALWAYS | RFLAGS.IF) & (operandSize === 16 ? 0xffff : -1)
    : writableFlags(cpu, operandSize);
  const resume = operandSize === 16 ? 0 : RFLAGS.RF;
  const before = cpu.flagSystem;
  cpu.rflags = (cpu.rflags & ~(mask | resume)) | (value & mask);
  // Only AC changes which accesses must be looked at.
  if ((before ^ cpu.flagSystem) & RFLAGS.AC) cpu.refreshFlags();
  return "next";
};

/** IF needs CPL <= IOPL; above, CR4.VME and CR4.PVI offer VIF instead. */
function interruptFlag(set: boolean): SystemEvent {
  return (cpu) => {
    const allowed = cpu.virtual8086 ? cpu.iopl === 3 : !cpu.protectedMode || cpu.cpl <= cpu.iopl;
    if (!allowed && changeVirtualFlag(cpu, set)) return "next";
    if (!allowed)
      throw gp(0, `${set ? "STI" : "CLI"} needs CPL <= IOPL (CPL ${cpu.cpl}, IOPL ${cpu.iopl})`);
    const was = (cpu.flagSystem & RFLAGS.IF) !== 0;
    if (set) {
      cpu.flagSystem |= RFLAGS.IF;
      if (!was) cpu.system.shadow = "sti";
    } else cpu.flagSystem &= ~RFLAGS.IF;
    return "next";
  };
}

function alignmentFlag(set: boolean): SystemEvent {
  return (cpu) => {
    if (!(cpu.system.cr4 & CR4.SMAP) && !cpu.model.features.has("smap"))
      throw ud("SMAP is not there");
    if (cpu.cpl !== 0) throw ud("CLAC and STAC need ring 0");
    cpu.flagSystem = set ? cpu.flagSystem | RFLAGS.AC : cpu.flagSystem & ~RFLAGS.AC;
    cpu.refreshFlags();
    return "next";
  };
}

const lahf: SystemEvent = (cpu) => {
  cpu.setGpr(0, (cpu.gpr(0, 16) & 0xffn) | (BigInt((cpu.rflags & 0xd5) | 2) << 8n), 16);
  return "next";
};

const sahf: SystemEvent = (cpu) => {
  const value = Number((cpu.gpr(0) >> 8n) & 0xd5n);
  cpu.rflags = (cpu.rflags & ~0xd5) | value;
  return "next";
};

export const FLAG_EVENTS: Readonly<Record<string, SystemEvent>> = {
  pushf,
  popf,
  cli: interruptFlag(false),
  sti: interruptFlag(true),
  clac: alignmentFlag(false),
  stac: alignmentFlag(true),
  lahf,
  sahf,
};
