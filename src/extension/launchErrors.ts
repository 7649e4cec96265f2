/** A launch that fails because of an error in the source: the editor goes to it. */
import * as vscode from "vscode";
import { DEBUG_TYPE } from "../debugAdapter/protocol";

interface Response {
  readonly type?: string;
  readonly command?: string;
  readonly success?: boolean;
  readonly message?: string;
  readonly body?: { readonly error?: { readonly format?: string } };
}

/** `file:line:column: error: text`, as the assembler writes it. */
const PLACE = /^(.+?):(\d+):(\d+): (?:fatal|error): /;

export function registerLaunchErrors(): vscode.Disposable {
  return vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
    createDebugAdapterTracker: () => ({
      onDidSendMessage: (response: Response) => {
        const failed = response.type === "response" && response.success === false;
        if (failed && response.command === "launch") {
          void goTo(response.body?.error?.format ?? response.message ?? "");
        }
      },
    }),
  });
}

async function goTo(message: string): Promise<void> {
  const [, file, line, column] = PLACE.exec(message) ?? [];
  if (file === undefined) return;
  const position = new vscode.Position(Number(line) - 1, Number(column) - 1);
  await vscode.window.showTextDocument(vscode.Uri.file(file), {
    selection: new vscode.Range(position, position),
  });
}
