/** The extension's entry: wires the pieces together. No engine in here. */
import * as vscode from "vscode";
import { DEBUG_TYPE } from "../debugAdapter/protocol";
import { AdapterFactory } from "./adapterFactory";
import { fileCommands } from "./commands/files";
import { lookCommands } from "./commands/look";
import { runToCommands } from "./commands/runTo";
import { sourceCommands } from "./commands/source";
import { registerConfigurations } from "./configuration";
import type { KnownExit } from "./contributions/exits";
import { registerContextKeys } from "./contextKeys";
import { registerInlineHistory } from "./inlineHistory";
import { startLanguageClient } from "./languageClient";
import { LiveDocuments } from "./liveDocuments";
import { registerLaunchErrors } from "./launchErrors";
import { pageCommands } from "./documentationPages";
import { registerSelectionStatus } from "./selectionStatus";
import { SessionModel } from "./session";
import { registerStatusBar } from "./statusBar";
import { ExitBreakpoints, registerExitBreakpoints } from "./views/exitBreakpoints";
import { FollowedAddresses } from "./views/followedAddresses";
import type { Reader } from "./views/row";
import type { ViewTrees } from "./views/rowTree";
import { makeTrees, registerViews, unfoldOnFirstStop } from "./views/views";

/** What `activate` gives to other extensions: the session in focus, and the contents of the views. */
export interface RingsideApi {
  readonly reader: Reader;
  readonly views: ViewTrees;
}

/** What scripts/contributions.mjs derives for us. */
interface Manifest {
  readonly ringside: { readonly exits: readonly KnownExit[] };
}

export function activate(context: vscode.ExtensionContext): RingsideApi {
  const model = new SessionModel();
  const { ringside } = context.extension.packageJSON as Manifest;
  const exits = new ExitBreakpoints(context.workspaceState, model, ringside.exits);
  const followed = new FollowedAddresses(context.workspaceState);
  const views = makeTrees(model, exits, followed);
  const client = startLanguageClient(context.extensionUri);
  const live = client && new LiveDocuments(client);
  const commands = {
    ...fileCommands(context),
    ...sourceCommands(client, live),
    ...pageCommands(context.extensionUri),
    ...runToCommands(model),
    ...lookCommands(model, exits, followed),
  };
  context.subscriptions.push(
    model,
    registerContextKeys(model),
    registerStatusBar(model),
    registerViews(model, exits, followed, views),
    unfoldOnFirstStop(context.globalState, model, views),
    registerExitBreakpoints(exits),
    registerInlineHistory(model),
    registerLaunchErrors(),
    registerConfigurations(exits),
    vscode.debug.registerDebugAdapterDescriptorFactory(
      DEBUG_TYPE,
      new AdapterFactory(context.extensionUri),
    ),
    ...Object.entries(commands).map(([id, run]) => registerCommand(id, run)),
  );
  if (live) context.subscriptions.push(live);
  if (client) context.subscriptions.push(registerSelectionStatus(client));
  if (client) context.subscriptions.push({ dispose: () => void client.stop() });
  return { reader: model, views };
}

/** A command that fails says why; VS Code alone would show "running the contributed command failed". */
function registerCommand(id: string, run: (...args: never[]) => unknown): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...args: unknown[]) => {
    try {
      return await run(...(args as never[]));
    } catch (error) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  });
}
