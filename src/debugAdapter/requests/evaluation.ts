/** evaluate, setExpression, completions. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { COMMANDS } from "../console/commands";
import { completionsFor } from "../console/completions";
import { evaluate } from "../expressions/evaluator";
import type { Value } from "../expressions/evaluator";
import { toLittleEndian } from "../expressions/evaluator";
import { ExpressionError } from "../expressions/expression";
import { formatValue, hexOf } from "../expressions/formatValue";
import { registerNamed } from "../expressions/names";
import type { MachineScope } from "../expressions/names";
import { parseExpression } from "../expressions/parser";
import type { Expression, FormatSuffix } from "../expressions/parser";
import { memoryReference } from "../memoryReference";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import type { Container, VariableNode } from "../variables/node";
import { registerNodes } from "../variables/registers";
import { scopeInputs } from "../variables/scopes";
import { controlNodes, segmentNodes } from "../variables/system";
import type { HandlerTable } from "./handler";
import { childrenReference, invalidate } from "./variables";

type EvaluateBody = DebugProtocol.EvaluateResponse["body"];

/** `name = value`, but not a comparison. */
const ASSIGNMENT = /^([^=!<>]+)=(?!=)(.+)$/s;

async function evaluateRequest(
  session: RingsideSession,
  args: DebugProtocol.EvaluateArguments,
): Promise<EvaluateBody> {
  const text = args.expression.trim();
  if (args.context === "repl") {
    const answer = await consoleLine(session, text, args.frameId);
    if (answer) return answer;
  }
  return evaluateValue(session, text, args.frameId, args.format?.hex);
}

/** A command, or an assignment; undefined if it is neither. */
async function consoleLine(
  session: RingsideSession,
  text: string,
  frameId: number | undefined,
): Promise<EvaluateBody | undefined> {
  if (text === "") return { result: "", variablesReference: 0 };
  const word = /^[^\s/]+/.exec(text)?.[0] ?? "";
  const command = COMMANDS.find(({ name }) => name === word);
  if (command) {
    const rest = text.slice(word.length).trim();
    return { result: await command.run(session, rest, frameId), variablesReference: 0 };
  }
  const assignment = ASSIGNMENT.exec(text);
  if (!assignment) return undefined;
  assign(session, (assignment[1] ?? "").trim(), (assignment[2] ?? "").trim(), frameId);
  session.afterResponse(() => invalidate(session));
  return evaluateValue(session, (assignment[1] ?? "").trim(), frameId);
}

function evaluateValue(
  session: RingsideSession,
  text: string,
  frameId: number | undefined,
  hexWanted?: boolean,
): EvaluateBody {
  const { target } = session;
  const scope = target.scope(frameId);
  const parsed = parseExpression(text);
  const value = evaluate(parsed.expression, scope);
  const suffix: FormatSuffix | undefined = parsed.suffix ?? (hexWanted ? "x" : undefined);
  const structured = suffix === undefined ? structureOf(session, value, frameId) : undefined;
  return {
    result: structured?.value ?? formatValue(value, suffix, scope, target.program),
    variablesReference: structured?.reference ?? 0,
    type: typeText(value),
    ...referenceOf(value, scope),
  };
}

/** Registers with parts (bits, sub-registers, descriptors) expand in watch and hover as they do in the scopes. */
function structureOf(
  session: RingsideSession,
  value: Value,
  frameId: number | undefined,
): { readonly value: string; readonly reference: number } | undefined {
  const name = value.register;
  if (name === undefined || session.loop.running) return undefined;
  const container: Container = {
    path: `watch/${frameId === undefined ? "" : "frame/"}registers`,
    children: () => structuredRegisters(session, frameId),
  };
  const node = container.children().find((child) => child.name === name);
  return node && { value: node.value, reference: childrenReference(session, container, node) };
}

function structuredRegisters(
  session: RingsideSession,
  frameId: number | undefined,
): readonly VariableNode[] {
  const inputs = scopeInputs(session, frameId);
  return [...registerNodes(inputs), ...controlNodes(inputs), ...segmentNodes(inputs)];
}

