import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ENTRY_RULES,
  checkLaunch,
  checkVmEntry,
  vmEntryOutcome,
} from "../../src/engine/cpu/vmx/entryChecks/checkVmEntry";
import { vmxCapabilities } from "../../src/engine/isa/vmx/capabilities";
import { VMCS_FIELDS, fieldBits, type VmcsFieldName } from "../../src/engine/isa/vmx/vmcsFields";
import {
  CURRENT_VMCS,
  controlWord,
  entryContext,
  validVmcs,
  validVmcsOf32BitHost,
  type ContextOptions,
  type GuestKind,
  type VmcsImage,
} from "../support/validVmcs";

const KINDS: readonly GuestKind[] = ["long64", "protected32", "pae32", "real16", "virtual8086"];
const ALL_RULES = [...ENTRY_RULES.controls, ...ENTRY_RULES.host, ...ENTRY_RULES.guest];

type Base = GuestKind | "32-bit host";
type Changes = Partial<Record<VmcsFieldName, bigint>>;
/** A rule, the valid VMCS to start from, what to write to it, and what else to change. */
type Case = readonly [string, Base, Changes, ContextOptions?];

function baseOf(base: Base): VmcsImage {
  return base === "32-bit host" ? validVmcsOf32BitHost() : validVmcs(base);
}

function changed(base: Base, changes: Changes): VmcsImage {
  const fields = baseOf(base);
  for (const [name, value] of Object.entries(changes)) fields.set(name as VmcsFieldName, value);
  return fields;
}

function contextOf(base: Base, fields: VmcsImage, options: ContextOptions = {}) {
  return entryContext(fields, base === "32-bit host" ? { efer: 0n, ...options } : options);
}

const secondary = (...keys: Parameters<typeof controlWord<"secondary">>[1][]) =>
  controlWord("secondary", ...keys);
const pin = (...keys: Parameters<typeof controlWord<"pin">>[1][]) => controlWord("pin", ...keys);
const primary = (...keys: Parameters<typeof controlWord<"primary">>[1][]) =>
  controlWord("primary", "activateSecondaryControls", ...keys);
const BEYOND = 1n << 40n;
const NON_CANONICAL = 0x800000000000n;
const inject = (type: number, vector: number, more = 0): bigint =>
  BigInt((0x80000000 | (type << 8) | vector | more) >>> 0);
const SEGMENTS = ["CS", "SS", "DS", "ES", "FS", "GS"] as const;
const DATA = ["DS", "ES", "FS", "GS"] as const;

