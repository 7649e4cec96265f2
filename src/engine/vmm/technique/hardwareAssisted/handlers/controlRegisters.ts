/** Control-register accesses that touch what the VMM owns. The guest's rules are checked as the processor would have. */
import { InvariantError } from "../../../../base/errors";
import { AR } from "../../../../isa/descriptors";
import { CR_ACCESS_LAYOUT } from "../../../../isa/vmx/exitQualification";
import type { LocalApic } from "../../../../devices/localApic/device";
import { CR0, CR4, EFER } from "../../../../cpu/systemState";
import { readPdptes } from "../../../guestPaging";
import { raise } from "../events";
import { fieldOf } from "../guestOperands";
import type { ControlRegisterAccess } from "../state";
import { aroundInstruction } from "../steps";
import type { Handler, Step, Vm } from "../vm";

const GENERAL_PROTECTION = 13;
const ACCESS = { movTo: 0, movFrom: 1, clts: 2, lmsw: 3 } as const;
const MACHINE_STATUS_WORD = 0xf;
const PAGING_CR0 = CR0.PG | CR0.PE | CR0.WP;
const PAGING_CR4 = CR4.PSE | CR4.PAE | CR4.PGE | CR4.PCIDE | CR4.SMEP | CR4.SMAP;
const NO_FLUSH = 1n << 63n;

/** CR4 bits that this VMM lets its guest set, by the CPUID feature that announces them. VMXE is not among them. */
const GUEST_CR4: readonly (readonly [number, string | undefined])[] = [
  [CR4.VME | CR4.PCE | CR4.OSFXSR | CR4.OSXMMEXCPT, undefined],
  [CR4.MCE, "mce"],
  [CR4.DE, "de"],
  [CR4.PSE, "pse"],
  [CR4.TSD, "tsc"],
  [CR4.PAE, "pae"],
  [CR4.PGE, "pge"],
  [CR4.UMIP, "umip"],
  [CR4.FSGSBASE, "fsgsbase"],
  [CR4.PCIDE, "pcid"],
  [CR4.SMEP, "smep"],
  [CR4.SMAP, "smap"],
];

function guestCr4Bits(vm: Vm): number {
  return GUEST_CR4.reduce(
    (bits, [mask, feature]) =>
      feature === undefined || vm.cpu.model.features.has(feature) ? bits | mask : bits,
    0,
  );
}

const DECODE: Step = {
  name: "Decode the exit qualification",
  text: "Which control register, MOV in which direction, CLTS or LMSW, and the general register.",
  run: (vm) => {
    vm.state.work.controlRegister = decodeAccess(vm);
  },
};

function decodeAccess(vm: Vm): ControlRegisterAccess {
  const { qualification } = vm.exit;
  const field = (name: string): number => fieldOf(CR_ACCESS_LAYOUT, name, qualification);
  const register = field("CR");
  const gpr = field("GPR");
  switch (field("ACCESS")) {
    case ACCESS.movTo:
      return { register, kind: "write", gpr, value: vm.gpr(gpr, vm.is64 ? 64 : 32) };
    case ACCESS.movFrom:
      return { register, kind: "read", gpr, value: 0n };
    case ACCESS.clts:
      return { register: 0, kind: "write", gpr: 0, value: BigInt((vm.cr0 & ~CR0.TS) >>> 0) };
    default: {
      // LMSW cannot clear PE.
      const source = (field("LMSW_SOURCE") & MACHINE_STATUS_WORD) | (vm.cr0 & CR0.PE);
      const value = ((vm.cr0 & ~MACHINE_STATUS_WORD) | source) >>> 0;
      return { register: 0, kind: "write", gpr: 0, value: BigInt(value) };
    }
  }
}

/** Loads the guest's PDPTEs where PAE paging would; false if one has reserved bits set. */
function loadPdptes(vm: Vm, cr3: number): boolean {
  const pdptes = readPdptes(vm.parts.guest, cr3, vm.cpu.model.physicalAddressBits);
  if (pdptes) vm.memory.setPdptes(vm, pdptes);
  return pdptes !== undefined;
}

/** IA32_EFER after CR0.PG is set, or undefined if it cannot be. SDM Vol. 3A, "Initializing IA-32e Mode". */
function eferWithPaging(vm: Vm, efer: number): number | undefined {
  const isPae = (vm.cr4 & CR4.PAE) !== 0;
  if (efer & EFER.LME) {
    if (!isPae || vm.read32("GUEST_CS_ACCESS_RIGHTS") & AR.L) return undefined;
    return efer | EFER.LMA;
  }
  return !isPae || loadPdptes(vm, vm.memory.cr3(vm)) ? efer : undefined;
}

/** What IA32_EFER becomes with a new CR0; undefined: #GP(0). */
function eferAfter(vm: Vm, value: number): number | undefined {
  const efer = vm.memory.efer(vm);
  const turned = (vm.cr0 ^ value) & CR0.PG;
  if (!turned) return efer;
  if (value & CR0.PG) return eferWithPaging(vm, efer);
  if (vm.cr4 & CR4.PCIDE || vm.is64) return undefined;
  return efer & ~EFER.LMA;
}

const CR0_BITS = Object.values(CR0).reduce((all, mask) => all | mask, 0);