function typeText(value: Value): string {
  if (value.memory) return `${value.memory.size} bytes at ${memoryReference(value.memory.space, value.memory.address)}`; // prettier-ignore
  if (value.register !== undefined) return `${value.width}-bit register`;
  return value.addressSpace ? `${value.addressSpace} address` : "number";
}

/** Registers that hold addresses: general ones, the instruction pointer, CR2, bases. */
const POINTER_REGISTER = /^(r|e)?([abcd]x|[sd]i|[sb]p|ip)$|^r\d+d?$|^cr2$|base$|^gdtr$|^idtr$/;

function referenceOf(value: Value, scope: MachineScope): { readonly memoryReference?: string } {
  if (value.memory) return { memoryReference: memoryReference(value.memory.space, value.memory.address) }; // prettier-ignore
  if (value.addressSpace) return { memoryReference: memoryReference(value.addressSpace, value.value) }; // prettier-ignore
  if (value.register === undefined || value.width < 32) return {};
  if (!POINTER_REGISTER.test(value.register)) return {};
  const segment = /sp$|bp$/.test(value.register) ? "ss" : value.register.endsWith("ip") ? "cs" : undefined; // prettier-ignore
  const base = segment ? scope.segmentBase(segment) : 0n;
  return { memoryReference: memoryReference("gva", BigInt.asUintN(64, value.value + base)) };
}

function setExpression(
  session: RingsideSession,
  args: DebugProtocol.SetExpressionArguments,
): DebugProtocol.SetExpressionResponse["body"] {
  assign(session, args.expression, args.value, args.frameId);
  session.afterResponse(() => invalidate(session));
  const { result, variablesReference } = evaluateValue(session, args.expression, args.frameId);
  return { value: result, variablesReference };
}

/** Stores into a register, a flag, or memory. */
function assign(
  session: RingsideSession,
  place: string,
  text: string,
  frameId: number | undefined,
): void {
  const target = session.stopped;
  const value = target.address(text.replace(/\s*<[^>]*>\s*$/, ""), frameId);
  const { expression } = parseExpression(place);
  if (expression.kind === "name") {
    if (target.frameRegisters(frameId)) throw new RequestError("Registers are set in the top frame only."); // prettier-ignore
    assignName(session, expression.name, value);
  } else {
    assignMemory(session, expression, value, frameId);
  }
  session.modified();
}

function assignName(session: RingsideSession, name: string, value: bigint): void {
  const { debuggee } = session.target;
  const register = registerNamed(name);
  if (register?.write) debuggee.setRegister(...register.write(debuggee.vcpu(), value));
  else if (register) throw new RequestError(`${name} cannot be set.`);
  else debuggee.setRegister(name, value);
}

function assignMemory(
  session: RingsideSession,
  expression: Expression,
  value: bigint,
  frameId: number | undefined,
): void {
  const { memory } = evaluate(expression, session.target.scope(frameId));
  if (!memory) throw new RequestError("Only registers and memory ([…]) can be set.");
  const bytes = toLittleEndian(value, memory.size);
  const written = session.target.debuggee.writeMemory(memory.space, memory.address, bytes);
  if (written < memory.size) {
    throw new RequestError(`Only ${written} of ${memory.size} bytes could be written at ${memoryReference(memory.space, memory.address)} (${hexOf(value, memory.size * 8)}).`); // prettier-ignore
  }
}

function completions(
  session: RingsideSession,
  args: DebugProtocol.CompletionsArguments,
): DebugProtocol.CompletionsResponse["body"] {
  const lines = args.text.split("\n");
  const line = lines[(args.line ?? 1) - (session.client.linesStartAt1 ? 1 : 0)] ?? args.text;
  const column = args.column - (session.client.columnsStartAt1 ? 1 : 0);
  try {
    return { targets: completionsFor(session.target, line.slice(0, column)) };
  } catch (error) {
    if (error instanceof ExpressionError) return { targets: [] };
    throw error;
  }
}

export const evaluationHandlers: HandlerTable = {
  evaluate: evaluateRequest,
  setExpression,
  completions,
};
