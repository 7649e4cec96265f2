/** A DAP client for tests: talks to the adapter over streams, in this process or another, and keeps what it heard in order. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { PassThrough } from "node:stream";
import type { DebugProtocol } from "@vscode/debugprotocol";

/** Tests look into bodies freely: what is not there fails the test that asked. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Body = any;

export type Message = DebugProtocol.ProtocolMessage;

/** A response that may have failed: tests look at both. */
export type Answer = DebugProtocol.Response & { readonly body: Body };

interface Waiting {
  readonly accepts: (event: DebugProtocol.Event) => boolean;
  readonly done: (event: Body) => void;
}

const TIMEOUT_MS = 15_000;

export class DapClient {
  /** Events not yet taken by `event`, oldest first. */
  readonly heard: DebugProtocol.Event[] = [];
  /** Everything, both ways, for transcripts. */
  readonly transcript: Message[] = [];
  private sequence = 1;
  private pending = Buffer.alloc(0);
  private readonly answers = new Map<number, (answer: Answer) => void>();
  private waiting: Waiting[] = [];

  constructor(
    input: NodeJS.ReadableStream,
    private readonly output: NodeJS.WritableStream,
    private readonly child?: ChildProcess,
  ) {
    input.on("data", (chunk: Buffer) => this.receive(chunk));
  }

  /** An adapter in this process; `start` gets its input and output. */
  static inProcess(
    start: (input: NodeJS.ReadableStream, output: NodeJS.WritableStream) => void,
  ): DapClient {
    const toAdapter = new PassThrough();
    const fromAdapter = new PassThrough();
    start(toAdapter, fromAdapter);
    return new DapClient(fromAdapter, toAdapter);
  }

  /** An adapter in a process of its own. */
  static spawned(command: string, args: readonly string[]): DapClient {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    return new DapClient(child.stdout, child.stdin, child);
  }

  /** Sends a request; resolves also when it failed. */
  send(command: string, args: object = {}): Promise<Answer> {
    const request = { seq: this.sequence++, type: "request", command, arguments: args };
    this.transcript.push(request);
    const text = JSON.stringify(request);
    this.output.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    return within(
      `answer to ${command}`,
      new Promise((done) => this.answers.set(request.seq, done)),
    );
  }

  /** Sends a request that must succeed; its body. */
  async ask(command: string, args: object = {}): Promise<Body> {
    const answer = await this.send(command, args);
    if (!answer.success) throw new Error(`${command}: ${answer.message ?? "failed"}`);
    return answer.body;
  }

  /** The next event of a name that `accepts`, from those not taken yet or still to come. */
  async event(name: string, accepts: (body: Body) => boolean = () => true): Promise<Body> {
    const matches = (event: DebugProtocol.Event): boolean =>
      event.event === name && accepts(event.body);
    const index = this.heard.findIndex(matches);
    if (index >= 0) return this.heard.splice(index, 1)[0]?.body;
    const event = await within<DebugProtocol.Event>(
      `event ${name}`,
      new Promise((done) => this.waiting.push({ accepts: matches, done })),
    );
    return event.body;
  }

  stopped(): Promise<Body> {
    return this.event("stopped");
  }

  /** Ends the adapter's process, if it has one. */
  close(): void {
    this.child?.kill();
  }

  private receive(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk]);
    for (;;) {
      const header = /^Content-Length: (\d+)\r\n\r\n/.exec(this.pending.toString("latin1"));
      if (!header) return;
      const start = header[0].length;
      const end = start + Number(header[1]);
      if (this.pending.length < end) return;
      const message = JSON.parse(this.pending.toString("utf8", start, end)) as Message;
      this.pending = this.pending.subarray(end);
      this.take(message);
    }
  }

  private take(message: Message): void {
    this.transcript.push(message);
    if (message.type === "response") {
      const answer = message as Answer;
      this.answers.get(answer.request_seq)?.(answer);
      this.answers.delete(answer.request_seq);
      return;
    }
    const event = message as DebugProtocol.Event;
    const index = this.waiting.findIndex(({ accepts }) => accepts(event));
    if (index < 0) this.heard.push(event);
    else this.waiting.splice(index, 1)[0]?.done(event);
  }
}

/** Fails with a name instead of hanging. */
function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}