// prettier-ignore
const CONTROL_CASES: readonly Case[] = [
  ["pin-controls-reserved", "long64", { PIN_BASED_CONTROLS: 0n }],
  ["pin-controls-reserved", "long64", { PIN_BASED_CONTROLS: pin() | 0x80n }],
  ["primary-controls-reserved", "long64", { PRIMARY_PROCESSOR_BASED_CONTROLS: primary() | 0x200000n }],
  ["secondary-controls-reserved", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableEpt") | 1n }],
  ["cr3-target-count", "long64", { CR3_TARGET_COUNT: 5n }],
  ["io-bitmap-a-address", "long64", { PRIMARY_PROCESSOR_BASED_CONTROLS: primary("useIoBitmaps"), IO_BITMAP_A_ADDRESS: 0x1001n }],
  ["io-bitmap-b-address", "long64", { PRIMARY_PROCESSOR_BASED_CONTROLS: primary("useIoBitmaps"), IO_BITMAP_B_ADDRESS: BEYOND }],
  ["msr-bitmap-address", "long64", { PRIMARY_PROCESSOR_BASED_CONTROLS: primary("useMsrBitmaps"), MSR_BITMAP_ADDRESS: 0x800n }],
  ["virtual-nmis-require-nmi-exiting", "long64", { PIN_BASED_CONTROLS: pin("virtualNmis") }],
  ["nmi-window-requires-virtual-nmis", "long64", { PIN_BASED_CONTROLS: pin("nmiExiting"), PRIMARY_PROCESSOR_BASED_CONTROLS: primary("nmiWindowExiting") }],
  ["vpid-not-zero", "long64", { VIRTUAL_PROCESSOR_IDENTIFIER: 0n }],
  ["ept-memory-type", "long64", { EPT_POINTER: 0x7019n }],
  ["ept-walk-length", "long64", { EPT_POINTER: 0x7006n }],
  ["ept-walk-length", "long64", { EPT_POINTER: 0x7026n }],
  ["ept-accessed-dirty", "long64", { EPT_POINTER: 0x705en }, { capabilities: { eptVpid: vmxCapabilities().eptVpid & ~(1n << 21n) } }],
  ["ept-reserved", "long64", { EPT_POINTER: 0x709en }],
  ["ept-reserved", "long64", { EPT_POINTER: BEYOND | 0x1en }],
  ["unrestricted-guest-requires-ept", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("unrestrictedGuest") }],
  ["vm-function-reserved", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableEpt", "enableVmFunctions"), VM_FUNCTION_CONTROLS: 2n }],
  ["eptp-switching-requires-ept", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableVmFunctions"), VM_FUNCTION_CONTROLS: 1n }],
  ["eptp-list-address", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableEpt", "enableVmFunctions"), VM_FUNCTION_CONTROLS: 1n, EPTP_LIST_ADDRESS: 8n }],
  ["pml-requires-ept", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enablePml") }],
  ["pml-address", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableEpt", "enablePml"), PML_ADDRESS: 0x1008n }],
  ["pml-address", "long64", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableEpt", "enablePml"), PML_ADDRESS: BEYOND }],
  ["exit-controls-reserved", "long64", { VM_EXIT_CONTROLS: controlWord("exit", "hostAddressSpaceSize") | 0x1000n }],
  ["save-preemption-timer-requires-timer", "long64", { VM_EXIT_CONTROLS: controlWord("exit", "hostAddressSpaceSize", "savePreemptionTimer") }],
  ["exit-msr-store-address", "long64", { VM_EXIT_MSR_STORE_COUNT: 1n, VM_EXIT_MSR_STORE_ADDRESS: 8n }],
  ["exit-msr-store-end", "long64", { VM_EXIT_MSR_STORE_COUNT: 2n, VM_EXIT_MSR_STORE_ADDRESS: BEYOND - 16n }],
  ["exit-msr-load-address", "long64", { VM_EXIT_MSR_LOAD_COUNT: 1n, VM_EXIT_MSR_LOAD_ADDRESS: BEYOND }],
  ["exit-msr-load-end", "long64", { VM_EXIT_MSR_LOAD_COUNT: 0xffffffffn, VM_EXIT_MSR_LOAD_ADDRESS: BEYOND - 16n }],
  ["entry-msr-load-address", "long64", { VM_ENTRY_MSR_LOAD_COUNT: 1n, VM_ENTRY_MSR_LOAD_ADDRESS: 1n }],
  ["entry-msr-load-end", "long64", { VM_ENTRY_MSR_LOAD_COUNT: 2n, VM_ENTRY_MSR_LOAD_ADDRESS: BEYOND - 16n }],
  ["entry-controls-reserved", "long64", { VM_ENTRY_CONTROLS: controlWord("entry", "ia32eModeGuest") | 0x400n }],
  ["injection-type", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(1, 0x20) }],
  ["injection-type", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(7, 0) }, { capabilities: { monitorTrapFlag: false } }],
  ["injection-vector", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(2, 3) }],
  ["injection-vector", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 32) }],
  ["injection-vector", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(7, 1) }],
  ["injection-error-code-delivery", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 13) }],
  ["injection-error-code-delivery", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 6, 0x800) }],
  ["injection-error-code-delivery", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(0, 13, 0x800) }],
  ["injection-error-code-delivery", "real16", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 13, 0x800) }],
  ["injection-reserved", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 6, 0x1000) }],
  ["injection-error-code-value", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 13, 0x800), VM_ENTRY_EXCEPTION_ERROR_CODE: 0x10000n }],
  ["injection-instruction-length", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(4, 0x80), VM_ENTRY_INSTRUCTION_LENGTH: 16n }],
  ["injection-instruction-length", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(6, 3), VM_ENTRY_INSTRUCTION_LENGTH: 0n }, { capabilities: { injectLengthZero: false } }],
];

