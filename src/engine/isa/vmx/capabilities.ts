/**
 * The VMX capability MSRs, computed from the tables: what is advertised is what exists, and VM entry checks against the
 * same numbers. SDM Vol. 3D, appendix "VMX Capability Reporting Facility".
 */
import { CR0, CR4, CR4_LAYOUT, EFER_LAYOUT } from "../controlRegisters";
import { supportedMask } from "../bitFields";
import { EPT_VPID_CAP_LAYOUT, MSR } from "../msrs";
import {
  DEFAULT1,
  VM_FUNCTIONS_LAYOUT,
  VMX_CONTROLS,
  controlsOf,
  type ControlWord,
} from "./controls";
import { ACTIVITY_STATES } from "./fieldLayouts";
import { VMCS_FIELDS, VMCS_REGION_SIZE, VMCS_REVISION_ID, highestFieldIndex } from "./vmcsFields";

export interface AllowedBits {
  /** Bits that must be 1. */
  readonly mustBeOne: number;
  /** Bits that may be 1. */
  readonly mayBeOne: number;
}

export interface VmxCapabilities {
  readonly revisionId: number;
  readonly regionSize: number;
  /** What VM entry enforces (the TRUE MSRs). */
  readonly allowed: Readonly<Record<ControlWord, AllowedBits>>;
  /** What the MSRs without TRUE report: the default1 class must be 1. */
  readonly allowedWithDefault1: Readonly<Record<ControlWord, AllowedBits>>;
  readonly cr0Fixed0: bigint;
  readonly cr0Fixed1: bigint;
  readonly cr4Fixed0: bigint;
  readonly cr4Fixed1: bigint;
  readonly eferSupported: bigint;
  /** The preemption timer counts down when this bit of the TSC changes. */
  readonly preemptionTimerShift: number;
  readonly cr3TargetCount: number;
  /** Activity states by value. */
  readonly activityStates: ReadonlySet<number>;
  readonly injectLengthZero: boolean;
  /** Hardware exceptions may be injected with or without an error code, whatever the vector. */
  readonly injectAnyErrorCode: boolean;
  readonly monitorTrapFlag: boolean;
  readonly eptVpid: bigint;
  readonly vmFunctions: bigint;
}

/** What the rest of the processor decides. */
export interface CapabilityInputs {
  /** CR4 bits that exist; default: the CR4 table. */
  readonly cr4Supported?: bigint;
  readonly eferSupported?: bigint;
}

/** Write-back, in IA32_VMX_BASIC bits 53:50. */
const MEMORY_TYPE_WB = 6n;
/** As on most processors: one timer tick is 32 TSC ticks. */
const PREEMPTION_TIMER_SHIFT = 5;

function allowedBits(word: ControlWord, withDefault1: boolean): AllowedBits {
  const supported = controlsOf(word).filter((row) => row.supported);
  const supportedBits = new Set(supported.map((row) => row.bit));
  const maskOf = (positions: Iterable<number>): number =>
    [...positions].reduce((mask, position) => (mask | (1 << position)) >>> 0, 0);
  const mustBeOne = maskOf(
    DEFAULT1[word].filter((position) => withDefault1 || !supportedBits.has(position)),
  );
  return { mustBeOne, mayBeOne: (maskOf(supportedBits) | maskOf(DEFAULT1[word])) >>> 0 };
}

function everyWord(withDefault1: boolean): Readonly<Record<ControlWord, AllowedBits>> {
  return {
    pin: allowedBits("pin", withDefault1),
    primary: allowedBits("primary", withDefault1),
    secondary: allowedBits("secondary", withDefault1),
    exit: allowedBits("exit", withDefault1),
    entry: allowedBits("entry", withDefault1),
  };
}

