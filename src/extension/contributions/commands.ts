/** Every command of the extension: the table that package.json and the registrations are made from. */
import type { RunToTarget } from "../../debugAdapter/protocol";
import { SHOW_REFERENCES_COMMAND } from "../../languageServer/protocol";
import { LANGUAGE_ID } from "./languages";

/** Holds while a Ringside session is the active one. */
export const IN_SESSION = "debugType == ringside";
/** Holds while that session's machine stands still. */
export const STOPPED = "debugType == ringside && debugState == stopped";
/** Set once the extension has something to do in this window: until then its views stay out of the way. */
export const RELEVANT_KEY = "ringside.relevant";
/** Set while the machine records, so that it can run backwards. */
export const RECORDING_KEY = "ringside.recording";

const ON_NASM_EDITOR = `editorLangId == ${LANGUAGE_ID}`;

export interface CommandRow {
  readonly id: string;
  readonly title: string;
  /** A codicon, or the base name of a light and dark pair in media/icons. */
  readonly icon?: string;
  /** When it can be used. */
  readonly enablement?: string;
  /** Not offered in the command palette: it needs the row, or the code lens, that it is called on. */
  readonly onRowsOnly?: true;
  readonly key?: string;
}

/** Where "run to" can go, besides an address. */
export type RunToEvent = Exclude<RunToTarget, "address">;

interface RunToRow {
  readonly target: RunToEvent;
  /** Part of the command's id. */
  readonly id: string;
  /** As in "Run to Next …". */
  readonly noun: string;
  readonly icons?: { readonly forward: string; readonly backward: string };
  readonly key?: string;
}

export const RUN_TO: readonly RunToRow[] = [
  {
    target: "vm-exit",
    id: "VmExit",
    noun: "VM Exit",
    icons: { forward: "exit-forward", backward: "exit-backward" },
    key: "f10",
  },
  {
    target: "vm-entry",
    id: "VmEntry",
    noun: "VM Entry",
    icons: { forward: "entry-forward", backward: "entry-backward" },
    key: "f11",
  },
  {
    target: "ring-change",
    id: "RingChange",
    noun: "Ring Change",
    icons: { forward: "ring-forward", backward: "ring-backward" },
    key: "f9",
  },
  { target: "mode-change", id: "ModeChange", noun: "Mode Change" },
  { target: "cr3-load", id: "Cr3Load", noun: "CR3 Load" },
  { target: "interrupt", id: "Interrupt", noun: "Interrupt" },
  { target: "exception", id: "Exception", noun: "Exception" },
  { target: "fidelity-lost", id: "FidelityLost", noun: "Loss of Fidelity" },
];

export type Direction = "forward" | "backward";

export function runToCommandId(row: RunToRow, direction: Direction): string {
  return direction === "forward" ? `ringside.runTo${row.id}` : `ringside.runBackTo${row.id}`;
}

const RUN_TO_COMMANDS: readonly CommandRow[] = RUN_TO.flatMap((row) =>
  (["forward", "backward"] as const).map((direction) => ({
    id: runToCommandId(row, direction),
    title: direction === "forward" ? `Run to Next ${row.noun}` : `Run Back to Previous ${row.noun}`,
    enablement: direction === "forward" ? STOPPED : `${STOPPED} && ${RECORDING_KEY}`,
    ...(row.icons ? { icon: row.icons[direction] } : {}),
    ...(row.key
      ? { key: direction === "forward" ? `alt+${row.key}` : `shift+alt+${row.key}` }
      : {}),
  })),
);

export const COMMAND = {
  debugFile: "ringside.debugFile",
  runFile: "ringside.runFile",
  openExample: "ringside.openExample",
  runTo: "ringside.runTo",
  stepBack: "ringside.stepBack",
  travelTo: "ringside.travelTo",
  translate: "ringside.translate",
  sendSerial: "ringside.sendSerial",
  showScreen: "ringside.showScreen",
  refreshViews: "ringside.refreshViews",
  clearExitBreakpoints: "ringside.clearExitBreakpoints",
  breakOnExit: "ringside.breakOnExit",
  logExit: "ringside.logExit",
  ignoreExit: "ringside.ignoreExit",
  setExitCondition: "ringside.setExitCondition",
  runToThisExit: "ringside.runToThisExit",
  copyValue: "ringside.copyValue",
  copyRow: "ringside.copyRow",
  lastWriter: "ringside.lastWriter",
  translateRow: "ringside.translateRow",
  variableWriter: "ringside.variableWriter",
  translateVariable: "ringside.translateVariable",
  expandMacro: "ringside.expandMacro",
  showListing: "ringside.showListing",
  showRule: "ringside.showRule",
  showReferences: SHOW_REFERENCES_COMMAND,
  travelToRow: "ringside.travelToRow",
  followAddress: "ringside.followAddress",
  followRow: "ringside.followRow",
  unfollow: "ringside.unfollow",
} as const;

