/** The debug console's commands: one table, from which help and completions are made too. */
import { hex } from "../../engine/index";
import { hexOf } from "../expressions/formatValue";
import { parsePlace } from "../memoryReference";
import { rowsFrom } from "../requests/disassembly";
import { travel } from "../requests/running";
import { timelineBody } from "../requests/timeline";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import type { Target } from "../session/target";
import { symbolText } from "../sources/program";
import { noVmcsText, translationText } from "../variables/hypervisor";
import { summarizeFlags } from "../variables/registers";
import { segmentText } from "../variables/system";
import { entrySpaceOf } from "../translationText";
import { examine } from "./examine";

export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly help: string;
  readonly run: (
    session: RingsideSession,
    rest: string,
    frameId: number | undefined,
  ) => string | Promise<string>;
  /** Words that can follow. */
  readonly complete?: (target: Target) => readonly string[];
}

export const COMMANDS: readonly Command[] = [
  {
    name: "help",
    usage: "help [COMMAND]",
    help: "Lists the commands, or explains one",
    run: (_, rest) => helpText(rest),
    complete: () => COMMANDS.map(({ name }) => name),
  },
  {
    name: "regs",
    usage: "regs",
    help: "Registers, segments and control registers of the VCPU",
    run: (session, _, frameId) => registersText(session.target, frameId),
    complete: () => [],
  },
  {
    name: "x",
    usage: "x/COUNT FORMAT SIZE ADDRESS",
    help: "Examines memory as gdb does: x/16i rip, x/8xg rsp, x/s message, x/4xw gpa:0x7000",
    run: (session, rest, frameId) => examine(session.target, rest, frameId, rowsFrom),
  },
  {
    name: "walk",
    usage: "walk ADDRESS",
    help: "Translates an address and shows every page-table entry on the way: walk rip, walk gpa:0x7000",
    run: (session, rest, frameId) => walkText(session.target, rest, frameId),
  },
  {
    name: "vmcs",
    usage: "vmcs [FIELD]",
    help: "Fields of the current VMCS whose name contains FIELD",
    run: (session, rest) => vmcsText(session.target, rest),
    complete: ({ debuggee }) => debuggee.vmcs()?.fields.map(({ name }) => name) ?? [],
  },
  {
    name: "exits",
    usage: "exits",
    help: "VM exits and traps so far, by reason",
    run: (session) => exitsText(session.target),
    complete: () => [],
  },
  {
    name: "checks",
    usage: "checks",
    help: "VM-entry rules that the current VMCS breaks",
    run: (session) => checksText(session.target),
    complete: () => [],
  },
  {
    name: "timeline",
    usage: "timeline [COUNT]",
    help: "The newest events (default 20) with their positions",
    run: (session, rest) => timelineText(session, rest),
    complete: () => [],
  },
  {
    name: "goto",
    usage: "goto POSITION",
    help: "Travels to a position in time",
    run: goToPosition,
    complete: () => [],
  },
  {
    name: "symbols",
    usage: "symbols [TEXT]",
    help: "Labels and constants whose name contains TEXT",
    run: (session, rest) => symbolsText(session.target, rest),
  },
  {
    name: "serial",
    usage: "serial TEXT",
    help: "Sends TEXT to the guest's serial line; \\n, \\r, \\t and \\\\ are escapes",
    run: sendSerial,
    complete: () => [],
  },
  {
    name: "keys",
    usage: "keys TEXT",
    help: "Types TEXT on the guest's keyboard; \\n is Enter",
    run: typeKeys,
    complete: () => [],
  },
  {
    name: "screen",
    usage: "screen",
    help: "The guest's text screen",
    run: (session) => session.target.debuggee.screenText(),
    complete: () => [],
  },
];

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\" };

