/** Debug sessions of the real engine for tests: source text in, a client that stands at the first stop out. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { createDebuggee } from "../../src/engine/index";
import { QueuedSession } from "../../src/debugAdapter/session/requestQueue";
import type { EngineParts } from "../../src/debugAdapter/session/session";
import type { LaunchArguments } from "../../src/debugAdapter/protocol";
import { DapClient } from "./dapClient";

export type Launch = Partial<LaunchArguments> & { readonly noDebug?: boolean };

/** Source lines can be found by a mark in a comment: `; @name`. */
export class Guest {
  readonly folder = mkdtempSync(join(tmpdir(), "ringside-"));
  readonly path: string;

  constructor(
    readonly text: string,
    name = "kernel.asm",
  ) {
    this.path = this.write(name, text);
  }

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** Line (from 1) with the mark. */
  line(mark: string): number {
    const index = this.text.split("\n").findIndex((line) => new RegExp(`; @${mark}\\b`).test(line));
    if (index < 0) throw new Error(`no line is marked @${mark}`);
    return index + 1;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface StoppedBody {
  readonly reason: string;
  readonly description?: string;
  readonly text?: string;
  readonly hitBreakpointIds?: readonly number[];
  readonly allThreadsStopped?: boolean;
}

export class TestSession {
  readonly client: DapClient;

  constructor(
    readonly guest: Guest,
    parts: EngineParts = { createDebuggee },
  ) {
    this.client = DapClient.inProcess((input, output) => {
      const session = new QueuedSession(parts);
      session.setRunAsServer(true);
      session.start(input, output);
    });
  }

  /** initialize and launch, up to `initialized`: breakpoints can be set. */
  async launch(args: Launch = {}): Promise<this> {
    await this.client.ask("initialize", { adapterID: "ringside" });
    await this.client.ask("launch", { program: this.guest.path, vmm: "none", ...args });
    await this.client.event("initialized");
    return this;
  }

  /** Goes on from `launch` to the first stop. */
  async begin(): Promise<StoppedBody> {
    await this.client.ask("configurationDone");
    return this.stopped();
  }

  async stopped(): Promise<StoppedBody> {
    return (await this.client.stopped()) as StoppedBody;
  }

  /** Sends a request that makes time pass, and waits for the stop. */
  async go(command: string, args: object = {}): Promise<StoppedBody> {
    await this.client.ask(command, { threadId: 1, ...args });
    return this.stopped();
  }

  async breakAt(
    ...breakpoints: readonly (
      string | ({ readonly at: string } & Omit<DebugProtocol.SourceBreakpoint, "line">)
    )[]
  ): Promise<
    DebugProtocol.Breakpoint[]
  > /* prettier-ignore */ {
    const requests = breakpoints.map((one) =>
      typeof one === "string"
        ? { line: this.guest.line(one) }
        : { ...one, line: this.guest.line(one.at) },
    );
    const body = (await this.client.ask("setBreakpoints", { source: { path: this.guest.path }, breakpoints: requests })) as { breakpoints: DebugProtocol.Breakpoint[] }; // prettier-ignore
    return body.breakpoints;
  }

  async frames(): Promise<DebugProtocol.StackFrame[]> {
    const body = (await this.client.ask("stackTrace", { threadId: 1 })) as { stackFrames: DebugProtocol.StackFrame[] }; // prettier-ignore
    return body.stackFrames;
  }

  /** "kmain+0x12 [32-bit, ring 0] 12": names and lines of all frames. */
  async stack(): Promise<string[]> {
    const frames = await this.frames();
    return frames.map(({ name, line }) => (line > 0 ? `${name} ${line}` : name));
  }

  async evaluate(expression: string, context = "watch"): Promise<string> {
    const answer = await this.client.send("evaluate", { expression, context });
    return answer.success ? (answer.body as { result: string }).result : `error: ${answer.message ?? ""}`; // prettier-ignore
  }

  /** Variables of a scope or of a path below it: "Registers", "Registers/eax". */
  async variables(path: string): Promise<DebugProtocol.Variable[]> {
    const [scopeName, ...names] = path.split("/");
    const [top] = await this.frames();
    const { scopes } = (await this.client.ask("scopes", { frameId: top?.id })) as { scopes: DebugProtocol.Scope[] }; // prettier-ignore
    let reference = scopes.find(({ name }) => name === scopeName)?.variablesReference ?? 0;
    for (;;) {
      const { variables } = (await this.client.ask("variables", { variablesReference: reference })) as { variables: DebugProtocol.Variable[] }; // prettier-ignore
      const next = names.shift();
      if (next === undefined) return variables;
      reference = variables.find(({ name }) => name === next)?.variablesReference ?? 0;
    }
  }

  /** Text of all output events of a category so far. */
  output(category: string): string {
    return this.client.heard
      .filter(({ event }) => event === "output")
      .map(({ body }) => body as { category: string; output: string })
      .filter((body) => body.category === category)
      .map(({ output }) => output)
      .join("");
  }

  async end(): Promise<void> {
    await this.client.send("disconnect");
    this.guest.remove();
  }
}

/** A session at its first stop, with `stopOnEntry` unless `args` say otherwise. */
export async function startSession(text: string, args: Launch = {}): Promise<TestSession> {
  const session = await new TestSession(new Guest(text)).launch({ stopOnEntry: true, ...args });
  await session.begin();
  return session;
}
