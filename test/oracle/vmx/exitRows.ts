/** What the image sends of each case, reduced to what the manual defines and what the oracle does as the manual says. */
import { EVENT_TYPES } from "../../../src/engine/isa/vmx/fieldLayouts";
import { EXIT, exitReasonByNumber } from "../../../src/engine/isa/vmx/exitReasons";
import { controlMask } from "../../../src/engine/isa/vmx/controls";
import type { VmcsFieldName } from "../../../src/engine/isa/vmx/vmcsFields";
import { BITS, SHOWN_FIELDS, type Provocation } from "./provocations";

/** Fields by name, the modification log under "log"; or what follows VMfail. */
export type ExitRow = Readonly<Record<string, string>>;

type Fields = Map<VmcsFieldName, bigint>;

const REGISTERS = ["RAX", "RCX", "RDI"];
const ERROR_CODE_VALID = 0x800n;
const NMI_UNBLOCKING = 0x1000n;
const NMI_BLOCKING = 8n;
const RF = 0x10000n;
const TF = 0x100n;
const PAGE = ~0xfffn;
const SOFTWARE: readonly number[] = [
  EVENT_TYPES.softwareInterrupt,
  EVENT_TYPES.privilegedSoftwareException,
  EVENT_TYPES.softwareException,
];

function isSoftware(information: bigint): boolean {
  return information >> 31n === 1n && SOFTWARE.includes(Number(information >> 8n) & 7);
}

function get(fields: Fields, name: VmcsFieldName): bigint {
  return fields.get(name) ?? 0n;
}

function hasControl(provocation: Provocation, field: VmcsFieldName, mask: number): boolean {
  const value = provocation.fields?.[field];
  return typeof value === "bigint" && (value & BigInt(mask >>> 0)) !== 0n;
}

/** Removes what is undefined for the exit. SDM Vol. 3C, "VM-Exit Information Fields". */
function dropUndefined(fields: Fields, provocation: Provocation): void {
  const reason = exitReasonByNumber(Number(get(fields, "EXIT_REASON")));
  const qualification = get(fields, "EXIT_QUALIFICATION");
  const interruption = get(fields, "VM_EXIT_INTERRUPTION_INFORMATION");
  const vectoring = get(fields, "IDT_VECTORING_INFORMATION");
  const isString = reason?.key === "IO_INSTRUCTION" && (qualification & 0x10n) !== 0n;
  const isLmswMemory = reason?.key === "CR_ACCESS" && (qualification & 0x70n) === 0x70n;
  const hasLength =
    reason?.instructionLength === "always" ||
    isSoftware(interruption) ||
    isSoftware(vectoring) ||
    (reason?.key === "TASK_SWITCH" && qualification >> 30n !== 3n);
  if (!hasLength) fields.delete("VM_EXIT_INSTRUCTION_LENGTH");
  if (!(interruption & ERROR_CODE_VALID)) fields.delete("VM_EXIT_INTERRUPTION_ERROR_CODE");
  if (!(vectoring & ERROR_CODE_VALID)) fields.delete("IDT_VECTORING_ERROR_CODE");
  if (reason?.key !== "EPT_VIOLATION" && reason?.key !== "EPT_MISCONFIGURATION")
    fields.delete("GUEST_PHYSICAL_ADDRESS");
  if (!isString && !isLmswMemory && (reason?.key !== "EPT_VIOLATION" || !(qualification & 0x80n)))
    fields.delete("GUEST_LINEAR_ADDRESS");
  if (reason?.instructionInformation === "none" || (reason?.key === "IO_INSTRUCTION" && !isString))
    fields.delete("VM_EXIT_INSTRUCTION_INFORMATION");
  else dropUndefinedBits(fields, reason?.number ?? 0, qualification, provocation);
}

const RANDOM: readonly number[] = [EXIT.RDRAND, EXIT.RDSEED];

function dropUndefinedBits(
  fields: Fields,
  reason: number,
  qualification: bigint,
  provocation: Provocation,
): void {
  const information = get(fields, "VM_EXIT_INSTRUCTION_INFORMATION");
  const keep = (mask: bigint): void => {
    fields.set("VM_EXIT_INSTRUCTION_INFORMATION", information & mask);
  };
  const layout = exitReasonByNumber(reason)?.qualification;
  // Bits beyond the address size are undefined.
  if (layout === "displacement" && (information & 0x380n) !== 0x100n) {
    const size = information & 0x380n ? 32 : 16;
    fields.set("EXIT_QUALIFICATION", BigInt.asUintN(size, qualification));
  }
  // INS has no segment of its own to report.
  if (reason === EXIT.IO_INSTRUCTION && qualification & 8n) keep(0x380n);
  // Deviation: Bochs knows the operand sizes 32 and 64 only.
  if (RANDOM.includes(reason)) keep(information & 0x1000n ? 0x1878n : 0x78n);
  // The operand size is undefined in 64-bit mode. Deviation: Bochs never says 32 bits.
  if (reason === EXIT.GDTR_IDTR_ACCESS) keep(~0x800n);
  if (BITS[provocation.mode] === 16 && reason === EXIT.INVLPG) keep(0n);
}

