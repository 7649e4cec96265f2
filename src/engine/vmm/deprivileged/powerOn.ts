/** From power-on to a virtual machine that can be resumed. */
import type { SegmentRegister } from "../../cpu/systemState";
import type { GuestStart } from "../guestStart";
import { buildStructures, loadHardware } from "./hardware";
import type { Handler, Step, Vm } from "./vm";

/** LDTR and TR as after reset: a guest start names only the other six. */
export interface ResetSegments {
  readonly ldtr: SegmentRegister;
  readonly tr: SegmentRegister;
}

function startVirtualProcessor({ vcpu }: Vm, start: GuestStart, reset: ResetSegments): void {
  const { system } = vcpu;
  system.cr0 = start.cr0;
  system.cr3 = start.cr3;
  system.cr4 = start.cr4;
  system.efer = start.efer;
  system.segments = start.segments.map((segment) => ({ ...segment }));
  system.ldtr = { ...reset.ldtr };
  system.tr = { ...reset.tr };
  system.gdtr = { ...start.gdtr };
  system.idtr = { ...start.idtr };
  for (const [register, value] of start.registers) vcpu.setGpr(register, value, 32);
  vcpu.rip = BigInt(start.entryPoint);
  vcpu.rflags = start.rflags ?? 2;
  vcpu.refresh();
}

/** What the VMM does once, before the virtual machine starts. */
export function powerOnHandler(start: GuestStart, reset: ResetSegments): Handler {
  const step = (name: string, text: string, run: (vm: Vm) => void): Step => ({ name, text, run });
  return {
    key: "POWER_ON",
    title: "Power-on: from the VMM's area to a guest that can be resumed",
    steps: [
      step(
        "Put the guest's image into its memory",
        "Guest-physical memory is the host's memory behind the VMM's own, in 2 MiB chunks in an order of their own.",
        (vm) => {
          for (const { gpa, bytes } of start.memory) vm.parts.guest.writeBytes(gpa, bytes);
        },
      ),
      step(
        "Build the VMM's area",
        "The top 4 MiB of the linear addresses: GDT with the VMM's own descriptors, LDT, IDT whose gates all lead to ring-0 stubs, TSS with SS0:ESP0 and no open port, stack, code.",
        buildStructures,
      ),
      step(
        "Set the VCPU up as the guest expects it",
        "CR0.PG = 0, flat segments, interrupts off; the guest believes that it is at ring 0.",
        (vm) => {
          startVirtualProcessor(vm, start, reset);
        },
      ),
      step(
        "Make an empty shadow root",
        "PAE page tables with nothing in them but the VMM's area; hidden page faults fill them.",
        (vm) => {
          const { cr0, cr4, efer } = vm.vcpu.system;
          vm.state.followed = { cr0, cr4, efer };
          vm.space.dropEverything();
        },
      ),
      step(
        "LGDT, LIDT, LTR, and paging on",
        "The hardware runs on the VMM's tables from now on, whatever the guest loads.",
        loadHardware,
      ),
    ],
  };
}
