/** Loading the host state. SDM Vol. 3C, "Loading Host State". */
import { DR7_RESET } from "../../isa/controlRegisters";
import { AR } from "../../isa/descriptors";
import { CS, RSP } from "../../isa/registers";
import { loadPdptes, refreshTlbTag } from "../paging";
import type { Processor } from "../processor";
import { ACTIVITY, CR4, EFER, type SegmentRegister } from "../systemState";
import { loadedCr0 } from "./fixedBits";
import {
  controlBit,
  hasControl,
  offsetOf,
  readOffset,
  readOffset32,
  readVmcs,
  writeOffset32,
} from "./vmcs";
import { flushOnTransition } from "./translationTags";
import type { VmxAbort } from "./vmxAbort";

const LOAD_PAT = controlBit("exit", "loadPat");
const LOAD_EFER = controlBit("exit", "loadEfer");
const HOST_ADDRESS_SPACE_SIZE = controlBit("exit", "hostAddressSpaceSize");

const FLAT_LIMIT = 0xffffffff;
const DATA = AR.G | AR.DB | AR.P | AR.S | 3;
const CODE = AR.G | AR.P | AR.S | 0xb;
const BUSY_TSS = AR.P | 0xb;
const TSS_LIMIT = 0x67;
const TR = 7;

/** Whoever loads a segment register as a whole has a number for it: those of the guest come first. */
const FIRST_SLOT = 8;

/** In the order of `system.segments`, without CS: number, selector, base (0 for those that have none). */
const DATA_SEGMENTS = [
  [0, offsetOf("HOST_ES_SELECTOR"), 0],
  [2, offsetOf("HOST_SS_SELECTOR"), 0],
  [3, offsetOf("HOST_DS_SELECTOR"), 0],
  [4, offsetOf("HOST_FS_SELECTOR"), offsetOf("HOST_FS_BASE")],
  [5, offsetOf("HOST_GS_SELECTOR"), offsetOf("HOST_GS_BASE")],
] as const;
const CS_SELECTOR = offsetOf("HOST_CS_SELECTOR");
const TR_SELECTOR = offsetOf("HOST_TR_SELECTOR");
const TR_BASE = offsetOf("HOST_TR_BASE");
const GDTR_BASE = offsetOf("HOST_GDTR_BASE");
const IDTR_BASE = offsetOf("HOST_IDTR_BASE");
const NO_LDT: SegmentRegister = { selector: 0, base: 0n, limit: 0, ar: AR.UNUSABLE };

/** A segment register from a selector field, and a base field unless that is 0. */
function loaded(
  cpu: Processor,
  slot: number,
  selector: number,
  base: number,
  limit: number,
  ar: number,
): SegmentRegister {
  const low = base === 0 ? 0 : readOffset32(cpu, base);
  const high = base === 0 ? 0 : readOffset32(cpu, base + 4);
  return cpu.decoded.segment(FIRST_SLOT + slot, selector, low, high, limit, ar);
}

function loadSegments(cpu: Processor, is64: boolean): void {
  const { system } = cpu;
  const segments = [...system.segments];
  for (const [number, selectorOffset, base] of DATA_SEGMENTS) {
    const selector = readOffset32(cpu, selectorOffset);
    // A null selector makes the segment unusable. SDM Vol. 3C, "Loading Host Segment and Descriptor-Table Registers".
    segments[number] =
      selector === 0
        ? loaded(cpu, number, selector, base, 0, AR.UNUSABLE)
        : loaded(cpu, number, selector, base, FLAT_LIMIT, DATA);
  }
  const code = CODE | (is64 ? AR.L : AR.DB);
  segments[CS] = loaded(cpu, CS, readOffset32(cpu, CS_SELECTOR), 0, FLAT_LIMIT, code);
  system.segments = segments;
  system.tr = loaded(cpu, TR, readOffset32(cpu, TR_SELECTOR), TR_BASE, TSS_LIMIT, BUSY_TSS);
  system.ldtr = NO_LDT;
  system.gdtr = { base: readOffset(cpu, GDTR_BASE), limit: 0xffff };
  system.idtr = { base: readOffset(cpu, IDTR_BASE), limit: 0xffff };
  system.cpl = 0;
}

