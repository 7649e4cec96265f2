/** HLT, interrupts, timers: what gives the VMM control so that virtual time and virtual interrupts go on. */
import { RFLAGS } from "../../../../cpu/systemState";
import { ACTIVITY } from "../../../../isa/vmx/fieldLayouts";
import { takeRegisterBack } from "../localApicPage";
import { aroundInstruction, around } from "../steps";
import type { Handler, Step } from "../vm";

const SLEEP: Step = {
  name: "Put the virtual processor to sleep",
  text: "RIP is behind HLT. If an interrupt waits already, the guest goes on at once; else its activity state becomes HLT until one is injected. With RFLAGS.IF = 0 only an NMI could wake it.",
  run: (vm) => {
    const { nmiPending } = vm.state.vcpu;
    const takesNmi = nmiPending || vm.parts.devices.localApic?.turnsInterruptsIntoNmi === true;
    const accepts = (vm.read32("GUEST_RFLAGS") & RFLAGS.IF) !== 0;
    const hasTrap = vm.read("GUEST_PENDING_DEBUG_EXCEPTIONS") !== 0n;
    if (!accepts && !hasTrap && !takesNmi) {
      vm.write("GUEST_ACTIVITY_STATE", ACTIVITY.hlt);
      vm.stop("halt", "halted", "HLT with interrupts off: nothing can wake the processor");
      return;
    }
    const isWoken = hasTrap || nmiPending || (accepts && vm.parts.interruptRequested());
    vm.write("GUEST_ACTIVITY_STATE", isWoken ? ACTIVITY.active : ACTIVITY.hlt);
  },
};

/** Sleeping comes after RIP has moved, so the order differs from other instructions. */
const [SAVE, READ, ADVANCE, CHOOSE, RESUME_GUEST] = aroundInstruction();

const SERVE_HOST: Step = {
  name: "Serve the host's interrupt",
  text: "The processor acknowledged it on exit; its vector is in the interruption information. Input from outside has reached the device models, which may now ask for a virtual interrupt.",
  run: () => undefined,
};

const OPEN_WINDOW: Step = {
  name: "The guest accepts interrupts again",
  text: "RFLAGS.IF is 1 and no shadow of STI or MOV SS holds: the interrupt that waited can be injected.",
  run: (vm) => {
    vm.setControl("primary", "interruptWindowExiting", false);
  },
};

const OPEN_NMI_WINDOW: Step = {
  name: "The guest accepts NMIs again",
  text: "The handler of the last one has ended with IRET: the NMI that waited can be injected.",
  run: (vm) => {
    vm.setControl("primary", "nmiWindowExiting", false);
  },
};

const RING_ALARMS: Step = {
  name: "Let the devices' alarms ring",
  text: "The timer was armed for the next alarm of a device: the virtual clock has reached it, and the device may have raised its interrupt line.",
  run: () => undefined,
};

const CLOSE_HOLES: Step = {
  name: "Take the scratch page away",
  text: "The one instruction is done: the address maps nothing again, and what it wrote is gone; in the page of the virtual local APIC it becomes a write of the register.",
  run: (vm) => {
    takeRegisterBack(vm);
    vm.memory.closeHoles(vm);
  },
};

const CLEAR_TRAP_FLAG: Step = {
  name: "Clear the monitor trap flag",
  text: "The guest runs freely again.",
  run: (vm) => {
    vm.setControl("primary", "monitorTrapFlag", false);
  },
};

export const INTERRUPT_HANDLERS: readonly Handler[] = [
  { key: "HLT", title: "HLT", steps: [SAVE!, READ!, ADVANCE!, SLEEP, CHOOSE!, RESUME_GUEST!] },
  { key: "EXTERNAL_INTERRUPT", title: "External interrupt of the host", steps: around(SERVE_HOST) },
  { key: "INTERRUPT_WINDOW", title: "Interrupt window", steps: around(OPEN_WINDOW) },
  { key: "NMI_WINDOW", title: "NMI window", steps: around(OPEN_NMI_WINDOW) },
  { key: "PREEMPTION_TIMER", title: "VMX-preemption timer", steps: around(RING_ALARMS) },
  { key: "MONITOR_TRAP_FLAG", title: "Monitor trap flag", steps: around(CLOSE_HOLES, CLEAR_TRAP_FLAG) }, // prettier-ignore
];
