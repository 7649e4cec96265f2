/** Names that a condition of an exception filter or exit breakpoint may use for the event that it is asked about. */
import { decodeExitQualification } from "../../engine/index";
import type { MachineEvent } from "../../engine/index";
import { REGISTER_NAMES } from "./registers";
import type { Variables } from "./names";

/** Names that some event has, for completions. */
export const EVENT_VARIABLE_NAMES: readonly string[] = [
  "reason", "qual", "gpa", "vector", "error", "address", "from", "to", "value",
  "port", "size", "in", "out", "read", "write", "fetch", "qual.cr", "qual.access", "qual.gpr",
]; // prettier-ignore

export function eventVariables(event: MachineEvent): Variables {
  const variables = new Map<string, bigint>();
  switch (event.kind) {
    case "vm-exit":
      addExit(variables, event);
      break;
    case "exception":
      variables.set("vector", BigInt(event.vector));
      if (event.errorCode !== undefined) variables.set("error", BigInt(event.errorCode));
      if (event.address !== undefined) variables.set("address", event.address);
      // SDM Vol. 3A, "Page-Fault Exceptions": bit 1 of the error code.
      if (event.vector === 14) variables.set("write", BigInt(((event.errorCode ?? 0) >> 1) & 1));
      break;
    case "interrupt":
      variables.set("vector", BigInt(event.vector));
      break;
    case "ring-change":
      variables.set("from", BigInt(event.from));
      variables.set("to", BigInt(event.to));
      break;
    case "cr3-load":
      variables.set("value", event.value);
      break;
    case "mode-change":
    case "vm-entry":
    case "vm-entry-failure":
    case "triple-fault":
    case "firmware":
    case "fidelity-lost":
      break;
  }
  return variables;
}

/** `qual` whole, its fields as `qual.<field>` by the isa tables, and as `<field>` where no register has that name. */
function addExit(variables: Map<string, bigint>, event: MachineEvent & { kind: "vm-exit" }): void {
  variables.set("reason", BigInt.asUintN(64, BigInt(event.number)));
  variables.set("qual", event.qualification);
  if (event.gpa !== undefined) variables.set("gpa", event.gpa);
  if (event.number < 0) return;
  for (const { name, value } of decodeExitQualification(event.number, event.qualification).fields) {
    const lower = name.toLowerCase();
    variables.set(`qual.${lower}`, value);
    if (!REGISTER_NAMES.has(lower)) variables.set(lower, value);
  }
  if (event.key === "IO_INSTRUCTION") addIo(variables);
  // SDM Vol. 3C, "Exit Qualification for Control-Register Accesses": access type 0 is MOV to CR.
  if (event.key === "CR_ACCESS") variables.set("write", BigInt(variables.get("access") === 0n));
}

/** The size field holds bytes - 1. SDM Vol. 3C, "Exit Qualification for I/O Instructions". */
function addIo(variables: Map<string, bigint>): void {
  const out = BigInt(variables.get("in") === 0n);
  variables.set("size", (variables.get("size") ?? 0n) + 1n);
  variables.set("out", out);
  variables.set("write", out);
}
