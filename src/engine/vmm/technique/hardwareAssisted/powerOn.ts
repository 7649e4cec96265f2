/** From power-on to a VMCS that can be entered. */
import { vmxCapabilities } from "../../../isa/vmx/capabilities";
import { controlMask, type ControlKey, type ControlWord } from "../../../isa/vmx/controls";
import { MSR } from "../../../isa/msrs";
import { RSP } from "../../../isa/registers";
import { EFER, type SegmentRegister } from "../../../cpu/systemState";
import type { GuestStart } from "../../guestStart";
import { placeImage } from "../../handlerTable";
import { bootHost, enterVmxOperation, writeHostState } from "./hostEnvironment";
import { buildMsrBitmap } from "./msrBitmap";
import type { Handler, Step, Vm } from "./vm";

const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const;
/** Tags the guest's translations; 0 is the host's. */
export const GUEST_VPID = 1;
const NO_LINK = 0xffffffffffffffffn;

/** The named controls and those that the processor fixes to 1. SDM Vol. 3C, "Algorithms for Determining VMX Capabilities". */
function controlWord<Word extends ControlWord>(
  word: Word,
  keys: readonly ControlKey<Word>[],
): number {
  const { mustBeOne } = vmxCapabilities().allowed[word];
  return keys.reduce((value, key) => (value | controlMask(word, key)) >>> 0, mustBeOne);
}

function writeControls(vm: Vm): void {
  const { memory } = vm;
  vm.write(
    "PIN_BASED_CONTROLS",
    controlWord("pin", ["externalInterruptExiting", "nmiExiting", "virtualNmis"]),
  );
  vm.write(
    "PRIMARY_PROCESSOR_BASED_CONTROLS",
    controlWord("primary", [
      "hltExiting",
      "useTscOffsetting",
      "useIoBitmaps",
      "useMsrBitmaps",
      "activateSecondaryControls",
      "cr8LoadExiting",
      "cr8StoreExiting",
      ...memory.primary,
    ]),
  );
  vm.write(
    "SECONDARY_PROCESSOR_BASED_CONTROLS",
    controlWord("secondary", ["enableVpid", "enableRdtscp", "enableInvpcid", ...memory.secondary]),
  );
  vm.write(
    "VM_EXIT_CONTROLS",
    controlWord("exit", [
      "hostAddressSpaceSize",
      "saveDebugControls",
      "acknowledgeInterruptOnExit",
      "savePat",
      "loadPat",
      "saveEfer",
      "loadEfer",
    ]),
  );
  vm.write("VM_ENTRY_CONTROLS", controlWord("entry", ["loadDebugControls", "loadPat", "loadEfer"]));
  vm.write("EXCEPTION_BITMAP", memory.exceptionBitmap);
  vm.write("VIRTUAL_PROCESSOR_IDENTIFIER", GUEST_VPID);
}

function writeBitmaps(vm: Vm): void {
  const { pages } = vm.parts;
  const { ram } = vm.cpu;
  // Every port belongs to an emulated device.
  const everyPort = new Uint8Array(4096).fill(0xff);
  ram.writeBytes(pages.ioBitmapA, everyPort);
  ram.writeBytes(pages.ioBitmapB, everyPort);
  // With shadow paging the hardware's IA32_EFER is not the guest's.
  const readable = [MSR.TIME_STAMP_COUNTER, ...(vm.memory.kind === "nested" ? [MSR.EFER] : [])];
  buildMsrBitmap(ram, pages.msrBitmap, readable);
  vm.write("IO_BITMAP_A_ADDRESS", pages.ioBitmapA);
  vm.write("IO_BITMAP_B_ADDRESS", pages.ioBitmapB);
  vm.write("MSR_BITMAP_ADDRESS", pages.msrBitmap);
}

/** LDTR and TR as after reset: a guest start names only the other six. */
export interface ResetSegments {
  readonly ldtr: SegmentRegister;
  readonly tr: SegmentRegister;
}

