/** What a launch takes from elsewhere when launch.json does not say it, so that debugger and language server agree. */
import path from "node:path";
import * as vscode from "vscode";
import { VMM_DESCRIPTIONS } from "./contributions/debuggers";

type Configuration = vscode.DebugConfiguration;

/** Enough for the comments at a file's head. */
const HEAD_BYTES = 4096;

export async function withDefaults(
  folder: vscode.WorkspaceFolder | undefined,
  given: Configuration,
): Promise<Configuration> {
  const settings = vscode.workspace.getConfiguration("ringside", folder);
  const root = (folder ?? vscode.workspace.workspaceFolders?.[0])?.uri.fsPath;
  const includePaths = settings.get<readonly string[]>("includePaths", []);
  const fromSettings = {
    includePaths:
      root === undefined ? includePaths : includePaths.map((one) => path.resolve(root, one)),
    defines: settings.get<object>("defines", {}),
  };
  const vmm = (await techniqueInSource(given)) ?? techniqueInSettings(settings);
  return { ...fromSettings, ...(vmm === undefined ? {} : { vmm }), ...given };
}

function known(name: string | undefined): string | undefined {
  return name !== undefined && name in VMM_DESCRIPTIONS ? name : undefined;
}

function techniqueInSettings(settings: vscode.WorkspaceConfiguration): string | undefined {
  return known(settings.get<string>("vmm"));
}

/** The comment `; ringside: vmm=paravirtual` at the head of a source. */
export function techniqueInHead(text: string): string | undefined {
  return known(/^\s*;+\s*ringside:.*\bvmm\s*=\s*([\w-]+)/im.exec(text)?.[1]?.toLowerCase());
}

async function techniqueInSource({ program }: Configuration): Promise<string | undefined> {
  if (typeof program !== "string" || !/[.](asm|nasm)$/i.test(program)) return undefined;
  try {
    const bytes = await vscode.workspace.fs.readFile(vscode.Uri.file(program));
    return techniqueInHead(new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES)));
  } catch {
    // A file that cannot be read is the debug adapter's to explain.
    return undefined;
  }
}
