/** Puts the tables together into package.json's `contributes` (written by scripts/contributions.mjs). */
import type { CommandRow } from "./commands";
import {
  COMMAND,
  COMMANDS,
  IN_SESSION,
  RECORDING_KEY,
  RUN_TO,
  STOPPED,
  runToCommandId,
} from "./commands";
import { VARIABLE_MENU_CONTEXTS } from "../../debugAdapter/protocol";
import { CONFIGURATION } from "./configuration";
import { debuggers } from "./debuggers";
import type { KnownExit } from "./exits";
import { BREAKPOINT_LANGUAGES, GRAMMARS, LANGUAGES, LANGUAGE_ID } from "./languages";
import { SEMANTIC_TOKENS } from "./semanticTokens";
import { COLORS, VIEW, VIEWS, VIEWS_WHEN } from "./views";
import { WALKTHROUGHS } from "./walkthrough";

const ON_NASM = `resourceLangId == ${LANGUAGE_ID}`;

function icon(name: string): string | object {
  if (name.startsWith("$(")) return name;
  return { light: `media/icons/${name}-light.svg`, dark: `media/icons/${name}-dark.svg` };
}

function command(row: CommandRow): object {
  return {
    command: row.id,
    title: row.title,
    category: "Ringside",
    ...(row.icon ? { icon: icon(row.icon) } : {}),
    ...(row.enablement ? { enablement: row.enablement } : {}),
  };
}

function runTo(id: string, direction: "forward" | "backward"): string {
  const row = RUN_TO.find((one) => one.id === id);
  if (row === undefined) throw new Error(`no run-to row ${id}`);
  return runToCommandId(row, direction);
}

/** After VS Code's own buttons, which are ordered below 200. */
const TOOLBAR = [
  runTo("VmExit", "backward"),
  runTo("VmExit", "forward"),
  runTo("RingChange", "forward"),
  COMMAND.runTo,
].map((id, index) => ({
  command: id,
  when: id === runTo("VmExit", "backward") ? `${IN_SESSION} && ${RECORDING_KEY}` : IN_SESSION,
  group: `navigation@${200 + index}`,
}));

const ON_EXITS = `view == ${VIEW.exits} && viewItem == exit`;
const ON_REGISTER = `view == ${VIEW.vcpu} && viewItem == register`;
const ON_FOLLOWED = `view == ${VIEW.translation} && viewItem == translation`;
const WITH_ADDRESS = "view =~ /^ringside[.]/ && viewItem =~ /page|register/";
const WITH_VALUE = "view =~ /^ringside[.]/ && viewItem =~ /value|register|page|translation|event/";

const ON_VARIABLES = `${IN_SESSION} && debugProtocolVariableMenuContext =~ /^(${[
  VARIABLE_MENU_CONTEXTS.register,
  VARIABLE_MENU_CONTEXTS.address,
]
  .join("|")
  .replaceAll(".", "[.]")})$/`;

