/** Commands that start something: a guest, an example. */
import * as vscode from "vscode";
import { DEBUG_TYPE } from "../../debugAdapter/protocol";
import { COMMAND } from "../contributions/commands";
import { INITIAL_CONFIGURATION } from "../contributions/debuggers";
import type { CommandTable } from "./runTo";

export function fileCommands(context: vscode.ExtensionContext): CommandTable {
  return {
    [COMMAND.debugFile]: (uri?: vscode.Uri) => start(uri, false),
    [COMMAND.runFile]: (uri?: vscode.Uri) => start(uri, true),
    [COMMAND.openExample]: () => openExample(context),
  };
}

async function start(uri: vscode.Uri | undefined, noDebug: boolean): Promise<void> {
  const folder = uri && vscode.workspace.getWorkspaceFolder(uri);
  // Without a program the configuration provider finds the open file, and says so when there is none.
  const configuration =
    uri?.scheme === "file"
      ? { ...INITIAL_CONFIGURATION, program: uri.fsPath }
      : {
          type: DEBUG_TYPE,
          request: "launch",
          name: INITIAL_CONFIGURATION.name,
          stopOnEntry: true,
        };
  await vscode.debug.startDebugging(folder, configuration, { noDebug });
}

async function openExample(context: vscode.ExtensionContext): Promise<void> {
  const items = await listExamples(await examplesFolder(context));
  const picked = await vscode.window.showQuickPick(items, {
    title: "Open an Example",
    placeHolder: "A guest kernel to press F5 on",
    matchOnDetail: true,
  });
  if (picked) await vscode.window.showTextDocument(picked.uri);
}

type ExampleItem = vscode.QuickPickItem & { readonly uri: vscode.Uri };

async function listExamples(folder: vscode.Uri): Promise<ExampleItem[]> {
  const entries = await vscode.workspace.fs.readDirectory(folder);
  const names = entries.flatMap(([name]) => (name.endsWith(".asm") ? [name] : [])).sort();
  return Promise.all(
    names.map(async (name) => {
      const uri = vscode.Uri.joinPath(folder, name);
      const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
      return { label: name, detail: summary(text), uri };
    }),
  );
}

/** The comment in an example's first line says what it shows. */
function summary(text: string): string {
  return /^\s*;+\s*(.*\S)/.exec(text)?.[1] ?? "";
}

/** A copy that the user may edit: the extension's own folder is replaced at each update. */
async function examplesFolder(context: vscode.ExtensionContext): Promise<vscode.Uri> {
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    for (const uri of [folder.uri, vscode.Uri.joinPath(folder.uri, "examples")]) {
      if (await exists(vscode.Uri.joinPath(uri, "hello32.asm"))) return uri;
    }
  }
  const { version } = context.extension.packageJSON as { version: string };
  const copy = vscode.Uri.joinPath(context.globalStorageUri, `examples-${version}`);
  if (!(await exists(copy))) {
    await vscode.workspace.fs.copy(vscode.Uri.joinPath(context.extensionUri, "examples"), copy);
  }
  return copy;
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}
