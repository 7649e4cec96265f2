/** SYSCALL, SYSRET, SYSENTER, SYSEXIT. SDM Vol. 2B. */
import { AR } from "../../isa/descriptors";
import { RCX, RDX, RSP, SS } from "../../isa/registers";
import { gp, ud } from "../abort";
import { canonicalLinear } from "../linear";
import type { Processor } from "../processor";
import { setCodeSegment } from "../segmentation";
import { EFER, RFLAGS, type SegmentRegister } from "../systemState";
import { nextRip, type SystemEvent } from "./systemEvent";

const flatSegments = new Map<number, SegmentRegister>();

/** A flat segment as SYSCALL and SYSENTER load it: base and limit are fixed, the descriptor is not read. The same object each time. */
function flat(selector: number, type: number, ring: number, long: boolean): SegmentRegister {
  const mode = type & 8 && long ? AR.L : AR.DB;
  const ar = AR.G | mode | AR.P | AR.S | (ring << 5) | type;
  const key = selector * 0x10000 + ar;
  let segment = flatSegments.get(key);
  if (!segment) flatSegments.set(key, (segment = { selector, base: 0n, limit: 0xffffffff, ar }));
  return segment;
}

function enterFlat(cpu: Processor, csSelector: number, ring: number, long: boolean): void {
  cpu.system.segments[SS] = flat((csSelector + 8) & 0xffff, 3, ring, false);
  setCodeSegment(cpu, flat(csSelector, 0xb, ring, long), ring);
}

const syscall: SystemEvent = (cpu, instruction) => {
  const { efer, msrs } = cpu.system;
  if (!(efer & EFER.SCE) || !cpu.is64) throw ud("SYSCALL needs EFER.SCE and 64-bit mode");
  cpu.setGpr(RCX, nextRip(cpu, instruction));
  cpu.setGpr(11, BigInt(cpu.rflags & ~RFLAGS.RF));
  cpu.rip = msrs.lstar;
  cpu.rflags &= ~(Number(msrs.fmask) | RFLAGS.RF);
  const selector = Number((msrs.star >> 32n) & 0xfffcn);
  enterFlat(cpu, selector, 0, true);
  return "jumped";
};

const sysret: SystemEvent = (cpu, instruction) => {
  const { efer, msrs } = cpu.system;
  if (!(efer & EFER.SCE) || !cpu.is64) throw ud("SYSRET needs EFER.SCE and 64-bit mode");
  const base = Number((msrs.star >> 48n) & 0xffffn);
  const to64 = instruction.operandSize === 64;
  const target = cpu.gpr(RCX);
  if (to64 && canonicalLinear(target) === undefined)
    throw gp(0, "SYSRET to an address that is not canonical");
  const flags = Number(cpu.gpr(11) & 0xffffffffn);
  cpu.rflags = (flags & 0x3c7fd7) | 2;
  cpu.rip = to64 ? target : target & 0xffffffffn;
  cpu.system.segments[SS] = flat((base + 8) | 3, 3, 3, false);
  setCodeSegment(cpu, flat((to64 ? base + 16 : base) | 3, 0xb, 3, to64), 3);
  return "jumped";
};

const sysenter: SystemEvent = (cpu) => {
  const { msrs } = cpu.system;
  const selector = Number(msrs.sysenterCs & 0xfffcn);
  if (!cpu.protectedMode) throw gp(0, "SYSENTER needs protected mode");
  if (selector === 0) throw gp(0, "IA32_SYSENTER_CS is null");
  cpu.flagSystem &= ~(RFLAGS.VM | RFLAGS.IF | RFLAGS.RF);
  const long = cpu.longMode;
  enterFlat(cpu, selector, 0, long);
  cpu.setGpr(RSP, long ? msrs.sysenterEsp : msrs.sysenterEsp & 0xffffffffn);
  cpu.rip = long ? msrs.sysenterEip : msrs.sysenterEip & 0xffffffffn;
  return "jumped";
};

const sysexit: SystemEvent = (cpu, instruction) => {
  const selector = Number(cpu.system.msrs.sysenterCs & 0xfffcn);
  if (!cpu.protectedMode || selector === 0)
    throw gp(0, "SYSEXIT needs protected mode and IA32_SYSENTER_CS");
  const to64 = instruction.operandSize === 64;
  const [rip, rsp] = [cpu.gpr(RDX), cpu.gpr(RCX)];
  if (to64 && (canonicalLinear(rip) === undefined || canonicalLinear(rsp) === undefined)) {
    throw gp(0, "SYSEXIT to an address that is not canonical");
  }
  const base = to64 ? selector + 32 : selector + 16;
  cpu.system.segments[SS] = flat((base + 8) | 3, 3, 3, false);
  setCodeSegment(cpu, flat(base | 3, 0xb, 3, to64), 3);
  cpu.setGpr(RSP, rsp, to64 ? 64 : 32);
  cpu.rip = to64 ? rip : rip & 0xffffffffn;
  return "jumped";
};

export const SYSTEM_CALL_EVENTS: Readonly<Record<string, SystemEvent>> = {
  syscall,
  sysret,
  sysenter,
  sysexit,
};
