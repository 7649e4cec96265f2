/** Which handler answers which trap under trap-and-emulate. */
import { debugException, exception, type GuestFault } from "../../../cpu/abort";
import { readLinear, writeLinear } from "../../../cpu/dataAccess";
import { ACCESS } from "../../../cpu/access";
import { DEBUG_CAUSE } from "../../../cpu/debugRegisters";
import { RFLAGS } from "../../../cpu/systemState";
import { vectorName } from "../../../isa/exceptions";
import { RSP } from "../../../isa/registers";
import { TRAPS, UNEXPECTED_TRAP, type TrapKey } from "../../../isa/traps";
import { canEmulate, emulate, fetchCode, interpret } from "../../deprivileged/emulation";
import { endStep, reflect } from "../../deprivileged/events";
import { PAGE_FAULT_HANDLERS } from "../../deprivileged/pageFaults";
import {
  around,
  CHOOSE_EVENT,
  FOLLOW,
  INTERPRET_KEY,
  READ_FRAME,
  RESUME,
} from "../../deprivileged/steps";
import type { Handler, Step, Vm } from "../../deprivileged/vm";

/** The exception as the hardware raised it. */
function hardwareFault({ trap }: Vm): GuestFault {
  const { vector, errorCode } = trap;
  const why = "the hardware refused the guest's instruction";
  return { ...exception(vector, why), ...(errorCode === undefined ? {} : { errorCode }) };
}

const FETCH: Step = {
  name: "Fetch and decode the guest's instruction",
  text: "Up to 15 bytes at CS:EIP, through the guest's own page tables.",
  run: (vm) => {
    vm.state.work.code = fetchCode(vm.vcpu);
  },
};

const EMULATE: Step = {
  name: "Carry the instruction out on the VCPU",
  text: "At the guest's own ring, with its own descriptor tables and page tables. Sensitive instructions have handlers; any other one met a segment that ends below the VMM's area, and is interpreted. If the VCPU refuses too, the exception is the guest's and goes through its IDT.",
  run: (vm) => {
    const { instruction } = vm;
    if (!instruction) reflect(vm, hardwareFault(vm));
    else if (canEmulate(instruction)) emulate(vm, instruction);
    else interpret(vm);
  },
};

const REFLECT: Step = {
  name: "Give the guest its exception",
  text: "Through the guest's own IDT, on the stack that the guest's own TSS names if the ring changes.",
  run: (vm) => {
    reflect(vm, hardwareFault(vm));
  },
};

const SERVE_HOST: Step = {
  name: "Serve the host's interrupt",
  text: "The timer has reached the next alarm of an emulated device, or input has arrived: the device models have taken note and may now ask for a virtual interrupt.",
  run: () => undefined,
};

/** PUSHF under the VMM's trap flag has pushed it. */
function hidePushedTrapFlag({ vcpu }: Vm): void {
  const linear = Number(BigInt.asUintN(32, vcpu.ss.base + vcpu.gpr(RSP, 32)));
  const access = vcpu.cpl === 3 ? ACCESS.user : 0;
  const image = readLinear(vcpu, linear, 2, access) & ~BigInt(RFLAGS.TF);
  writeLinear(vcpu, linear, 2, image, access | ACCESS.write);
}

/** DR6 bits of the guest's own debug exception; the single step may be the VMM's. */
function guestsConditions(vm: Vm): number {
  const { step } = vm.state;
  const { system } = vm.vcpu;
  const causes = DEBUG_CAUSE.generalDetect | DEBUG_CAUSE.singleStep | DEBUG_CAUSE.taskSwitch | 0xf;
  let bits = (vm.cpu.system.dr6 & causes) | system.pendingDebug;
  system.pendingDebug = 0;
  if (!step || !(bits & DEBUG_CAUSE.singleStep)) return bits;
  if (step.pushesFlags && !step.guestTrapFlag) hidePushedTrapFlag(vm);
  if (!step.guestTrapFlag) bits &= ~DEBUG_CAUSE.singleStep;
  return bits;
}

const INT1_BYTES = 1n;

/** INT1 reports no condition, and the processor is behind it. */
function debugInterrupt(vm: Vm): void {
  vm.vcpu.rip = BigInt.asUintN(32, vm.vcpu.rip - INT1_BYTES);
  vm.state.work.code = fetchCode(vm.vcpu);
  const { instruction } = vm;
  if (instruction?.form.semantics === "int1") emulate(vm, instruction);
  else vm.stop("error", "unexpected-trap", "A debug exception without a cause."); // prettier-ignore
}

const TAKE_DEBUG_EXCEPTION: Step = {
  name: "Whose debug exception is it?",
  text: "A single step of the VMM's own ends here: the scratch page goes, and TF is the guest's again. Breakpoints and single steps of the guest go through its IDT.",
  run: (vm) => {
    const { state, vcpu } = vm;
    const wasStep = state.step !== undefined;
    const bits = guestsConditions(vm);
    if (wasStep) {
      endStep(vm);
      vcpu.system.shadow = "none";
    }
    if (bits !== 0) reflect(vm, debugException(bits, "debug exception of the guest"));
    else if (!wasStep) debugInterrupt(vm);
  },
};

const STOP: Step = {
  name: "Stop: nobody handles this trap",
  text: "To go on would be silently wrong.",
  run: (vm) => {
    vm.stop("error", "unexpected-trap", `Nothing is known about ${vectorName(vm.trap.vector)} (vector ${vm.trap.vector}) in the VMM.`); // prettier-ignore
  },
};

/** Traps that the VMM answers by carrying out the instruction. */
const EMULATED: readonly TrapKey[] = ["TRAP_GP", "TRAP_UD", "TRAP_NP", "TRAP_SS", "TRAP_TS", "TRAP_INT"]; // prettier-ignore
const REFLECTED: readonly TrapKey[] = ["TRAP_DE", "TRAP_BR", "TRAP_NM", "TRAP_AC"];

const titled = (key: TrapKey, steps: readonly Step[]): Handler => {
  const title = TRAPS.find((row) => row.key === key)!.title;
  return { key, title: `${title.charAt(0).toUpperCase()}${title.slice(1)}`, steps };
};

export const LAUNCH_HANDLER: Handler = {
  key: "LAUNCH",
  title: "Start of the virtual machine",
  steps: [FOLLOW, CHOOSE_EVENT, RESUME],
};

const INTERPRET: Step = {
  name: "Interpret one instruction on the VCPU",
  text: "EIP is beyond the end that truncation gives to the guest's code segment: the hardware cannot run the guest here.",
  run: (vm) => {
    vm.cpu.ticks++;
    interpret(vm);
  },
};

const INTERPRET_HANDLER: Handler = {
  key: INTERPRET_KEY,
  title: "Interpretation: code that lies beyond the truncated segment",
  steps: [INTERPRET, FOLLOW, CHOOSE_EVENT, RESUME],
};

export const UNEXPECTED_HANDLER: Handler = {
  key: UNEXPECTED_TRAP,
  title: "A trap without a handler",
  steps: [READ_FRAME, STOP],
};

export const HANDLERS: readonly Handler[] = [
  LAUNCH_HANDLER,
  ...EMULATED.map((key) => titled(key, around(FETCH, EMULATE))),
  ...PAGE_FAULT_HANDLERS,
  ...REFLECTED.map((key) => titled(key, around(REFLECT))),
  titled("TRAP_DB", around(TAKE_DEBUG_EXCEPTION)),
  titled("TRAP_INTERRUPT", around(SERVE_HOST)),
  INTERPRET_HANDLER,
  UNEXPECTED_HANDLER,
];
