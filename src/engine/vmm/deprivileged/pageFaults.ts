/** Page faults of a deprivileged guest: hidden ones fill the shadow, true ones are the guest's. */
import { pageFault } from "../../cpu/abort";
import { RFLAGS } from "../../cpu/systemState";
import {
  changesNothing,
  examineFault,
  isTrueFault,
  shadowLeafOf,
  type HardwarePageFault,
} from "../memory/shadowLazy/pageFault";
import type { ShadowLeaf } from "../memory/shadowLazy/shadowTables";
import { closeShadowTables, isTraced } from "./descriptorTables";
import { fetchCode } from "./emulation";
import { reflect, startStep } from "./events";
import { readFrame } from "./frame";
import { sharesUserRing } from "./rings";
import type { Trap } from "./state";
import { around, READ_FRAME, RESUME } from "./steps";
import { pagingOf } from "./virtualProcessor";
import type { Handler, Step, Vm } from "./vm";

const PAGE = 0xfffn;
const WRITE = 2;
const USER = 4;

/** The fault as the guest's own processor would have met it: at ring 3 the hardware takes the guest's kernel for a user. */
function guestsFault({ vcpu, parts }: Vm, { address, errorCode = 0 }: Trap): HardwarePageFault {
  const isKernel = sharesUserRing(vcpu.cpl, parts.kernelRing);
  return { linear: address, errorCode: isKernel ? errorCode & ~USER : errorCode, implicit: false };
}

/** The leaf with the rights that let the hardware through: in the kernel's own shadow every page is a user's. */
function forHardware<Leaf extends { readonly user: boolean }>(
  { vcpu, parts }: Vm,
  leaf: Leaf,
): Leaf {
  return sharesUserRing(vcpu.cpl, parts.kernelRing) ? { ...leaf, user: true } : leaf;
}

/** Whose fault it is, before any step: nothing changes. */
export function isGuestsOwn(vm: Vm, trap: Trap): boolean {
  const { eflags } = readFrame(vm, trap);
  const paging = { ...pagingOf(vm.vcpu), alignmentCheck: (eflags & RFLAGS.AC) !== 0 };
  return isTrueFault(vm.parts.guest, paging, guestsFault(vm, trap));
}

const WALK: Step = {
  name: "Walk the guest's page tables",
  text: "They allow the access (hidden) or refuse it too (true). A hidden fault sets A, and D for a write, in the guest's entries.",
  run: (vm) => {
    const fault = guestsFault(vm, vm.trap);
    vm.state.work.pageFault = examineFault(vm.parts.guest, pagingOf(vm.vcpu), fault);
  },
};

/** Pages of the guest's descriptor tables become writable only with all shadow descriptors closed. */
function traced(vm: Vm, leaf: ShadowLeaf, address: bigint, gpa: number): ShadowLeaf {
  if (!leaf.writable || !isTraced(vm, gpa)) return leaf;
  if (!((vm.trap.errorCode ?? 0) & WRITE)) return { ...leaf, writable: false };
  closeShadowTables(vm);
  vm.state.tables.opened.push(address);
  return leaf;
}

function openHole(vm: Vm, address: bigint, leaf: Omit<ShadowLeaf, "hpa">): void {
  vm.space.openHole(address, leaf);
  vm.state.work.code = fetchCode(vm.vcpu);
  startStep(vm, "hole", vm.instruction);
}

const FILL: Step = {
  name: "Fill the shadow entry",
  text: "GPA to HPA, with the guest's rights; writable only once the guest's D flag is set. A page of the guest's GDT or LDT becomes writable with all shadow descriptors closed. An address without RAM gets the scratch page for one instruction, under the trap flag.",
  run: (vm) => {
    const { pageFault: work } = vm.state.work;
    if (work?.trueErrorCode !== undefined || !work) return;
    const address = work.linear & ~PAGE;
    const leaf = forHardware(vm, shadowLeafOf(vm.parts.guest, work));
    if (!("hpa" in leaf)) {
      openHole(vm, address, leaf);
      return;
    }
    const wanted = traced(vm, leaf, address, work.gpa);
    if (changesNothing(vm.space, address, wanted))
      vm.stop("error", "shadow-does-not-help", `The page at 0x${address.toString(16)} is in the shadow as the guest maps it, and the processor refuses the access.`); // prettier-ignore
    else vm.space.fill(address, wanted);
  },
};

const REFLECT: Step = {
  name: "Give the guest its #PF",
  text: "The virtual CR2 takes the address, and the error code is that of the guest's own tables; delivery goes through the guest's IDT.",
  run: (vm) => {
    const { pageFault: work } = vm.state.work;
    if (work?.trueErrorCode === undefined) return;
    reflect(vm, pageFault(work.linear, work.trueErrorCode, () => "the guest's own page tables refuse the access")); // prettier-ignore
  },
};

/** The hardware's NXE is 1, so its error codes tell fetches. */
const FETCH = 16;

const RESTART: Step = {
  ...RESUME,
  run: (vm) => {
    const isFetch = ((vm.trap.errorCode ?? 0) & FETCH) !== 0;
    vm.state.restartedAt = isFetch ? -1 : vm.cpu.ticks;
    RESUME.run(vm);
  },
};

export const PAGE_FAULT_HANDLERS: readonly Handler[] = [
  {
    key: "TRAP_PF_HIDDEN",
    title: "Page fault, hidden: the shadow lacked the page",
    // Nothing of the VCPU changes, so nothing has to follow.
    steps: [READ_FRAME, WALK, FILL, RESTART],
  },
  {
    key: "TRAP_PF_TRUE",
    title: "Page fault, true: the guest's own",
    steps: around(WALK, REFLECT),
  },
];
