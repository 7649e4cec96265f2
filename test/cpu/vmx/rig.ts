// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- a global declaration: there is nothing to import
/// <reference path="../../../src/engine/wasm/wasmApi.d.ts" />
/** A processor in VMX root operation with a valid current VMCS, a host and a guest on identity page tables, and EPT in 4 KiB pages. */
import assert from "node:assert/strict";
import { assemble } from "../../../src/engine/asm/assemble";
import { CURRENT_MODEL } from "../../../src/engine/cpu/cpuModel";
import { RAM_BASE } from "../../../src/engine/cpu/layout";
import type { ObservedEvent } from "../../../src/engine/cpu/observation";
import { PhysicalMemory } from "../../../src/engine/cpu/physicalMemory";
import { Processor } from "../../../src/engine/cpu/processor";
import { CR0, CR4, EFER } from "../../../src/engine/cpu/systemState";
import { readVmcs, writeVmcs } from "../../../src/engine/cpu/vmx/vmcs";
import { Executor } from "../../../src/engine/execution/executor";
import { exitReasonByNumber } from "../../../src/engine/isa/vmx/exitReasons";
import { VMCS_REVISION_ID, type VmcsFieldName } from "../../../src/engine/isa/vmx/vmcsFields";
import { CURRENT_VMCS, validVmcs, type GuestKind, type VmcsImage } from "../../support/validVmcs";

export const RAM_BYTES = 0x200000;
export const PLACE = {
  hostTables: 0x1000,
  guestTables: 0x2000,
  vmxon: 0x4000,
  vmcs: Number(CURRENT_VMCS),
  ept: 0x7000,
  eptPages: 0xb000,
  msrArea: 0xc000,
  bitmaps: 0xd000,
  guestIdt: 0x12000,
  guestGdt: 0x13000,
  guestCode: 0x20000,
  guestStack: 0x28000,
  hostCode: 0x30000,
  hostStack: 0x38000,
  data: 0x40000,
} as const;

const LARGE = 0x80;

export class Rig {
  readonly cpu: Processor;
  readonly executor: Executor;
  readonly events: ObservedEvent[] = [];

  constructor(kind: GuestKind = "long64", change: (fields: VmcsImage) => void = () => undefined) {
    const pages = (RAM_BASE + RAM_BYTES) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const ram = new PhysicalMemory(memory.buffer, RAM_BYTES);
    this.cpu = new Processor(memory.buffer, ram, CURRENT_MODEL);
    this.executor = new Executor(this.cpu, memory);
    this.cpu.observe = (event) => this.events.push(event);
    this.buildTables(kind);
    this.enterRoot();
    const fields = validVmcs(kind);
    this.place(fields, kind);
    change(fields);
    for (const [name, value] of fields) writeVmcs(this.cpu, name, value);
  }

  private buildTables(kind: GuestKind): void {
    const { ram } = this.cpu;
    ram.write64(PLACE.hostTables, 0x8003n);
    ram.write64(0x8000, BigInt(LARGE | 7));
    if (kind === "long64") {
      ram.write64(PLACE.guestTables, 0x3007n);
      ram.write64(0x3000, BigInt(LARGE | 7));
    } else if (kind === "pae32") ram.write64(0x3000, BigInt(LARGE | 7));
    else if (kind === "protected32")
      for (let page = 0; page < 512; page++) {
        ram.write32(PLACE.guestTables, 0x3007);
        ram.write32(0x3000 + 4 * page, (page << 12) | 7);
      }
    ram.write64(PLACE.ept, 0x9007n);
    ram.write64(0x9000, 0xa007n);
    ram.write64(0xa000, BigInt(PLACE.eptPages | 7));
    for (let page = 0; page < 512; page++) this.setEpt(page * 4096, page * 4096, 7);
  }

  /** Maps a guest page: rights as in EPT entries, memory type write-back. */
  setEpt(gpa: number, hpa: number, rights: number): void {
    this.cpu.ram.write64(PLACE.eptPages + (gpa / 4096) * 8, BigInt(hpa | 0x30 | rights));
  }

