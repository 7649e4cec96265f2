/** The hardware's registers and the VMM's own structures: built at power-on, and kept in step with what the guest believes. */
import { decode } from "../../codec/decode";
import type { Instruction } from "../../codec/types";
import { InvariantError } from "../../base/errors";
import { loadSegment } from "../../cpu/segmentation";
import { loadPdptes } from "../../cpu/paging";
import { executeSystemEvent } from "../../cpu/system";
import { ACTIVITY, CR0, CR4, EFER, RFLAGS } from "../../cpu/systemState";
import type { Processor } from "../../cpu/processor";
import { DR6_FIXED_ONES } from "../../isa/controlRegisters";
import { AR, encodeGate } from "../../isa/descriptors";
import { DS, ES, FS, GS, RSP, type SegmentIndex } from "../../isa/registers";
import { PAGE_BYTES } from "../hostMemory";
import { AREA } from "./area";
import {
  loadHardwareLdtr,
  TABLE_LIMIT,
  TSS_LIMIT,
  VMM_CODE_RIGHTS,
  VMM_DATA_RIGHTS,
  VMM_SELECTOR,
  VMM_TSS_RIGHTS,
  withDescriptor,
  writeVmmDescriptors,
} from "./descriptorTables";
import { writeFrame } from "./frame";
import { sharesUserRing } from "./rings";
import { holdsSame, shadowOfRegister } from "./shadowDescriptor";
import type { Vm } from "./vm";

const VECTORS = 256;
const STUB_BYTES = 16;
const IDT_LIMIT = VECTORS * 8 - 1;
const INTERRUPT_GATE = 0xe;
const PUSH = 0x68;
const JMP = 0xe9;
const FLAT = { base: 0n, limit: 0xffffffff } as const;

/** Code of the VMM: the stubs lead to `parked` (HLT; JMP), which the processor never reaches, because the VMM's handlers take over when it arrives. */
const CODE = {
  parked: { at: AREA.code, bytes: [0xf4, 0xeb, 0xfd] },
  /** STI; HLT; JMP: the VMM sleeps while its guest does. */
  idle: { at: AREA.code + 0x10, bytes: [0xfb, 0xf4, 0xeb, 0xfd] },
  /** IRETD. */
  leave: { at: AREA.code + 0x20, bytes: [0xcf] },
} as const;

const BEHIND_HLT = CODE.idle.at + 2;
/** The VMM's stack while it sleeps: below the guest's context. */
const IDLE_STACK = AREA.stackTop - 0x100;

function iretd(): Instruction {
  const decoded = decode(Uint8Array.from(CODE.leave.bytes), 0, 32);
  if ("failure" in decoded) throw new InvariantError("IRETD cannot be decoded");
  return decoded;
}

const IRETD = iretd();

function writeStubs(vm: Vm): void {
  const { area } = vm.parts;
  for (let vector = 0; vector < VECTORS; vector++) {
    const at = AREA.stubs + vector * STUB_BYTES;
    const distance = CODE.parked.at - (at + 10);
    const stub = new DataView(new ArrayBuffer(10));
    stub.setUint8(0, PUSH);
    stub.setUint32(1, vector, true);
    stub.setUint8(5, JMP);
    stub.setInt32(6, distance, true);
    area.writeBytes(at, new Uint8Array(stub.buffer));
  }
  for (const { at, bytes } of Object.values(CODE)) area.writeBytes(at, Uint8Array.from(bytes));
}

/** Every gate leads to ring 0 and has DPL 0: a software interrupt of the guest is #GP of its gate, so it is told from the exception of the same vector. */
function writeIdt(vm: Vm): void {
  for (let vector = 0; vector < VECTORS; vector++) {
    const offset = BigInt(AREA.stubs + vector * STUB_BYTES);
    const [gate] = encodeGate({ selector: VMM_SELECTOR.code, offset, type: INTERRUPT_GATE, dpl: 0, present: true, parameterCount: 0, ist: 0 }, false); // prettier-ignore
    vm.parts.area.write64(AREA.idt + vector * 8, gate!);
  }
}

/** SS0:ESP0, and an I/O map beyond the limit: no port is open. */
function writeTss(vm: Vm): void {
  const { area } = vm.parts;
  area.write32(AREA.tss + 4, AREA.stackTop);
  area.write32(AREA.tss + 8, VMM_SELECTOR.data);
  area.write32(AREA.tss + 0x64, (TSS_LIMIT + 1) << 16);
}

export function buildStructures(vm: Vm): void {
  vm.parts.area.buildPageTables();
  writeVmmDescriptors(vm);
  writeIdt(vm);
  writeTss(vm);
  writeStubs(vm);
  const ones = new Uint8Array(PAGE_BYTES).fill(0xff);
  vm.cpu.ram.writeBytes(vm.parts.scratch, ones);
}

/** The VMM's segments and ring, as an event that leads to a stub leaves them. */
function enterRing0(cpu: Processor, eip: number, esp: number): void {
  const { system } = cpu;
  const code = { ...FLAT, selector: VMM_SELECTOR.code, ar: VMM_CODE_RIGHTS };
  const stack = { ...FLAT, selector: VMM_SELECTOR.data, ar: VMM_DATA_RIGHTS };
  system.segments = system.segments.map((segment, i) => (i === 1 ? code : i === 2 ? stack : segment)); // prettier-ignore
  system.cpl = 0;
  cpu.rip = BigInt(eip);
  cpu.setGpr(RSP, BigInt(esp), 32);
  cpu.flagSystem &= ~(RFLAGS.IF | RFLAGS.TF | RFLAGS.NT | RFLAGS.RF | RFLAGS.VM);
}

