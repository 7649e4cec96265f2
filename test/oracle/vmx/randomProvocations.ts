/** Instructions that exit and report their operands, with random operands; VMCSs with a random field. */
import { Prng } from "../../../src/engine/base/prng";
import { GPR16, GPR32, GPR64 } from "../../../src/engine/isa/registers";
import { VMCS_FIELDS, type VmcsFieldName } from "../../../src/engine/isa/vmx/vmcsFields";
import { controlWord } from "../../support/validVmcs";
import type { GuestMode, Provocation } from "./provocations";

const INSTRUCTIONS = 400;
const ENTRIES = 500;

class Choice {
  private readonly prng: Prng;

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  below(count: number): number {
    return this.prng.next32() % count;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }
}

const CONTROLS: NonNullable<Provocation["fields"]> = {
  PRIMARY_PROCESSOR_BASED_CONTROLS: controlWord(
    "primary",
    "activateSecondaryControls",
    "invlpgExiting",
    "unconditionalIoExiting",
    "movDrExiting",
    "cr3LoadExiting",
    "cr3StoreExiting",
    "cr8LoadExiting",
    "cr8StoreExiting",
  ),
  SECONDARY_PROCESSOR_BASED_CONTROLS: controlWord(
    "secondary",
    "enableEpt",
    "unrestrictedGuest",
    "enableInvpcid",
    "descriptorTableExiting",
    "rdrandExiting",
    "rdseedExiting",
  ),
  CR0_GUEST_HOST_MASK: 0xffffffffn,
  CR4_GUEST_HOST_MASK: 0xffffffffn,
};

const SEGMENTS = ["", "", "", "cs ", "ss ", "ds ", "es ", "fs ", "gs "];

function displacement(choice: Choice): number {
  const size = choice.of([0, 0x7f, 0x7fff, 0x7fffffff]);
  const value = size === 0 ? 0 : choice.below(size);
  return choice.chance(2) ? value : -value;
}

function memory16(choice: Choice): string {
  const base = choice.of(["bx", "bp", "si", "di", "bx+si", "bx+di", "bp+si", "bp+di", ""]);
  if (base === "") return `[word ${choice.below(0x10000)}]`;
  return `[${base}${choice.chance(3) ? "" : `+${choice.below(0x10000)}`}]`;
}

function memoryOperand(mode: GuestMode, choice: Choice): string {
  const isLong = mode === "long64";
  if (!isLong && (mode === "real16" ? !choice.chance(3) : choice.chance(5)))
    return memory16(choice);
  if (isLong && choice.chance(6)) return `[rel $+${displacement(choice)}]`;
  const names = isLong && !choice.chance(4) ? GPR64 : GPR32;
  const count = isLong ? 16 : 8;
  const parts: string[] = [];
  if (!choice.chance(5)) parts.push(names[choice.below(count)]!);
  if (choice.chance(2)) {
    const index = choice.below(count);
    if (index !== 4) parts.push(`${names[index]!}*${choice.of([1, 2, 4, 8])}`);
  }
  const offset = displacement(choice);
  if (parts.length === 0) return `[${isLong ? "" : "dword "}${Math.abs(offset)}]`;
  return `[${parts.join("+")}${offset < 0 ? "" : "+"}${offset}]`;
}