/** False: #GP(0). SDM Vol. 3A, "Control Registers". */
function writeCr0(vm: Vm, wide: bigint): boolean {
  if (wide >> 32n !== 0n) return false;
  const value = ((Number(wide) & CR0_BITS) | CR0.ET) >>> 0;
  if (value & CR0.PG && !(value & CR0.PE)) return false;
  if (value & CR0.NW && !(value & CR0.CD)) return false;
  const old = vm.cr0;
  const efer = eferAfter(vm, value);
  if (efer === undefined) return false;
  const refusal = vm.memory.refuses({ cr0: value, cr4: vm.cr4, efer });
  if (refusal !== undefined) {
    vm.stop("error", "real-mode-needs-nested", refusal);
    return true;
  }
  applyControlRegisters(vm, value, vm.cr4, efer, ((old ^ value) & PAGING_CR0) !== 0);
  return true;
}

/** Both views change together: what the guest reads, and what the hardware holds. */
function applyControlRegisters(
  vm: Vm,
  cr0: number,
  cr4: number,
  efer: number,
  pagingChanged: boolean,
): void {
  const hardware = vm.memory.hardware({ cr0, cr4, efer });
  vm.write("CR0_READ_SHADOW", cr0);
  vm.write("GUEST_CR0", hardware.cr0);
  vm.write("CR4_READ_SHADOW", cr4);
  vm.write("GUEST_CR4", hardware.cr4);
  if (efer !== vm.memory.efer(vm)) vm.memory.setEfer(vm, efer);
  if (pagingChanged) vm.memory.pagingChanged(vm);
}

/** False: #GP(0). */
function writeCr4(vm: Vm, wide: bigint): boolean {
  const value = Number(BigInt.asUintN(32, wide));
  if (wide >> 32n !== 0n || value & ~guestCr4Bits(vm)) return false;
  const old = vm.cr4;
  const efer = vm.memory.efer(vm);
  const isLong = (efer & EFER.LMA) !== 0;
  if (isLong && !(value & CR4.PAE)) return false;
  const turnsPcidOn = (value & ~old & CR4.PCIDE) !== 0;
  if (turnsPcidOn && (!isLong || vm.memory.cr3(vm) & 0xfff)) return false;
  const changes = ((old ^ value) & PAGING_CR4) !== 0;
  const needsPdptes = changes && !isLong && (vm.cr0 & CR0.PG) !== 0 && (value & CR4.PAE) !== 0;
  if (needsPdptes && !loadPdptes(vm, vm.memory.cr3(vm))) return false;
  applyControlRegisters(vm, vm.cr0, value, efer, changes);
  return true;
}

/** False: #GP(0). */
function writeCr3(vm: Vm, wide: bigint): boolean {
  const hasPcid = (vm.cr4 & CR4.PCIDE) !== 0;
  const value = hasPcid ? wide & ~NO_FLUSH : wide;
  const isLong = (vm.memory.efer(vm) & EFER.LMA) !== 0;
  if (isLong && value >> BigInt(vm.cpu.model.physicalAddressBits) !== 0n) return false;
  const cr3 = isLong ? Number(value) : Number(BigInt.asUintN(32, value));
  const usesPdptes = !isLong && (vm.cr0 & CR0.PG) !== 0 && (vm.cr4 & CR4.PAE) !== 0;
  if (usesPdptes && !loadPdptes(vm, cr3)) return false;
  vm.memory.loadCr3(vm, cr3, hasPcid && (wide & NO_FLUSH) !== 0n);
  vm.cpu.observe({ kind: "cr3-load", value: cr3 });
  return true;
}

/** False: #GP(0). The upper half of the virtual local APIC's TPR. */
function writeCr8(vm: Vm, value: bigint): boolean {
  if (value > 15n) return false;
  localApicOf(vm).taskPriority = Number(value) << 4;
  return true;
}

function localApicOf({ parts }: Vm): LocalApic {
  const { localApic } = parts.devices;
  if (!localApic) throw new InvariantError("CR8 exits only on a processor with a local APIC");
  return localApic;
}

/** CR3 or CR8. */
function read(vm: Vm, { register }: ControlRegisterAccess): number {
  return register === 8 ? localApicOf(vm).taskPriority >> 4 : vm.memory.cr3(vm);
}

function write(vm: Vm, { register, value }: ControlRegisterAccess): boolean {
  switch (register) {
    case 0:
      return writeCr0(vm, value);
    case 3:
      return writeCr3(vm, value);
    case 4:
      return writeCr4(vm, value);
    case 8:
      return writeCr8(vm, value);
    default:
      throw new InvariantError(`writes of CR${register} do not exit`);
  }
}

const CARRY_OUT: Step = {
  name: "Change both views of the register",
  text: "Check the processor's rules (a violation is #GP(0)); the read shadow takes what the guest believes, the hardware's register what virtualization needs, and the paging structures follow.",
  run: (vm) => {
    const access = vm.state.work.controlRegister;
    if (!access) throw new InvariantError("the control-register access has not been decoded");
    if (access.kind === "read") vm.setGpr(access.gpr, BigInt(read(vm, access)), vm.is64 ? 64 : 32);
    else if (!write(vm, access)) raise(vm, GENERAL_PROTECTION, 0);
  },
};

export const CONTROL_REGISTER_HANDLERS: readonly Handler[] = [
  {
    key: "CR_ACCESS",
    title: "Control-register access",
    steps: aroundInstruction(DECODE, CARRY_OUT),
  },
];
