/** FLOW3, FLOW8, FLOW17, FLOW18: what a handler must do because it interrupts something. */
import { pushesErrorCode, vectorName } from "../../engine/language";
import type { Analysis } from "../analysis";
import { portWrites } from "../knowledge/constants";
import { functionsOf } from "../knowledge/functions";
import { interruptsOf, type InterruptHandler } from "../knowledge/interruptHandlers";
import { wholeRegister, writesRegister } from "../knowledge/registerFlow";
import { returnsWithDepth } from "../knowledge/stackDepth";
import { addressRule } from "./addressRule";
import type { Finding, Rule } from "./rule";

function vectorText(vector: number): string {
  return vector < 32
    ? `vector ${vector} (${vectorName(vector)})`
    : `vector 0x${vector.toString(16)}`;
}

function related({ registeredAt, vector }: InterruptHandler): NonNullable<Finding["related"]> {
  return [{ message: `${vectorText(vector)} is set here`, range: registeredAt.callRange }];
}

function nameOf(analysis: Analysis, handler: InterruptHandler): string {
  return functionsOf(analysis).flow.labelAt(handler.index)?.name ?? "the handler";
}

function rangeOf(analysis: Analysis, handler: InterruptHandler): Finding["range"] {
  const { flow } = functionsOf(analysis);
  return (flow.labelAt(handler.index) ?? analysis.model.statements[handler.index]!).range;
}

function rule(
  id: string,
  title: string,
  judge: (analysis: Analysis, handler: InterruptHandler) => readonly Finding[],
): Rule {
  return addressRule(id, title, (analysis) =>
    interruptsOf(analysis).handlers.flatMap((each) => judge(analysis, each)),
  );
}

function plainReturns(analysis: Analysis, handler: InterruptHandler): Finding[] {
  const { statements } = analysis.model;
  return (returnsWithDepth(analysis, handler.index) ?? [])
    .filter(
      ({ index, depth }) => depth === 0 && /^retn?$/.test(statements[index]?.form?.mnemonic ?? ""),
    ) // prettier-ignore
    .map(({ index }) => ({
      code: "FLOW3",
      severity: "warning" as const,
      message: `${nameOf(analysis, handler)} handles ${vectorText(handler.vector)} and ends in RET: CS and the flags stay on the stack, and interrupts stay off. End it in ${handler.bits === 16 ? "IRET" : `IRET${handler.bits === 32 ? "D" : "Q"}`}.`,
      range: statements[index]!.range,
      related: related(handler),
    }));
}

export const returnFromHandler = rule("FLOW3", "Interrupt handler that ends in RET", plainReturns);

const EOI_PORTS = new Set([0x20, 0xa0]);
/** An 8259 raises its last line also for an interrupt that went away, and that one takes no EOI. */
const SPURIOUS = 7;

/** Anything through which an EOI could be sent that is not seen: the local APIC, a handler that this one goes on to, unknown calls. */
function mayEndElsewhere(analysis: Analysis, body: ReadonlySet<number>): boolean {
  const { flow } = functionsOf(analysis);
  const { statements } = analysis.model;
  const seen = new Set(portWrites(analysis).map(({ index }) => index));
  return [...body].some((index) => {
    const { kind } = flow.transfers[index]!;
    const { form } = statements[index]!;
    if (/^(service|far-jump|none|stop|vm-entry)$/.test(kind) || !flow.isComplete(index))
      return true;
    if (form?.mnemonic === "wrmsr" || (form?.mnemonic ?? "").startsWith("outs")) return true;
    return form?.mnemonic === "out" && !seen.has(index);
  });
}

/** ICW4 bit 1: the 8259 ends each interrupt by itself. */
function endsAutomatically(analysis: Analysis): boolean {
  return portWrites(analysis).some(({ port, value }) => port === 0x21 && value === 3);
}

function storesToApic(analysis: Analysis, body: ReadonlySet<number>): boolean {
  return [...body].some((index) => {
    const target = analysis.model.statements[index]!.operands[0]?.value;
    return target?.kind === "mem" && (Number(target.displacement) & 0xfff) === 0xb0;
  });
}