  /** A 64-bit host in VMX root operation, about to execute VMLAUNCH. */
  private enterRoot(): void {
    const { cpu } = this;
    const { system } = cpu;
    system.cr0 = (CR0.PE | CR0.PG | CR0.NE | CR0.ET | CR0.WP) >>> 0;
    system.cr3 = PLACE.hostTables;
    system.cr4 = CR4.PAE | CR4.VMXE;
    system.efer = EFER.LME | EFER.LMA;
    system.segments = system.segments.map(() => ({
      selector: 0x10,
      base: 0n,
      limit: 0xffffffff,
      ar: 0xc093,
    }));
    system.segments[1] = { selector: 8, base: 0n, limit: 0xffffffff, ar: 0xa09b };
    system.vmx.vmxon = PLACE.vmxon;
    system.vmx.current = PLACE.vmcs;
    cpu.ram.write32(PLACE.vmxon, VMCS_REVISION_ID);
    cpu.ram.write32(PLACE.vmcs, VMCS_REVISION_ID);
    cpu.rip = BigInt(PLACE.hostCode);
    cpu.setGpr(4, BigInt(PLACE.hostStack));
    cpu.refresh();
  }

  private place(fields: VmcsImage, kind: GuestKind): void {
    fields.set("HOST_RIP", BigInt(PLACE.hostCode));
    fields.set("HOST_RSP", BigInt(PLACE.hostStack));
    fields.set("GUEST_IDTR_BASE", BigInt(PLACE.guestIdt));
    fields.set("GUEST_GDTR_BASE", BigInt(PLACE.guestGdt));
    if (kind === "real16" || kind === "virtual8086") return;
    fields.set("GUEST_RIP", BigInt(PLACE.guestCode));
    fields.set("GUEST_RSP", BigInt(PLACE.guestStack));
    this.buildGuestDescriptors(kind === "long64");
  }

  /** GDT: 8 code, 0x10 data. IDT: every vector at data + 16 * vector. */
  private buildGuestDescriptors(is64: boolean): void {
    const { ram } = this.cpu;
    ram.write64(PLACE.guestGdt + 8, is64 ? 0x00af9b000000ffffn : 0x00cf9b000000ffffn);
    ram.write64(PLACE.guestGdt + 16, 0x00cf93000000ffffn);
    for (let vector = 0; vector < 256; vector++) {
      const offset = BigInt(PLACE.data + 16 * vector);
      const gate = (offset & 0xffffn) | (8n << 16n) | (0xee00n << 32n) | ((offset >> 16n) << 48n);
      ram.write64(PLACE.guestIdt + (is64 ? 16 : 8) * vector, gate);
    }
  }

  read(name: VmcsFieldName): bigint {
    return readVmcs(this.cpu, name);
  }

  write(name: VmcsFieldName, value: bigint | number): void {
    writeVmcs(this.cpu, name, value);
  }

  /** Sets or clears bits of a field. */
  setBits(name: VmcsFieldName, bits: number, on = true): void {
    const old = this.read(name);
    this.write(name, on ? old | BigInt(bits >>> 0) : old & ~BigInt(bits >>> 0));
  }

  /** Puts machine code where the processor is. */
  code(...bytes: number[]): void {
    const { cpu } = this;
    const at = cpu.is64 ? cpu.rip : BigInt.asUintN(32, cpu.cs.base + cpu.rip);
    cpu.ram.writeBytes(Number(at), Uint8Array.from(bytes));
  }

  /** Runs machine code at RIP for some ticks. */
  step(bytes: readonly number[], ticks = 1): void {
    this.code(...bytes);
    this.executor.run(ticks);
  }

  /** Assembles text at RIP and runs it for some ticks. */
  run(text: string, ticks = 1): void {
    const { cpu } = this;
    const assembly = assemble({ file: "code", text, bits: cpu.bits });
    assert.ok(assembly.ok, assembly.diagnostics.map(({ message }) => message).join("; "));
    this.step([...assembly.image], ticks);
  }

  /** Key of the last VM exit as software reads it, e.g. "CPUID". */
  get exitKey(): string | undefined {
    return exitReasonByNumber(Number(this.read("EXIT_REASON")))?.key;
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }
}
