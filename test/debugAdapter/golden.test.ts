import { assertGolden } from "../support/golden";
import type { Message } from "../support/dapClient";
import { Guest, TestSession } from "../support/session";
import type { Launch } from "../support/session";

type Script = (session: TestSession) => Promise<void>;

const KERNEL = `bits 32
org 0x100000
start:
    mov esp, 0x90000
    mov eax, 1
    cpuid               ; @cpuid
    call work           ; @call
    mov al, 2
    out 0xf4, al
work:
    mov [cell], eax     ; @work
    ret
cell: dd 0
`;

/** Keys whose values depend on the run or on the host, and are not what a transcript is about. */
const MASKED = new Set(["seq", "request_seq", "generation", "cycles"]);

function maskedValue(key: string, value: unknown, folder: string): unknown {
  if (MASKED.has(key)) return undefined;
  // Breakpoint ids count through the process: tests run in any order.
  if (key === "id" && typeof value === "number" && value > 0) return "<id>";
  if (key === "hitBreakpointIds") return "<ids>";
  // The VMM's own words may change without the protocol changing.
  if (key === "content") return "<source>";
  if (key === "sourceReference") return "<reference>";
  return typeof value === "string" ? value.replaceAll(folder, "<folder>") : value;
}

/** Requests, answers and events, one a line each with its body below. */
function transcriptText(messages: readonly Message[], folder: string): string {
  const blocks = messages.map((message) => {
    const { type, command, event, arguments: args, body, success, message: text } = message as unknown as Record<string, unknown>; // prettier-ignore
    const head =
      type === "request"
        ? `--> ${String(command)}`
        : type === "event"
          ? `<-- event ${String(event)}`
          : `<-- ${String(command)}${success === true ? "" : ` failed: ${String(text)}`}`;
    const content = type === "request" ? args : body;
    const json = JSON.stringify(content ?? {}, (key, value: unknown) => maskedValue(key, value, folder), 1); // prettier-ignore
    return json === "{}" ? head : `${head} ${compact(json)}`;
  });
  return `${blocks.join("\n")}\n`;
}

/** One line for short bodies. */
function compact(json: string): string {
  const single = json.replace(/\n\s*/g, " ");
  return single.length <= 160 ? single : json;
}

async function record(name: string, text: string, args: Launch, script: Script): Promise<void> {
  const session = new TestSession(new Guest(text));
  try {
    await session.launch(args);
    await script(session);
    const launch = session.client.transcript.findIndex((message) => (message as { command?: string }).command === "launch"); // prettier-ignore
    const messages = session.client.transcript.slice(launch);
    assertGolden(`dap/${name}.txt`, transcriptText(messages, session.guest.folder));
  } finally {
    await session.end();
  }
}

describe("golden transcripts", () => {
  it("capabilities and filters", async () => {
    const session = new TestSession(new Guest(KERNEL));
    try {
      await session.client.ask("initialize", { adapterID: "ringside" });
      assertGolden("dap/initialize.txt", transcriptText(session.client.transcript, "\0"));
    } finally {
      await session.end();
    }
  });

  it("break on a VM exit, look around, step into the VMM and out", () =>
    record("vmExit", KERNEL, { vmm: "hardware-assisted", stopOnEntry: true }, async (session) => {
      await session.client.ask("setExceptionBreakpoints", { filters: ["exit:CPUID"] });
      await session.begin();
      await session.go("continue");
      const frames = await session.frames();
      await session.client.ask("exceptionInfo", { threadId: 1 });
      const source = frames[0]?.source;
      await session.client.ask("source", { source, sourceReference: source?.sourceReference });
      await session.go("stepIn");
      await session.frames();
      await session.go("stepOut");
      await session.frames();
    }));

  it("breakpoints of every kind", () =>
    record("breakpoints", KERNEL, { vmm: "none", stopOnEntry: true }, async (session) => {
      await session.breakAt("call", { at: "work", condition: "eax > 2" });
      await session.client.ask("setFunctionBreakpoints", { breakpoints: [{ name: "work" }, { name: "nosuch" }] }); // prettier-ignore
      await session.begin();
      await session.client.ask("setInstructionBreakpoints", { breakpoints: [{ instructionReference: "gva:work", offset: 5 }] }); // prettier-ignore
      await session.client.ask("dataBreakpointInfo", { name: "[cell]" });
      await session.client.ask("setDataBreakpoints", { breakpoints: [{ dataId: "gva:0x10001d/4", accessType: "write" }] }); // prettier-ignore
      for (let index = 0; index < 3; index++) await session.go("continue");
      await session.client.ask("continue", { threadId: 1 });
      await session.client.event("terminated");
    }));

  it("scopes, variables, evaluate, memory and disassembly", () =>
    record("inspection", KERNEL, { vmm: "none", stopOnEntry: true }, async (session) => {
      await session.begin();
      for (const scope of ["Registers", "Flags", "Control Registers"]) await session.variables(scope); // prettier-ignore
      for (const expression of ["eax", "[cell]", "work", "nosuch", "gpa:0x7000"]) await session.evaluate(expression); // prettier-ignore
      await session.client.ask("readMemory", { memoryReference: "gva:start", count: 8 });
      await session.client.ask("disassemble", { memoryReference: "gva:start", instructionOffset: -2, instructionCount: 8 }); // prettier-ignore
    }));

  it("time travel", () =>
    record("timeTravel", KERNEL, { vmm: "none", stopOnEntry: true }, async (session) => {
      await session.begin();
      await session.go("next");
      await session.go("next");
      await session.go("stepBack");
      await session.client.ask("ringside/history", {});
      await session.go("reverseContinue");
      await session.client.ask("ringside/state", {});
    }));
});