// prettier-ignore
const HOST_CASES: readonly Case[] = [
  ["host-cr0-fixed", "long64", { HOST_CR0: 0x11n }],
  ["host-cr0-fixed", "long64", { HOST_CR0: 0x180000031n }],
  ["host-cr4-fixed", "long64", { HOST_CR4: 0x20n }],
  ["host-cr4-fixed", "long64", { HOST_CR4: 0x3020n }],
  ["host-cr3-width", "long64", { HOST_CR3: BEYOND }],
  ["host-sysenter-esp-canonical", "long64", { HOST_IA32_SYSENTER_ESP: NON_CANONICAL }],
  ["host-sysenter-eip-canonical", "long64", { HOST_IA32_SYSENTER_EIP: NON_CANONICAL }],
  ["host-pat", "long64", { HOST_IA32_PAT: 2n }],
  ["host-efer-reserved", "long64", { HOST_IA32_EFER: 0x502n }],
  ["host-efer-mode", "long64", { HOST_IA32_EFER: 0x100n }],
  ["host-efer-mode", "32-bit host", { HOST_IA32_EFER: 0x500n }],
  ...([...SEGMENTS, "TR"] as const).map((name): Case => [`host-${name.toLowerCase()}-selector`, "long64", { [`HOST_${name}_SELECTOR`]: 0x0bn }]),
  ["host-cs-selector", "long64", { HOST_CS_SELECTOR: 0x0cn }],
  ["host-cs-not-null", "long64", { HOST_CS_SELECTOR: 0n }],
  ["host-tr-not-null", "long64", { HOST_TR_SELECTOR: 0n }],
  ["host-ss-not-null", "32-bit host", { HOST_SS_SELECTOR: 0n }],
  ...(["FS", "GS", "GDTR", "IDTR", "TR"] as const).map((name): Case => [`host-${name.toLowerCase()}-base-canonical`, "long64", { [`HOST_${name}_BASE`]: NON_CANONICAL }]),
  ["host-address-space-size", "long64", { VM_EXIT_CONTROLS: controlWord("exit") }],
  ["host-address-space-size", "32-bit host", { VM_EXIT_CONTROLS: controlWord("exit", "hostAddressSpaceSize") }],
  ["ia32e-guest-requires-64-bit-host", "32-bit host", { VM_ENTRY_CONTROLS: controlWord("entry", "ia32eModeGuest") }],
  ["host-cr4-pcide", "32-bit host", { HOST_CR4: 0x22000n }],
  ["host-rip-32-bit", "32-bit host", { HOST_RIP: 0x100000000n }],
  ["host-cr4-pae", "long64", { HOST_CR4: 0x2000n }],
  ["host-rip-canonical", "long64", { HOST_RIP: NON_CANONICAL }],
];