/** LGDT, LIDT, LTR and paging on, at power-on. The shadow root is in CR3 already. */
export function loadHardware(vm: Vm): void {
  const { cpu } = vm;
  const { system } = cpu;
  const unused = { selector: 0, base: 0n, limit: 0, ar: AR.UNUSABLE };
  system.gdtr = { base: BigInt(AREA.gdt), limit: TABLE_LIMIT };
  system.idtr = { base: BigInt(AREA.idt), limit: IDT_LIMIT };
  system.tr = { selector: VMM_SELECTOR.tss, base: BigInt(AREA.tss), limit: TSS_LIMIT, ar: VMM_TSS_RIGHTS }; // prettier-ignore
  system.ldtr = unused;
  system.segments = system.segments.map(() => unused);
  if (cpu.model.features.has("nx")) system.efer = EFER.NXE;
  followControlRegisters(vm);
  useRoot(cpu, system.cr3);
  cpu.rflags = 2;
  enterRing0(cpu, CODE.parked.at, AREA.stackTop);
  cpu.refresh();
}

/** MOV to CR3. */
export function useRoot(cpu: Processor, root: number): void {
  cpu.system.cr3 = root;
  if (!loadPdptes(cpu, root)) throw new InvariantError("a PDPTE of the VMM's is malformed");
  cpu.tlb.flushAll();
  cpu.translationChanged();
}

// ------------------------------------------------------------------ what follows the guest

/** CR0 bits of the guest that work as they are. */
const GUEST_CR0 = CR0.MP | CR0.EM | CR0.TS | CR0.AM;
const VMM_CR0 = CR0.PE | CR0.ET | CR0.NE | CR0.WP | CR0.PG;
/**
 * The same of CR4. VME and PVI would change VIF instead of trapping; PGE has no use without global shadow pages; UMIP came later than the technique, and
 * the instructions that it makes trap are the ones that fail without a word.
 */
const GUEST_CR4 = CR4.TSD | CR4.DE | CR4.PCE | CR4.MCE | CR4.OSFXSR | CR4.OSXMMEXCPT;
const PROTECTIONS = CR4.SMEP | CR4.SMAP;

/** What the hardware holds for what the guest believes. SMEP and SMAP wait until the guest has pages of its own: the identity map is user-accessible. */
export function followControlRegisters({ cpu, vcpu, parts }: Vm): void {
  const { cr0, cr4 } = vcpu.system;
  const mask = GUEST_CR4 | (cr0 & CR0.PG ? PROTECTIONS : 0);
  // Alignment is checked at CPL 3 alone: there the hardware would check the kernel's too.
  const guestCr0 = sharesUserRing(vcpu.cpl, parts.kernelRing) ? GUEST_CR0 & ~CR0.AM : GUEST_CR0;
  const { system } = cpu;
  system.cr0 = ((cr0 & guestCr0) | VMM_CR0) >>> 0;
  system.cr4 = ((cr4 & mask) | CR4.PAE) >>> 0;
  cpu.refresh();
}

/** Debug registers work on the guest's linear addresses as they are; DR6 collects only what is new. The time-stamp counter is not trapped. */
export function followDebugRegisters({ cpu, vcpu }: Vm): void {
  cpu.system.dr = [...vcpu.system.dr];
  cpu.system.dr7 = vcpu.system.dr7;
  cpu.system.dr6 = DR6_FIXED_ONES >>> 0;
  cpu.system.msrs.tscOffset = vcpu.system.msrs.tscOffset;
}

/** MOV to one of DS, ES, FS and GS, unless the hardware holds the segment already. */
function loadDataSegment(vm: Vm, index: SegmentIndex): void {
  const { cpu, vcpu, parts } = vm;
  const wanted = vcpu.segment(index);
  const shadow = wanted.ar & AR.UNUSABLE ? undefined : shadowOfRegister(wanted, parts.kernelRing);
  // Code in the VMM's area that is to be read as data: nothing of it is shown.
  if (shadow === undefined) {
    cpu.system.segments[index] = { ...wanted, base: 0n, limit: 0, ar: AR.UNUSABLE };
    return;
  }
  const held = cpu.segment(index);
  if (held.selector === wanted.selector && holdsSame(shadow, held)) return;
  withDescriptor(vm, wanted.selector, shadow, () => {
    loadSegment(cpu, index, wanted.selector);
  });
}

/** DS, ES, FS and GS as far as the VMM changed them. */
export function loadDataSegments(vm: Vm): void {
  loadHardwareLdtr(vm);
  if (vm.vcpu.virtual8086) return;
  for (const index of [DS, ES, FS, GS] as const) loadDataSegment(vm, index);
}

// ------------------------------------------------------------------ ways back

/** IRET to the guest. The text of what the processor refused, or undefined if the guest runs. */
export function leave(vm: Vm): string | undefined {
  const { cpu } = vm;
  if (!writeFrame(vm)) return "CS or SS reaches into the VMM's area";
  cpu.rip = BigInt(CODE.leave.at);
  const abort = executeSystemEvent(cpu, IRETD);
  if (abort) return abort.abort === "fault" ? abort.why : "a VM exit";
  cpu.refresh();
  return undefined;
}

/** STI; HLT in the VMM, until an interrupt of the host. */
export function sleep({ cpu }: Vm): void {
  cpu.rip = BigInt(BEHIND_HLT);
  cpu.setGpr(RSP, BigInt(IDLE_STACK), 32);
  cpu.flagSystem |= RFLAGS.IF;
  cpu.system.activity = ACTIVITY.hlt;
}

/** The processor as an event would have left it in the VMM: for a debugger that changes the guest while it runs. */
export function breakIn(vm: Vm): void {
  enterRing0(vm.cpu, CODE.parked.at, AREA.stackTop);
  vm.cpu.refresh();
}
