/** From power-on to a virtual machine that can be resumed. */
import type { SegmentRegister } from "../../cpu/systemState";
import { startProcessor, type GuestStart } from "../guestStart";
import { placeImage } from "../handlerTable";
import { buildStructures, loadHardware } from "./hardware";
import type { Handler, Step, Vm } from "./vm";

/** LDTR and TR as after reset: a guest start names only the other six. */
export interface ResetSegments {
  readonly ldtr: SegmentRegister;
  readonly tr: SegmentRegister;
}

function startVirtualProcessor({ vcpu }: Vm, start: GuestStart, reset: ResetSegments): void {
  vcpu.system.ldtr = { ...reset.ldtr };
  vcpu.system.tr = { ...reset.tr };
  startProcessor(vcpu, start);
}

/** What the VMM does once, before the virtual machine starts. */
export function powerOnHandler(start: GuestStart, reset: ResetSegments): Handler {
  const step = (name: string, text: string, run: (vm: Vm) => void): Step => ({ name, text, run });
  return {
    key: "POWER_ON",
    title: "Power-on: from the VMM's area to a guest that can be resumed",
    steps: [
      placeImage(start),
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