function unescape(text: string): string {
  return text.replace(/\\([nrt\\])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

function goToPosition(session: RingsideSession, rest: string, frameId: number | undefined): string {
  travel(session, Number(session.target.address(rest, frameId)));
  return "";
}

function sendSerial(session: RingsideSession, rest: string): string {
  session.target.debuggee.sendSerial(new TextEncoder().encode(unescape(rest)));
  return "";
}

function typeKeys(session: RingsideSession, rest: string): string {
  session.target.debuggee.sendKeys(unescape(rest));
  return "";
}

function helpText(name: string): string {
  const chosen = name === "" ? COMMANDS : COMMANDS.filter((command) => command.name === name);
  if (chosen.length === 0) throw new RequestError(`There is no command "${name}".`);
  const width = Math.max(...chosen.map(({ usage }) => usage.length));
  const lines = chosen.map(({ usage, help }) => `${usage.padEnd(width)}  ${help}`);
  if (name !== "") return lines.join("\n");
  return [
    ...lines,
    "",
    "Anything else is an expression: rax, [rsp+8], dword [gpa:0x7000], kmain+4, cr0 & 1, rax,d (x d b o s c),",
    "or an assignment: rax = 5, byte [buffer] = 'A'.",
  ].join("\n");
}

function registersText(target: Target, frameId: number | undefined): string {
  const view = target.scope(frameId).processor;
  const wide = view.mode === "long64";
  const names = Object.keys(view.registers).filter(
    (name) => name.startsWith("r") && name !== "rflags",
  );
  const shown = names.filter((name) => wide || !/^r\d/.test(name));
  const cells = shown.map((name) => {
    const label = wide ? name.padEnd(3) : `e${name.slice(1)}`;
    return `${label} ${hexOf(view.registers[name] ?? 0n, wide ? 64 : 32)}`;
  });
  const flags = view.registers.rflags ?? 0n;
  const control = ["cr0", "cr2", "cr3", "cr4", "efer"].map(
    (name) => `${name} ${hex(view.registers[name] ?? 0n)}`,
  );
  const segments = Object.entries(view.segments).map(
    ([name, segment]) => `${name.padEnd(4)} ${segmentText(segment)}`,
  );
  return [
    ...rowsOf(cells, wide ? 3 : 4),
    `rflags ${hexOf(flags, 32)} ${summarizeFlags(flags)}`,
    control.join("  "),
    ...segments,
    `gdtr base ${hex(view.gdtr.base)} limit ${hex(view.gdtr.limit)}  idtr base ${hex(view.idtr.base)} limit ${hex(view.idtr.limit)}`,
    `${view.mode}, CPL ${view.cpl}, world ${target.debuggee.world}`,
  ].join("\n");
}

function rowsOf(cells: readonly string[], columns: number): string[] {
  const rows: string[] = [];
  for (let at = 0; at < cells.length; at += columns) rows.push(cells.slice(at, at + columns).join("  ")); // prettier-ignore
  return rows;
}

function walkText(target: Target, rest: string, frameId: number | undefined): string {
  if (rest === "") throw new RequestError("walk ADDRESS");
  const { space, address } = parsePlace(rest, (text) => target.address(text, frameId));
  const translation = target.debuggee.translate(space, address);
  const steps = translation.steps.map((step) => {
    const place = `${entrySpaceOf(step.stage)}:${hex(step.entryAddress)}`;
    const refused = step.refused === undefined ? "" : `  REFUSED: ${step.refused}`;
    return `  ${`${step.stage} ${step.level}`.padEnd(18)} at ${place.padEnd(16)} = ${hex(step.value).padEnd(18)} [${step.flags.join(" ")}] → ${hex(step.target)}${refused}`;
  });
  return [translationText(translation), ...steps].join("\n");
}

function vmcsText({ debuggee }: Target, rest: string): string {
  const vmcs = debuggee.vmcs();
  if (!vmcs) return noVmcsText(debuggee.config.vmm);
  const wanted = rest.toUpperCase();
  const fields = vmcs.fields.filter(({ name }) => name.toUpperCase().includes(wanted));
  if (fields.length === 0) throw new RequestError(`No VMCS field is named like "${rest}".`);
  return fields
    .map(({ name, value, width, decoded }) =>
      `${name.padEnd(34)} ${hexOf(value, width)} ${decoded}`.trimEnd(),
    ) // prettier-ignore
    .join("\n");
}

function exitsText({ debuggee }: Target): string {
  const exits = debuggee.exits().filter(({ count }) => count > 0);
  if (exits.length === 0) return "No VM exits so far.";
  return [...exits]
    .sort((a, b) => b.count - a.count)
    .map(({ key, number, title, count, cycles }) => {
      const name = number >= 0 ? `${key} (${number})` : key;
      return `${String(count).padStart(8)}  ${name.padEnd(28)} ${title}, ${cycles} cycles`;
    })
    .join("\n");
}

function checksText({ debuggee }: Target): string {
  if (!debuggee.vmcs()) return noVmcsText(debuggee.config.vmm);
  const violations = debuggee.entryViolations();
  if (violations.length === 0) return "The current VMCS passes every VM-entry check.";
  return violations
    .map(({ rule, text, hint, sdm }) => `${rule}: ${text}\n    ${hint} (${sdm})`)
    .join("\n");
}

function timelineText(session: RingsideSession, rest: string): string {
  const limit = rest === "" ? 20 : Number(session.target.address(rest));
  const { entries, position, horizon } = timelineBody(session, { limit });
  const lines = entries.map((entry) => {
    const place = entry.place?.symbol ?? entry.place?.address ?? "";
    return `${String(entry.position).padStart(10)}  ${entry.text}${place === "" ? "" : `  at ${place}`}`;
  });
  return [...lines, `now at ${position} of ${horizon}`].join("\n");
}

function symbolsText({ program }: Target, rest: string): string {
  const found = program.symbols.filter(({ name }) => name.includes(rest));
  if (found.length === 0) return "No symbol.";
  return found
    .slice(0, 500)
    .map(
      ({ name, value, kind }) =>
        `${hexOf(value, value >> 32n === 0n ? 32 : 64)}  ${kind.padEnd(11)} ${name}`,
    )
    .join("\n");
}

/** "kmain+0x12" or the address. */
export function placeName(target: Target, address: bigint): string {
  const symbol = target.program.covers(address) ? target.program.symbolAt(address) : undefined;
  return symbolText(symbol) ?? hex(address);
}
