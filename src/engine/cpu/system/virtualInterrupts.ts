/**
 * The virtual interrupt flag: virtual-8086 mode extensions (CR4.VME) and protected-mode virtual interrupts (CR4.PVI). SDM Vol. 3A, "8086 Emulation",
 * "Class 3—Software Interrupt Handling" and the chapters around it; "Protected-Mode Virtual Interrupts".
 */
import { gp } from "../abort";
import { readImplicit32, tableLinear } from "../implicitAccess";
import type { Processor } from "../processor";
import { loadRealModeCs } from "../segmentation";
import { StackFrame } from "../stack";
import { CR4, RFLAGS } from "../systemState";

/** In virtual-8086 mode below IOPL 3: what would be #GP(0) works on VIF instead. */
export function usesVme(cpu: Processor): boolean {
  return cpu.virtual8086 && cpu.iopl < 3 && (cpu.system.cr4 & CR4.VME) !== 0;
}

/** CLI and STI that IOPL forbids change VIF; false where they may not even do that. */
export function changeVirtualFlag(cpu: Processor, set: boolean): boolean {
  const hasPvi = cpu.cpl === 3 && (cpu.system.cr4 & CR4.PVI) !== 0;
  if (!(cpu.virtual8086 ? usesVme(cpu) : hasPvi)) return false;
  if (set && cpu.flagSystem & RFLAGS.VIP) throw gp(0, "STI while a virtual interrupt is pending");
  cpu.flagSystem = set ? cpu.flagSystem | RFLAGS.VIF : cpu.flagSystem & ~RFLAGS.VIF;
  return true;
}

/** FLAGS as 8086 code sees them: IF is VIF, IOPL is 3. */
export function virtualFlags(cpu: Processor): number {
  const visible = (cpu.rflags | RFLAGS.IOPL) & 0xffff;
  return cpu.flagSystem & RFLAGS.VIF ? visible | RFLAGS.IF : visible & ~RFLAGS.IF;
}

const LOADABLE = 0xffff & ~(RFLAGS.IF | RFLAGS.IOPL);

/** POPF and IRET of 16 bits: IF goes to VIF. */
export function loadVirtualFlags(cpu: Processor, image: number): void {
  const enables = (image & RFLAGS.IF) !== 0;
  if (image & RFLAGS.TF || (enables && cpu.flagSystem & RFLAGS.VIP))
    throw gp(0, "8086 code may not set TF, nor IF while a virtual interrupt is pending");
  const virtual = enables ? RFLAGS.VIF : 0;
  const mask = LOADABLE | RFLAGS.VIF;
  cpu.rflags = (cpu.rflags & ~mask) | (image & LOADABLE) | virtual;
}

/** True if the bitmap below the I/O map of the TSS sends INT n to the handler in the interrupt vector table. */
function isRedirected(cpu: Processor, vector: number): boolean {
  if (!(cpu.system.cr4 & CR4.VME)) return false;
  const { tr } = cpu.system;
  if (tr.limit < 0x67) throw gp(0, "the TSS has no interrupt redirection bitmap");
  const map = readImplicit32(cpu, tableLinear(cpu, tr, 0x66), 2);
  const at = map - 32 + (vector >>> 3);
  if (at > tr.limit) throw gp(0, "the interrupt redirection bitmap lies beyond the TSS");
  const bits = readImplicit32(cpu, tableLinear(cpu, tr, at), 1);
  return ((bits >>> (vector & 7)) & 1) === 0;
}

/** INT n in virtual-8086 mode, as far as it stays there; false if the IDT handles it. Throws #GP(0) below IOPL 3. */
export function interruptIn8086(cpu: Processor, vector: number, returnRip: bigint): boolean {
  if (!isRedirected(cpu, vector)) {
    if (cpu.iopl < 3) throw gp(0, "INT n in virtual-8086 mode needs IOPL 3");
    return false;
  }
  const entry = readImplicit32(cpu, vector * 4, 4);
  const own = cpu.iopl === 3;
  const stack = StackFrame.current(cpu);
  stack.push32(2, own ? cpu.rflags & 0xffff : virtualFlags(cpu));
  stack.push32(2, cpu.cs.selector);
  stack.push(2, returnRip);
  stack.commit();
  cpu.flagSystem &= ~(RFLAGS.TF | RFLAGS.RF | (own ? RFLAGS.IF : RFLAGS.VIF));
  loadRealModeCs(cpu, entry >>> 16);
  cpu.rip = BigInt(entry & 0xffff);
  cpu.refresh();
  return true;
}
