/** VM exits that only shadow paging has: page faults, INVLPG, INVPCID. */
import { CR4 } from "../../../cpu/systemState";
import { CHECK_EVENT } from "../../technique/hardwareAssisted/handlers/endings";
import { raise } from "../../technique/hardwareAssisted/events";
import {
  memoryOperandOf,
  translateOperand,
  fieldOf,
} from "../../technique/hardwareAssisted/guestOperands";
import { lendRegister } from "../../technique/hardwareAssisted/localApicPage";
import { around, aroundInstruction } from "../../technique/hardwareAssisted/steps";
import type { Handler, Step, Vm } from "../../technique/hardwareAssisted/vm";
import { INSTRUCTION_INFORMATION_LAYOUTS } from "../../../isa/vmx/instructionInformation";
import { guestPagingState } from "../guestPagingState";
import { changesNothing, examineFault, isUserAccess, shadowLeafOf } from "./pageFault";
import { shadowOf } from "./vmxShadow";

const PAGE_FAULT = 14;
const PAGE = 0xfffn;
/** Bit 1 of a page-fault error code. */
const WRITE = 2;

const WALK_GUEST_TABLES: Step = {
  name: "Walk the guest's page tables",
  text: "If they refuse the access too, the fault is the guest's own (true). If they allow it, only the shadow lacks the page (hidden); the walk sets A, and D for a write, in the guest's entries.",
  run: (vm) => {
    const { qualification: linear, errorCode } = vm.exit;
    const implicit = !isUserAccess(errorCode) && vm.cpl === 3;
    const fault = { linear, errorCode, implicit };
    vm.state.work.pageFault = examineFault(vm.parts.guest, guestPagingState(vm), fault);
  },
};

const FILL_SHADOW: Step = {
  name: "Hidden fault: fill the shadow entry",
  text: "GPA to HPA, with the guest's rights; writable only once the guest's D flag is set. An address without RAM gets the scratch page for one instruction, under the monitor trap flag.",
  run: (vm) => {
    const { pageFault } = vm.state.work;
    if (!pageFault || pageFault.trueErrorCode !== undefined) return;
    const address = pageFault.linear & ~PAGE;
    const leaf = shadowLeafOf(vm.parts.guest, pageFault);
    const space = shadowOf(vm);
    if (!("hpa" in leaf)) {
      lendRegister(vm, pageFault.gpa, (pageFault.hardwareErrorCode & WRITE) !== 0);
      space.openHole(address, leaf);
      vm.setControl("primary", "monitorTrapFlag", true);
    } else if (changesNothing(space, address, leaf))
      vm.state.work.pageFault = { ...pageFault, trueErrorCode: pageFault.hardwareErrorCode };
    else space.fill(address, leaf);
  },
};

const INJECT_TRUE_FAULT: Step = {
  name: "True fault: give the guest its #PF",
  text: "CR2 takes the address, and the error code is that of the guest's own tables: the processor saw the shadow's.",
  run: (vm) => {
    const { pageFault } = vm.state.work;
    if (pageFault?.trueErrorCode === undefined) return;
    raise(vm, PAGE_FAULT, pageFault.trueErrorCode, pageFault.linear);
  },
};

const PAGE_FAULT_HANDLER: Handler = {
  key: "EXCEPTION_NMI",
  title: "Exception: page fault, hidden or true",
  steps: around(CHECK_EVENT, WALK_GUEST_TABLES, FILL_SHADOW, INJECT_TRUE_FAULT),
};

const DROP_PAGE: Step = {
  name: "Drop the page from the shadow tables",
  text: "And every fragment of a large page around it. The next access faults and reads the guest's entry anew.",
  run: (vm) => {
    shadowOf(vm).dropPage(vm.exit.qualification);
  },
};

const INVLPG: Handler = {
  key: "INVLPG",
  title: "INVLPG",
  steps: aroundInstruction(DROP_PAGE),
};

/** SDM Vol. 2A, "INVPCID". */
function invpcid(vm: Vm): void {
  const information = BigInt(vm.exit.instructionInformation);
  const type = vm.gpr(fieldOf(INSTRUCTION_INFORMATION_LAYOUTS.invalidate, "REG2", information), vm.is64 ? 64 : 32); // prettier-ignore
  const operand = memoryOperandOf(vm, "invalidate");
  const places = translateOperand(vm, { ...operand, bytes: 16, write: false });
  if (!places) return;
  const byte = (i: number): bigint => BigInt(vm.parts.guest.read8(places[i]!));
  const word = (from: number): bigint =>
    [0, 1, 2, 3, 4, 5, 6, 7].reduce((value, i) => value | (byte(from + i) << BigInt(8 * i)), 0n);
  invalidate(vm, type, word(0), word(8));
}

const INVPCID_TYPE = { address: 0n, context: 1n, all: 2n } as const;
const GENERAL_PROTECTION = 13;

function isCanonical(address: bigint): boolean {
  return BigInt.asUintN(64, BigInt.asIntN(48, address)) === address;
}

function invalidate(vm: Vm, type: bigint, low: bigint, address: bigint): void {
  const pcid = Number(low & 0xfffn);
  const needsPcid = pcid !== 0 && type <= INVPCID_TYPE.context && !(vm.cr4 & CR4.PCIDE);
  const isBad = type > 3n || low >> 12n !== 0n || needsPcid;
  if (isBad || (type === INVPCID_TYPE.address && !isCanonical(address))) {
    raise(vm, GENERAL_PROTECTION, 0);
    return;
  }
  if (type === INVPCID_TYPE.address) shadowOf(vm).dropPage(address);
  else if (type === INVPCID_TYPE.context) shadowOf(vm).dropPcid(pcid);
  else shadowOf(vm).dropEverything();
}

const INVALIDATE_PCID: Step = {
  name: "Read the descriptor and drop what it names",
  text: "A page, a PCID or everything; a malformed descriptor is #GP(0).",
  run: invpcid,
};

const INVPCID: Handler = {
  key: "INVPCID",
  title: "INVPCID",
  steps: aroundInstruction(INVALIDATE_PCID),
};

export const SHADOW_HANDLERS: readonly Handler[] = [PAGE_FAULT_HANDLER, INVLPG, INVPCID];
