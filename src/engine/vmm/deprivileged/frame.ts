/** The guest's context on the VMM's stack: what the processor pushes on the way in, and what IRET pops on the way out. */
import { pushesErrorCode } from "../../isa/exceptions";
import { CS, RSP, SS } from "../../isa/registers";
import { RFLAGS, type SegmentRegister } from "../../cpu/systemState";
import { AREA } from "./area";
import type { HardwareContext } from "./belief";
import { ringSelector } from "./descriptorTables";
import type { Trap } from "./state";
import type { Vm } from "./vm";

const WORD = 4;
/** EIP CS EFLAGS ESP SS. */
const WORDS = 5;
/** Then ES DS FS GS. SDM Vol. 3A, "8086 Emulation". */
const WORDS_8086 = 9;

const DEBUG = 1;

/** Faults push RF = 1, whatever it was: the guest's own is what it went on with, or 0 behind its first instruction. SDM Vol. 3B, "Instruction-Breakpoint Exception Condition". */
function withGuestsRf(
  { vcpu, state }: Vm,
  { vector, key }: Trap,
  eip: bigint,
  eflags: number,
): number {
  if (vector === DEBUG || key === "TRAP_INTERRUPT") return eflags;
  const own = eip === state.resumedAt ? vcpu.flagSystem & RFLAGS.RF : 0;
  return (eflags & ~RFLAGS.RF) | own;
}

/** The frame of an event that interrupted the guest: below ESP0, above it an error code for some exceptions. */
export function readFrame(vm: Vm, trap: Trap): HardwareContext {
  const { cpu } = vm;
  const { vector, errorCode } = trap;
  const { area } = vm.parts;
  const hasCode = errorCode !== undefined && pushesErrorCode(vector);
  const at = Number(cpu.gpr(RSP, 32)) + (hasCode ? WORD : 0);
  const word = (i: number): number => area.read32(at + i * WORD);
  const selector = (i: number): number => word(i) & 0xffff;
  const eip = BigInt(word(0));
  const eflags = withGuestsRf(vm, trap, eip, word(2));
  const is8086 = (eflags & RFLAGS.VM) !== 0;
  // In protected mode the data segment registers are still the guest's.
  const data = is8086
    ? { es: selector(5), ds: selector(6), fs: selector(7), gs: selector(8) }
    : dataSelectors(cpu.system.segments);
  return {
    eip,
    esp: BigInt(word(3)),
    eflags,
    selectors: [data.es, selector(1), selector(4), data.ds, data.fs, data.gs],
  };
}

function dataSelectors(
  segments: readonly SegmentRegister[],
): Record<"es" | "ds" | "fs" | "gs", number> {
  // prettier-ignore
  const selector = (i: number): number => segments[i]!.selector;
  return { es: selector(0), ds: selector(3), fs: selector(4), gs: selector(5) };
}

/** RFLAGS for the hardware: interrupts always reach the VMM, and IOPL 0 makes CLI, STI and ports trap. */
function hardwareFlags(vm: Vm): number {
  const { rflags } = vm.vcpu;
  const own = RFLAGS.IF | RFLAGS.IOPL | RFLAGS.VIF | RFLAGS.VIP;
  const trap = vm.state.step ? RFLAGS.TF : 0;
  return (rflags & ~own) | RFLAGS.IF | trap;
}

/** Selectors of CS and SS for the hardware, or undefined if one of them reaches into the VMM's area. */
function ringSelectors(vm: Vm): readonly [number, number] | undefined {
  const { cs, ss } = vm.vcpu;
  if (vm.vcpu.virtual8086) return [cs.selector, ss.selector];
  const code = ringSelector(vm, CS, cs);
  const stack = ringSelector(vm, SS, ss);
  return code === undefined || stack === undefined ? undefined : [code, stack];
}

/** Puts the guest's context where IRET pops it; false if it cannot be expressed. */
export function writeFrame(vm: Vm): boolean {
  const { cpu, vcpu } = vm;
  const selectors = ringSelectors(vm);
  if (!selectors) return false;
  const [cs, ss] = selectors;
  const segment = (i: number): number => vcpu.system.segments[i]!.selector;
  const words = [Number(vcpu.rip), cs, hardwareFlags(vm), Number(vcpu.gpr(RSP, 32)), ss];
  if (vcpu.virtual8086) words.push(segment(0), segment(3), segment(4), segment(5));
  const at = AREA.stackTop - WORD * (vcpu.virtual8086 ? WORDS_8086 : WORDS);
  words.forEach((value, i) => {
    vm.parts.area.write32(at + i * WORD, value);
  });
  cpu.setGpr(RSP, BigInt(at), 32);
  for (let register = 0; register < 8; register++)
    if (register !== RSP) cpu.setGpr(register, vcpu.gpr(register, 32), 32);
  vm.state.leftSelectors = [segment(0), cs, ss, segment(3), segment(4), segment(5)];
  vm.state.resumedAt = vcpu.rip;
  return true;
}
