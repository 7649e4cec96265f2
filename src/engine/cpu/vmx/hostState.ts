/** Loading the host state. SDM Vol. 3C, "Loading Host State". */
import { DR7_RESET } from "../../isa/controlRegisters";
import { AR } from "../../isa/descriptors";
import { RSP } from "../../isa/registers";
import { loadPdptes, refreshTlbTag } from "../paging";
import type { Processor } from "../processor";
import { ACTIVITY, CR4, EFER, type SegmentRegister } from "../systemState";
import { loadedCr0 } from "./fixedBits";
import { control, readVmcs, writeVmcs } from "./vmcs";
import { flushOnTransition } from "./translationTags";
import type { VmxAbort } from "./vmxAbort";

const FLAT_LIMIT = 0xffffffff;
const DATA = AR.G | AR.DB | AR.P | AR.S | 3;
const CODE = AR.G | AR.P | AR.S | 0xb;
const BUSY_TSS = AR.P | 0xb;
const TSS_LIMIT = 0x67;

type HostSegment = "ES" | "SS" | "DS" | "FS" | "GS";

/** A null selector makes the segment unusable. SDM Vol. 3C, "Loading Host Segment and Descriptor-Table Registers". */
function dataSegment(cpu: Processor, name: HostSegment): SegmentRegister {
  const selector = Number(readVmcs(cpu, `HOST_${name}_SELECTOR`));
  const base = name === "FS" || name === "GS" ? readVmcs(cpu, `HOST_${name}_BASE`) : 0n;
  if (selector === 0) return { selector, base, limit: 0, ar: AR.UNUSABLE };
  return { selector, base, limit: FLAT_LIMIT, ar: DATA };
}

function loadSegments(cpu: Processor, is64: boolean): void {
  const { system } = cpu;
  const cs: SegmentRegister = {
    selector: Number(readVmcs(cpu, "HOST_CS_SELECTOR")),
    base: 0n,
    limit: FLAT_LIMIT,
    ar: CODE | (is64 ? AR.L : AR.DB),
  };
  const [es, ss, ds, fs, gs] = (["ES", "SS", "DS", "FS", "GS"] as const).map((name) =>
    dataSegment(cpu, name),
  );
  system.segments = [es!, cs, ss!, ds!, fs!, gs!];
  system.tr = {
    selector: Number(readVmcs(cpu, "HOST_TR_SELECTOR")),
    base: readVmcs(cpu, "HOST_TR_BASE"),
    limit: TSS_LIMIT,
    ar: BUSY_TSS,
  };
  system.ldtr = { selector: 0, base: 0n, limit: 0, ar: AR.UNUSABLE };
  system.gdtr = { base: readVmcs(cpu, "HOST_GDTR_BASE"), limit: 0xffff };
  system.idtr = { base: readVmcs(cpu, "HOST_IDTR_BASE"), limit: 0xffff };
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
  if (control(cpu, "exit", "loadPat")) msrs.pat = readVmcs(cpu, "HOST_IA32_PAT");
  const mode = EFER.LMA | EFER.LME;
  system.efer = control(cpu, "exit", "loadEfer")
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

/** VM exits store IA32_EFER.LMA where the next VM entry finds it (IA32_VMX_MISC bit 5). */
export function saveGuestMode(cpu: Processor): void {
  const entry = readVmcs(cpu, "VM_ENTRY_CONTROLS");
  writeVmcs(cpu, "VM_ENTRY_CONTROLS", cpu.longMode ? entry | 0x200n : entry & ~0x200n);
}

/** From here on the processor is in VMX root operation, with the state of the VMCS's host area. */
export function loadHostState(cpu: Processor): VmxAbort | undefined {
  const is64 = control(cpu, "exit", "hostAddressSpaceSize");
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
