/** Checks on guest control registers, debug registers, MSRs, descriptor-table registers, RIP and RFLAGS. SDM Vol. 3C, "Checks on the Guest State Area". */
import { reservedMask } from "../../../isa/bitFields";
import {
  CR0,
  CR0_LAYOUT,
  CR4,
  CR4_LAYOUT,
  EFER,
  EFER_LAYOUT,
  RFLAGS,
  RFLAGS_LAYOUT,
} from "../../../isa/controlRegisters";
import { DEBUGCTL_LAYOUT, DEBUGCTL_SUPPORTED } from "../../../isa/msrs";
import { EVENT_TYPES } from "../../../isa/vmx/fieldLayouts";
import type { VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import { canonical, hasUniformUpperBits, type EntryState } from "./entryState";
import {
  bitNames,
  canonicalAddress,
  cr3Width,
  eferReserved,
  fixedBits,
  patValue,
} from "./registerRules";
import { hex, section, type EntryRule } from "./rule";

const registers = section("guest", "Checks on Guest Control Registers, Debug Registers, and MSRs");
const tables = section("guest", "Checks on Guest Descriptor-Table Registers");
const flow = section("guest", "Checks on Guest RIP, RFLAGS, and SSP");

const loadsDebug = (state: EntryState): boolean => state.has("entry", "loadDebugControls");
const loadsEfer = (state: EntryState): boolean => state.has("entry", "loadEfer");

/** A bit of a register that must be set under a condition. */
function mustBeSet(
  id: string,
  field: VmcsFieldName,
  [name, mask]: readonly [string, bigint],
  because: string,
  applies: (state: EntryState) => boolean,
): EntryRule {
  return registers({
    id,
    title: `Guest ${name} must be 1 when ${because}`,
    fields: [field, "VM_ENTRY_CONTROLS"],
    find(state) {
      const value = state.read(field);
      if (!applies(state) || (value & mask) !== 0n) return undefined;
      return {
        sentence: `Guest ${name} is 0, but ${because}.`,
        fix: [{ field, value: value | mask }],
      };
    },
  });
}

const ia32eGuest = '"IA-32e mode guest" is 1';

const CONTROL_REGISTER_RULES: readonly EntryRule[] = [
  fixedBits(registers, "guest-cr0-fixed", "GUEST_CR0", CR0_LAYOUT, (state) => ({
    // An unrestricted guest may run without paging and protection.
    mustBeOne: state.capabilities.cr0Fixed0 & ~(state.isUnrestricted ? CR0.PE | CR0.PG : 0n),
    mayBeOne: state.capabilities.cr0Fixed1,
  })),
  registers({
    id: "guest-cr0-pg-requires-pe",
    title: "Guest CR0.PG requires CR0.PE",
    fields: ["GUEST_CR0"],
    find(state) {
      if (!state.isPaged || state.isProtected) return undefined;
      return {
        sentence: "Guest CR0.PG is 1, but CR0.PE is 0.",
        fix: [{ field: "GUEST_CR0", value: state.read("GUEST_CR0") | CR0.PE }],
      };
    },
  }),
  fixedBits(registers, "guest-cr4-fixed", "GUEST_CR4", CR4_LAYOUT, ({ capabilities }) => ({
    mustBeOne: capabilities.cr4Fixed0,
    mayBeOne: capabilities.cr4Fixed1,
  })),
  mustBeSet(
    "guest-ia32e-cr0-pg",
    "GUEST_CR0",
    ["CR0.PG", CR0.PG],
    ia32eGuest,
    (state) => state.isIa32eGuest,
  ),
  mustBeSet(
    "guest-ia32e-cr4-pae",
    "GUEST_CR4",
    ["CR4.PAE", CR4.PAE],
    ia32eGuest,
    (state) => state.isIa32eGuest,
  ),
  registers({
    id: "guest-cr4-pcide",
    title: 'Guest CR4.PCIDE must be 0 unless "IA-32e mode guest" is 1',
    fields: ["GUEST_CR4", "VM_ENTRY_CONTROLS"],
    find(state) {
      const cr4 = state.read("GUEST_CR4");
      if (state.isIa32eGuest || (cr4 & CR4.PCIDE) === 0n) return undefined;
      return {
        sentence: 'Guest CR4.PCIDE is 1, but "IA-32e mode guest" is 0.',
        fix: [{ field: "GUEST_CR4", value: cr4 & ~CR4.PCIDE }],
      };
    },
  }),
  cr3Width(registers, "guest-cr3-width", "GUEST_CR3"),
];

const DEBUG_AND_MSR_RULES: readonly EntryRule[] = [
  registers({
    id: "guest-debugctl-reserved",
    title: 'Reserved bits of guest IA32_DEBUGCTL must be 0 when "Load debug controls" is 1',
    fields: ["GUEST_IA32_DEBUGCTL", "VM_ENTRY_CONTROLS"],
    find(state) {
      const value = state.read("GUEST_IA32_DEBUGCTL");
      const extra = value & ~DEBUGCTL_SUPPORTED;
      if (!loadsDebug(state) || extra === 0n) return undefined;
      return {
        sentence: `Guest IA32_DEBUGCTL ${hex(value)}: ${bitNames(DEBUGCTL_LAYOUT, extra)} must be 0.`,
        fix: [{ field: "GUEST_IA32_DEBUGCTL", value: value & DEBUGCTL_SUPPORTED }],
      };
    },
  }),
  registers({
    id: "guest-dr7-upper",
    title: 'Bits 63:32 of guest DR7 must be 0 when "Load debug controls" is 1',
    fields: ["GUEST_DR7", "VM_ENTRY_CONTROLS"],
    find(state) {
      const value = state.read("GUEST_DR7");
      if (!loadsDebug(state) || value >> 32n === 0n) return undefined;
      return {
        sentence: `Guest DR7 ${hex(value)} does not fit 32 bits.`,
        fix: [{ field: "GUEST_DR7", value: value & 0xffffffffn }],
      };
    },
  }),
  canonicalAddress(registers, "guest-sysenter-esp-canonical", "GUEST_IA32_SYSENTER_ESP"),
  canonicalAddress(registers, "guest-sysenter-eip-canonical", "GUEST_IA32_SYSENTER_EIP"),
  patValue(registers, "guest-pat", "GUEST_IA32_PAT", "Load IA32_PAT", (state) =>
    state.has("entry", "loadPat"),
  ),
  eferReserved(registers, "guest-efer-reserved", "GUEST_IA32_EFER", EFER_LAYOUT, loadsEfer),
  registers({
    id: "guest-efer-lma",
    title: 'Guest IA32_EFER.LMA must equal "IA-32e mode guest"',
    fields: ["GUEST_IA32_EFER", "VM_ENTRY_CONTROLS"],
    find(state) {
      const efer = state.read("GUEST_IA32_EFER");
      const lma = (efer & EFER.LMA) !== 0n;
      if (!loadsEfer(state) || lma === state.isIa32eGuest) return undefined;
      return {
        sentence: `Guest IA32_EFER.LMA is ${lma ? 1 : 0}, but "IA-32e mode guest" is ${lma ? 0 : 1}.`,
        fix: [{ field: "GUEST_IA32_EFER", value: efer ^ EFER.LMA }],
      };
    },
  }),
  registers({
    id: "guest-efer-lme",
    title: "Guest IA32_EFER.LME must equal LMA when CR0.PG is 1",
    fields: ["GUEST_IA32_EFER", "GUEST_CR0"],
    find(state) {
      const efer = state.read("GUEST_IA32_EFER");
      const [lme, lma] = [(efer & EFER.LME) !== 0n, (efer & EFER.LMA) !== 0n];
      if (!loadsEfer(state) || !state.isPaged || lme === lma) return undefined;
      return {
        sentence: `Guest IA32_EFER ${hex(efer)}: LME is ${lme ? 1 : 0} and LMA is ${lma ? 1 : 0} with paging on.`,
        fix: [{ field: "GUEST_IA32_EFER", value: efer ^ EFER.LME }],
      };
    },
  }),
];

function tableLimit(name: "GDTR" | "IDTR"): EntryRule {
  const field = `GUEST_${name}_LIMIT` as const;
  return tables({
    id: `guest-${name.toLowerCase()}-limit`,
    title: `Bits 31:16 of the guest ${name} limit must be 0`,
    fields: [field],
    find(state) {
      const value = state.read(field);
      if (value >> 16n === 0n) return undefined;
      return {
        sentence: `Guest ${name} limit ${hex(value)} does not fit 16 bits.`,
        fix: [{ field, value: value & 0xffffn }],
      };
    },
  });
}

const TABLE_RULES: readonly EntryRule[] = [
  canonicalAddress(tables, "guest-gdtr-base-canonical", "GUEST_GDTR_BASE"),
  canonicalAddress(tables, "guest-idtr-base-canonical", "GUEST_IDTR_BASE"),
  tableLimit("GDTR"),
  tableLimit("IDTR"),
];

const RFLAGS_RESERVED = reservedMask(RFLAGS_LAYOUT);

const FLOW_RULES: readonly EntryRule[] = [
  flow({
    id: "guest-rip-32-bit",
    title: "Bits 63:32 of guest RIP must be 0 unless the guest executes 64-bit code",
    fields: ["GUEST_RIP", "VM_ENTRY_CONTROLS", "GUEST_CS_ACCESS_RIGHTS"],
    find(state) {
      const rip = state.read("GUEST_RIP");
      if (state.is64BitCode || rip >> 32n === 0n) return undefined;
      return {
        sentence: `Guest RIP ${hex(rip)} does not fit 32 bits, but the guest is not in 64-bit mode.`,
        fix: [{ field: "GUEST_RIP", value: rip & 0xffffffffn }],
      };
    },
  }),
  flow({
    id: "guest-rip-upper-bits",
    title: "Bits 63:48 of guest RIP must be identical when the guest executes 64-bit code",
    fields: ["GUEST_RIP"],
    find(state) {
      const rip = state.read("GUEST_RIP");
      if (!state.is64BitCode || hasUniformUpperBits(rip)) return undefined;
      return {
        sentence: `Guest RIP ${hex(rip)}: bits 63:48 are not identical.`,
        fix: [{ field: "GUEST_RIP", value: canonical(rip) }],
      };
    },
  }),
  flow({
    id: "guest-rflags-reserved",
    title: "Guest RFLAGS bits 63:22, 15, 5 and 3 must be 0, and bit 1 must be 1",
    fields: ["GUEST_RFLAGS"],
    find(state) {
      const value = state.read("GUEST_RFLAGS");
      const extra = value & RFLAGS_RESERVED;
      const hasFixedOne = (value & 2n) !== 0n;
      if (extra === 0n && hasFixedOne) return undefined;
      const parts = [
        ...(hasFixedOne ? [] : ["bit 1 must be 1"]),
        ...(extra === 0n ? [] : [`${bitNames(RFLAGS_LAYOUT, extra)} must be 0`]),
      ];
      return {
        sentence: `Guest RFLAGS ${hex(value)}: ${parts.join("; ")}.`,
        fix: [{ field: "GUEST_RFLAGS", value: (value & ~RFLAGS_RESERVED) | 2n }],
      };
    },
  }),
  flow({
    id: "guest-rflags-vm",
    title: "Guest RFLAGS.VM must be 0 in IA-32e mode and in real mode",
    fields: ["GUEST_RFLAGS", "VM_ENTRY_CONTROLS", "GUEST_CR0"],
    find(state) {
      if (!state.isVirtual8086 || (!state.isIa32eGuest && state.isProtected)) return undefined;
      const why = state.isIa32eGuest ? ia32eGuest : "guest CR0.PE is 0";
      return {
        sentence: `Guest RFLAGS.VM is 1, but ${why}.`,
        fix: [{ field: "GUEST_RFLAGS", value: state.read("GUEST_RFLAGS") & ~RFLAGS.VM }],
      };
    },
  }),
  flow({
    id: "guest-rflags-if",
    title: "Guest RFLAGS.IF must be 1 when an external interrupt is injected",
    fields: ["GUEST_RFLAGS", "VM_ENTRY_INTERRUPTION_INFORMATION"],
    find(state) {
      const rflags = state.read("GUEST_RFLAGS");
      if (state.injected?.type !== EVENT_TYPES.externalInterrupt || (rflags & RFLAGS.IF) !== 0n) {
        return undefined;
      }
      return {
        sentence: `External interrupt 0x${state.injected.vector.toString(16)} is injected while guest RFLAGS.IF is 0.`,
        hint: 'Wait for the guest: set "Interrupt-window exiting", enter without injection, and inject at the interrupt-window exit.',
        fix: [{ field: "VM_ENTRY_INTERRUPTION_INFORMATION", value: 0n }],
      };
    },
  }),
];

export const GUEST_CONTROL_REGISTER_RULES: readonly EntryRule[] = [
  ...CONTROL_REGISTER_RULES,
  ...DEBUG_AND_MSR_RULES,
];
export const GUEST_TABLE_RULES = TABLE_RULES;
export const GUEST_FLOW_RULES = FLOW_RULES;
