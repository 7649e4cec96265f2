/** Checks on the event to inject: part of "Checks on VMX Controls". SDM Vol. 3C, "VM-Entry Control Fields". */
import { setBits } from "../../../isa/bitFields";
import { pushesErrorCode, vectorName } from "../../../isa/exceptions";
import { EVENT_TYPE_NAMES, EVENT_TYPES } from "../../../isa/vmx/fieldLayouts";
import type { VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import type { EntryState, InjectedEvent } from "./entryState";
import { hex, section, type EntryRule } from "./rule";
import type { Finding, Fix } from "./violation";

const entry = section("controls", "VM-Entry Control Fields");
const INFORMATION = "VM_ENTRY_INTERRUPTION_INFORMATION";

function injection(
  id: string,
  title: string,
  fields: readonly VmcsFieldName[],
  find: (event: InjectedEvent, state: EntryState) => Finding | undefined,
): EntryRule {
  return entry({
    id,
    title,
    fields,
    find: (state) => (state.injected === undefined ? undefined : find(state.injected, state)),
  });
}

/** Replaces part of the interruption-information field. */
function informationFix(event: InjectedEvent, clear: number, set: number): Fix[] {
  return [{ field: INFORMATION, value: BigInt(((event.raw & ~clear) | set) >>> 0) }];
}

/** Whether the event's delivery would push an error code: the deliver-error-code bit must say the same. */
function errorCodeExpected(event: InjectedEvent, state: EntryState): boolean {
  const protectedMode = !state.isUnrestricted || state.isProtected;
  return (
    protectedMode && event.type === EVENT_TYPES.hardwareException && pushesErrorCode(event.vector)
  );
}

function vectorProblem({ type, vector }: InjectedEvent): number | undefined {
  if (type === EVENT_TYPES.nmi && vector !== 2) return 2;
  if (type === EVENT_TYPES.hardwareException && vector > 31) return vector & 31;
  if (type === EVENT_TYPES.otherEvent && vector !== 0) return 0;
  return undefined;
}

export const INJECTION_RULES: readonly EntryRule[] = [
  injection(
    "injection-type",
    "The interruption type must not be 1, and 7 (other event) only where the monitor trap flag exists",
    [INFORMATION],
    (event, { capabilities }) => {
      const isOther = event.type === EVENT_TYPES.otherEvent;
      if (event.type !== 1 && (!isOther || capabilities.monitorTrapFlag)) return undefined;
      return {
        sentence: `Interruption type ${event.type} (${EVENT_TYPE_NAMES[event.type] ?? ""}) is not supported.`,
        hint: "Use 0 external interrupt, 2 NMI, 3 hardware exception, 4 software interrupt, 5 or 6 software exception.",
        fix: informationFix(event, 0x80000700, 0),
      };
    },
  ),
  injection(
    "injection-vector",
    "The vector must suit the type: 2 for NMI, 0-31 for hardware exceptions, 0 for other events",
    [INFORMATION],
    (event) => {
      const vector = vectorProblem(event);
      if (vector === undefined) return undefined;
      return {
        sentence: `Vector ${event.vector} does not suit type ${event.type} (${EVENT_TYPE_NAMES[event.type] ?? ""}).`,
        fix: informationFix(event, 0xff, vector),
      };
    },
  ),
  injection(
    "injection-error-code-delivery",
    "Deliver-error-code must be 1 exactly for hardware exceptions that push an error code in protected mode",
    [INFORMATION, "GUEST_CR0"],
    (event, state) => {
      const expected = errorCodeExpected(event, state);
      const eitherWay =
        state.capabilities.injectAnyErrorCode &&
        event.type === EVENT_TYPES.hardwareException &&
        (!state.isUnrestricted || state.isProtected);
      if (expected === event.deliversErrorCode || eitherWay) return undefined;
      const name =
        event.type === EVENT_TYPES.hardwareException ? vectorName(event.vector) : "this event";
      const reason =
        expected || state.isProtected || !state.isUnrestricted
          ? `${name} ${expected ? "pushes an error code" : "pushes no error code"}`
          : `guest CR0.PE is 0: real mode has no error codes`;
      return {
        sentence: `Deliver-error-code is ${event.deliversErrorCode ? 1 : 0}, but ${reason}.`,
        fix: informationFix(event, 0x800, expected ? 0x800 : 0),
      };
    },
  ),
  injection(
    "injection-reserved",
    "Bits 30:12 of the interruption-information field must be 0",
    [INFORMATION],
    (event) => {
      const reserved = event.raw & 0x7ffff000;
      if (reserved === 0) return undefined;
      return {
        sentence: `VM-entry interruption information ${hex(event.raw)} has reserved bits set: ${setBits(BigInt(reserved)).join(", ")}.`,
        fix: informationFix(event, 0x7ffff000, 0),
      };
    },
  ),
  injection(
    "injection-error-code-value",
    "Bits 31:16 of the exception error code must be 0",
    ["VM_ENTRY_EXCEPTION_ERROR_CODE", INFORMATION],
    (event, state) => {
      const code = state.read("VM_ENTRY_EXCEPTION_ERROR_CODE");
      if (!event.deliversErrorCode || code >> 16n === 0n) return undefined;
      return {
        sentence: `VM-entry exception error code is ${hex(code)}; only 16 bits are delivered.`,
        fix: [{ field: "VM_ENTRY_EXCEPTION_ERROR_CODE", value: code & 0xffffn }],
      };
    },
  ),
  injection(
    "injection-instruction-length",
    "The instruction length of a software event must be at most 15, and 0 only where that is supported",
    ["VM_ENTRY_INSTRUCTION_LENGTH", INFORMATION],
    (event, state) => {
      const isSoftware =
        event.type >= EVENT_TYPES.softwareInterrupt && event.type <= EVENT_TYPES.softwareException;
      const length = state.read32("VM_ENTRY_INSTRUCTION_LENGTH");
      const least = state.capabilities.injectLengthZero ? 0 : 1;
      if (!isSoftware || (length >= least && length <= 15)) return undefined;
      return {
        sentence: `VM-entry instruction length ${length} is not from ${least} to 15.`,
        hint: "Write the length of the INT instruction to VM_ENTRY_INSTRUCTION_LENGTH: 2 for INT n, 1 for INT3, INTO and INT1.",
        fix: [
          {
            field: "VM_ENTRY_INSTRUCTION_LENGTH",
            value: event.type === EVENT_TYPES.softwareInterrupt ? 2n : 1n,
          },
        ],
      };
    },
  ),
];
