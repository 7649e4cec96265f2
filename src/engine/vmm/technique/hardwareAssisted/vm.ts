/** A virtual machine as the steps of the handlers see it: the processor, its VMCS, the emulated devices, and the VMM's state. */
import { InvariantError } from "../../../base/errors";
import type { PhysicalMemory } from "../../../cpu/physicalMemory";
import type { Processor } from "../../../cpu/processor";
import { CR0 } from "../../../cpu/systemState";
import { readVmcs, writeVmcs } from "../../../cpu/vmx/vmcs";
import { AR } from "../../../isa/descriptors";
import { RSP } from "../../../isa/registers";
import type { OperandSize } from "../../../isa/types";
import { controlMask, type ControlKey, type ControlWord } from "../../../isa/vmx/controls";
import type { VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import type { CostProfile } from "../../costs";
import type { GuestMemory } from "../../guestMemory";
import type { HostMemory } from "../../hostMemory";
import type { HandlerOf, StepOf } from "../../handlerTable";
import type { SupervisorStop } from "../../supervisor";
import type { VirtualDevices, VirtualTime } from "../../virtualDevices";
import type { HostPages } from "./hostPages";
import type { ShadowState } from "../../memory/shadowLazy/shadowState";
import type { ExitInformation, NestedState, VmState } from "./state";

export type Step = StepOf<Vm>;
export type Handler = HandlerOf<Vm>;

/** What the guest believes of its control registers. */
export interface GuestControlRegisters {
  readonly cr0: number;
  readonly cr4: number;
  readonly efer: number;
}

/** How guest-physical memory is virtualized: what the technique asks of nested and of shadow paging. */
export interface MemoryVirtualization {
  readonly kind: "nested" | "shadow";
  /** VM-execution controls that this way of paging needs, besides the technique's own. */
  readonly primary: readonly ControlKey<"primary">[];
  readonly secondary: readonly ControlKey<"secondary">[];
  /** Exceptions that exit. */
  readonly exceptionBitmap: number;
  /** CR0 and CR4 bits that the VMM owns. */
  readonly cr0Mask: number;
  readonly cr4Mask: number;
  /** Handlers of the exits that only this way of paging has. */
  readonly handlers: readonly Handler[];
  /** Why a guest in this mode is not possible, and the way out; undefined if it is. */
  refuses(registers: GuestControlRegisters): string | undefined;
  initialState(): NestedState | ShadowState;
  /** Power-on: builds the tables and points the VMCS at them. Guest state is in the VMCS already. */
  build(vm: Vm, start: { readonly cr3: number; readonly efer: number }): void;
  /** What the hardware's registers hold for a guest that believes these. */
  hardware(registers: GuestControlRegisters): GuestControlRegisters;
  cr3(vm: Vm): number;
  efer(vm: Vm): number;
  /** The guest's PDPTEs, loaded under PAE paging. */
  pdptes(vm: Vm): readonly bigint[];
  setPdptes(vm: Vm, pdptes: readonly bigint[]): void;
  setEfer(vm: Vm, efer: number): void;
  /** MOV to CR3; `keep`: bit 63 asks not to flush. */
  loadCr3(vm: Vm, cr3: number, keep: boolean): void;
  /** CR0, CR4 or IA32_EFER changed in a way that flushes translations. */
  pagingChanged(vm: Vm): void;
  /** Addresses without RAM are mapped to the scratch page for one instruction; the MTF exit after it calls this. */
  closeHoles(vm: Vm): void;
  hasOpenHoles(vm: Vm): boolean;
  hardwareRoot(vm: Vm): number;
}

export interface VmParts {
  readonly cpu: Processor;
  readonly ram: PhysicalMemory;
  readonly devices: VirtualDevices;
  readonly clock: VirtualTime;
  /** Level of the virtual INTR pin: the emulated interrupt controller asks for an interrupt. */
  readonly interruptRequested: () => boolean;
  readonly guest: GuestMemory;
  readonly host: HostMemory;
  readonly pages: HostPages;
  readonly memory: MemoryVirtualization;
  readonly costs: CostProfile;
}

const CONTROL_FIELDS: Readonly<Record<ControlWord, VmcsFieldName>> = {
  pin: "PIN_BASED_CONTROLS",
  primary: "PRIMARY_PROCESSOR_BASED_CONTROLS",
  secondary: "SECONDARY_PROCESSOR_BASED_CONTROLS",
  exit: "VM_EXIT_CONTROLS",
  entry: "VM_ENTRY_CONTROLS",
};

export class Vm {
  constructor(
    readonly parts: VmParts,
    public state: VmState,
  ) {}

  get cpu(): Processor {
    return this.parts.cpu;
  }

  get memory(): MemoryVirtualization {
    return this.parts.memory;
  }

  // ------------------------------------------------------------------ VMCS

  /** VMREAD. */
  read(field: VmcsFieldName): bigint {
    this.charge(this.parts.costs.vmRead.cycles);
    return readVmcs(this.cpu, field);
  }

  /** VMREAD of a field that fits a number: 32-bit fields and everything below 2^53. */
  read32(field: VmcsFieldName): number {
    return Number(this.read(field));
  }

  /** VMWRITE. */
  write(field: VmcsFieldName, value: bigint | number): void {
    this.charge(this.parts.costs.vmWrite.cycles);
    writeVmcs(this.cpu, field, value);
  }

  hasControl<Word extends ControlWord>(word: Word, key: ControlKey<Word>): boolean {
    return (this.read32(CONTROL_FIELDS[word]) & controlMask(word, key)) !== 0;
  }

  setControl<Word extends ControlWord>(word: Word, key: ControlKey<Word>, on: boolean): void {
    const field = CONTROL_FIELDS[word];
    const mask = controlMask(word, key);
    const old = this.read32(field);
    const value = (on ? old | mask : old & ~mask) >>> 0;
    if (value !== old) this.write(field, value);
  }

  /** The exit-information fields, read by the handler's second step. */
  get exit(): ExitInformation {
    const { exit } = this.state;
    if (!exit) throw new InvariantError("no step has read the exit information yet");
    return exit;
  }

  charge(cycles: number): void {
    const { counters, charged } = this.state;
    const counter = (counters[charged] ??= { count: 0, cycles: 0 });
    counter.cycles += cycles;
  }

  // ------------------------------------------------------------------ the guest's registers

  /** A general register of the guest, zero-extended from its low `size` bits. */
  gpr(register: number, size: OperandSize = 64): bigint {
    const value = register === RSP ? this.read("GUEST_RSP") : this.state.vcpu.registers[register]!;
    return BigInt.asUintN(size, value);
  }

  /** As instructions write registers: 32-bit values zero-extend, 8- and 16-bit ones leave the rest. */
  setGpr(register: number, value: bigint, size: OperandSize = 64): void {
    const old = this.gpr(register);
    const low = BigInt.asUintN(size, value);
    const merged = size >= 32 ? low : ((old >> BigInt(size)) << BigInt(size)) | low;
    if (register === RSP) this.write("GUEST_RSP", merged);
    else this.state.vcpu.registers[register] = merged;
  }

  get is64(): boolean {
    return (
      this.hasControl("entry", "ia32eModeGuest") &&
      (this.read32("GUEST_CS_ACCESS_RIGHTS") & AR.L) !== 0
    );
  }

  /** Width of the instruction pointer and of the operands of MOV CR. */
  get codeBits(): 16 | 32 | 64 {
    if (this.is64) return 64;
    return this.read32("GUEST_CS_ACCESS_RIGHTS") & AR.DB ? 32 : 16;
  }

  /** SS.DPL is the CPL. SDM Vol. 3C, "Guest Register State". */
  get cpl(): number {
    return (this.read32("GUEST_SS_ACCESS_RIGHTS") & AR.DPL) >> 5;
  }

  /** CR0 as the guest reads it: host-owned bits from the read shadow. */
  get cr0(): number {
    const mask = this.read32("CR0_GUEST_HOST_MASK");
    return ((this.read32("GUEST_CR0") & ~mask) | (this.read32("CR0_READ_SHADOW") & mask)) >>> 0;
  }

  get cr4(): number {
    const mask = this.read32("CR4_GUEST_HOST_MASK");
    return ((this.read32("GUEST_CR4") & ~mask) | (this.read32("CR4_READ_SHADOW") & mask)) >>> 0;
  }

  get protectedMode(): boolean {
    return (this.cr0 & CR0.PE) !== 0;
  }

  // ------------------------------------------------------------------ the end

  /** The guest cannot go on; the machine stops before the next step. */
  stop(reason: SupervisorStop["reason"], code: string, text: string): void {
    this.state.stopped = { reason, code, text };
  }
}
