/** The steps that handlers of deprivileging techniques share: the frame of every handler. */
import { ACTIVITY, CR0, CR4, EFER, RFLAGS } from "../../cpu/systemState";
import { isInArea } from "./area";
import { learn, runningContext } from "./belief";
import { followDescriptorTables } from "./descriptorTables";
import { chooseEvent, endStep } from "./events";
import { readFrame } from "./frame";
import { breakIn, followControlRegisters, followDebugRegisters, leave, loadDataSegments, sleep } from "./hardware"; // prettier-ignore
import { isExecutable } from "./shadowDescriptor";
import { forgetTranslations, linearRip } from "./virtualProcessor";
import type { Step, Vm } from "./vm";

/** Traps that a single step of the VMM's survives: it has not ended, or just did. */
const WITHIN_STEP = ["TRAP_PF_HIDDEN", "TRAP_DB"];

export const READ_FRAME: Step = {
  name: "Save the guest's registers and read the frame",
  text: "The processor has pushed EIP, CS, EFLAGS, ESP and SS on the VMM's stack (and an error code); with the general registers they go into the VCPU: the guest's ring, IF and IOPL are the VCPU's own.",
  run: (vm) => {
    const { state, vcpu, trap } = vm;
    // The VMM slept for its guest: the VCPU has been up to date since.
    if (state.holdsGuest) return;
    learn(vm, vcpu, readFrame(vm, trap));
    forgetTranslations(vcpu);
    state.holdsGuest = true;
    if (state.step && !WITHIN_STEP.includes(trap.key)) endStep(vm);
  },
};

const PAGING_CR0 = CR0.PG | CR0.PE | CR0.WP;
const PAGING_CR4 = CR4.PSE | CR4.PAE | CR4.PGE | CR4.SMEP | CR4.SMAP;

/** What this technique cannot give its guest. */
function checkMode(vm: Vm): void {
  const { system } = vm.vcpu;
  if (system.activity === ACTIVITY.shutdown)
    vm.stop("shutdown", "triple-fault", "The guest's processor shut down: triple fault.");
  if (system.efer & EFER.LMA)
    vm.stop("error", "technique-needs-32-bit", "The guest enters IA-32e mode. 64-bit mode has no segment limits to protect the VMM: use --vmm hardware-assisted."); // prettier-ignore
  if (!(system.cr0 & CR0.PE))
    vm.stop("error", "real-mode-not-deprivileged", "The guest returns to real-address mode, which has no rings: its kernel cannot be deprivileged. Use --vmm hardware-assisted."); // prettier-ignore
}

/** The guest's flushes, and what else makes the shadow page tables wrong. */
function followPaging(vm: Vm): void {
  const { system } = vm.vcpu;
  const { state, space } = vm;
  const { followed, work, tables } = state;
  const { cr0, cr4, efer } = system;
  const changed =
    (followed.cr0 ^ cr0) & PAGING_CR0 || (followed.cr4 ^ cr4) & PAGING_CR4 || followed.efer !== efer; // prettier-ignore
  state.followed = { cr0, cr4, efer };
  const flushes = Boolean(changed) || work.invalidatedAll === true;
  if (flushes) space.dropEverything();
  else if (work.cr3Loaded) space.cr3Loaded(false);
  else if (work.invalidated === undefined) return;
  else if (!isInArea(Number(work.invalidated))) space.dropPage(work.invalidated);
  // The guest's descriptor tables may lie somewhere else now.
  tables.isStale = true;
}

/** What depends on the guest's ring. */
function followRing(vm: Vm): void {
  followControlRegisters(vm);
  vm.space.followView();
  followDescriptorTables(vm);
}

export const FOLLOW: Step = {
  name: "Let the hardware follow the VCPU",
  text: "Shadow page tables forget what the guest flushed; CR0, CR4 and debug registers take what the guest may have as it is; the shadow GDT and LDT are made anew where the guest's ring, its tables or its segment registers changed.",
  run: (vm) => {
    checkMode(vm);
    if (vm.state.stopped) return;
    followPaging(vm);
    followDebugRegisters(vm);
    followRing(vm);
  },
};

export const CHOOSE_EVENT: Step = {
  name: "Choose the event to deliver",
  text: "A device's interrupt if the virtual IF allows it: through the guest's IDT, on the guest's stack. In the shadow of STI or MOV SS it waits, and the next instruction runs under the trap flag.",
  run: (vm) => {
    chooseEvent(vm);
    // What was delivered may have changed the ring.
    followRing(vm);
  },
};

/** Key of the handler that runs the guest where the hardware cannot. */
export const INTERPRET_KEY = "INTERPRET";

/** The way back: HLT for a guest that sleeps, else IRET. */
function resume(vm: Vm): void {
  const { state, vcpu } = vm;
  state.work = {};
  state.timerDue = vm.parts.clock.nextDue();
  if (vcpu.system.activity === ACTIVITY.shutdown) {
    checkMode(vm);
    return;
  }
  if (vcpu.system.activity === ACTIVITY.hlt) {
    if ((vcpu.flagSystem & RFLAGS.IF) === 0)
      vm.stop("halt", "halted", "HLT with interrupts off: nothing can wake the processor");
    else sleep(vm);
    return;
  }
  if (!vcpu.virtual8086 && !isExecutable(vcpu.cs, vcpu.rip)) {
    state.position = { key: INTERPRET_KEY, step: 0 };
    return;
  }
  loadDataSegments(vm);
  const refused = leave(vm);
  if (refused === undefined) {
    state.holdsGuest = false;
    vm.parts.observe({ kind: "vm-entry", rip: linearRip(vcpu) });
  } else vm.stop("error", "vmm-resume-failed", `IRET to the guest failed: ${refused}.`);
}

/** As a trap would: for a debugger that changes the guest while it runs. */
export function takeGuest(vm: Vm): void {
  learn(vm, vm.vcpu, runningContext(vm.cpu));
  forgetTranslations(vm.vcpu);
  vm.state.holdsGuest = true;
  breakIn(vm);
}

/** Lets the guest go on with what was changed. */
export function resumeAfterChange(vm: Vm): void {
  FOLLOW.run(vm);
  resume(vm);
}

export const RESUME: Step = {
  name: "Write the frame, restore the registers and IRET",
  text: "The host's timer is armed for the next alarm of a device. EFLAGS has IF = 1 and IOPL = 0 whatever the guest believes. A guest that halted is not resumed: the VMM executes HLT itself. Nor is one whose EIP lies beyond its truncated code segment: it is interpreted.",
  run: resume,
};

/** A handler of a trap after which the guest goes on. */
export function around(...steps: readonly Step[]): readonly Step[] {
  return [READ_FRAME, ...steps, FOLLOW, CHOOSE_EVENT, RESUME];
}
