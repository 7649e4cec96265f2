/** Starts the debug adapter as a process of its own: a busy machine must never hold up the editor. */
import { existsSync } from "node:fs";
import * as vscode from "vscode";

export class AdapterFactory implements vscode.DebugAdapterDescriptorFactory {
  constructor(private readonly extensionUri: vscode.Uri) {}

  createDebugAdapterDescriptor(): vscode.DebugAdapterDescriptor {
    const file = vscode.Uri.joinPath(this.extensionUri, "dist", "debugAdapter.js").fsPath;
    if (!existsSync(file)) throw new Error(`Ringside is incomplete: ${file} is missing.`);
    // On the desktop `process.execPath` is Electron, which this variable makes a plain Node.
    return new vscode.DebugAdapterExecutable(process.execPath, [file], {
      env: { ELECTRON_RUN_AS_NODE: "1" },
    });
  }
}
