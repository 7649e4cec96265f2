/** VMCSs that pass every VM-entry check, for tests that break one field at a time. */
import { vmxCapabilities, type VmxCapabilities } from "../../src/engine/isa/vmx/capabilities";
import { controlMask, type ControlKey, type ControlWord } from "../../src/engine/isa/vmx/controls";
import { VMCS_FIELDS, type VmcsFieldName } from "../../src/engine/isa/vmx/vmcsFields";
import type { EntryContext } from "../../src/engine/cpu/vmx/entryChecks/violation";

export type VmcsImage = Map<VmcsFieldName, bigint>;
export type GuestKind = "long64" | "protected32" | "pae32" | "real16" | "virtual8086";

export const PHYSICAL_ADDRESS_BITS = 40;
export const CURRENT_VMCS = 0x5000n;
const CODE = 0x9b;
const DATA = 0x93;

/** A control word: the default1 class plus the named controls. */
export function controlWord<Word extends ControlWord>(
  word: Word,
  ...keys: ControlKey<Word>[]
): bigint {
  const { mustBeOne } = vmxCapabilities().allowed[word];
  const value = keys.reduce((mask, key) => mask | controlMask(word, key), mustBeOne);
  return BigInt(value >>> 0);
}

function segment(
  fields: VmcsImage,
  name: "CS" | "SS" | "DS" | "ES" | "FS" | "GS" | "LDTR" | "TR",
  [selector, base, limit, rights]: readonly [number, number, number, number],
): void {
  fields.set(`GUEST_${name}_SELECTOR`, BigInt(selector));
  fields.set(`GUEST_${name}_BASE`, BigInt(base));
  fields.set(`GUEST_${name}_LIMIT`, BigInt(limit));
  fields.set(`GUEST_${name}_ACCESS_RIGHTS`, BigInt(rights));
}

function hostState(fields: VmcsImage): void {
  fields.set("HOST_CR0", 0x80000031n);
  fields.set("HOST_CR3", 0x1000n);
  fields.set("HOST_CR4", 0x2020n);
  fields.set("HOST_CS_SELECTOR", 0x08n);
  for (const name of ["SS", "DS", "ES", "FS", "GS"] as const) {
    fields.set(`HOST_${name}_SELECTOR`, 0x10n);
  }
  fields.set("HOST_TR_SELECTOR", 0x18n);
  fields.set("HOST_IA32_EFER", 0x500n);
  fields.set("HOST_IA32_PAT", 0x0007040600070406n);
  fields.set("HOST_RSP", 0xffff800000010000n);
  fields.set("HOST_RIP", 0xffff800000100000n);
}

function controls(fields: VmcsImage): void {
  fields.set("PIN_BASED_CONTROLS", controlWord("pin", "nmiExiting", "virtualNmis"));
  fields.set(
    "PRIMARY_PROCESSOR_BASED_CONTROLS",
    controlWord("primary", "hltExiting", "activateSecondaryControls"),
  );
  fields.set(
    "VM_EXIT_CONTROLS",
    controlWord("exit", "hostAddressSpaceSize", "loadEfer", "loadPat"),
  );
  fields.set("EPT_POINTER", 0x701en);
  fields.set("VIRTUAL_PROCESSOR_IDENTIFIER", 1n);
  fields.set("VMCS_LINK_POINTER", 0xffffffffffffffffn);
}

/** What every guest has; the mode-specific part follows in guestMode. */
function guestState(fields: VmcsImage): void {
  fields.set("GUEST_CR3", 0x2000n);
  fields.set("GUEST_DR7", 0x400n);
  fields.set("GUEST_RFLAGS", 0x2n);
  fields.set("GUEST_RIP", 0x1000n);
  fields.set("GUEST_RSP", 0x8000n);
  fields.set("GUEST_IA32_PAT", 0x0007040600070406n);
  fields.set("GUEST_GDTR_LIMIT", 0xffffn);
  fields.set("GUEST_IDTR_LIMIT", 0xffffn);
  segment(fields, "TR", [0x18, 0, 0x67, 0x8b]);
  segment(fields, "LDTR", [0, 0, 0, 0x10000]);
}

