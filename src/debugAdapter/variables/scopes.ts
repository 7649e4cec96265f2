/** The scopes of a frame, in order, and how their variables are found again by path. */
import type { RingsideSession } from "../session/session";
import type { SCOPES } from "../protocol";
import { vcpuNodes, vmcsNodes, translationNodes } from "./hypervisor";
import type { ScopeInputs } from "./inputs";
import type { Container, VariableNode } from "./node";
import { flagNodes, registerNodes } from "./registers";
import { controlNodes, msrNodes, segmentNodes } from "./system";

export interface ScopeRow {
  readonly name: (typeof SCOPES)[number];
  readonly nodes: (inputs: ScopeInputs) => readonly VariableNode[];
  /** Not expanded by itself. */
  readonly expensive: boolean;
}

export const SCOPE_TABLE: readonly ScopeRow[] = [
  { name: "Registers", nodes: registerNodes, expensive: false },
  { name: "Segments", nodes: segmentNodes, expensive: true },
  { name: "Control Registers", nodes: controlNodes, expensive: true },
  { name: "Flags", nodes: flagNodes, expensive: true },
  { name: "MSRs", nodes: msrNodes, expensive: true },
  { name: "VCPU", nodes: vcpuNodes, expensive: true },
  { name: "VMCS", nodes: vmcsNodes, expensive: true },
  { name: "Translation", nodes: translationNodes, expensive: true },
];

export function scopeInputs(session: RingsideSession, frameId: number | undefined): ScopeInputs {
  const { target } = session;
  const scope = target.scope(frameId);
  return {
    debuggee: target.debuggee,
    program: target.program,
    code: target.code,
    view: scope.processor,
    frame: target.frameRegisters(frameId),
    parse: (text) => target.address(text, frameId),
    setRegister: (name, value) => {
      target.debuggee.setRegister(name, value);
      session.modified();
    },
  };
}

/** A scope's variables are read anew each time they are asked for, so that they are right after a change by the user. */
export function scopeContainer(
  session: RingsideSession,
  row: ScopeRow,
  frameId: number | undefined,
): Container {
  // The frame's depth, not its id: ids change at every stop, expanded nodes shall stay expanded.
  const depth = frameId === undefined ? 0 : frameId - session.target.frameId(0);
  return {
    path: `${depth}/${row.name}`,
    children: () => row.nodes(scopeInputs(session, frameId)),
  };
}

/** The container of a variable's children, found again through its parent. */
export function childContainer(parent: Container, name: string): Container {
  return {
    path: `${parent.path}/${name}`,
    children: () => {
      const node = parent.children().find((child) => child.name === name);
      return node?.children?.() ?? [];
    },
  };
}
