/** Drives real debug sessions through VS Code's own API. */
import assert from "node:assert/strict";
import path from "node:path";
import * as vscode from "vscode";
import type { EventBody } from "../../src/debugAdapter/protocol";
import type { RingsideApi } from "../../src/extension/extension";
import type { Row } from "../../src/extension/views/row";
import type { RowTree } from "../../src/extension/views/rowTree";

const TYPE = "ringside";
const DEADLINE_MS = 20_000;

export function extension(): vscode.Extension<RingsideApi> {
  const found = vscode.extensions.getExtension<RingsideApi>("ringside.ringside");
  assert.ok(found, "the packaged extension is installed");
  return found;
}

export async function api(): Promise<RingsideApi> {
  return extension().activate();
}

/** A file of the test's workspace. */
export function guestFile(name: string): vscode.Uri {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(folder, "the test runs in a folder");
  return vscode.Uri.joinPath(folder.uri, name);
}

/** Waits until `ask` gives something. */
export async function eventually<T>(what: string, ask: () => T | undefined): Promise<T> {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`${what}: not in ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface Stop {
  readonly reason: string;
  readonly description?: string;
  readonly text?: string;
  readonly hitBreakpointIds?: readonly number[];
}

interface Message {
  readonly type?: string;
  readonly event?: string;
  readonly body?: unknown;
}

/** A session under test: remembers the stops until somebody asks for them. */
export class TestSession implements vscode.Disposable {
  private readonly stops: Stop[] = [];
  private ended = false;
  /** Of the newest stop that the adapter told of, and of the last one that a test has seen. */
  private generation = -1;
  private seen = -1;
  readonly output: string[] = [];
  private readonly subscription: vscode.Disposable;

  private constructor() {
    this.subscription = vscode.debug.registerDebugAdapterTrackerFactory(TYPE, {
      createDebugAdapterTracker: () => ({
        onDidSendMessage: (message: Message) => {
          if (message.type !== "event") return;
          if (message.event === "stopped") this.stops.push(message.body as Stop);
          if (message.event === "ringside/stateChanged") {
            const { change, state } = message.body as EventBody<"ringside/stateChanged">;
            if (change === "stopped") this.generation = state.generation;
          }
          if (message.event === "terminated") this.ended = true;
          if (message.event === "output") {
            this.output.push((message.body as { output: string }).output);
          }
        },
      }),
    });
  }

  /** Opens the guest and starts it; an empty configuration is what F5 gives without a launch.json. */
  static async start(guest: string, configuration: object = {}): Promise<TestSession> {
    await vscode.window.showTextDocument(guestFile(guest));
    const session = new TestSession();
    const started = await vscode.debug.startDebugging(undefined, {
      type: TYPE,
      request: "launch",
      name: guest,
      ...configuration,
    });
    assert.ok(started, `the session starts; output: ${session.output.join("")}`);
    return session;
  }

  async nextStop(): Promise<Stop> {
    const { reader } = await api();
    const stop = await eventually("a stop", () => this.stops.shift()).catch((error: unknown) => {
      throw new Error(`${String(error)}; output: ${this.output.join("")}`);
    });
    // The extension hears of it a moment later than this tracker.
    this.seen = await eventually("the extension's state", () => {
      const known = reader.state?.generation ?? -1;
      return this.generation > this.seen && known >= this.generation ? known : undefined;
    });
    return stop;
  }

  /** Runs a command of VS Code's toolbar once VS Code itself has seen the stop, and waits for the next one. */
  async command(id: string): Promise<Stop> {
    await eventually("a frame in focus", () =>
      vscode.debug.activeStackItem instanceof vscode.DebugStackFrame ? true : undefined,
    );
    await vscode.commands.executeCommand(id);
    return this.nextStop();
  }

  async end(): Promise<void> {
    await eventually("the end", () => this.ended || undefined);
  }

  async request<T>(command: string, args: object = {}): Promise<T> {
    const session = vscode.debug.activeDebugSession;
    assert.ok(session, "a session is active");
    return (await session.customRequest(command, args)) as T;
  }

  /** The top frame: its name, and its line in which file. */
  async top(): Promise<{ name: string; line: number; file: string }> {
    const { threads } = await this.request<{ threads: { id: number }[] }>("threads");
    const { stackFrames } = await this.request<{
      stackFrames: { name: string; line: number; source?: { name?: string; path?: string } }[];
    }>("stackTrace", { threadId: threads[0]?.id, startFrame: 0, levels: 1 });
    const [frame] = stackFrames;
    assert.ok(frame, "there is a frame");
    const file = path.basename(frame.source?.path ?? frame.source?.name ?? "");
    return { name: frame.name, line: frame.line, file };
  }

  dispose(): void {
    this.subscription.dispose();
  }
}

export async function stopAll(): Promise<void> {
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  await vscode.commands.executeCommand("ringside.clearExitBreakpoints");
  await vscode.debug.stopDebugging();
  await eventually("no session", () => vscode.debug.activeDebugSession === undefined || undefined);
}

export function breakpointAt(guest: string, line: number): vscode.SourceBreakpoint {
  const place = new vscode.Location(guestFile(guest), new vscode.Position(line - 1, 0));
  return new vscode.SourceBreakpoint(place);
}

/** All rows of a view, unfolded, by their ids. */
export async function allRows(tree: RowTree, depth = 6): Promise<Map<string, Row>> {
  const found = new Map<string, Row>();
  const visit = async (rows: readonly Row[], left: number): Promise<void> => {
    for (const row of rows) {
      assert.ok(!found.has(row.id), `${row.id} is there once`);
      found.set(row.id, row);
      if (left > 0) await visit(await tree.getChildren(row), left - 1);
    }
  };
  await visit(await tree.getChildren(), depth);
  return found;
}
