/** Checks on VMX controls: VM-instruction error 7. SDM Vol. 3C, "Checks on VMX Controls". */
import { setBits } from "../../../isa/bitFields";
import { MSR } from "../../../isa/msrs";
import {
  CONTROL_WORD_TITLES,
  controlMask,
  controlsOf,
  type ControlKey,
  type ControlWord,
} from "../../../isa/vmx/controls";
import { fieldByName, type VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import { CONTROL_FIELDS, type EntryState } from "./entryState";
import { INJECTION_RULES } from "./injectionRules";
import { hex, section, type EntryRule } from "./rule";
import type { Fix } from "./violation";

const execution = section("controls", "VM-Execution Control Fields");
const exit = section("controls", "VM-Exit Control Fields");
const entry = section("controls", "VM-Entry Control Fields");
type Section = typeof execution;

/** A fix that sets or clears one control. */
export function controlFix<Word extends ControlWord>(
  state: EntryState,
  word: Word,
  key: ControlKey<Word>,
  on: boolean,
): Fix {
  const field = CONTROL_FIELDS[word];
  const mask = BigInt(controlMask(word, key));
  const value = state.read(field);
  return { field, value: on ? value | mask : value & ~mask };
}

const CAPABILITY_MSRS: Readonly<Record<ControlWord, number>> = {
  pin: MSR.VMX_TRUE_PINBASED_CTLS,
  primary: MSR.VMX_TRUE_PROCBASED_CTLS,
  secondary: MSR.VMX_PROCBASED_CTLS2,
  exit: MSR.VMX_TRUE_EXIT_CTLS,
  entry: MSR.VMX_TRUE_ENTRY_CTLS,
};

function controlBitText(word: ControlWord, position: number): string {
  const named = controlsOf(word).find((row) => row.bit === position);
  return named === undefined ? `bit ${position}` : `bit ${position} ("${named.name}")`;
}

/** Reserved bits must be as the capability MSR says. */
function reservedControls(of: Section, word: ControlWord): EntryRule {
  const field = CONTROL_FIELDS[word];
  return of({
    id: `${word}-controls-reserved`,
    title: `Reserved bits of the ${CONTROL_WORD_TITLES[word]} must be set properly`,
    fields: [field],
    find(state) {
      if (word === "secondary" && !state.has("primary", "activateSecondaryControls")) return;
      const value = state.read32(field);
      const { mustBeOne, mayBeOne } = state.capabilities.allowed[word];
      const missing = (mustBeOne & ~value) >>> 0;
      const extra = (value & ~mayBeOne) >>> 0;
      if (missing === 0 && extra === 0) return;
      const name = (mask: number): string =>
        setBits(BigInt(mask >>> 0))
          .map((position) => controlBitText(word, position))
          .join(", ");
      const parts = [
        ...(missing === 0 ? [] : [`${name(missing)} must be 1`]),
        ...(extra === 0 ? [] : [`${name(extra)} must be 0 on this processor`]),
      ];
      const fixed = BigInt(((value | mustBeOne) & mayBeOne) >>> 0);
      return {
        sentence: `${fieldByName(field).title}: ${parts.join("; ")}.`,
        hint: `Write ${hex(fixed)} to ${field}: (wanted | low half) & high half of MSR ${hex(CAPABILITY_MSRS[word])}.`,
        fix: [{ field, value: fixed }],
      };
    },
  });
}

/** A 4 KiB-aligned physical address, checked only under a control. */
function pageAddress(
  id: string,
  field: VmcsFieldName,
  when: string,
  applies: (state: EntryState) => boolean,
): EntryRule {
  const { title } = fieldByName(field);
  return execution({
    id,
    title: `${title} must be 4 KiB aligned and within the physical-address width when ${when}`,
    fields: [field],
    find(state) {
      if (!applies(state)) return undefined;
      const value = state.read(field);
      const problem = addressProblem(state, value, 12);
      if (problem === undefined) return undefined;
      return {
        sentence: `${title} ${hex(value)} ${problem}.`,
        hint: `Write the physical address of a 4 KiB page to ${field}.`,
        fix: [{ field, value: state.fittedPhysical(value, 12) }],
      };
    },
  });
}

/** What is wrong with a physical address, or undefined. */
export function addressProblem(
  state: EntryState,
  address: bigint,
  alignmentBits: number,
): string | undefined {
  if ((address & ((1n << BigInt(alignmentBits)) - 1n)) !== 0n) {
    return `is not ${alignmentBits === 12 ? "4 KiB" : "16-byte"} aligned`;
  }
  if (state.beyondPhysicalWidth(address) !== 0n) {
    return `is beyond the ${state.context.physicalAddressBits}-bit physical-address width`;
  }
  return undefined;
}

/** One control requires another. */
function requires<Needy extends ControlWord, Needed extends ControlWord>(
  of: Section,
  id: string,
  [word, key]: readonly [Needy, ControlKey<Needy>],
  [neededWord, neededKey]: readonly [Needed, ControlKey<Needed>],
): EntryRule {
  const title = (of: ControlWord, wanted: string): string =>
    controlsOf(of).find((row) => row.key === wanted)?.name ?? wanted;
  const [needy, needed] = [title(word, key), title(neededWord, neededKey)];
  return of({
    id,
    title: `"${needy}" requires "${needed}"`,
    fields: [CONTROL_FIELDS[neededWord], CONTROL_FIELDS[word]],
    find(state) {
      if (!state.has(word, key) || state.has(neededWord, neededKey)) return undefined;
      return {
        sentence: `"${needy}" is 1 but "${needed}" is 0.`,
        hint: `Set "${needed}" in ${CONTROL_FIELDS[neededWord]}, or clear "${needy}" in ${CONTROL_FIELDS[word]}.`,
        fix: [controlFix(state, word, key, false)],
      };
    },
  });
}

/** Address and extent of an MSR list with entries. */
function msrList(
  of: Section,
  id: string,
  countField: VmcsFieldName,
  addressField: VmcsFieldName,
): EntryRule[] {
  const { title } = fieldByName(addressField);
  const fields = [addressField, countField];
  const noEntries = `Write a valid address to ${addressField}, or 0 to ${countField}.`;
  return [
    of({
      id: `${id}-address`,
      title: `${title} must be 16-byte aligned and within the physical-address width`,
      fields,
      find(state) {
        if (state.read(countField) === 0n) return undefined;
        const address = state.read(addressField);
        const problem = addressProblem(state, address, 4);
        if (problem === undefined) return undefined;
        const fix = [{ field: addressField, value: state.fittedPhysical(address, 4) }];
        return { sentence: `${title} ${hex(address)} ${problem}.`, hint: noEntries, fix };
      },
    }),
    of({
      id: `${id}-end`,
      title: `The last byte of the list at the ${title} must be within the physical-address width`,
      fields,
      find(state) {
        const count = state.read(countField);
        if (count === 0n) return undefined;
        const last = state.read(addressField) + count * 16n - 1n;
        if (state.beyondPhysicalWidth(last) === 0n) return undefined;
        return {
          sentence: `${count} entries of 16 bytes end at ${hex(last)}, beyond the ${state.context.physicalAddressBits}-bit physical-address width.`,
          hint: noEntries,
          fix: [{ field: countField, value: 0n }],
        };
      },
    }),
  ];
}

// Bits of IA32_VMX_EPT_VPID_CAP. SDM Vol. 3D, "VPID and EPT Capabilities".
const EPT_CAP = { walk4: 1n << 6n, uc: 1n << 8n, wb: 1n << 14n, accessedDirty: 1n << 21n } as const;

const usesEpt = (state: EntryState): boolean => state.has("secondary", "enableEpt");

function eptPointerRule(
  id: string,
  title: string,
  find: (eptp: bigint, state: EntryState) => string | undefined,
  fixed: (eptp: bigint, state: EntryState) => bigint,
): EntryRule {
  return execution({
    id,
    title,
    fields: ["EPT_POINTER"],
    find(state) {
      if (!usesEpt(state)) return undefined;
      const eptp = state.read("EPT_POINTER");
      const sentence = find(eptp, state);
      if (sentence === undefined) return undefined;
      return { sentence, fix: [{ field: "EPT_POINTER", value: fixed(eptp, state) }] };
    },
  });
}

const EPT_RULES: readonly EntryRule[] = [
  eptPointerRule(
    "ept-memory-type",
    "EPTP bits 2:0 must name a supported memory type: 0 (UC) or 6 (WB)",
    (eptp, { capabilities }) => {
      const type = eptp & 7n;
      const supported = type === 0n ? EPT_CAP.uc : type === 6n ? EPT_CAP.wb : 0n;
      if ((capabilities.eptVpid & supported) !== 0n) return undefined;
      return `EPTP memory type ${type} is not supported.`;
    },
    (eptp) => (eptp & ~7n) | 6n,
  ),
  eptPointerRule(
    "ept-walk-length",
    "EPTP bits 5:3 must be 3: a page-walk length of 4",
    (eptp, { capabilities }) => {
      const length = ((eptp >> 3n) & 7n) + 1n;
      if (length === 4n && (capabilities.eptVpid & EPT_CAP.walk4) !== 0n) return undefined;
      return `EPTP asks for a page-walk length of ${length}.`;
    },
    (eptp) => (eptp & ~0x38n) | 0x18n,
  ),
  eptPointerRule(
    "ept-accessed-dirty",
    "EPTP bit 6 must be 0 unless EPT accessed and dirty flags are supported",
    (eptp, { capabilities }) => {
      const allowed = (capabilities.eptVpid & EPT_CAP.accessedDirty) !== 0n;
      if ((eptp & 0x40n) === 0n || allowed) return undefined;
      return "EPTP bit 6 enables accessed and dirty flags, which this processor does not have.";
    },
    (eptp) => eptp & ~0x40n,
  ),
  eptPointerRule(
    "ept-reserved",
    "EPTP bits 11:7 and bits beyond the physical-address width must be 0",
    (eptp, state) => {
      const reserved = (eptp & 0xf80n) | state.beyondPhysicalWidth(eptp);
      if (reserved === 0n) return undefined;
      return `EPTP ${hex(eptp)} has reserved bits set: ${setBits(reserved).join(", ")}.`;
    },
    (eptp, state) => BigInt.asUintN(state.context.physicalAddressBits, eptp & ~0xf80n),
  ),
];

const usesEptpSwitching = (state: EntryState): boolean =>
  state.has("secondary", "enableVmFunctions") && (state.read("VM_FUNCTION_CONTROLS") & 1n) !== 0n;

const VM_FUNCTION_RULES: readonly EntryRule[] = [
  execution({
    id: "vm-function-reserved",
    title: "VM-function controls must not enable functions that do not exist",
    fields: ["VM_FUNCTION_CONTROLS", "SECONDARY_PROCESSOR_BASED_CONTROLS"],
    find(state) {
      if (!state.has("secondary", "enableVmFunctions")) return undefined;
      const value = state.read("VM_FUNCTION_CONTROLS");
      const extra = value & ~state.capabilities.vmFunctions;
      if (extra === 0n) return undefined;
      return {
        sentence: `VM-function controls: bits ${setBits(extra).join(", ")} must be 0.`,
        fix: [{ field: "VM_FUNCTION_CONTROLS", value: value & state.capabilities.vmFunctions }],
      };
    },
  }),
  execution({
    id: "eptp-switching-requires-ept",
    title: 'EPTP switching requires "Enable EPT"',
    fields: ["VM_FUNCTION_CONTROLS", "SECONDARY_PROCESSOR_BASED_CONTROLS"],
    find(state) {
      if (!usesEptpSwitching(state) || usesEpt(state)) return undefined;
      return {
        sentence: 'EPTP switching is enabled but "Enable EPT" is 0.',
        fix: [{ field: "VM_FUNCTION_CONTROLS", value: state.read("VM_FUNCTION_CONTROLS") & ~1n }],
      };
    },
  }),
  pageAddress(
    "eptp-list-address",
    "EPTP_LIST_ADDRESS",
    "EPTP switching is enabled",
    usesEptpSwitching,
  ),
];

export const EXECUTION_CONTROL_RULES: readonly EntryRule[] = [
  reservedControls(execution, "pin"),
  reservedControls(execution, "primary"),
  reservedControls(execution, "secondary"),
  execution({
    id: "cr3-target-count",
    title: "CR3-target count must not exceed the number of CR3-target values",
    fields: ["CR3_TARGET_COUNT"],
    find(state) {
      const count = state.read32("CR3_TARGET_COUNT");
      const most = state.capabilities.cr3TargetCount;
      if (count <= most) return undefined;
      return {
        sentence: `CR3-target count is ${count}; this processor has ${most} CR3-target values.`,
        fix: [{ field: "CR3_TARGET_COUNT", value: BigInt(most) }],
      };
    },
  }),
  pageAddress("io-bitmap-a-address", "IO_BITMAP_A_ADDRESS", '"Use I/O bitmaps" is 1', (state) =>
    state.has("primary", "useIoBitmaps"),
  ),
  pageAddress("io-bitmap-b-address", "IO_BITMAP_B_ADDRESS", '"Use I/O bitmaps" is 1', (state) =>
    state.has("primary", "useIoBitmaps"),
  ),
  pageAddress("msr-bitmap-address", "MSR_BITMAP_ADDRESS", '"Use MSR bitmaps" is 1', (state) =>
    state.has("primary", "useMsrBitmaps"),
  ),
  requires(
    execution,
    "virtual-nmis-require-nmi-exiting",
    ["pin", "virtualNmis"],
    ["pin", "nmiExiting"],
  ),
  requires(
    execution,
    "nmi-window-requires-virtual-nmis",
    ["primary", "nmiWindowExiting"],
    ["pin", "virtualNmis"],
  ),
  execution({
    id: "vpid-not-zero",
    title: 'VPID must not be 0 when "Enable VPID" is 1',
    fields: ["VIRTUAL_PROCESSOR_IDENTIFIER"],
    find(state) {
      if (!state.has("secondary", "enableVpid")) return undefined;
      if (state.read("VIRTUAL_PROCESSOR_IDENTIFIER") !== 0n) return undefined;
      return {
        sentence: "VPID is 0, which is the host's own tag.",
        hint: "Write a number from 1 to 0xffff to VIRTUAL_PROCESSOR_IDENTIFIER.",
        fix: [{ field: "VIRTUAL_PROCESSOR_IDENTIFIER", value: 1n }],
      };
    },
  }),
  ...EPT_RULES,
  requires(
    execution,
    "unrestricted-guest-requires-ept",
    ["secondary", "unrestrictedGuest"],
    ["secondary", "enableEpt"],
  ),
  requires(execution, "pml-requires-ept", ["secondary", "enablePml"], ["secondary", "enableEpt"]),
  pageAddress("pml-address", "PML_ADDRESS", '"Enable PML" is 1', (state) =>
    state.has("secondary", "enablePml"),
  ),
  ...VM_FUNCTION_RULES,
];

export const EXIT_CONTROL_RULES: readonly EntryRule[] = [
  reservedControls(exit, "exit"),
  requires(
    exit,
    "save-preemption-timer-requires-timer",
    ["exit", "savePreemptionTimer"],
    ["pin", "activatePreemptionTimer"],
  ),
  ...msrList(exit, "exit-msr-store", "VM_EXIT_MSR_STORE_COUNT", "VM_EXIT_MSR_STORE_ADDRESS"),
  ...msrList(exit, "exit-msr-load", "VM_EXIT_MSR_LOAD_COUNT", "VM_EXIT_MSR_LOAD_ADDRESS"),
];

export const ENTRY_CONTROL_RULES: readonly EntryRule[] = [
  reservedControls(entry, "entry"),
  ...INJECTION_RULES,
  ...msrList(entry, "entry-msr-load", "VM_ENTRY_MSR_LOAD_COUNT", "VM_ENTRY_MSR_LOAD_ADDRESS"),
];

export const CONTROL_RULES: readonly EntryRule[] = [
  ...EXECUTION_CONTROL_RULES,
  ...EXIT_CONTROL_RULES,
  ...ENTRY_CONTROL_RULES,
];
