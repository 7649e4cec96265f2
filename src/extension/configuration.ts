/** Finds out what F5 shall debug. */
import * as vscode from "vscode";
import { DEBUG_TYPE } from "../debugAdapter/protocol";
import { COMMAND } from "./contributions/commands";
import { INITIAL_CONFIGURATION, VMM_DESCRIPTIONS } from "./contributions/debuggers";
import { LANGUAGE_ID } from "./contributions/languages";
import { withDefaults } from "./launchDefaults";
import type { ExitBreakpoints } from "./views/exitBreakpoints";
import { VMM_TEXT } from "./wording";

type Configuration = vscode.DebugConfiguration;
const VMMS = Object.keys(VMM_DESCRIPTIONS) as (keyof typeof VMM_DESCRIPTIONS)[];

/** The guest in the active editor, else in a visible one. */
function openGuest(): vscode.TextDocument | undefined {
  const editors = [vscode.window.activeTextEditor, ...vscode.window.visibleTextEditors];
  return editors.find((editor) => editor?.document.languageId === LANGUAGE_ID)?.document;
}

export class ConfigurationProvider implements vscode.DebugConfigurationProvider {
  constructor(private readonly exits: ExitBreakpoints) {}

  /** For "Select and Start Debugging": the open file under each technique. */
  provideDebugConfigurations(): Configuration[] {
    return VMMS.map((vmm) => ({
      type: DEBUG_TYPE,
      request: "launch",
      name: vmm === "none" ? "Debug on bare metal" : `Debug under ${VMM_TEXT[vmm]}`,
      program: "${file}",
      vmm,
      stopOnEntry: true,
    }));
  }

  async resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    given: Configuration,
  ): Promise<Configuration | undefined> {
    const fromNothing = !given.type && !given.request && !given.name;
    const configuration: Configuration = fromNothing
      ? { ...INITIAL_CONFIGURATION, stopOnEntry: this.nothingWouldStop() }
      : { ...given };
    const wantsOpenFile = [undefined, "", "${file}"].includes(
      configuration.program as string | undefined,
    );
    if (!wantsOpenFile) return configuration;
    const guest = openGuest();
    if (guest?.uri.scheme === "file") return { ...configuration, program: guest.uri.fsPath };
    // A flat binary or an ELF image has no language: `program` then says "${file}" and is left to VS Code.
    if (!fromNothing && vscode.window.activeTextEditor?.document.uri.scheme === "file") {
      return { ...configuration, program: "${file}" };
    }
    await explainMissingGuest(guest);
    return undefined;
  }

  /** Without a breakpoint a first run would be over before anything was seen. */
  private nothingWouldStop(): boolean {
    return !this.exits.any && !vscode.debug.breakpoints.some((one) => one.enabled);
  }
}

async function explainMissingGuest(guest: vscode.TextDocument | undefined): Promise<void> {
  if (guest !== undefined) {
    await vscode.window.showErrorMessage("Save the guest to a file first, then press F5 again.");
    return;
  }
  const example = "Open an Example";
  const answer = await vscode.window.showErrorMessage(
    "Open a guest kernel (an .asm file) first, then press F5.",
    example,
  );
  if (answer === example) await vscode.commands.executeCommand(COMMAND.openExample);
}

export function registerConfigurations(exits: ExitBreakpoints): vscode.Disposable {
  const provider = new ConfigurationProvider(exits);
  return vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, {
      resolveDebugConfiguration: provider.resolveDebugConfiguration.bind(provider),
      resolveDebugConfigurationWithSubstitutedVariables: withDefaults,
    }),
    vscode.debug.registerDebugConfigurationProvider(
      DEBUG_TYPE,
      { provideDebugConfigurations: provider.provideDebugConfigurations.bind(provider) },
      vscode.DebugConfigurationProviderTriggerKind.Dynamic,
    ),
  );
}