function menus(): object {
  return {
    commandPalette: COMMANDS.filter((row) => row.onRowsOnly).map((row) => ({
      command: row.id,
      when: "false",
    })),
    "editor/title/run": [
      { command: COMMAND.debugFile, when: ON_NASM, group: "1_run@10" },
      { command: COMMAND.runFile, when: ON_NASM, group: "1_run@20" },
    ],
    "editor/context": [
      { command: COMMAND.expandMacro, when: "editorLangId == nasm", group: "1_modification@90" },
      { command: COMMAND.showListing, when: "editorLangId == nasm", group: "1_modification@91" },
    ],
    "editor/title": [
      { command: COMMAND.showListing, when: ON_NASM, group: "5_ringside@10" },
      { command: COMMAND.expandMacro, when: ON_NASM, group: "5_ringside@20" },
    ],
    "debug/toolBar": TOOLBAR,
    "view/title": [
      ...[VIEW.guestTables, VIEW.hardwareTables].map((view) => ({
        command: COMMAND.translate,
        when: `view == ${view}`,
        group: "navigation@10",
      })),
      {
        command: COMMAND.clearExitBreakpoints,
        when: `view == ${VIEW.exits}`,
        group: "navigation@10",
      },
      {
        command: COMMAND.followAddress,
        when: `view == ${VIEW.translation}`,
        group: "navigation@10",
      },
      { command: COMMAND.travelTo, when: `view == ${VIEW.timeline}`, group: "navigation@10" },
    ],
    "debug/variables/context": [
      { command: COMMAND.variableWriter, when: ON_VARIABLES, group: "5_ringside@10" },
      { command: COMMAND.translateVariable, when: ON_VARIABLES, group: "5_ringside@20" },
    ],
    "view/item/context": [
      { command: COMMAND.runToThisExit, when: ON_EXITS, group: "inline@10" },
      { command: COMMAND.setExitCondition, when: ON_EXITS, group: "inline@20" },
      { command: COMMAND.breakOnExit, when: ON_EXITS, group: "1_mode@10" },
      { command: COMMAND.logExit, when: ON_EXITS, group: "1_mode@20" },
      { command: COMMAND.ignoreExit, when: ON_EXITS, group: "1_mode@30" },
      { command: COMMAND.runToThisExit, when: ON_EXITS, group: "2_run@10" },
      { command: COMMAND.setExitCondition, when: ON_EXITS, group: "3_edit@10" },
      { command: COMMAND.lastWriter, when: ON_REGISTER, group: "1_time@10" },
      { command: COMMAND.translateRow, when: WITH_ADDRESS, group: "2_walk@10" },
      { command: COMMAND.followRow, when: WITH_ADDRESS, group: "2_walk@20" },
      { command: COMMAND.unfollow, when: ON_FOLLOWED, group: "inline@10" },
      {
        command: COMMAND.travelToRow,
        when: `view == ${VIEW.timeline} && viewItem == event`,
        group: "1_time@10",
      },
      { command: COMMAND.copyValue, when: WITH_VALUE, group: "9_copy@10" },
      { command: COMMAND.copyRow, when: WITH_VALUE, group: "9_copy@20" },
    ],
  };
}

function keybindings(): object[] {
  const fromRows = COMMANDS.flatMap((row) =>
    row.key ? [{ command: row.id, key: row.key, when: row.enablement ?? IN_SESSION }] : [],
  );
  // VS Code gives these two no keys of its own.
  const time = `${STOPPED} && ${RECORDING_KEY}`;
  return [
    ...fromRows,
    { command: "workbench.action.debug.stepBack", key: "alt+f7", when: time },
    { command: "workbench.action.debug.reverseContinue", key: "alt+f5", when: time },
  ];
}

/** The whole of `contributes`. */
export function contributes(exits: readonly KnownExit[]): object {
  return {
    languages: LANGUAGES,
    grammars: GRAMMARS,
    breakpoints: BREAKPOINT_LANGUAGES.map((language) => ({ language })),
    debuggers: debuggers(exits),
    commands: COMMANDS.map(command),
    menus: menus(),
    keybindings: keybindings(),
    views: {
      debug: VIEWS.map((view) => ({
        id: view.id,
        name: view.name,
        when: VIEWS_WHEN,
        visibility: view.collapsed ? "collapsed" : "visible",
      })),
    },
    viewsWelcome: VIEWS.map((view) => ({ view: view.id, contents: view.welcome })),
    colors: COLORS,
    ...SEMANTIC_TOKENS,
    configuration: CONFIGURATION,
    walkthroughs: WALKTHROUGHS,
  };
}

/** What wakes the extension, besides what VS Code derives from `contributes`. */
export const ACTIVATION_EVENTS = [
  "onDebugResolve:ringside",
  "onDebugDynamicConfigurations:ringside",
] as const;