// prettier-ignore
const GUEST_REGISTER_CASES: readonly Case[] = [
  ["guest-cr0-fixed", "long64", { GUEST_CR0: 0x80000011n }],
  ["guest-cr0-fixed", "protected32", { GUEST_CR0: 0x30n }],
  ["guest-cr0-pg-requires-pe", "real16", { GUEST_CR0: 0x80000030n }],
  ["guest-cr4-fixed", "long64", { GUEST_CR4: 0x20n }],
  ["guest-ia32e-cr0-pg", "long64", { GUEST_CR0: 0x31n, SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableEpt", "unrestrictedGuest") }],
  ["guest-ia32e-cr4-pae", "long64", { GUEST_CR4: 0x2000n }],
  ["guest-cr4-pcide", "protected32", { GUEST_CR4: 0x22000n }],
  ["guest-cr3-width", "long64", { GUEST_CR3: BEYOND }],
  ["guest-debugctl-reserved", "long64", { GUEST_IA32_DEBUGCTL: 4n }],
  ["guest-dr7-upper", "long64", { GUEST_DR7: 0x100000400n }],
  ["guest-sysenter-esp-canonical", "long64", { GUEST_IA32_SYSENTER_ESP: NON_CANONICAL }],
  ["guest-sysenter-eip-canonical", "long64", { GUEST_IA32_SYSENTER_EIP: NON_CANONICAL }],
  ["guest-pat", "long64", { GUEST_IA32_PAT: 0x0300000000000000n }],
  ["guest-efer-reserved", "long64", { GUEST_IA32_EFER: 0x504n }],
  ["guest-efer-lma", "long64", { GUEST_IA32_EFER: 0x100n }],
  ["guest-efer-lma", "protected32", { GUEST_IA32_EFER: 0x400n }],
  ["guest-efer-lme", "protected32", { GUEST_IA32_EFER: 0x100n }],
  ["guest-gdtr-base-canonical", "long64", { GUEST_GDTR_BASE: NON_CANONICAL }],
  ["guest-idtr-base-canonical", "long64", { GUEST_IDTR_BASE: NON_CANONICAL }],
  ["guest-gdtr-limit", "long64", { GUEST_GDTR_LIMIT: 0x10000n }],
  ["guest-idtr-limit", "long64", { GUEST_IDTR_LIMIT: 0x10000n }],
  ["guest-rip-32-bit", "protected32", { GUEST_RIP: 0x100000000n }],
  ["guest-rip-32-bit", "long64", { GUEST_RIP: 0x100000000n, GUEST_CS_ACCESS_RIGHTS: 0xc09bn }],
  ["guest-rip-upper-bits", "long64", { GUEST_RIP: 0x1000000000000n }],
  ["guest-rflags-reserved", "long64", { GUEST_RFLAGS: 0n }],
  ["guest-rflags-reserved", "long64", { GUEST_RFLAGS: 0x8002n }],
  ["guest-rflags-vm", "long64", { GUEST_RFLAGS: 0x20002n }],
  ["guest-rflags-vm", "virtual8086", { GUEST_CR0: 0x30n, SECONDARY_PROCESSOR_BASED_CONTROLS: secondary("enableEpt", "unrestrictedGuest") }],
  ["guest-rflags-if", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(0, 0x20) }],
];

// prettier-ignore
const GUEST_SEGMENT_CASES: readonly Case[] = [
  ["guest-tr-selector-ti", "long64", { GUEST_TR_SELECTOR: 0x1cn }],
  ["guest-ldtr-selector-ti", "long64", { GUEST_LDTR_SELECTOR: 0x24n, GUEST_LDTR_ACCESS_RIGHTS: 0x82n }],
  ["guest-ss-selector-rpl", "long64", { GUEST_SS_SELECTOR: 0x13n }],
  ...SEGMENTS.flatMap((name): Case[] => [
    [`guest-${name.toLowerCase()}-v8086-base`, "virtual8086", { [`GUEST_${name}_BASE`]: 0x20000n }],
    [`guest-${name.toLowerCase()}-v8086-limit`, "virtual8086", { [`GUEST_${name}_LIMIT`]: 0xffffen }],
    [`guest-${name.toLowerCase()}-v8086-access-rights`, "virtual8086", { [`GUEST_${name}_ACCESS_RIGHTS`]: 0x93n }],
  ]),
  ...(["TR", "FS", "GS"] as const).map((name): Case => [`guest-${name.toLowerCase()}-base-canonical`, "long64", { [`GUEST_${name}_BASE`]: NON_CANONICAL }]),
  ["guest-ldtr-base-canonical", "long64", { GUEST_LDTR_BASE: NON_CANONICAL, GUEST_LDTR_ACCESS_RIGHTS: 0x82n }],
  ...(["CS", "SS", "DS", "ES"] as const).map((name): Case => [`guest-${name.toLowerCase()}-base-32-bit`, "long64", { [`GUEST_${name}_BASE`]: 0x100000000n }]),
  ["guest-cs-type", "long64", { GUEST_CS_ACCESS_RIGHTS: 0xa09an }],
  ["guest-cs-type", "protected32", { GUEST_CS_ACCESS_RIGHTS: 0xc093n }],
  ["guest-ss-type", "long64", { GUEST_SS_ACCESS_RIGHTS: 0xc091n }],
  ...DATA.flatMap((name): Case[] => [
    [`guest-${name.toLowerCase()}-type`, "long64", { [`GUEST_${name}_ACCESS_RIGHTS`]: 0xc092n }],
    [`guest-${name.toLowerCase()}-type`, "long64", { [`GUEST_${name}_ACCESS_RIGHTS`]: 0xc099n }],
    [`guest-${name.toLowerCase()}-dpl`, "long64", { [`GUEST_${name}_SELECTOR`]: 0x13n }],
  ]),
  ...SEGMENTS.flatMap((name): Case[] => {
    const rights = name === "CS" ? 0xa09bn : 0xc093n;
    const id = `guest-${name.toLowerCase()}`;
    return [
      [`${id}-s`, "long64", { [`GUEST_${name}_ACCESS_RIGHTS`]: rights & ~0x10n }],
      [`${id}-present`, "long64", { [`GUEST_${name}_ACCESS_RIGHTS`]: rights & ~0x80n }],
      [`${id}-reserved`, "long64", { [`GUEST_${name}_ACCESS_RIGHTS`]: rights | 0x100n }],
      [`${id}-reserved`, "long64", { [`GUEST_${name}_ACCESS_RIGHTS`]: rights | 0x80000000n }],
      [`${id}-granularity`, "long64", { [`GUEST_${name}_ACCESS_RIGHTS`]: rights & ~0x8000n }],
      [`${id}-granularity`, "long64", { [`GUEST_${name}_LIMIT`]: 0xffffen }],
    ];
  }),
  ["guest-cs-dpl", "long64", { GUEST_CS_ACCESS_RIGHTS: 0xa0fbn }],
  ["guest-cs-dpl", "long64", { GUEST_CS_ACCESS_RIGHTS: 0xa0ffn }],
  ["guest-cs-dpl", "real16", { GUEST_CS_ACCESS_RIGHTS: 0xf3n }],
  ["guest-ss-dpl-rpl", "long64", { GUEST_SS_ACCESS_RIGHTS: 0xc0f3n }],
  ["guest-ss-dpl-zero", "real16", { GUEST_SS_ACCESS_RIGHTS: 0xf3n }],
  ["guest-cs-d-b", "long64", { GUEST_CS_ACCESS_RIGHTS: 0xe09bn }],
  ["guest-tr-type", "long64", { GUEST_TR_ACCESS_RIGHTS: 0x89n }],
  ["guest-tr-type", "long64", { GUEST_TR_ACCESS_RIGHTS: 0x83n }],
  ["guest-tr-s", "long64", { GUEST_TR_ACCESS_RIGHTS: 0x9bn }],
  ["guest-tr-present", "long64", { GUEST_TR_ACCESS_RIGHTS: 0x0bn }],
  ["guest-tr-reserved", "long64", { GUEST_TR_ACCESS_RIGHTS: 0x18bn }],
  ["guest-tr-granularity", "long64", { GUEST_TR_ACCESS_RIGHTS: 0x808bn }],
  ["guest-tr-usable", "long64", { GUEST_TR_ACCESS_RIGHTS: 0x1008bn }],
  ["guest-ldtr-type", "long64", { GUEST_LDTR_ACCESS_RIGHTS: 0x83n }],
  ["guest-ldtr-s", "long64", { GUEST_LDTR_ACCESS_RIGHTS: 0x92n }],
  ["guest-ldtr-present", "long64", { GUEST_LDTR_ACCESS_RIGHTS: 0x02n }],
  ["guest-ldtr-reserved", "long64", { GUEST_LDTR_ACCESS_RIGHTS: 0x20082n }],
  ["guest-ldtr-granularity", "long64", { GUEST_LDTR_ACCESS_RIGHTS: 0x82n, GUEST_LDTR_LIMIT: 0x100000n }],
];

const SHUTDOWN = { GUEST_ACTIVITY_STATE: 2n };
const HLT = { GUEST_ACTIVITY_STATE: 1n };
const waitForSipi = { capabilities: { activityStates: new Set([0, 1, 2, 3]) } };

// prettier-ignore
const GUEST_ACTIVITY_CASES: readonly Case[] = [
  ["guest-activity-supported", "long64", { GUEST_ACTIVITY_STATE: 3n }],
  ["guest-activity-supported", "long64", { GUEST_ACTIVITY_STATE: 4n }],
  ["guest-activity-hlt-dpl", "long64", { ...HLT, GUEST_SS_ACCESS_RIGHTS: 0xc0f3n }],
  ["guest-activity-blocking", "long64", { ...HLT, GUEST_INTERRUPTIBILITY_STATE: 2n }],
  ["guest-activity-injection", "long64", { ...HLT, VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 6) }],
  ["guest-activity-injection", "long64", { ...SHUTDOWN, GUEST_RFLAGS: 0x202n, VM_ENTRY_INTERRUPTION_INFORMATION: inject(0, 0x20) }],
  ["guest-activity-injection", "long64", { GUEST_ACTIVITY_STATE: 3n, VM_ENTRY_INTERRUPTION_INFORMATION: inject(2, 2) }, waitForSipi],
  ["guest-interruptibility-reserved", "long64", { GUEST_INTERRUPTIBILITY_STATE: 0x20n }],
  ["guest-interruptibility-exclusive", "long64", { GUEST_INTERRUPTIBILITY_STATE: 3n, GUEST_RFLAGS: 0x202n }],
  ["guest-interruptibility-sti-if", "long64", { GUEST_INTERRUPTIBILITY_STATE: 1n }],
  ["guest-interruptibility-external-interrupt", "long64", { GUEST_INTERRUPTIBILITY_STATE: 1n, GUEST_RFLAGS: 0x202n, VM_ENTRY_INTERRUPTION_INFORMATION: inject(0, 0x20) }],
  ["guest-interruptibility-nmi-mov-ss", "long64", { GUEST_INTERRUPTIBILITY_STATE: 2n, VM_ENTRY_INTERRUPTION_INFORMATION: inject(2, 2) }],
  ["guest-interruptibility-smi", "long64", { GUEST_INTERRUPTIBILITY_STATE: 4n }],
  ["guest-interruptibility-virtual-nmi", "long64", { GUEST_INTERRUPTIBILITY_STATE: 8n, VM_ENTRY_INTERRUPTION_INFORMATION: inject(2, 2) }],
  ["guest-interruptibility-enclave", "long64", { GUEST_INTERRUPTIBILITY_STATE: 0x10n }],
  ["guest-interruptibility-nmi-sti", "long64", { GUEST_INTERRUPTIBILITY_STATE: 1n, GUEST_RFLAGS: 0x202n, VM_ENTRY_INTERRUPTION_INFORMATION: inject(2, 2) }],
  ["guest-pending-debug-reserved", "long64", { GUEST_PENDING_DEBUG_EXCEPTIONS: 0x10n }],
  ["guest-pending-debug-reserved", "long64", { GUEST_PENDING_DEBUG_EXCEPTIONS: 0x10000n }],
  ["guest-pending-debug-single-step", "long64", { GUEST_INTERRUPTIBILITY_STATE: 2n, GUEST_RFLAGS: 0x102n }],
  ["guest-pending-debug-single-step", "long64", { ...HLT, GUEST_PENDING_DEBUG_EXCEPTIONS: 0x4000n }],
  ["guest-pending-debug-single-step", "long64", { ...HLT, GUEST_RFLAGS: 0x102n, GUEST_IA32_DEBUGCTL: 2n, GUEST_PENDING_DEBUG_EXCEPTIONS: 0x4000n }],
  ["guest-link-pointer-address", "long64", { VMCS_LINK_POINTER: 0x6001n }],
  ["guest-link-pointer-address", "long64", { VMCS_LINK_POINTER: BEYOND }],
  ["guest-link-pointer-revision", "long64", { VMCS_LINK_POINTER: 0x6000n }, { memory: new Map([[0x6000n, 0x80000000n | BigInt(vmxCapabilities().revisionId)]]) }],
  ["guest-link-pointer-current", "long64", { VMCS_LINK_POINTER: CURRENT_VMCS }, { memory: new Map([[CURRENT_VMCS, BigInt(vmxCapabilities().revisionId)]]) }],
  ...([0, 1, 2, 3] as const).map((index): Case => [`guest-pdpte${index}-reserved`, "pae32", { [`GUEST_PDPTE${index}`]: 0x3003n }]),
  ["guest-pdpte0-reserved", "pae32", { GUEST_PDPTE0: BEYOND | 1n }],
  ["guest-pdptes-in-memory", "pae32", { SECONDARY_PROCESSOR_BASED_CONTROLS: secondary(), GUEST_CR3: 0x2020n }, { memory: new Map([[0x2028n, 0x3021n]]) }],
];

