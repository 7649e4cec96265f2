/** Checks on the host-state area: VM-instruction error 8. SDM Vol. 3C, "Checks on Host-State Area". */
import { CR0_LAYOUT, CR4, CR4_LAYOUT, EFER, EFER_LAYOUT } from "../../../isa/controlRegisters";
import { fieldByName, type VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import { controlFix } from "./controlRules";
import { canonical, isCanonical, type EntryState } from "./entryState";
import { canonicalAddress, cr3Width, eferReserved, fixedBits, patValue } from "./registerRules";
import { hex, section, type EntryRule } from "./rule";

const registers = section("host", "Checks on Host Control Registers, MSRs, and SSP");
const segments = section("host", "Checks on Host Segment and Descriptor-Table Registers");
const addressSpace = section("host", "Checks Related to Address-Space Size");

const is64BitHost = (state: EntryState): boolean => state.has("exit", "hostAddressSpaceSize");
const loadsEfer = (state: EntryState): boolean => state.has("exit", "loadEfer");

const HOST_REGISTER_RULES: readonly EntryRule[] = [
  fixedBits(registers, "host-cr0-fixed", "HOST_CR0", CR0_LAYOUT, ({ capabilities }) => ({
    mustBeOne: capabilities.cr0Fixed0,
    mayBeOne: capabilities.cr0Fixed1,
  })),
  fixedBits(registers, "host-cr4-fixed", "HOST_CR4", CR4_LAYOUT, ({ capabilities }) => ({
    mustBeOne: capabilities.cr4Fixed0,
    mayBeOne: capabilities.cr4Fixed1,
  })),
  cr3Width(registers, "host-cr3-width", "HOST_CR3"),
  canonicalAddress(registers, "host-sysenter-esp-canonical", "HOST_IA32_SYSENTER_ESP"),
  canonicalAddress(registers, "host-sysenter-eip-canonical", "HOST_IA32_SYSENTER_EIP"),
  patValue(registers, "host-pat", "HOST_IA32_PAT", "Load IA32_PAT", (state) =>
    state.has("exit", "loadPat"),
  ),
  eferReserved(registers, "host-efer-reserved", "HOST_IA32_EFER", EFER_LAYOUT, loadsEfer),
  registers({
    id: "host-efer-mode",
    title: 'LMA and LME of host IA32_EFER must both equal "Host address-space size"',
    fields: ["HOST_IA32_EFER", "VM_EXIT_CONTROLS"],
    find(state) {
      if (!loadsEfer(state)) return undefined;
      const efer = state.read("HOST_IA32_EFER");
      const both = EFER.LMA | EFER.LME;
      const expected = is64BitHost(state) ? both : 0n;
      if ((efer & both) === expected) return undefined;
      return {
        sentence: `Host IA32_EFER ${hex(efer)}: LMA and LME must be ${expected === 0n ? 0 : 1}, like "Host address-space size".`,
        fix: [{ field: "HOST_IA32_EFER", value: (efer & ~both) | expected }],
      };
    },
  }),
];

const HOST_SELECTORS = ["CS", "SS", "DS", "ES", "FS", "GS", "TR"] as const;

function selectorPrivilege(name: (typeof HOST_SELECTORS)[number]): EntryRule {
  const field = `HOST_${name}_SELECTOR` as const;
  return segments({
    id: `host-${name.toLowerCase()}-selector`,
    title: `RPL and TI of the host ${name} selector must be 0`,
    fields: [field],
    find(state) {
      const value = state.read(field);
      if ((value & 7n) === 0n) return undefined;
      return {
        sentence: `Host ${name} selector ${hex(value)}: bits 2:0 (RPL and TI) must be 0.`,
        fix: [{ field, value: value & ~7n }],
      };
    },
  });
}

function selectorNotNull(
  name: "CS" | "TR" | "SS",
  id: string,
  title: string,
  applies: (state: EntryState) => boolean = () => true,
): EntryRule {
  const field = `HOST_${name}_SELECTOR` as const;
  return segments({
    id,
    title,
    fields: [field],
    find(state) {
      if (!applies(state) || state.read(field) !== 0n) return undefined;
      return {
        sentence: `Host ${name} selector is 0.`,
        hint: `Write the selector of ${name === "TR" ? "a TSS descriptor" : "a segment"} in the host's GDT to ${field}.`,
        fix: [{ field, value: 8n }],
      };
    },
  });
}

const HOST_BASES: readonly VmcsFieldName[] = [
  "HOST_FS_BASE",
  "HOST_GS_BASE",
  "HOST_GDTR_BASE",
  "HOST_IDTR_BASE",
  "HOST_TR_BASE",
];

const HOST_SEGMENT_RULES: readonly EntryRule[] = [
  ...HOST_SELECTORS.map(selectorPrivilege),
  selectorNotNull("CS", "host-cs-not-null", "Host CS selector must not be 0"),
  selectorNotNull("TR", "host-tr-not-null", "Host TR selector must not be 0"),
  selectorNotNull(
    "SS",
    "host-ss-not-null",
    "Host SS selector must not be 0 unless the host is in 64-bit mode",
    (state) => !is64BitHost(state),
  ),
  ...HOST_BASES.map((field) => canonicalAddress(segments, `${fieldId(field)}-canonical`, field)),
];

function fieldId(field: VmcsFieldName): string {
  return fieldByName(field).name.toLowerCase().replaceAll("_", "-");
}

const HOST_ADDRESS_SPACE_RULES: readonly EntryRule[] = [
  addressSpace({
    id: "host-address-space-size",
    title: '"Host address-space size" must equal the processor\'s IA32_EFER.LMA',
    fields: ["VM_EXIT_CONTROLS"],
    find(state) {
      const longMode = (state.context.efer & EFER.LMA) !== 0n;
      if (is64BitHost(state) === longMode) return undefined;
      return {
        sentence: longMode
          ? 'The VMM runs in IA-32e mode, but "Host address-space size" is 0.'
          : 'The VMM does not run in IA-32e mode, but "Host address-space size" is 1.',
        hint: `${longMode ? "Set" : "Clear"} bit 9 of VM_EXIT_CONTROLS.`,
        fix: [controlFix(state, "exit", "hostAddressSpaceSize", longMode)],
      };
    },
  }),
  addressSpace({
    id: "ia32e-guest-requires-64-bit-host",
    title: '"IA-32e mode guest" must be 0 unless the host is in IA-32e mode',
    fields: ["VM_ENTRY_CONTROLS", "VM_EXIT_CONTROLS"],
    find(state) {
      const longMode = (state.context.efer & EFER.LMA) !== 0n;
      if (!state.isIa32eGuest || (longMode && is64BitHost(state))) return undefined;
      return {
        sentence: '"IA-32e mode guest" is 1, but the host is not in 64-bit mode.',
        fix: [controlFix(state, "entry", "ia32eModeGuest", false)],
      };
    },
  }),
  addressSpace({
    id: "host-cr4-pcide",
    title: "Host CR4.PCIDE must be 0 unless the host is in 64-bit mode",
    fields: ["HOST_CR4", "VM_EXIT_CONTROLS"],
    find(state) {
      const cr4 = state.read("HOST_CR4");
      if (is64BitHost(state) || (cr4 & CR4.PCIDE) === 0n) return undefined;
      return {
        sentence: 'Host CR4.PCIDE is 1, but "Host address-space size" is 0.',
        fix: [{ field: "HOST_CR4", value: cr4 & ~CR4.PCIDE }],
      };
    },
  }),
  addressSpace({
    id: "host-rip-32-bit",
    title: "Bits 63:32 of host RIP must be 0 unless the host is in 64-bit mode",
    fields: ["HOST_RIP", "VM_EXIT_CONTROLS"],
    find(state) {
      const rip = state.read("HOST_RIP");
      if (is64BitHost(state) || rip >> 32n === 0n) return undefined;
      return {
        sentence: `Host RIP ${hex(rip)} does not fit 32 bits, but "Host address-space size" is 0.`,
        fix: [{ field: "HOST_RIP", value: rip & 0xffffffffn }],
      };
    },
  }),
  addressSpace({
    id: "host-cr4-pae",
    title: "Host CR4.PAE must be 1 when the host is in 64-bit mode",
    fields: ["HOST_CR4", "VM_EXIT_CONTROLS"],
    find(state) {
      const cr4 = state.read("HOST_CR4");
      if (!is64BitHost(state) || (cr4 & CR4.PAE) !== 0n) return undefined;
      return {
        sentence: 'Host CR4.PAE is 0, but "Host address-space size" is 1.',
        fix: [{ field: "HOST_CR4", value: cr4 | CR4.PAE }],
      };
    },
  }),
  addressSpace({
    id: "host-rip-canonical",
    title: "Host RIP must be canonical when the host is in 64-bit mode",
    fields: ["HOST_RIP", "VM_EXIT_CONTROLS"],
    find(state) {
      const rip = state.read("HOST_RIP");
      if (!is64BitHost(state) || isCanonical(rip)) return undefined;
      return {
        sentence: `Host RIP ${hex(rip)} is not canonical: bits 63:47 must be equal.`,
        fix: [{ field: "HOST_RIP", value: canonical(rip) }],
      };
    },
  }),
];

export const HOST_RULES: readonly EntryRule[] = [
  ...HOST_REGISTER_RULES,
  ...HOST_SEGMENT_RULES,
  ...HOST_ADDRESS_SPACE_RULES,
];