/** The capabilities of this processor. */
export function vmxCapabilities(inputs: CapabilityInputs = {}): VmxCapabilities {
  const hasControl = (key: string): boolean =>
    VMX_CONTROLS.some((row) => row.supported && row.key === key);
  return {
    revisionId: VMCS_REVISION_ID,
    regionSize: VMCS_REGION_SIZE,
    allowed: everyWord(false),
    allowedWithDefault1: everyWord(true),
    // SDM Vol. 3C, "Restrictions on VMX Operation": PE, NE and PG are fixed to 1 in CR0, VMXE in CR4.
    cr0Fixed0: CR0.PE | CR0.NE | CR0.PG,
    cr0Fixed1: 0xffffffffn,
    cr4Fixed0: CR4.VMXE,
    cr4Fixed1: inputs.cr4Supported ?? supportedMask(CR4_LAYOUT),
    eferSupported: inputs.eferSupported ?? supportedMask(EFER_LAYOUT),
    preemptionTimerShift: PREEMPTION_TIMER_SHIFT,
    cr3TargetCount: VMCS_FIELDS.filter((field) => field.name.startsWith("CR3_TARGET_VALUE")).length,
    activityStates: new Set(
      ACTIVITY_STATES.filter((state) => state.supported).map((state) => state.value),
    ),
    injectLengthZero: true,
    injectAnyErrorCode: false,
    monitorTrapFlag: hasControl("monitorTrapFlag"),
    eptVpid: supportedMask(EPT_VPID_CAP_LAYOUT),
    vmFunctions: hasControl("enableVmFunctions") ? supportedMask(VM_FUNCTIONS_LAYOUT) : 0n,
  };
}

function controlMsr({ mustBeOne, mayBeOne }: AllowedBits): bigint {
  return (BigInt(mayBeOne) << 32n) | BigInt(mustBeOne);
}

function basicMsr(capabilities: VmxCapabilities): bigint {
  const reportsInsOuts = 1n << 54n;
  const trueControls = 1n << 55n;
  const anyErrorCode = capabilities.injectAnyErrorCode ? 1n << 56n : 0n;
  return (
    BigInt(capabilities.revisionId) |
    (BigInt(capabilities.regionSize) << 32n) |
    (MEMORY_TYPE_WB << 50n) |
    reportsInsOuts |
    trueControls |
    anyErrorCode
  );
}

function miscMsr(capabilities: VmxCapabilities): bigint {
  // Bit 5 must be 1 where "unrestricted guest" exists.
  const unrestricted = (capabilities.allowed.secondary.mayBeOne & 0x80) !== 0;
  const activity = ACTIVITY_STATES.reduce((mask, { value, miscBit }) => {
    if (miscBit === undefined || !capabilities.activityStates.has(value)) return mask;
    return mask | (1n << BigInt(miscBit));
  }, 0n);
  return (
    BigInt(capabilities.preemptionTimerShift) |
    (unrestricted ? 1n << 5n : 0n) |
    activity |
    (BigInt(capabilities.cr3TargetCount) << 16n) |
    (capabilities.injectLengthZero ? 1n << 30n : 0n)
  );
}

/** IA32_FEATURE_CONTROL as firmware leaves it: locked, VMXON allowed outside SMX operation. */
export const FEATURE_CONTROL_VALUE = 0b101n;

/** Values of every VMX capability MSR, by number. */
export function capabilityMsrs(capabilities: VmxCapabilities): ReadonlyMap<number, bigint> {
  const { allowed, allowedWithDefault1 } = capabilities;
  return new Map([
    [MSR.VMX_BASIC, basicMsr(capabilities)],
    [MSR.VMX_PINBASED_CTLS, controlMsr(allowedWithDefault1.pin)],
    [MSR.VMX_PROCBASED_CTLS, controlMsr(allowedWithDefault1.primary)],
    [MSR.VMX_EXIT_CTLS, controlMsr(allowedWithDefault1.exit)],
    [MSR.VMX_ENTRY_CTLS, controlMsr(allowedWithDefault1.entry)],
    [MSR.VMX_MISC, miscMsr(capabilities)],
    [MSR.VMX_CR0_FIXED0, capabilities.cr0Fixed0],
    [MSR.VMX_CR0_FIXED1, capabilities.cr0Fixed1],
    [MSR.VMX_CR4_FIXED0, capabilities.cr4Fixed0],
    [MSR.VMX_CR4_FIXED1, capabilities.cr4Fixed1],
    [MSR.VMX_VMCS_ENUM, BigInt(highestFieldIndex() << 1)],
    [MSR.VMX_PROCBASED_CTLS2, controlMsr(allowed.secondary)],
    [MSR.VMX_EPT_VPID_CAP, capabilities.eptVpid],
    [MSR.VMX_TRUE_PINBASED_CTLS, controlMsr(allowed.pin)],
    [MSR.VMX_TRUE_PROCBASED_CTLS, controlMsr(allowed.primary)],
    [MSR.VMX_TRUE_EXIT_CTLS, controlMsr(allowed.exit)],
    [MSR.VMX_TRUE_ENTRY_CTLS, controlMsr(allowed.entry)],
    [MSR.VMX_VMFUNC, capabilities.vmFunctions],
  ]);
}