function withoutEndOfInterrupt(analysis: Analysis, handler: InterruptHandler): Finding[] {
  const { hardware } = interruptsOf(analysis);
  const irq = hardware.get(handler.vector);
  if (irq === undefined || irq % 8 === SPURIOUS || endsAutomatically(analysis)) return [];
  const { flow } = functionsOf(analysis);
  const body = functionsOf(analysis).withCallees(handler.index);
  const returns = [...body].some((index) => flow.transfers[index]!.kind === "interrupt-return");
  if (!returns || mayEndElsewhere(analysis, body) || storesToApic(analysis, body)) return [];
  const sends = portWrites(analysis).some(
    ({ index, port }) => body.has(index) && EOI_PORTS.has(port),
  );
  if (sends) return [];
  return [
    {
      code: "FLOW8",
      severity: "warning",
      message: `${nameOf(analysis, handler)} handles IRQ ${irq} and never sends an EOI: the 8259 raises neither this interrupt again nor any of lower priority. Add \`mov al, 0x20\` and \`out 0x20, al\`${irq >= 8 ? " (and `out 0xa0, al`)" : ""} before the return.`,
      range: rangeOf(analysis, handler),
      related: related(handler),
    },
  ];
}

export const endOfInterrupt = rule(
  "FLOW8",
  "Hardware interrupt handler without EOI",
  withoutEndOfInterrupt,
);

function keptErrorCodes(analysis: Analysis, handler: InterruptHandler): Finding[] {
  // Real mode pushes no error codes. SDM Vol. 3B, "Interrupt and Exception Handling" (8086 emulation).
  if (handler.bits === 16 || !pushesErrorCode(handler.vector)) return [];
  const bytes = handler.bits / 8;
  const { statements } = analysis.model;
  return (returnsWithDepth(analysis, handler.index) ?? [])
    .filter(
      ({ index, depth }) =>
        depth === 0 && (statements[index]?.form?.mnemonic ?? "").startsWith("iret"),
    ) // prettier-ignore
    .map(({ index }) => ({
      code: "FLOW17",
      severity: "warning" as const,
      message: `The processor pushes an error code for ${vectorText(handler.vector)}, and it is still on the stack here: it is taken for the return address. Add \`add ${bytes === 8 ? "rsp" : "esp"}, ${bytes}\` before this.`,
      range: statements[index]!.range,
      related: related(handler),
    }));
}

export const errorCodeOnStack = rule(
  "FLOW17",
  "Error code left on the stack at IRET",
  keptErrorCodes,
);

const REGISTER_NAMES = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"] as const;
const SP = 4;

/** Registers that a body writes and never saves, while it can be seen through. */
function clobbered(analysis: Analysis, body: ReadonlySet<number>): number[] | undefined {
  const { statements } = analysis.model;
  const saved = new Set<number>();
  const written = new Set<number>();
  for (const index of body) {
    const { form, operands, bits } = statements[index]!;
    const mnemonic = form?.mnemonic ?? "";
    if (bits === 64 || /^(pusha|popa|fxsave|xsave|xchg)/.test(mnemonic)) return undefined;
    if (mnemonic === "push" || (mnemonic === "mov" && operands[0]?.value?.kind === "mem"))
      saved.add(wholeRegister((operands[1] ?? operands[0])?.value) ?? -1);
    if (mnemonic === "mov" && wholeRegister(operands[1]?.value) === SP) return undefined;
    for (let register = 0; register < REGISTER_NAMES.length; register++)
      if (register !== SP && writesRegister(statements[index]!, register) === true)
        written.add(register);
  }
  return [...written].filter((register) => !saved.has(register)).sort((a, b) => a - b);
}

function lostRegisters(analysis: Analysis, handler: InterruptHandler): Finding[] {
  const { hardware } = interruptsOf(analysis);
  if (!hardware.has(handler.vector)) return [];
  const { flow } = functionsOf(analysis);
  const body = functionsOf(analysis).withCallees(handler.index);
  const ends = [...body].map((index) => flow.transfers[index]!.kind);
  // A handler that goes elsewhere (a scheduler, the old handler) may restore what it wants.
  if (!ends.includes("interrupt-return") || mayEndElsewhere(analysis, body)) return [];
  const lost = clobbered(analysis, body) ?? [];
  if (lost.length === 0) return [];
  const names = lost.map(
    (register) => `${handler.bits === 16 ? "" : "E"}${REGISTER_NAMES[register]}`,
  );
  return [
    {
      code: "FLOW18",
      severity: "warning",
      message: `${nameOf(analysis, handler)} changes ${names.join(", ")} and does not save ${names.length === 1 ? "it" : "them"}: the interrupted code finds other values.`,
      range: rangeOf(analysis, handler),
      related: related(handler),
    },
  ];
}

export const registersOfInterrupted = rule(
  "FLOW18",
  "Interrupt handler that changes registers",
  lostRegisters,
);
