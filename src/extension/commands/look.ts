/** Commands that show or copy something. */
import * as vscode from "vscode";
import type { TranslateBody, WalkStepBody } from "../../debugAdapter/protocol";
import { COMMAND } from "../contributions/commands";
import type { SessionModel } from "../session";
import type { ExitBreakpoints } from "../views/exitBreakpoints";
import type { FollowedAddresses } from "../views/followedAddresses";
import type { Row } from "../views/row";
import { translationChain } from "../views/translationRows";
import type { CommandTable, VariableContext } from "./runTo";

export function lookCommands(
  model: SessionModel,
  exits: ExitBreakpoints,
  followed: FollowedAddresses,
): CommandTable {
  return {
    [COMMAND.refreshViews]: () => model.refresh(),
    [COMMAND.translate]: () => askAndTranslate(model),
    [COMMAND.translateRow]: (row: Row) =>
      row.address === undefined ? undefined : translate(model, row.address),
    [COMMAND.translateVariable]: ({ variable }: VariableContext) =>
      translate(model, variable.memoryReference ?? variable.name),
    [COMMAND.copyValue]: (row: Row) => vscode.env.clipboard.writeText(row.value ?? row.label),
    [COMMAND.copyRow]: (row: Row) =>
      vscode.env.clipboard.writeText(`${row.label} = ${row.value ?? row.description ?? ""}`),
    [COMMAND.clearExitBreakpoints]: () => exits.clear(),
    [COMMAND.breakOnExit]: (row: Row) => row.key && exits.setMode(row.key, "break"),
    [COMMAND.logExit]: (row: Row) => row.key && exits.setMode(row.key, "log"),
    [COMMAND.ignoreExit]: (row: Row) => row.key && exits.setMode(row.key, "ignore"),
    [COMMAND.setExitCondition]: (row: Row) => editCondition(exits, row),
    [COMMAND.sendSerial]: () => sendSerial(model),
    [COMMAND.showScreen]: () => showScreen(model),
    [COMMAND.followAddress]: () => askAndFollow(followed),
    [COMMAND.followRow]: (row: Row) => followed.add(followedExpression(row)),
    [COMMAND.unfollow]: (row: Row) => followed.remove(row.key ?? ""),
  };
}

/** A register is followed by its name, a page by its address. */
function followedExpression(row: Row): string {
  return row.kind === "register" ? (row.key ?? row.label) : (row.address ?? row.label);
}

async function askAndFollow(followed: FollowedAddresses): Promise<void> {
  const typed = await vscode.window.showInputBox({
    title: "Follow an address in the Translation view",
    prompt:
      "A register, a label, a number or an expression; gpa:… starts at a guest-physical address",
  });
  if (typed?.trim()) await followed.add(typed.trim());
}

async function editCondition(exits: ExitBreakpoints, row: Row): Promise<void> {
  if (row.key === undefined) return;
  const typed = await vscode.window.showInputBox({
    title: `Stop at "${row.label}" only when`,
    prompt:
      "Registers, labels, memory and the exit's own facts, for example: write && gpa >= 0x8000",
    value: exits.conditionOf(row.key) ?? "",
  });
  if (typed === undefined) return;
  await exits.setCondition(row.key, typed.trim() === "" ? undefined : typed.trim());
}

async function askAndTranslate(model: SessionModel): Promise<void> {
  const typed = await vscode.window.showInputBox({
    title: "Translate an address",
    prompt:
      "A register, a label, a number or an expression; gpa:… starts at a guest-physical address",
    value: "rip",
  });
  if (typed) await translate(model, typed);
}

/** GVA → GPA → HPA with every entry on the way, as a list that can be searched. */
async function translate(model: SessionModel, address: string): Promise<void> {
  const body = await model.request("ringside/translate", { address });
  const picked = await vscode.window.showQuickPick(
    [...body.steps.map(walkItem), resultItem(body)],
    { title: chain(body), placeHolder: "Enter copies the value", matchOnDetail: true },
  );
  if (picked) await vscode.env.clipboard.writeText(picked.value);
}

type WalkItem = vscode.QuickPickItem & { readonly value: string };

function chain(body: TranslateBody): string {
  return `${translationChain(body)}${body.symbol === undefined ? "" : ` (${body.symbol})`}`;
}

function walkItem(step: WalkStepBody): WalkItem {
  const refused = step.refused === undefined ? "" : ` — refused: ${step.refused}`;
  return {
    label: `${step.refused === undefined ? "$(check)" : "$(error)"} ${step.level}`,
    description: `${step.value} · ${step.flags.join(" ")}${refused}`,
    detail: `${step.stage} table, entry at ${step.entrySpace.toUpperCase()} ${step.entryAddress} → ${step.target}`,
    value: step.value,
  };
}

function resultItem(body: TranslateBody): WalkItem {
  if (body.failure !== undefined) {
    return { label: "$(circle-slash) No translation", detail: body.failure, value: body.failure };
  }
  const value = body.hpa ?? body.gpa ?? body.address;
  return {
    label: `$(arrow-right) HPA ${value}`,
    description: [body.rights, body.pageSize && `${body.pageSize / 1024} KiB page`]
      .filter(Boolean)
      .join(" · "),
    value,
  };
}

async function sendSerial(model: SessionModel): Promise<void> {
  const text = await vscode.window.showInputBox({
    title: "Type on the guest's serial line (COM1)",
    prompt: "A line feed is added.",
  });
  if (text !== undefined) await model.request("ringside/input", { serial: `${text}\n` });
}

async function showScreen(model: SessionModel): Promise<void> {
  const { screen, serial } = await model.request("ringside/screen", {});
  const content = `Screen\n------\n${screen}\n\nSerial line\n-----------\n${serial}\n`;
  const document = await vscode.workspace.openTextDocument({ content, language: "plaintext" });
  await vscode.window.showTextDocument(document, { preview: true });
}