const ON_ROWS = { onRowsOnly: true } as const;

export const COMMANDS: readonly CommandRow[] = [
  { id: COMMAND.debugFile, title: "Debug Guest Kernel", icon: "$(debug-alt)" },
  { id: COMMAND.runFile, title: "Run Guest Kernel Without Debugging", icon: "$(run)" },
  { id: COMMAND.openExample, title: "Open an Example" },
  ...RUN_TO_COMMANDS,
  { id: COMMAND.runTo, title: "Run To…", icon: "$(milestone)", enablement: STOPPED },
  { id: COMMAND.stepBack, title: "Step Back", icon: "$(debug-step-back)" },
  {
    id: COMMAND.travelTo,
    title: "Travel to a Point in Time…",
    icon: "$(history)",
    enablement: `${STOPPED} && ${RECORDING_KEY}`,
  },
  {
    id: COMMAND.translate,
    title: "Translate an Address…",
    icon: "$(type-hierarchy-sub)",
    enablement: STOPPED,
  },
  { id: COMMAND.sendSerial, title: "Type on the Serial Line…", enablement: IN_SESSION },
  { id: COMMAND.showScreen, title: "Show the Guest's Screen", enablement: IN_SESSION },
  { id: COMMAND.refreshViews, title: "Refresh", icon: "$(refresh)", enablement: STOPPED },
  {
    id: COMMAND.clearExitBreakpoints,
    title: "Remove All VM-Exit Breakpoints",
    icon: "$(close-all)",
  },
  { id: COMMAND.expandMacro, title: "Expand the Macro Here", enablement: ON_NASM_EDITOR },
  { id: COMMAND.showListing, title: "Show the Listing", enablement: ON_NASM_EDITOR },
  { id: COMMAND.showRule, title: "Show the Rules for Kernels and Hypervisors" },
  { id: COMMAND.showReferences, title: "Show References", ...ON_ROWS },
  { id: COMMAND.followAddress, title: "Follow an Address…", icon: "$(add)" },
  { id: COMMAND.followRow, title: "Follow in the Translation View", ...ON_ROWS },
  { id: COMMAND.unfollow, title: "Stop Following", icon: "$(close)", ...ON_ROWS },
  { id: COMMAND.travelToRow, title: "Go There in Time", enablement: STOPPED, ...ON_ROWS },
  { id: COMMAND.breakOnExit, title: "Break on This Exit", ...ON_ROWS },
  { id: COMMAND.logExit, title: "Log This Exit and Go On", ...ON_ROWS },
  { id: COMMAND.ignoreExit, title: "Ignore This Exit", ...ON_ROWS },
  { id: COMMAND.setExitCondition, title: "Edit Condition…", icon: "$(edit)", ...ON_ROWS },
  {
    id: COMMAND.runToThisExit,
    title: "Run to the Next Exit of This Kind",
    icon: "$(debug-continue)",
    enablement: STOPPED,
    ...ON_ROWS,
  },
  { id: COMMAND.copyValue, title: "Copy Value", ...ON_ROWS },
  { id: COMMAND.copyRow, title: "Copy Name and Value", ...ON_ROWS },
  {
    id: COMMAND.lastWriter,
    title: "Go Back to Who Wrote This",
    enablement: `${STOPPED} && ${RECORDING_KEY}`,
    ...ON_ROWS,
  },
  {
    id: COMMAND.variableWriter,
    title: "Go Back to Who Wrote This",
    enablement: `${STOPPED} && ${RECORDING_KEY}`,
    ...ON_ROWS,
  },
  {
    id: COMMAND.translateVariable,
    title: "Translate This Address",
    enablement: STOPPED,
    ...ON_ROWS,
  },
  { id: COMMAND.translateRow, title: "Translate This Address", enablement: STOPPED, ...ON_ROWS },
];
