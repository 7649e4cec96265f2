/** What many rules ask of the VMCS: effective controls, the kind of guest, segments, the event to inject. Values are read once. */
import { CR0, RFLAGS } from "../../../isa/controlRegisters";
import { AR } from "../../../isa/descriptors";
import type { VmxCapabilities } from "../../../isa/vmx/capabilities";
import { controlMask, type ControlKey, type ControlWord } from "../../../isa/vmx/controls";
import type { VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import type { EntryContext } from "./violation";

export type GuestSegment = "CS" | "SS" | "DS" | "ES" | "FS" | "GS" | "LDTR" | "TR";

export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  readonly limit: number;
  readonly accessRights: number;
  readonly usable: boolean;
  readonly type: number;
  readonly dpl: number;
  readonly rpl: number;
}

/** The event that VM entry would inject. */
export interface InjectedEvent {
  readonly type: number;
  readonly vector: number;
  readonly deliversErrorCode: boolean;
  readonly raw: number;
}

/** The VMCS field of each control word. */
export const CONTROL_FIELDS = {
  pin: "PIN_BASED_CONTROLS",
  primary: "PRIMARY_PROCESSOR_BASED_CONTROLS",
  secondary: "SECONDARY_PROCESSOR_BASED_CONTROLS",
  exit: "VM_EXIT_CONTROLS",
  entry: "VM_ENTRY_CONTROLS",
} as const satisfies Record<ControlWord, VmcsFieldName>;

const LINEAR_ADDRESS_BITS = 48;

export class EntryState {
  private readonly cache = new Map<VmcsFieldName, bigint>();
  private readonly segments = new Map<GuestSegment, SegmentState>();
  /** Control words in effect: the secondary controls count as 0 unless they are activated. */
  private readonly words: Readonly<Record<ControlWord, number>>;
  readonly capabilities: VmxCapabilities;
  readonly isIa32eGuest: boolean;
  readonly isUnrestricted: boolean;
  readonly isVirtual8086: boolean;
  readonly isProtected: boolean;
  readonly isPaged: boolean;
  /** Whether the guest would execute 64-bit code. */
  readonly is64BitCode: boolean;
  readonly injected: InjectedEvent | undefined;

  constructor(readonly context: EntryContext) {
    this.capabilities = context.capabilities;
    const primary = this.read32(CONTROL_FIELDS.primary);
    const activated = (primary & controlMask("primary", "activateSecondaryControls")) !== 0;
    this.words = {
      pin: this.read32(CONTROL_FIELDS.pin),
      primary,
      secondary: activated ? this.read32(CONTROL_FIELDS.secondary) : 0,
      exit: this.read32(CONTROL_FIELDS.exit),
      entry: this.read32(CONTROL_FIELDS.entry),
    };
    const cr0 = this.read("GUEST_CR0");
    this.isIa32eGuest = this.has("entry", "ia32eModeGuest");
    this.isUnrestricted = this.has("secondary", "unrestrictedGuest");
    this.isVirtual8086 = (this.read("GUEST_RFLAGS") & RFLAGS.VM) !== 0n;
    this.isProtected = (cr0 & CR0.PE) !== 0n;
    this.isPaged = (cr0 & CR0.PG) !== 0n;
    this.is64BitCode = this.isIa32eGuest && (this.segment("CS").accessRights & AR.L) !== 0;
    this.injected = injectedEvent(this.read32("VM_ENTRY_INTERRUPTION_INFORMATION"));
  }

  read(field: VmcsFieldName): bigint {
    const known = this.cache.get(field);
    if (known !== undefined) return known;
    const value = this.context.read(field);
    this.cache.set(field, value);
    return value;
  }

  /** A field of at most 32 bits. */
  read32(field: VmcsFieldName): number {
    return Number(this.read(field));
  }

  /** Whether a control is in effect. */
  has<Word extends ControlWord>(word: Word, key: ControlKey<Word>): boolean {
    return (this.words[word] & controlMask(word, key)) !== 0;
  }

  segment(name: GuestSegment): SegmentState {
    const known = this.segments.get(name);
    if (known !== undefined) return known;
    const selector = this.read32(`GUEST_${name}_SELECTOR`);
    const accessRights = this.read32(`GUEST_${name}_ACCESS_RIGHTS`);
    const segment = {
      selector,
      base: this.read(`GUEST_${name}_BASE`),
      limit: this.read32(`GUEST_${name}_LIMIT`),
      accessRights,
      usable: (accessRights & AR.UNUSABLE) === 0,
      type: accessRights & AR.TYPE,
      dpl: (accessRights & AR.DPL) >>> 5,
      rpl: selector & 3,
    };
    this.segments.set(name, segment);
    return segment;
  }

  /** Address bits that this processor's physical addresses do not have. */
  beyondPhysicalWidth(address: bigint): bigint {
    const width = BigInt(this.context.physicalAddressBits);
    return (address >> width) << width;
  }

  /** The address with the bits beyond the physical-address width and below `alignmentBits` cleared. */
  fittedPhysical(address: bigint, alignmentBits: number): bigint {
    const low = BigInt(alignmentBits);
    return BigInt.asUintN(this.context.physicalAddressBits, (address >> low) << low);
  }
}

function injectedEvent(raw: number): InjectedEvent | undefined {
  if (raw >>> 31 === 0) return undefined;
  return {
    type: (raw >>> 8) & 7,
    vector: raw & 0xff,
    deliversErrorCode: (raw & 0x800) !== 0,
    raw,
  };
}

export function isCanonical(address: bigint): boolean {
  return canonical(address) === BigInt.asUintN(64, address);
}

/** The canonical address with the same low 48 bits. */
export function canonical(address: bigint): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(LINEAR_ADDRESS_BITS, address));
}

/** Bits 63:48 are identical; bit 47 may differ. SDM Vol. 3C, "Checks on Guest RIP, RFLAGS, and SSP". */
export function hasUniformUpperBits(address: bigint): boolean {
  const upper = BigInt.asUintN(64, address) >> BigInt(LINEAR_ADDRESS_BITS);
  return upper === 0n || upper === 0xffffn;
}
