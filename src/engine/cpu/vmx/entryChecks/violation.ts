/** What VM-entry checks look at and what they report. */
import type { VmxCapabilities } from "../../../isa/vmx/capabilities";
import type { VmcsFieldName } from "../../../isa/vmx/vmcsFields";

export type CheckArea = "controls" | "host" | "guest";

/** What VM entry looks at. */
export interface EntryContext {
  /** A field of the current VMCS, zero-extended. */
  read(field: VmcsFieldName): bigint;
  readonly capabilities: VmxCapabilities;
  readonly physicalAddressBits: number;
  /** IA32_EFER of the processor that executes VMLAUNCH or VMRESUME. */
  readonly efer: bigint;
  /** Address of the current VMCS: the link pointer must not be the same. */
  readonly currentVmcs?: bigint;
  /** Physical memory, for the revision behind a link pointer and for PDPTEs without EPT; those two rules need it. */
  readPhysical64?(hpa: bigint): bigint;
}

/** Writes that make the rule hold; other rules may then have their say. */
export interface Fix {
  readonly field: VmcsFieldName;
  readonly value: bigint;
}

/** What a rule found wrong. */
export interface Finding {
  readonly sentence: string;
  /** What to do, where `fix` alone does not say it. */
  readonly hint?: string;
  readonly fix?: readonly Fix[];
}

export interface Violation {
  /** The rule's id. */
  readonly rule: string;
  readonly area: CheckArea;
  readonly sdm: string;
  readonly title: string;
  /** The fields the rule looks at, with what they hold. */
  readonly fields: readonly {
    readonly name: VmcsFieldName;
    readonly title: string;
    readonly value: bigint;
  }[];
  readonly sentence: string;
  readonly hint: string;
  readonly fix: readonly Fix[];
  /** Exit qualification when the rule is the first guest-state rule to fail. */
  readonly qualification: EntryFailureQualification;
}

/** SDM Vol. 3C, "VM-Entry Failures During or After Loading Guest State". */
export type EntryFailureQualification = 0 | 2 | 3 | 4;
