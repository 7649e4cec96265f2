/** VMM18: an event to be injected that no processor injects. SDM Vol. 3C, "VM-Entry Control Fields" (checks on VMX controls). */
import {
  ENTRY_INTERRUPTION_LAYOUT,
  EVENT_TYPE_NAMES,
  EVENT_TYPES,
  EXCEPTIONS,
  reservedMask,
  setBits,
} from "../../engine/language";
import { valueWritten, writesOfField, type VmcsAccess } from "../knowledge/vmcsAccesses";
import { withCall } from "./expansions";
import type { Finding, Rule } from "./rule";

const VALID = 1n << 31n;
const DELIVER_ERROR_CODE = 1n << 11n;
const RESERVED_TYPE = 1;

function vectorMistake(type: number, vector: number): string | undefined {
  switch (type) {
    case EVENT_TYPES.nmi:
      return vector === 2 ? undefined : `an NMI has vector 2, not ${vector}`;
    case EVENT_TYPES.hardwareException:
      return vector <= 31 ? undefined : `exceptions have vectors up to 31, not ${vector}`;
    case EVENT_TYPES.otherEvent:
      return vector === 0 ? undefined : `an other event has vector 0, not ${vector}`;
    default:
      return undefined;
  }
}

function mistake(value: bigint): string | undefined {
  const type = Number((value >> 8n) & 7n);
  const vector = Number(value & 0xffn);
  const reserved = BigInt.asUintN(32, value) & reservedMask(ENTRY_INTERRUPTION_LAYOUT);
  if (reserved !== 0n) return `reserved bits are set: ${setBits(reserved).join(", ")}`;
  if (type === RESERVED_TYPE) return "interruption type 1 is reserved";
  const wrongVector = vectorMistake(type, vector);
  if (wrongVector !== undefined || (value & DELIVER_ERROR_CODE) === 0n) return wrongVector;
  const row = EXCEPTIONS.find((each) => each.vector === vector);
  const hasErrorCode = type === EVENT_TYPES.hardwareException && row?.hasErrorCode === true;
  const what = `${EVENT_TYPE_NAMES[type] ?? "event"} ${vector}`;
  return hasErrorCode ? undefined : `${what} has no error code to deliver (bit 11)`;
}

function injectionFinding(access: VmcsAccess): Finding[] {
  const value = valueWritten(access);
  const problem = value === undefined || (value & VALID) === 0n ? undefined : mistake(value);
  if (problem === undefined) return [];
  const { statement } = access;
  const message = `VM entry fails with VM-instruction error 7 instead of injecting this event: ${problem}.`;
  return [
    withCall({ code: "VMM18", severity: "warning", message, range: statement.range }, statement),
  ];
}

export const eventInjection: Rule = {
  id: "VMM18",
  title: "Event that cannot be injected",
  run: ({ analysis }) =>
    writesOfField(analysis, "VM_ENTRY_INTERRUPTION_INFORMATION").flatMap(injectionFinding),
};