/** Hides where Bochs 2.7 is known not to follow the manual; docs/quirks.md lists them. */
function dropDeviations(fields: Fields, provocation: Provocation): void {
  const change = (name: VmcsFieldName, mask: bigint): void => {
    const value = fields.get(name);
    if (value !== undefined) fields.set(name, value & mask);
  };
  change("GUEST_RFLAGS", ~RF);
  if (provocation.mode === "real16") {
    fields.delete("GUEST_CS_ACCESS_RIGHTS");
    // Exceptions have no error codes there.
    change("VM_EXIT_INTERRUPTION_INFORMATION", ~ERROR_CODE_VALID);
    fields.delete("VM_EXIT_INTERRUPTION_ERROR_CODE");
  }
  // A write to a guest paging structure is a read and a write, too.
  const qualification = get(fields, "EXIT_QUALIFICATION");
  const isWalk = (qualification & 0x180n) === 0x80n;
  if (get(fields, "EXIT_REASON") === BigInt(EXIT.EPT_VIOLATION) && isWalk)
    change("EXIT_QUALIFICATION", qualification & 2n ? ~1n : ~0n);
  // Fault-like exits leave no single step pending.
  if (get(fields, "GUEST_RFLAGS") & TF && !provocation.code.includes("mov ss"))
    fields.delete("GUEST_PENDING_DEBUG_EXCEPTIONS");
  dropNmiDeviations(fields, provocation, change);
  // The order of the reads of one instruction is the processor's own.
  if (/iret|lidt|lgdt/.test(provocation.code)) {
    change("GUEST_LINEAR_ADDRESS", PAGE);
    change("GUEST_PHYSICAL_ADDRESS", PAGE);
  }
}

function dropNmiDeviations(
  fields: Fields,
  provocation: Provocation,
  change: (name: VmcsFieldName, mask: bigint) => void,
): void {
  const nmiExiting = hasControl(
    provocation,
    "PIN_BASED_CONTROLS",
    controlMask("pin", "nmiExiting"),
  );
  const virtual = hasControl(provocation, "PIN_BASED_CONTROLS", controlMask("pin", "virtualNmis"));
  // Undefined, and the manual's state of blocking not kept from one entry to the next.
  if (nmiExiting && !virtual) {
    change("EXIT_QUALIFICATION", ~NMI_UNBLOCKING);
    change("VM_EXIT_INTERRUPTION_INFORMATION", ~NMI_UNBLOCKING);
  }
  const starts = provocation.fields?.GUEST_INTERRUPTIBILITY_STATE;
  if (virtual && starts !== 8) change("GUEST_INTERRUPTIBILITY_STATE", ~NMI_BLOCKING);
}

const ENTRY_FAILURE = 0x80000000n;
const NOT_RECORDED: readonly VmcsFieldName[] = [
  "VM_EXIT_INSTRUCTION_LENGTH",
  "VM_EXIT_INSTRUCTION_INFORMATION",
  "VM_EXIT_INTERRUPTION_INFORMATION",
  "VM_EXIT_INTERRUPTION_ERROR_CODE",
  "IDT_VECTORING_INFORMATION",
  "IDT_VECTORING_ERROR_CODE",
  "GUEST_LINEAR_ADDRESS",
  "GUEST_PHYSICAL_ADDRESS",
];

function rowOf(words: readonly string[], provocation: Provocation): ExitRow {
  if (words.length < SHOWN_FIELDS.length) return { failure: words.join(" ") };
  const fields: Fields = new Map(
    SHOWN_FIELDS.map((name, i) => [name, words[i] === "-" ? 0n : BigInt(`0x${words[i]!}`)]),
  );
  if (get(fields, "EXIT_REASON") & ENTRY_FAILURE)
    for (const name of NOT_RECORDED) fields.delete(name);
  else dropUndefined(fields, provocation);
  dropDeviations(fields, provocation);
  const rest = words.slice(SHOWN_FIELDS.length);
  const shown = [...fields].map(([name, value]) => [name, `0x${value.toString(16)}`]);
  return {
    ...(Object.fromEntries(shown) as ExitRow),
    ...Object.fromEntries(REGISTERS.map((name, i) => [name, rest[i] ?? ""])),
    // Deviation: Bochs logs the address of the access, not that of the page.
    log: rest.slice(REGISTERS.length).map((word) => word.slice(0, -3)).join(" "), // prettier-ignore
  };
}

/** One row a case; a case that was not reached has none. */
export function exitRows(serial: string, cases: readonly Provocation[]): (ExitRow | undefined)[] {
  const rows = cases.map((): ExitRow | undefined => undefined);
  for (const line of serial.split("\n")) {
    const [number, ...words] = line.trim().split(" ");
    const provocation = cases[Number(number)];
    if (number === undefined || number === "" || provocation === undefined) continue;
    rows[Number(number)] = rowOf(words, provocation);
  }
  return rows;
}