const CASES = [
  ...CONTROL_CASES,
  ...HOST_CASES,
  ...GUEST_REGISTER_CASES,
  ...GUEST_SEGMENT_CASES,
  ...GUEST_ACTIVITY_CASES,
];

function describeCase([rule, base, changes]: Case): string {
  const writes = Object.entries(changes).map(
    ([name, value]) => `${name} = 0x${value.toString(16)}`,
  );
  return `${rule}: ${base} with ${writes.join(", ")}`;
}

describe("VM-entry checks", () => {
  describe("on a valid VMCS", () => {
    for (const kind of KINDS) {
      it(`find nothing wrong with a ${kind} guest`, () => {
        const verdict = checkVmEntry(entryContext(validVmcs(kind)));
        assert.deepEqual(verdict, { violations: [], outcome: { kind: "enter" } });
      });
    }

    it("find nothing wrong with a 32-bit host", () => {
      const verdict = checkVmEntry(contextOf("32-bit host", validVmcsOf32BitHost()));
      assert.deepEqual(verdict, { violations: [], outcome: { kind: "enter" } });
    });

    // prettier-ignore
    const accepted: readonly (readonly [string, GuestKind, Changes])[] = [
      ["an injected #GP with its error code", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 13, 0x800), VM_ENTRY_EXCEPTION_ERROR_CODE: 0x18n }],
      ["an injected #GP without error code in real mode", "real16", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 13) }],
      ["an injected INT 0x80", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(4, 0x80), VM_ENTRY_INSTRUCTION_LENGTH: 2n }],
      ["an external interrupt with IF set", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(0, 0x20), GUEST_RFLAGS: 0x202n }],
      ["an NMI into a halted guest", "long64", { ...HLT, VM_ENTRY_INTERRUPTION_INFORMATION: inject(2, 2) }],
      ["a machine check in the shutdown state", "long64", { ...SHUTDOWN, VM_ENTRY_INTERRUPTION_INFORMATION: inject(3, 18) }],
      ["a pending MTF exit", "long64", { VM_ENTRY_INTERRUPTION_INFORMATION: inject(7, 0) }],
      ["unusable data segments with any contents", "long64", { GUEST_DS_ACCESS_RIGHTS: 0x1ff00n, GUEST_DS_BASE: NON_CANONICAL }],
      ["a big-real-mode data segment", "real16", { GUEST_DS_LIMIT: 0xffffffffn, GUEST_DS_ACCESS_RIGHTS: 0x8093n }],
      ["data as CS of an unrestricted guest", "real16", { GUEST_CS_ACCESS_RIGHTS: 0x93n }],
      ["a 16-bit TSS outside IA-32e mode", "protected32", { GUEST_TR_ACCESS_RIGHTS: 0x83n }],
      ["addresses that are not canonical in bit 47 only, for RIP", "long64", { GUEST_RIP: NON_CANONICAL }],
      ["secondary controls that are not activated", "long64", { PRIMARY_PROCESSOR_BASED_CONTROLS: controlWord("primary"), SECONDARY_PROCESSOR_BASED_CONTROLS: 0xffffffffn }],
      ["PDPTEs that are not present", "pae32", { GUEST_PDPTE1: 0x1e6n }],
      ["controls of the default1 class that may be 0", "long64", { VM_ENTRY_CONTROLS: controlWord("entry", "ia32eModeGuest"), GUEST_DR7: 0x100000400n }],
    ];
    for (const [what, kind, changes] of accepted) {
      it(`accept ${what}`, () => {
        assert.deepEqual(checkVmEntry(entryContext(changed(kind, changes))).violations, []);
      });
    }
  });

  describe("name the violated rule", () => {
    for (const testCase of CASES) {
      const [rule, base, changes, options] = testCase;
      it(describeCase(testCase), () => {
        const context = contextOf(base, changed(base, changes), options);
        const { violations } = checkVmEntry(context);
        const found = violations.find((violation) => violation.rule === rule);
        assert.ok(
          found,
          `got ${violations.map((violation) => violation.rule).join(", ") || "none"}`,
        );
        assert.ok(found.sentence.endsWith(".") && found.hint.endsWith("."), found.hint);
        for (const { name, value } of found.fields) assert.equal(value, context.read(name));
      });
    }
  });

  it("have a violating test for every rule", () => {
    const tested = new Set(CASES.map(([rule]) => rule));
    assert.deepEqual(
      ALL_RULES.map((rule) => rule.id).filter((id) => !tested.has(id)),
      [],
    );
  });

  it("have unique ids and fields that exist", () => {
    assert.equal(new Set(ALL_RULES.map((rule) => rule.id)).size, ALL_RULES.length);
    const names = new Set<string>(VMCS_FIELDS.map((field) => field.name));
    for (const rule of ALL_RULES) for (const name of rule.fields) assert.ok(names.has(name), name);
  });

  it("suggest writes that end the violation", () => {
    for (const testCase of CASES) {
      const [rule, base, changes, options] = testCase;
      const fields = changed(base, changes);
      const before = checkVmEntry(contextOf(base, fields, options)).violations;
      const { fix } = before.find((violation) => violation.rule === rule)!;
      if (rule !== "guest-pdptes-in-memory") assert.ok(fix.length > 0, rule);
      for (const { field, value } of fix) fields.set(field, value);
      const after = checkVmEntry(contextOf(base, fields, options)).violations;
      const still = after.some((violation) => violation.rule === rule);
      assert.equal(still, fix.length === 0, describeCase(testCase));
    }
  });

  describe("lead to the architectural outcome", () => {
    const outcome = (changes: Changes, options: ContextOptions = {}, kind: GuestKind = "long64") =>
      vmEntryOutcome(entryContext(changed(kind, changes), options));

    it("error 7 for controls, even if host and guest state are wrong too", () => {
      const wrong = { VIRTUAL_PROCESSOR_IDENTIFIER: 0n, HOST_CR0: 0n, GUEST_CR0: 0n };
      assert.deepEqual(outcome(wrong), { kind: "fail-valid", error: 7 });
      const areas = checkVmEntry(entryContext(changed("long64", wrong))).violations.map(
        (v) => v.area,
      );
      assert.deepEqual([...new Set(areas)], ["controls", "host", "guest"]);
    });

    it("error 8 for host state", () => {
      assert.deepEqual(outcome({ HOST_CR0: 0n, GUEST_CR0: 0n }), { kind: "fail-valid", error: 8 });
    });

    const failure = (qualification: number) => ({
      kind: "entry-failure",
      reason: 33,
      qualification,
    });
    it("exit 33 with qualification 0 for guest state", () => {
      assert.deepEqual(outcome({ GUEST_RFLAGS: 0n }), failure(0));
    });
    it("exit 33 with qualification 2 for PDPTEs", () => {
      assert.deepEqual(outcome({ GUEST_PDPTE2: 3n }, {}, "pae32"), failure(2));
    });
    it("exit 33 with qualification 3 for an NMI with blocking by STI", () => {
      const nmi = {
        GUEST_INTERRUPTIBILITY_STATE: 1n,
        GUEST_RFLAGS: 0x202n,
        VM_ENTRY_INTERRUPTION_INFORMATION: inject(2, 2),
      };
      assert.deepEqual(outcome(nmi), failure(3));
    });
    it("exit 33 with qualification 4 for the link pointer", () => {
      assert.deepEqual(outcome({ VMCS_LINK_POINTER: 1n }), failure(4));
    });
  });

  it("agree on the outcome with and without stopping at the first violation", () => {
    const field = fc.constantFrom(...VMCS_FIELDS);
    const value = fc.oneof(
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc.integer({ min: 0, max: 63 }).map((n) => 1n << BigInt(n)),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.array(fc.tuple(field, value), { maxLength: 3 }),
        (kind, writes) => {
          const fields = validVmcs(kind);
          for (const [of, raw] of writes) fields.set(of.name, BigInt.asUintN(fieldBits(of), raw));
          const context = entryContext(fields);
          assert.deepEqual(checkVmEntry(context).outcome, vmEntryOutcome(context));
        },
      ),
      { numRuns: 300, seed: 1 },
    );
  });

  it("report only rules that look at a field that was changed", () => {
    // Control words, CR0, CR4, RFLAGS and the CS access rights switch other rules on and off.
    const steady = VMCS_FIELDS.filter(
      (field) => !/CONTROLS$|CR0$|CR4$|RFLAGS$|CS_ACCESS_RIGHTS$/.test(field.name),
    );
    const flip = fc
      .constantFrom(...steady)
      .chain((field) =>
        fc.tuple(fc.constant(field), fc.integer({ min: 0, max: fieldBits(field) - 1 })),
      );
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), flip, (kind, [field, position]) => {
        const fields = validVmcs(kind);
        fields.set(field.name, fields.get(field.name)! ^ (1n << BigInt(position)));
        for (const violation of checkVmEntry(entryContext(fields)).violations) {
          const names = violation.fields.map(({ name }) => name);
          assert.ok(names.includes(field.name), violation.rule);
        }
      }),
      { numRuns: 3000, seed: 1 },
    );
  });
});

describe("the checks before the fields", () => {
  const launch = { instruction: "VMLAUNCH", launchState: "clear", blockedByMovSs: false } as const;
  // prettier-ignore
  const cases = [
    ["enter", launch, { kind: "enter" }],
    ["fail without a current VMCS", { ...launch, launchState: undefined }, { kind: "fail-invalid" }],
    ["fail after MOV SS before looking at the launch state", { ...launch, launchState: "launched", blockedByMovSs: true }, { kind: "fail-valid", error: 26 }],
    ["refuse VMLAUNCH of a launched VMCS", { ...launch, launchState: "launched" }, { kind: "fail-valid", error: 4 }],
    ["refuse VMRESUME of a clear VMCS", { ...launch, instruction: "VMRESUME" }, { kind: "fail-valid", error: 5 }],
  ] as const;
  for (const [name, context, expected] of cases) {
    it(name, () => assert.deepEqual(checkLaunch(context), expected));
  }
});