function loadControlRegisters(cpu: Processor, is64: boolean): void {
  const { system } = cpu;
  system.cr0 = loadedCr0(system.cr0, readVmcs(cpu, "HOST_CR0"));
  system.cr3 = Number(readVmcs(cpu, "HOST_CR3"));
  const cr4 = Number(BigInt.asUintN(32, readVmcs(cpu, "HOST_CR4")));
  system.cr4 = (is64 ? cr4 | CR4.PAE : cr4 & ~CR4.PCIDE) >>> 0;
  system.dr7 = DR7_RESET;
}

function loadMsrFields(cpu: Processor, is64: boolean): void {
  const { system } = cpu;
  const { msrs } = system;
  msrs.debugctl = 0n;
  msrs.sysenterCs = readVmcs(cpu, "HOST_IA32_SYSENTER_CS");
  msrs.sysenterEsp = readVmcs(cpu, "HOST_IA32_SYSENTER_ESP");
  msrs.sysenterEip = readVmcs(cpu, "HOST_IA32_SYSENTER_EIP");
  if (hasControl(cpu, LOAD_PAT)) msrs.pat = readVmcs(cpu, "HOST_IA32_PAT");
  const mode = EFER.LMA | EFER.LME;
  system.efer = hasControl(cpu, LOAD_EFER)
    ? Number(BigInt.asUintN(32, readVmcs(cpu, "HOST_IA32_EFER")))
    : is64
      ? system.efer | mode
      : system.efer & ~mode;
}

/** Non-register state of the host; NMI blocking is the caller's. */
function clearNonRegisterState(cpu: Processor): void {
  const { system } = cpu;
  system.activity = ACTIVITY.active;
  system.shadow = "none";
  system.pendingDebug = 0;
  system.vmx.mtf = false;
  system.vmx.preemptionDue = Infinity;
  system.vmx.vectoring = 0;
  system.vmx.nmiUnblocking = false;
}

const ENTRY_CONTROLS = offsetOf("VM_ENTRY_CONTROLS");
const IA32E_MODE_GUEST = controlBit("entry", "ia32eModeGuest").mask;

/** VM exits store IA32_EFER.LMA where the next VM entry finds it (IA32_VMX_MISC bit 5). */
export function saveGuestMode(cpu: Processor): void {
  const entry = readOffset32(cpu, ENTRY_CONTROLS);
  const mode = cpu.longMode ? entry | IA32E_MODE_GUEST : entry & ~IA32E_MODE_GUEST;
  writeOffset32(cpu, ENTRY_CONTROLS, mode >>> 0);
}

/** From here on the processor is in VMX root operation, with the state of the VMCS's host area. */
export function loadHostState(cpu: Processor): VmxAbort | undefined {
  const is64 = hasControl(cpu, HOST_ADDRESS_SPACE_SIZE);
  flushOnTransition(cpu);
  cpu.system.vmx.nonRoot = false;
  loadControlRegisters(cpu, is64);
  loadMsrFields(cpu, is64);
  loadSegments(cpu, is64);
  clearNonRegisterState(cpu);
  cpu.rip = readVmcs(cpu, "HOST_RIP");
  cpu.setGpr(RSP, readVmcs(cpu, "HOST_RSP"));
  cpu.rflags = 2;
  refreshTlbTag(cpu);
  const usesPae = !is64 && (cpu.system.cr4 & CR4.PAE) !== 0;
  if (usesPae && !loadPdptes(cpu, cpu.system.cr3))
    return { indicator: 2, why: "a PDPTE of the host has a reserved bit set" };
  return undefined;
}
