// `npm run demo`: a debug session in the terminal, played through the debug adapter's own process over stdin and stdout.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..");
const PROGRAM = path.join(ROOT, "scripts", "demo.asm");
const BUNDLE = path.join(ROOT, "dist", "debugAdapter.js");
const SOURCE = path.join(ROOT, "src", "debugAdapter", "main.ts");

const COLOURS = process.stdout.isTTY && process.env.NO_COLOR === undefined;
/** @param {number} code @param {string} text */
const paint = (code, text) => (COLOURS ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = (/** @type {string} */ text) => paint(1, text);
const dim = (/** @type {string} */ text) => paint(2, text);
const green = (/** @type {string} */ text) => paint(32, text);
const yellow = (/** @type {string} */ text) => paint(33, text);
const cyan = (/** @type {string} */ text) => paint(36, text);

/** A DAP client as small as it can be. */
class Client {
  /** @param {readonly string[]} command */
  constructor([file, ...args]) {
    this.child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"], cwd: ROOT });
    this.sequence = 1;
    this.pending = Buffer.alloc(0);
    /** @type {Map<number, (message: any) => void>} */
    this.answers = new Map();
    /** @type {any[]} */
    this.events = [];
    /** @type {{ name: string, done: (body: any) => void }[]} */
    this.waiting = [];
    this.child.stdout.on("data", (chunk) => this.receive(chunk));
    this.child.on("exit", (code) => this.exited(code));
  }

  /** @param {number | null} code */
  exited(code) {
    if (this.answers.size === 0) return;
    console.error(`The debug adapter ended early (status ${code}).`);
    process.exit(1);
  }

  /** @param {Buffer} chunk */
  receive(chunk) {
    this.pending = Buffer.concat([this.pending, chunk]);
    for (;;) {
      const header = /^Content-Length: (\d+)\r\n\r\n/.exec(this.pending.toString("latin1"));
      if (!header) return;
      const end = header[0].length + Number(header[1]);
      if (this.pending.length < end) return;
      const message = JSON.parse(this.pending.toString("utf8", header[0].length, end));
      this.pending = this.pending.subarray(end);
      this.take(message);
    }
  }

  /** @param {any} message */
  take(message) {
    if (message.type === "response") {
      this.answers.get(message.request_seq)?.(message);
      this.answers.delete(message.request_seq);
      return;
    }
    const index = this.waiting.findIndex(({ name }) => name === message.event);
    if (index < 0) this.events.push(message);
    else this.waiting.splice(index, 1)[0]?.done(message.body);
  }

  /** @param {string} command @param {object} [args] @returns {Promise<any>} */
  ask(command, args = {}) {
    const seq = this.sequence++;
    const text = JSON.stringify({ seq, type: "request", command, arguments: args });
    this.child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    return new Promise((done, failed) => {
      this.answers.set(seq, (answer) => {
        if (answer.success) done(answer.body);
        else failed(new Error(`${command}: ${answer.message}`));
      });
    });
  }

  /** @param {string} name @returns {Promise<any>} */
  event(name) {
    const index = this.events.findIndex(({ event }) => event === name);
    if (index >= 0) return Promise.resolve(this.events.splice(index, 1)[0].body);
    return new Promise((done) => this.waiting.push({ name, done }));
  }
}

const command = existsSync(BUNDLE)
  ? [process.execPath, BUNDLE]
  : [process.execPath, "--import", "tsx", SOURCE];
const client = new Client(command);
const lines = readFileSync(PROGRAM, "utf8").split("\n");
const lineOf = (/** @type {string} */ mark) => lines.findIndex((line) => line.includes(mark)) + 1;

const say = (/** @type {string} */ text = "") => console.log(text);
const act = (/** @type {string} */ text) => say(`\n${bold(cyan(`▶ ${text}`))}`);

/** The call stack, with the source line of the frame that has one. */
async function showStack() {
  const { stackFrames } = await client.ask("stackTrace", { threadId: 1 });
  for (const frame of stackFrames) {
    const place = frame.source ? `${frame.source.name}:${frame.line}` : "";
    const name = frame.presentationHint === "label" ? yellow(frame.name) : frame.name;
    say(`    ${name}  ${dim(place)}`);
  }
  const [top] = stackFrames;
  if (top?.source?.path) say(`    ${dim("│")} ${green((lines[top.line - 1] ?? "").trim())}`);
  else if (top?.source?.sourceReference) await showVirtual(top);
}

/** The VMM's step, in its virtual source. @param {any} frame */
async function showVirtual(frame) {
  const { content } = await client.ask("source", {
    source: frame.source,
    sourceReference: frame.source.sourceReference,
  });
  const rows = content.split("\n").filter((/** @type {string} */ row) => row.trim() !== "");
  const current = content.split("\n")[frame.line - 1];
  for (const row of rows) {
    const short = row.length > 110 ? `${row.slice(0, 109)}…` : row;
    say(`    ${dim("│")} ${row === current ? green(`→ ${short}`) : dim(`  ${short}`)}`);
  }
}

/** @param {string} request @param {object} [args] */
async function go(request, args = {}) {
  await client.ask(request, { threadId: 1, ...args });
  const stop = await client.event("stopped");
  say(`  ${bold("stopped:")} ${stop.text ?? stop.reason}`);
  await showStack();
}

/** @param {string} line */
async function console_(line) {
  const { result } = await client.ask("evaluate", { expression: line, context: "repl" });
  say(`  ${dim(">")} ${line}`);
  for (const row of result.split("\n")) say(`    ${row}`);
}

say(bold("Ringside: a debug session through the Debug Adapter Protocol"));
say(dim(`adapter: ${path.relative(ROOT, command.at(-1) ?? "")}, program: ${path.relative(ROOT, PROGRAM)}`)); // prettier-ignore

await client.ask("initialize", { adapterID: "ringside" });
await client.ask("launch", { program: PROGRAM, stopOnEntry: true });
await client.event("initialized");
await client.ask("setBreakpoints", { source: { path: PROGRAM }, breakpoints: [{ line: lineOf("; @paging") }] }); // prettier-ignore
await client.ask("setExceptionBreakpoints", { filters: ["exit:CPUID"] });

act("Start the guest, under VMX and nested paging");
await client.ask("configurationDone");
await client.event("stopped");
await showStack();

act("Continue: CPUID leaves the guest, and the VM exit stops us inside the VMM");
await go("continue");

act("Step through the VMM's handler");
await go("stepIn");
await go("stepIn");

act("Step out: the VM entry, back in the guest");
await go("stepOut");
await console_("regs");

act("Continue to the breakpoint after the guest has switched paging on");
await go("continue");

act("One address through both stages: guest page tables, then nested page tables");
await console_("walk message");

act("Who wrote the first letter of the message?");
const writer = await client.ask("ringside/writers", { address: "message", length: 1 });
say(`  ${writer.text}`);

act("Step back in time, twice; then back to the VM exit");
await go("stepBack");
await go("stepBack");
await go("ringside/runTo", { target: "vm-exit", direction: "backward" });

act("Forward again, to the end");
await client.ask("setExceptionBreakpoints", { filters: [] });
await client.ask("setBreakpoints", { source: { path: PROGRAM }, breakpoints: [] });
await console_("exits");
await client.ask("continue", { threadId: 1 });
const { exitCode } = await client.event("exited");
for (const { event, body } of client.events) {
  if (event === "output" && body.category === "stdout") process.stdout.write(`  ${dim("serial:")} ${body.output}`); // prettier-ignore
}
say(`  the guest is done, exit status ${exitCode}`);
await client.ask("disconnect").catch(() => undefined);
client.child.stdin.end();
