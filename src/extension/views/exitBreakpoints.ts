/** What the user wants at each VM exit: kept in the workspace, given to each session. */
import * as vscode from "vscode";
import type { ExitBreakpoint, ExitMode } from "../../debugAdapter/protocol";
import { DEBUG_TYPE } from "../../debugAdapter/protocol";
import type { SessionModel } from "../session";
import type { KnownExit } from "../contributions/exits";
import type { ExitChoices } from "./exitRows";

const CHOICES_KEY = "ringside.exitBreakpoints";

export class ExitBreakpoints implements ExitChoices, vscode.DebugAdapterTrackerFactory {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly choices: Map<string, ExitBreakpoint>;

  constructor(
    private readonly memento: vscode.Memento,
    private readonly model: SessionModel,
    readonly known: readonly KnownExit[],
  ) {
    const stored = memento.get<readonly ExitBreakpoint[]>(CHOICES_KEY, []);
    this.choices = new Map(stored.map((one) => [one.key, one]));
  }

  modeOf(key: string): ExitMode {
    return this.effective(this.model.session).get(key)?.mode ?? "ignore";
  }

  conditionOf(key: string): string | undefined {
    return this.choices.get(key)?.condition;
  }

  async setMode(key: string, mode: ExitMode): Promise<void> {
    await this.set([[key, mode]]);
  }

  async set(modes: readonly (readonly [string, ExitMode])[]): Promise<void> {
    for (const [key, mode] of modes) {
      this.choices.set(key, { ...this.choices.get(key), key, mode });
    }
    await this.store();
  }

  async setCondition(key: string, condition: string | undefined): Promise<void> {
    const mode = this.modeOf(key) === "ignore" ? "break" : this.modeOf(key);
    this.choices.set(key, condition === undefined ? { key, mode } : { key, mode, condition });
    await this.store();
  }

  async clear(): Promise<void> {
    for (const key of this.effective(this.model.session).keys()) {
      this.choices.set(key, { key, mode: "ignore" });
    }
    await this.store();
  }

  /** True when something would stop a run. */
  get any(): boolean {
    return [...this.choices.values()].some((one) => one.mode === "break");
  }

  /** Each session learns the breakpoints when it says that it can take some, before it starts to run. */
  createDebugAdapterTracker(session: vscode.DebugSession): vscode.DebugAdapterTracker {
    return {
      onDidSendMessage: (message: { type?: string; event?: string }) => {
        if (message.type === "event" && message.event === "initialized") void this.push(session);
      },
    };
  }

  /** The choices of the view over those of launch.json. */
  private effective(session: vscode.DebugSession | undefined): Map<string, ExitBreakpoint> {
    const fromLaunch = (session?.configuration.breakOnVmExit ?? []) as readonly string[];
    const merged = new Map<string, ExitBreakpoint>(
      fromLaunch.map((key) => [key, { key, mode: "break" }]),
    );
    for (const [key, choice] of this.choices) merged.set(key, choice);
    return merged;
  }

  private async push(session: vscode.DebugSession): Promise<void> {
    const breakpoints = [...this.effective(session).values()].filter(
      (one) => one.mode !== "ignore",
    );
    try {
      const answer = (await session.customRequest("ringside/setExitBreakpoints", {
        breakpoints,
      })) as { breakpoints?: { verified: boolean; message?: string }[] };
      const refused = answer.breakpoints?.find((one) => !one.verified && one.message);
      if (refused?.message) void vscode.window.showWarningMessage(refused.message);
    } catch (error) {
      // A session that ends meanwhile needs no breakpoints.
      if (this.model.sessions.some((one) => one.id === session.id)) throw error;
    }
  }

  private async store(): Promise<void> {
    await this.memento.update(CHOICES_KEY, [...this.choices.values()]);
    await Promise.all(this.model.sessions.map((session) => this.push(session)));
    this.changed.fire();
  }
}

export function registerExitBreakpoints(breakpoints: ExitBreakpoints): vscode.Disposable {
  return vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, breakpoints);
}