function writeGuestSegments(vm: Vm, start: GuestStart, { ldtr, tr }: ResetSegments): void {
  const registers = [...start.segments, ldtr, tr];
  SEGMENTS.forEach((name, i) => {
    const { selector, base, limit, ar } = registers[i]!;
    vm.write(`GUEST_${name}_SELECTOR`, selector);
    vm.write(`GUEST_${name}_BASE`, base);
    vm.write(`GUEST_${name}_LIMIT`, limit >>> 0);
    vm.write(`GUEST_${name}_ACCESS_RIGHTS`, ar);
  });
  vm.write("GUEST_GDTR_BASE", start.gdtr.base);
  vm.write("GUEST_GDTR_LIMIT", start.gdtr.limit);
  vm.write("GUEST_IDTR_BASE", start.idtr.base);
  vm.write("GUEST_IDTR_LIMIT", start.idtr.limit);
}

function writeGuestRegisters(vm: Vm, start: GuestStart): void {
  const { memory, cpu } = vm;
  const { system } = cpu;
  const hardware = memory.hardware(start);
  vm.write("CR0_GUEST_HOST_MASK", memory.cr0Mask);
  vm.write("CR0_READ_SHADOW", start.cr0);
  vm.write("GUEST_CR0", hardware.cr0);
  vm.write("CR4_GUEST_HOST_MASK", memory.cr4Mask);
  vm.write("CR4_READ_SHADOW", start.cr4);
  vm.write("GUEST_CR4", hardware.cr4);
  vm.write("GUEST_IA32_EFER", hardware.efer);
  vm.setControl("entry", "ia32eModeGuest", (hardware.efer & EFER.LMA) !== 0);
  vm.write("GUEST_IA32_PAT", system.msrs.pat);
  vm.write("GUEST_DR7", system.dr7);
  vm.write("GUEST_RFLAGS", start.rflags ?? 2);
  vm.write("GUEST_RIP", start.entryPoint);
  for (const [register, value] of start.registers) vm.state.vcpu.registers[register] = value;
  vm.write("GUEST_RSP", vm.state.vcpu.registers[RSP]!);
  vm.write("VMCS_LINK_POINTER", NO_LINK);
}

/** What the VMM does once, before the virtual machine starts. `reset` is what a processor has after reset in the registers that a guest start does not name. */
export function powerOnHandler(start: GuestStart, reset: ResetSegments): Handler {
  const step = (name: string, text: string, run: (vm: Vm) => void): Step => ({ name, text, run });
  return {
    key: "POWER_ON",
    title: "Power-on: from the host's tables to a VMCS that can be entered",
    steps: [
      placeImage(start),
      step(
        "Build the host's tables and enter 64-bit mode",
        "Page tables, GDT, IDT, TSS and stack of the VMM; the page of ones that stands in for addresses without RAM.",
        bootHost,
      ),
      step(
        "VMXON, VMCLEAR, VMPTRLD",
        "The VMXON region and the VMCS carry the revision identifier; the VMCS becomes clear and current.",
        enterVmxOperation,
      ),
      step(
        "Write the host-state area",
        "What every VM exit loads: the VMM's registers as they are now, an empty stack, and the entry point.",
        writeHostState,
      ),
      step(
        "Write the controls",
        "Which instructions and events exit, and what entries and exits load and save; bits that the capability MSRs fix to 1 are set too.",
        writeControls,
      ),
      step(
        "Fill the I/O and MSR bitmaps",
        "Every port exits. MSRs that VM entry and exit switch, or that the VMM never uses, do not.",
        writeBitmaps,
      ),
      step(
        "Write the guest-state area",
        "The registers at power-on; CR0 and CR4 twice: what the hardware holds, and the read shadow that the guest sees.",
        (vm) => {
          writeGuestSegments(vm, start, reset);
          writeGuestRegisters(vm, start);
        },
      ),
      step(
        "Build the tables that virtualize memory",
        "Nested paging: the EPT with all of the guest's RAM. Shadow paging: an empty shadow root.",
        (vm) => {
          vm.memory.build(vm, start);
        },
      ),
    ],
  };
}
