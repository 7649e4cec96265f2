/** Commands that move the machine through time. */
import * as vscode from "vscode";
import type { WritersArguments } from "../../debugAdapter/protocol";
import { VARIABLE_MENU_CONTEXTS } from "../../debugAdapter/protocol";
import type { Direction, RunToEvent } from "../contributions/commands";
import { COMMAND, RUN_TO, runToCommandId } from "../contributions/commands";
import type { SessionModel } from "../session";
import type { Row } from "../views/row";

export type CommandTable = Readonly<Record<string, (...args: never[]) => unknown>>;

export function runToCommands(model: SessionModel): CommandTable {
  const run = (target: RunToEvent, direction: Direction): Promise<object> =>
    model.request("ringside/runTo", { target, direction });
  const events = RUN_TO.flatMap((row) =>
    (["forward", "backward"] as const).map(
      (direction) => [runToCommandId(row, direction), () => run(row.target, direction)] as const,
    ),
  );
  return {
    ...Object.fromEntries(events),
    [COMMAND.runTo]: () => pickTarget(),
    [COMMAND.stepBack]: () => stepBack(model),
    [COMMAND.travelTo]: () => travel(model),
    [COMMAND.travelToRow]: (row: Row) =>
      row.position === undefined
        ? undefined
        : model.request("ringside/travelTo", { position: row.position }),
    [COMMAND.runToThisExit]: (row: Row) =>
      model.request("ringside/runTo", {
        target: "vm-exit",
        ...(row.key !== undefined && row.key !== "any" ? { key: row.key } : {}),
      }),
    [COMMAND.lastWriter]: (row: Row) =>
      row.key === undefined ? undefined : goToWriter(model, { register: row.key }),
    [COMMAND.variableWriter]: ({ variable }: VariableContext) =>
      goToWriter(model, whatWasWritten(variable)),
  };
}

async function pickTarget(): Promise<void> {
  const items = RUN_TO.flatMap((row) => [
    { label: `$(arrow-right) Next ${row.noun}`, id: runToCommandId(row, "forward") },
    { label: `$(arrow-left) Previous ${row.noun}`, id: runToCommandId(row, "backward") },
  ]);
  const picked = await vscode.window.showQuickPick(items, { title: "Run to" });
  if (picked) await vscode.commands.executeCommand(picked.id);
}

async function stepBack(model: SessionModel): Promise<void> {
  if (model.state === undefined) {
    void vscode.window.showInformationMessage("Start debugging first: press F5 in a guest kernel.");
    return;
  }
  await vscode.commands.executeCommand("workbench.action.debug.stepBack");
}

async function travel(model: SessionModel): Promise<void> {
  const { state } = model;
  if (state === undefined) return;
  const typed = await vscode.window.showInputBox({
    title: "Travel to a point in time",
    prompt: `Instructions and VMM steps since the start. Now ${state.position}; recorded up to ${state.horizon}.`,
    value: String(state.position),
    validateInput: (text) => {
      const fits = /^\d+$/.test(text) && Number(text) <= state.horizon;
      return fits ? undefined : `A number from 0 to ${state.horizon}.`;
    },
  });
  if (typed !== undefined) await model.request("ringside/travelTo", { position: Number(typed) });
}

/** What VS Code hands to an entry of the Variables view's menu. */
export interface VariableContext {
  readonly variable: {
    readonly name: string;
    readonly value: string;
    readonly memoryReference?: string;
    /** VS Code calls the variable's menu context by its protocol name. */
    readonly __vscodeVariableMenuContext?: string;
  };
}

function whatWasWritten(variable: VariableContext["variable"]): WritersArguments {
  const isRegister = variable.__vscodeVariableMenuContext === VARIABLE_MENU_CONTEXTS.register;
  return isRegister || variable.memoryReference === undefined
    ? { register: variable.name }
    : { address: variable.memoryReference };
}

async function goToWriter(model: SessionModel, what: WritersArguments): Promise<void> {
  const answer = await model.request("ringside/writers", what);
  if (answer.position === undefined) {
    void vscode.window.showInformationMessage(answer.text);
    return;
  }
  await model.request("ringside/travelTo", { position: answer.position });
  vscode.window.setStatusBarMessage(`$(history) ${answer.text}`, 8000);
}