function instruction(mode: GuestMode, choice: Choice): string {
  const isLong = mode === "long64";
  const registers = isLong ? GPR64 : GPR32;
  const count = isLong ? 16 : 8;
  const register = registers[choice.below(count)]!;
  const other = registers[choice.below(count)]!;
  const memory = memoryOperand(mode, choice);
  const segment = choice.of(SEGMENTS);
  const sized = choice.of([GPR16, GPR32, ...(isLong ? [GPR64] : [])])[choice.below(count)]!;
  const forms: (() => string)[] = [
    () => `${segment}${choice.of(["sgdt", "sidt", "lgdt", "lidt"])} ${memory}`,
    () => `${segment}${choice.of(["sldt", "str", "lldt", "ltr"])} word ${memory}`,
    () => `${choice.of(["sldt", "str"])} ${sized}`,
    () => `${choice.of(["lldt", "ltr"])} ${GPR16[choice.below(count)]!}`,
    () => `${choice.of(["rdrand", "rdseed"])} ${sized}`,
    () => `${segment}invlpg ${memory}`,
    () => `${segment}${choice.of(["ins", "outs"])}${choice.of(["b", "w", "d"])}`,
    () => `${choice.of(["a16 ", "a32 "])}rep ${segment}outsb`,
    () => `mov ${choice.of(["cr0", "cr3", "cr4"])}, ${register}`,
    () => `mov ${register}, cr3`,
    () => `mov dr${choice.of([0, 1, 2, 3, 6, 7])}, ${register}`,
    () => `mov ${register}, dr${choice.of([0, 1, 2, 3, 4, 5, 6, 7])}`,
    () =>
      `lmsw [${isLong ? "rbx" : mode === "real16" ? "word 0x4000" : "ebx"}+${choice.below(0x700)}]`,
    () => `lmsw ${GPR16[choice.below(count)]!}`,
    ...(isLong ? [() => `mov cr8, ${register}`, () => `mov ${register}, cr8`] : []),
    ...(mode === "real16" ? [] : [
          () => `${segment}${choice.of(["vmclear", "vmptrld", "vmptrst", "vmxon"])} ${memory}`,
          () => `${segment}vmread ${memory}, ${register}`,
          () => `${segment}vmwrite ${register}, ${memory}`,
          () => `vmread ${register}, ${other}`,
          () => `vmwrite ${register}, ${other}`,
          () => `${segment}${choice.of(["invept", "invvpid", "invpcid"])} ${register}, ${memory}`,
        ]), // prettier-ignore
  ];
  const text = choice.of(forms)();
  // a16 and a32 are not there in every mode.
  if (isLong) return text.replace("a16 ", "");
  return text;
}

function randomInstruction(choice: Choice): Provocation {
  const mode = choice.of<GuestMode>([
    "long64",
    "long64",
    "flat32",
    "paged32",
    "real16",
    "compatibility32",
  ]);
  return { mode, code: instruction(mode, choice), fields: CONTROLS };
}

/** Fields that decide what the host does after the exit, or which memory the guest executes; and those that stop Bochs or that it does not check. */
const KEPT: readonly VmcsFieldName[] = [
  "GUEST_CS_SELECTOR",
  "GUEST_DR7",
  "GUEST_RSP",
  "GUEST_PENDING_DEBUG_EXCEPTIONS",
  "GUEST_CS_BASE",
  "GUEST_RIP",
  "GUEST_CR0",
  "GUEST_CR4",
  "GUEST_CR3",
  "GUEST_IA32_EFER",
  "GUEST_IA32_DEBUGCTL",
  "VMX_PREEMPTION_TIMER_VALUE",
  "GUEST_PML_INDEX",
  "HOST_RIP",
  "HOST_RSP",
  "HOST_CR3",
  "HOST_IDTR_BASE",
  "HOST_GDTR_BASE",
  "VMCS_LINK_POINTER",
];

function randomValue(choice: Choice): bigint {
  const bit = 1n << BigInt(choice.below(64));
  return choice.of([
    () => bit,
    () => bit - 1n,
    () => (1n << 64n) - bit,
    () => BigInt(choice.below(256)),
    () => BigInt(choice.below(0x10000)),
    () => (BigInt(choice.below(0x40000000)) << 32n) | BigInt(choice.below(0x40000000)),
  ])();
}

/** One or two fields with random contents: what VM entry says of them, or the guest's exit. */
function randomEntry(choice: Choice): Provocation {
  const mode = choice.of<GuestMode>(["long64", "flat32", "paged32", "real16", "compatibility32"]);
  const usable = VMCS_FIELDS.filter(
    ({ area, name }) => (area === "guest" || area === "host") && !KEPT.includes(name),
  );
  const names = Array.from({ length: 1 + choice.below(2) }, () => choice.of(usable).name);
  return {
    mode,
    code: "nop",
    fields: Object.fromEntries(names.map((name) => [name, randomValue(choice)])),
  };
}

export function randomProvocations(seed: number): readonly Provocation[] {
  const choice = new Choice(seed);
  return [
    ...Array.from({ length: INSTRUCTIONS }, () => randomInstruction(choice)),
    ...Array.from({ length: ENTRIES }, () => randomEntry(choice)),
  ];
}
