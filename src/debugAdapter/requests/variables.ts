/** variables and setVariable. */
import { InvalidatedEvent } from "@vscode/debugadapter";
import type { DebugProtocol } from "@vscode/debugprotocol";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import { childContainer } from "../variables/scopes";
import type { Container, VariableNode } from "../variables/node";
import type { HandlerTable } from "./handler";

type DapVariable = DebugProtocol.Variable & { readonly __vscodeVariableMenuContext?: string };

function variables(
  session: RingsideSession,
  args: DebugProtocol.VariablesArguments,
): { readonly variables: readonly DapVariable[] } {
  const container = containerOf(session, args.variablesReference);
  const all = container.children().map((node) => dapVariable(session, container, node));
  const start = args.start ?? 0;
  return { variables: args.count ? all.slice(start, start + args.count) : all };
}

function containerOf(session: RingsideSession, reference: number): Container {
  const container = session.stopped.handles.get(reference);
  if (!container) throw new RequestError("These variables are from an earlier stop.");
  return container;
}

export function dapVariable(
  session: RingsideSession,
  container: Container,
  node: VariableNode,
): DapVariable {
  return {
    name: node.name,
    value: node.value,
    variablesReference: childrenReference(session, container, node),
    ...(node.type === undefined ? {} : { type: node.type }),
    ...(node.evaluateName === undefined ? {} : { evaluateName: node.evaluateName }),
    ...(node.memoryReference === undefined ? {} : { memoryReference: node.memoryReference }),
    ...(node.context === undefined ? {} : { __vscodeVariableMenuContext: node.context }),
    ...(node.set ? {} : { presentationHint: { attributes: ["readOnly"] } }),
  };
}

export function childrenReference(
  session: RingsideSession,
  container: Container,
  node: VariableNode,
): number {
  if (!node.children) return 0;
  return session.target.handles.reference(childContainer(container, node.name));
}

function setVariable(
  session: RingsideSession,
  args: DebugProtocol.SetVariableArguments,
): DebugProtocol.SetVariableResponse["body"] {
  const container = containerOf(session, args.variablesReference);
  const node = container.children().find(({ name }) => name === args.name);
  if (!node?.set) throw new RequestError(`${args.name} cannot be set.`);
  node.set(args.value);
  const stored = container.children().find(({ name }) => name === args.name) ?? node;
  session.afterResponse(() => invalidate(session));
  return {
    value: stored.value,
    variablesReference: childrenReference(session, container, stored),
    ...(stored.memoryReference === undefined ? {} : { memoryReference: stored.memoryReference }),
  };
}

/** Any register may change what others show (CR3 the stack, CS the code), so stacks are read again too. */
export function invalidate(session: RingsideSession): void {
  session.sendEvent(new InvalidatedEvent(["stacks", "variables"]));
}

export const variableHandlers: HandlerTable = { variables, setVariable };
