/** The VMM's own world: page tables, descriptor tables, stack, and the regions that VMX needs, all in host memory. */
import {
  AR,
  encodeDescriptor,
  encodeGate,
  encodeSystemDescriptorHigh,
} from "../../../isa/descriptors";
import { CS } from "../../../isa/registers";
import { VMCS_REVISION_ID } from "../../../isa/vmx/vmcsFields";
import { CR0, CR4, EFER, type SegmentRegister } from "../../../cpu/systemState";
import { PAGE_BYTES } from "../../hostMemory";
import type { HostPages } from "./hostPages";
import type { Vm } from "./vm";

const SELECTOR = { code: 0x08, data: 0x10, tss: 0x18 } as const;
const GDT_LIMIT = 0x27;
const IDT_LIMIT = 0xfff;
const TSS_LIMIT = 0x67;
const FLAT = { base: 0n, limit: 0xffffffff } as const;
const CODE_RIGHTS = AR.G | AR.L | AR.P | AR.S | 0xb;
const DATA_RIGHTS = AR.G | AR.DB | AR.P | AR.S | 3;
const BUSY_TSS = AR.P | 0xb;
/** HLT; JMP to it. The processor never gets there: at a VM exit the VMM's handlers take over. */
const PARKED = Uint8Array.of(0xf4, 0xeb, 0xfd);

/** Identity map of the first 512 GiB by 1 GiB pages. */
function buildPageTables({ cpu }: Vm, pages: HostPages): void {
  cpu.ram.write64(pages.pml4, BigInt(pages.pdpt | 3));
  for (let i = 0; i < 512; i++) cpu.ram.write64(pages.pdpt + 8 * i, (BigInt(i) << 30n) | 0x83n);
}

function buildDescriptorTables({ cpu }: Vm, pages: HostPages): void {
  const { ram } = cpu;
  const tss = { base: BigInt(pages.tss), limit: TSS_LIMIT, accessRights: BUSY_TSS };
  const descriptors = [
    0n,
    encodeDescriptor({ ...FLAT, accessRights: CODE_RIGHTS }),
    encodeDescriptor({ ...FLAT, accessRights: DATA_RIGHTS }),
    encodeDescriptor(tss),
    encodeSystemDescriptorHigh(tss.base),
  ];
  descriptors.forEach((descriptor, i) => {
    ram.write64(pages.gdt + 8 * i, descriptor);
  });
  ram.writeBytes(pages.code, PARKED);
  const gate = { selector: SELECTOR.code, offset: BigInt(pages.code), type: 0xe, dpl: 0, present: true, parameterCount: 0, ist: 0 }; // prettier-ignore
  const [low, high] = encodeGate(gate, true);
  for (let vector = 0; vector < 256; vector++) {
    ram.write64(pages.idt + 16 * vector, low!);
    ram.write64(pages.idt + 16 * vector + 8, high!);
  }
}

/** 64-bit mode on the VMM's tables. */
function loadRegisters({ cpu }: Vm, pages: HostPages): void {
  const { system } = cpu;
  const data: SegmentRegister = { ...FLAT, selector: SELECTOR.data, ar: DATA_RIGHTS };
  const code: SegmentRegister = { ...FLAT, selector: SELECTOR.code, ar: CODE_RIGHTS };
  system.cr0 = (CR0.PE | CR0.ET | CR0.NE | CR0.WP | CR0.PG) >>> 0;
  system.cr3 = pages.pml4;
  system.cr4 = CR4.PAE | CR4.VMXE;
  system.efer = EFER.LME | EFER.LMA | EFER.NXE;
  system.segments = [0, 1, 2, 3, 4, 5].map((i) => ({ ...(i === CS ? code : data) }));
  system.ldtr = { selector: 0, base: 0n, limit: 0, ar: AR.UNUSABLE };
  system.tr = { selector: SELECTOR.tss, base: BigInt(pages.tss), limit: TSS_LIMIT, ar: BUSY_TSS };
  system.gdtr = { base: BigInt(pages.gdt), limit: GDT_LIMIT };
  system.idtr = { base: BigInt(pages.idt), limit: IDT_LIMIT };
  system.cpl = 0;
  cpu.rip = BigInt(pages.code);
  cpu.rflags = 2;
  cpu.refresh();
  cpu.translationChanged();
}

export function bootHost(vm: Vm): void {
  const { pages } = vm.parts;
  buildPageTables(vm, pages);
  buildDescriptorTables(vm, pages);
  vm.cpu.ram.writeBytes(pages.scratch, new Uint8Array(PAGE_BYTES).fill(0xff));
  loadRegisters(vm, pages);
}

/** VMXON, VMCLEAR and VMPTRLD: the regions carry the revision identifier, the VMCS is clear and current. SDM Vol. 3C, "Software Use of VMCS and Related Structures". */
export function enterVmxOperation({ cpu, parts }: Vm): void {
  const { vmxon, vmcs } = parts.pages;
  cpu.ram.write32(vmxon, VMCS_REVISION_ID);
  cpu.ram.write32(vmcs, VMCS_REVISION_ID);
  cpu.system.vmx.vmxon = vmxon;
  cpu.system.vmx.current = vmcs;
}

/** What VM exits load: the state that the VMM has now, its stack empty and its entry point. */
export function writeHostState(vm: Vm): void {
  const { system } = vm.cpu;
  const { pages } = vm.parts;
  vm.write("HOST_CR0", system.cr0);
  vm.write("HOST_CR3", system.cr3);
  vm.write("HOST_CR4", system.cr4);
  (["ES", "CS", "SS", "DS", "FS", "GS"] as const).forEach((name, i) => {
    vm.write(`HOST_${name}_SELECTOR`, system.segments[i]!.selector);
  });
  vm.write("HOST_TR_SELECTOR", system.tr.selector);
  vm.write("HOST_TR_BASE", system.tr.base);
  vm.write("HOST_GDTR_BASE", system.gdtr.base);
  vm.write("HOST_IDTR_BASE", system.idtr.base);
  vm.write("HOST_IA32_EFER", system.efer);
  vm.write("HOST_IA32_PAT", system.msrs.pat);
  vm.write("HOST_RSP", pages.stack + PAGE_BYTES);
  vm.write("HOST_RIP", pages.code);
}