function flatSegments(fields: VmcsImage, code: number, data: number): void {
  segment(fields, "CS", [0x08, 0, 0xffffffff, code]);
  for (const name of ["SS", "DS", "ES", "FS", "GS"] as const) {
    segment(fields, name, [0x10, 0, 0xffffffff, data]);
  }
}

function guestMode(fields: VmcsImage, kind: GuestKind): void {
  const entry = ["loadEfer", "loadPat", "loadDebugControls"] as const;
  const ia32e = kind === "long64";
  const unrestricted = kind === "real16";
  fields.set(
    "VM_ENTRY_CONTROLS",
    controlWord("entry", ...entry, ...(ia32e ? ["ia32eModeGuest" as const] : [])),
  );
  fields.set(
    "SECONDARY_PROCESSOR_BASED_CONTROLS",
    controlWord(
      "secondary",
      "enableEpt",
      "enableVpid",
      ...(unrestricted ? ["unrestrictedGuest" as const] : []),
    ),
  );
  fields.set("GUEST_IA32_EFER", ia32e ? 0x500n : 0n);
  fields.set("GUEST_CR0", kind === "real16" ? 0x30n : 0x80000031n);
  fields.set("GUEST_CR4", ia32e || kind === "pae32" ? 0x2020n : 0x2000n);
  switch (kind) {
    case "long64":
      flatSegments(fields, 0xa09b, 0xc093);
      return;
    case "protected32":
      flatSegments(fields, 0xc09b, 0xc093);
      return;
    case "pae32":
      flatSegments(fields, 0xc09b, 0xc093);
      fields.set("GUEST_PDPTE0", 0x3001n);
      return;
    case "real16":
      segment(fields, "CS", [0x1000, 0x10000, 0xffff, CODE]);
      for (const name of ["SS", "DS", "ES", "FS", "GS"] as const)
        segment(fields, name, [0, 0, 0xffff, DATA]);
      return;
    case "virtual8086":
      fields.set("GUEST_RFLAGS", 0x20202n);
      for (const name of ["CS", "SS", "DS", "ES", "FS", "GS"] as const)
        segment(fields, name, [0x1000, 0x10000, 0xffff, 0xf3]);
      return;
  }
}

/** Every field of a VMCS for a 64-bit host and a guest of this kind; EPT and VPID are on. */
export function validVmcs(kind: GuestKind = "long64"): VmcsImage {
  const fields: VmcsImage = new Map(VMCS_FIELDS.map((field) => [field.name, 0n]));
  controls(fields);
  hostState(fields);
  guestState(fields);
  guestMode(fields, kind);
  return fields;
}

/** The same with a 32-bit host, which can only run 32-bit guests. */
export function validVmcsOf32BitHost(): VmcsImage {
  const fields = validVmcs("protected32");
  fields.set("VM_EXIT_CONTROLS", controlWord("exit", "loadEfer", "loadPat"));
  fields.set("HOST_IA32_EFER", 0n);
  fields.set("HOST_CR4", 0x2000n);
  fields.set("HOST_RIP", 0x100000n);
  fields.set("HOST_RSP", 0x10000n);
  return fields;
}

export interface ContextOptions {
  readonly capabilities?: Partial<VmxCapabilities>;
  readonly efer?: bigint;
  readonly memory?: ReadonlyMap<bigint, bigint>;
}

/** A context over a VMCS image, on a 64-bit host unless `efer` says otherwise. */
export function entryContext(fields: VmcsImage, options: ContextOptions = {}): EntryContext {
  return {
    read: (field) => fields.get(field) ?? 0n,
    capabilities: { ...vmxCapabilities(), ...options.capabilities },
    physicalAddressBits: PHYSICAL_ADDRESS_BITS,
    efer: options.efer ?? 0x500n,
    currentVmcs: CURRENT_VMCS,
    readPhysical64: (hpa) => options.memory?.get(hpa) ?? 0n,
  };
}
