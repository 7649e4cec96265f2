/** Checks on guest non-register state and on PDPTEs. SDM Vol. 3C, "Checks on Guest Non-Register State". */
import { setBits, supportedMask } from "../../../isa/bitFields";
import { CR4, RFLAGS } from "../../../isa/controlRegisters";
import { reservedBits } from "../../../isa/pageTables";
import {
  ACTIVITY,
  ACTIVITY_STATES,
  EVENT_TYPES,
  INTERRUPTIBILITY,
  INTERRUPTIBILITY_LAYOUT,
  PENDING_DEBUG,
  PENDING_DEBUG_LAYOUT,
} from "../../../isa/vmx/fieldLayouts";
import { decodeInterruptionInformation } from "../../../isa/vmx/exitQualification";
import type { VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import { addressProblem } from "./controlRules";
import type { EntryState, InjectedEvent } from "./entryState";
import { hex, section, type EntryRule } from "./rule";
import type { Finding, Fix } from "./violation";

const other = section("guest", "Checks on Guest Non-Register State");
const pointers = section("guest", "Checks on Guest Page-Directory-Pointer-Table Entries");

const ACTIVITY_FIELD = "GUEST_ACTIVITY_STATE";
const BLOCKING_FIELD = "GUEST_INTERRUPTIBILITY_STATE";
const INFORMATION = "VM_ENTRY_INTERRUPTION_INFORMATION";
const DEBUG_FIELD = "GUEST_PENDING_DEBUG_EXCEPTIONS";

const { STI, MOV_SS, NMI, SMI, ENCLAVE } = INTERRUPTIBILITY;

function blocking(state: EntryState, mask: number): boolean {
  return (state.read32(BLOCKING_FIELD) & mask) !== 0;
}

function unblock(state: EntryState, mask: number): Fix {
  return { field: BLOCKING_FIELD, value: state.read(BLOCKING_FIELD) & ~BigInt(mask) };
}

const BE_ACTIVE: Fix = { field: ACTIVITY_FIELD, value: BigInt(ACTIVITY.active) };
const INJECT_NOTHING: Fix = { field: INFORMATION, value: 0n };

function stateName(state: EntryState): string {
  const value = state.read32(ACTIVITY_FIELD);
  return ACTIVITY_STATES.find((row) => row.value === value)?.name ?? String(value);
}

/** Which events may be injected into an inactive guest. */
function mayInject(activity: number, { type, vector }: InjectedEvent): boolean {
  const isException = type === EVENT_TYPES.hardwareException;
  switch (activity) {
    case ACTIVITY.hlt:
      return (
        type === EVENT_TYPES.externalInterrupt ||
        type === EVENT_TYPES.nmi ||
        (isException && (vector === 1 || vector === 18)) ||
        (type === EVENT_TYPES.otherEvent && vector === 0)
      );
    case ACTIVITY.shutdown:
      return type === EVENT_TYPES.nmi || (isException && vector === 18);
    case ACTIVITY.waitForSipi:
      return false;
    default:
      return true;
  }
}

const ACTIVITY_RULES: readonly EntryRule[] = [
  other({
    id: "guest-activity-supported",
    title: "The activity state must be one that this processor supports",
    fields: [ACTIVITY_FIELD],
    find(state) {
      const value = state.read32(ACTIVITY_FIELD);
      if (state.capabilities.activityStates.has(value)) return undefined;
      return { sentence: `Activity state ${stateName(state)} is not supported.`, fix: [BE_ACTIVE] };
    },
  }),
  other({
    id: "guest-activity-hlt-dpl",
    title: "The HLT state requires SS.DPL 0",
    fields: [ACTIVITY_FIELD, "GUEST_SS_ACCESS_RIGHTS"],
    find(state) {
      const { dpl } = state.segment("SS");
      if (state.read32(ACTIVITY_FIELD) !== ACTIVITY.hlt || dpl === 0) return undefined;
      return {
        sentence: `The guest is in the HLT state at CPL ${dpl}; HLT is privileged.`,
        fix: [BE_ACTIVE],
      };
    },
  }),
  other({
    id: "guest-activity-blocking",
    title: "Blocking by STI or MOV SS requires the active state",
    fields: [ACTIVITY_FIELD, BLOCKING_FIELD],
    find(state) {
      if (state.read32(ACTIVITY_FIELD) === ACTIVITY.active || !blocking(state, STI | MOV_SS)) {
        return undefined;
      }
      return {
        sentence: `The guest is in the ${stateName(state)} state while blocking by STI or MOV SS is in effect.`,
        hint: "Clear bits 1:0 of GUEST_INTERRUPTIBILITY_STATE: the instruction after STI or MOV SS has been executed.",
        fix: [unblock(state, STI | MOV_SS)],
      };
    },
  }),
  other({
    id: "guest-activity-injection",
    title: "The injected event must be one that the activity state allows",
    fields: [ACTIVITY_FIELD, INFORMATION],
    find(state) {
      const event = state.injected;
      if (event === undefined || mayInject(state.read32(ACTIVITY_FIELD), event)) return undefined;
      const { text } = decodeInterruptionInformation(event.raw, "entry");
      return {
        sentence: `${text} cannot be injected into a guest in the ${stateName(state)} state.`,
        fix: [BE_ACTIVE],
      };
    },
  }),
];

const INTERRUPTIBILITY_DEFINED = supportedMask(INTERRUPTIBILITY_LAYOUT) | BigInt(SMI | ENCLAVE);

function blockingRule(
  id: string,
  title: string,
  find: (state: EntryState) => Finding | undefined,
  also: readonly VmcsFieldName[] = [],
  qualification: 0 | 3 = 0,
): EntryRule {
  return other({ id, title, fields: [BLOCKING_FIELD, ...also], qualification, find });
}

function injects(state: EntryState, type: number): boolean {
  return state.injected?.type === type;
}

const INTERRUPTIBILITY_RULES: readonly EntryRule[] = [
  blockingRule(
    "guest-interruptibility-reserved",
    "Bits 31:5 of the interruptibility state must be 0",
    (state) => {
      const value = state.read(BLOCKING_FIELD);
      if ((value & ~INTERRUPTIBILITY_DEFINED) === 0n) return undefined;
      return {
        sentence: `Guest interruptibility state ${hex(value)} has reserved bits set.`,
        fix: [{ field: BLOCKING_FIELD, value: value & INTERRUPTIBILITY_DEFINED }],
      };
    },
  ),
  blockingRule(
    "guest-interruptibility-exclusive",
    "Blocking by STI and blocking by MOV SS must not both be in effect",
    (state) => {
      if (!blocking(state, STI) || !blocking(state, MOV_SS)) return undefined;
      return {
        sentence: "Bits 0 (STI) and 1 (MOV SS) of the interruptibility state are both 1.",
        fix: [unblock(state, STI | MOV_SS)],
      };
    },
  ),
  blockingRule(
    "guest-interruptibility-sti-if",
    "Blocking by STI requires RFLAGS.IF",
    (state) => {
      if (!blocking(state, STI) || (state.read("GUEST_RFLAGS") & RFLAGS.IF) !== 0n)
        return undefined;
      return {
        sentence: "Blocking by STI is in effect, but guest RFLAGS.IF is 0.",
        fix: [unblock(state, STI)],
      };
    },
    ["GUEST_RFLAGS"],
  ),
  blockingRule(
    "guest-interruptibility-external-interrupt",
    "No blocking by STI or MOV SS may be in effect when an external interrupt is injected",
    (state) => {
      if (!injects(state, EVENT_TYPES.externalInterrupt) || !blocking(state, STI | MOV_SS)) {
        return undefined;
      }
      return {
        sentence: "An external interrupt is injected while blocking by STI or MOV SS is in effect.",
        hint: 'Set "Interrupt-window exiting", enter without injection, and inject at the interrupt-window exit.',
        fix: [INJECT_NOTHING],
      };
    },
    [INFORMATION],
  ),
  blockingRule(
    "guest-interruptibility-nmi-mov-ss",
    "No blocking by MOV SS may be in effect when an NMI is injected",
    (state) => {
      if (!injects(state, EVENT_TYPES.nmi) || !blocking(state, MOV_SS)) return undefined;
      return {
        sentence: "An NMI is injected while blocking by MOV SS is in effect.",
        fix: [INJECT_NOTHING],
      };
    },
    [INFORMATION],
  ),
  blockingRule(
    "guest-interruptibility-smi",
    "Blocking by SMI must not be in effect outside system-management mode",
    (state) => {
      if (!blocking(state, SMI)) return undefined;
      return {
        sentence: "Bit 2 (blocking by SMI) is 1 outside system-management mode.",
        fix: [unblock(state, SMI)],
      };
    },
  ),
  blockingRule(
    "guest-interruptibility-virtual-nmi",
    'Virtual-NMI blocking must not be in effect when an NMI is injected with "Virtual NMIs"',
    (state) => {
      const applies = state.has("pin", "virtualNmis") && injects(state, EVENT_TYPES.nmi);
      if (!applies || !blocking(state, NMI)) return undefined;
      return {
        sentence: "An NMI is injected while virtual-NMI blocking is in effect.",
        hint: 'Set "NMI-window exiting", enter without injection, and inject at the NMI-window exit.',
        fix: [INJECT_NOTHING],
      };
    },
    [INFORMATION, "PIN_BASED_CONTROLS"],
  ),
  blockingRule(
    "guest-interruptibility-enclave",
    "Enclave interruption must be 0 on a processor without SGX",
    (state) => {
      if (!blocking(state, ENCLAVE)) return undefined;
      return { sentence: "Bit 4 (enclave interruption) is 1.", fix: [unblock(state, ENCLAVE)] };
    },
  ),
  // The SDM leaves this one to the processor: this processor makes the requirement, as Bochs does.
  blockingRule(
    "guest-interruptibility-nmi-sti",
    "No blocking by STI may be in effect when an NMI is injected",
    (state) => {
      if (!injects(state, EVENT_TYPES.nmi) || !blocking(state, STI)) return undefined;
      return {
        sentence: "An NMI is injected while blocking by STI is in effect.",
        fix: [INJECT_NOTHING],
      };
    },
    [INFORMATION],
    3,
  ),
];

const PENDING_DEBUG_DEFINED = supportedMask(PENDING_DEBUG_LAYOUT);

/** BS must mirror a pending single step where one was held back. */
function singleStepPending(state: EntryState): boolean {
  const traps = (state.read("GUEST_RFLAGS") & RFLAGS.TF) !== 0n;
  const branchesOnly = (state.read("GUEST_IA32_DEBUGCTL") & 2n) !== 0n;
  return traps && !branchesOnly;
}

const PENDING_DEBUG_RULES: readonly EntryRule[] = [
  other({
    id: "guest-pending-debug-reserved",
    title: "Reserved bits of the pending debug exceptions must be 0",
    fields: [DEBUG_FIELD],
    find(state) {
      const value = state.read(DEBUG_FIELD);
      const extra = value & ~PENDING_DEBUG_DEFINED;
      if (extra === 0n) return undefined;
      return {
        sentence: `Pending debug exceptions ${hex(value)}: bits ${setBits(extra).join(", ")} must be 0.`,
        fix: [{ field: DEBUG_FIELD, value: value & PENDING_DEBUG_DEFINED }],
      };
    },
  }),
  other({
    id: "guest-pending-debug-single-step",
    title:
      "With blocking by STI or MOV SS, or in the HLT state, BS must be 1 exactly if RFLAGS.TF is 1 and DEBUGCTL.BTF is 0",
    fields: [DEBUG_FIELD, BLOCKING_FIELD, ACTIVITY_FIELD, "GUEST_RFLAGS", "GUEST_IA32_DEBUGCTL"],
    find(state) {
      const isHeldBack =
        blocking(state, STI | MOV_SS) || state.read32(ACTIVITY_FIELD) === ACTIVITY.hlt;
      const value = state.read(DEBUG_FIELD);
      const expected = singleStepPending(state);
      if (!isHeldBack || ((value & PENDING_DEBUG.BS) !== 0n) === expected) return undefined;
      const why = expected ? "RFLAGS.TF is 1 and DEBUGCTL.BTF is 0" : "no single step is due";
      return {
        sentence: `BS (bit 14) of the pending debug exceptions is ${expected ? 0 : 1}, but ${why}.`,
        fix: [{ field: DEBUG_FIELD, value: value ^ PENDING_DEBUG.BS }],
      };
    },
  }),
];

const NO_LINK = 0xffffffffffffffffn;

function link(
  suffix: string,
  title: string,
  find: (pointer: bigint, state: EntryState) => string | undefined,
): EntryRule {
  return other({
    id: `guest-link-pointer-${suffix}`,
    title,
    fields: ["VMCS_LINK_POINTER"],
    qualification: 4,
    find(state) {
      const pointer = state.read("VMCS_LINK_POINTER");
      const sentence = pointer === NO_LINK ? undefined : find(pointer, state);
      if (sentence === undefined) return undefined;
      return {
        sentence,
        hint: `Write ${hex(NO_LINK)} to VMCS_LINK_POINTER: there is no VMCS shadowing.`,
        fix: [{ field: "VMCS_LINK_POINTER", value: NO_LINK }],
      };
    },
  });
}

const LINK_RULES: readonly EntryRule[] = [
  link(
    "address",
    "The VMCS link pointer must be 4 KiB aligned and within the physical-address width",
    (pointer, state) => {
      const problem = addressProblem(state, pointer, 12);
      return problem === undefined ? undefined : `VMCS link pointer ${hex(pointer)} ${problem}.`;
    },
  ),
  link(
    "revision",
    "The VMCS link pointer must refer to the VMCS revision identifier, with bit 31 clear",
    (pointer, state) => {
      if (addressProblem(state, pointer, 12) !== undefined) return undefined;
      const word = state.context.readPhysical64?.(pointer);
      if (word === undefined) return undefined;
      const revision = BigInt.asUintN(32, word);
      if (revision === BigInt(state.capabilities.revisionId)) return undefined;
      return `VMCS link pointer ${hex(pointer)} refers to ${hex(revision)}, not to the revision identifier ${hex(state.capabilities.revisionId)}.`;
    },
  ),
  link("current", "The VMCS link pointer must not be the current VMCS", (pointer, state) =>
    pointer === state.context.currentVmcs
      ? "VMCS link pointer is the address of the current VMCS itself."
      : undefined,
  ),
];

/** PAE paging is the only mode with PDPTEs that VM entry loads. */
function usesPae(state: EntryState): boolean {
  return state.isPaged && (state.read("GUEST_CR4") & CR4.PAE) !== 0n && !state.isIa32eGuest;
}

function pdpteReserved(entry: bigint, state: EntryState): bigint {
  const { physicalAddressBits } = state.context;
  return (entry & 1n) === 0n ? 0n : entry & reservedBits(entry, "pae", 3, { physicalAddressBits });
}

function pdpteField(index: 0 | 1 | 2 | 3): EntryRule {
  const field = `GUEST_PDPTE${index}` as const;
  return pointers({
    id: `guest-pdpte${index}-reserved`,
    title: `Reserved bits of guest PDPTE${index} must be 0 when it is present (PAE paging with EPT)`,
    fields: [field],
    qualification: 2,
    find(state) {
      if (!usesPae(state) || !state.has("secondary", "enableEpt")) return undefined;
      const entry = state.read(field);
      const extra = pdpteReserved(entry, state);
      if (extra === 0n) return undefined;
      return {
        sentence: `Guest PDPTE${index} ${hex(entry)} has reserved bits set: ${setBits(extra).join(", ")}.`,
        fix: [{ field, value: entry & ~extra }],
      };
    },
  });
}

const PDPTE_RULES: readonly EntryRule[] = [
  pdpteField(0),
  pdpteField(1),
  pdpteField(2),
  pdpteField(3),
  pointers({
    id: "guest-pdptes-in-memory",
    title: "Reserved bits of present PDPTEs at guest CR3 must be 0 (PAE paging without EPT)",
    fields: ["GUEST_CR3"],
    qualification: 2,
    find(state) {
      if (!usesPae(state) || state.has("secondary", "enableEpt")) return undefined;
      // PAE paging uses CR3 bits 31:5. SDM Vol. 3A, "PDPTE Registers".
      const table = state.read("GUEST_CR3") & 0xffffffe0n;
      for (let index = 0n; index < 4n; index++) {
        const entry = state.context.readPhysical64?.(table + index * 8n) ?? 0n;
        const extra = pdpteReserved(entry, state);
        if (extra === 0n) continue;
        return {
          sentence: `PDPTE ${index} at ${hex(table + index * 8n)} is ${hex(entry)}: bits ${setBits(extra).join(", ")} must be 0.`,
          hint: "Correct the page-directory-pointer table in memory, or GUEST_CR3.",
        };
      }
      return undefined;
    },
  }),
];

export const GUEST_ACTIVITY_RULES: readonly EntryRule[] = [
  ...ACTIVITY_RULES,
  ...INTERRUPTIBILITY_RULES,
  ...PENDING_DEBUG_RULES,
  ...LINK_RULES,
  ...PDPTE_RULES,
];
