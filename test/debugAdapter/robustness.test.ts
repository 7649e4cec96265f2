import assert from "node:assert/strict";
import fc from "fast-check";
import { createDebuggee } from "../../src/engine/index";
import { Guest, startSession, TestSession } from "../support/session";

const GUEST = `
bits 32
start:
    inc eax
    cpuid
    call work
    jmp start
work:
    mov [cell], eax
    ret
cell: dd 0
`;

/** Requests in any state, most of them sensible in some. */
const REQUESTS: readonly (readonly [string, object])[] = [
  ["threads", {}],
  ["stackTrace", { threadId: 1 }],
  ["scopes", { frameId: 1 }],
  ["variables", { variablesReference: 3 }],
  ["continue", { threadId: 1 }],
  ["pause", { threadId: 1 }],
  ["next", { threadId: 1 }],
  ["stepIn", { threadId: 1 }],
  ["stepOut", { threadId: 1 }],
  ["stepBack", { threadId: 1 }],
  ["reverseContinue", { threadId: 1 }],
  ["setBreakpoints", { source: { path: "/nowhere.asm" }, breakpoints: [{ line: 1 }] }],
  ["setFunctionBreakpoints", { breakpoints: [{ name: "work", hitCondition: "% 7" }] }],
  ["setFunctionBreakpoints", { breakpoints: [] }],
  ["setExceptionBreakpoints", { filters: ["exit:CPUID"] }],
  ["setExceptionBreakpoints", { filters: [] }],
  ["setDataBreakpoints", { breakpoints: [{ dataId: "gva:0x7c00/4" }, { dataId: "?" }] }],
  ["evaluate", { expression: "eax + [cell]", context: "watch" }],
  ["evaluate", { expression: "eax = 1", context: "repl" }],
  ["evaluate", { expression: "timeline", context: "repl" }],
  ["disassemble", { memoryReference: "gva:0x7c00", instructionOffset: -5, instructionCount: 10 }],
  ["readMemory", { memoryReference: "gva:0x100000", count: 64 }],
  ["exceptionInfo", { threadId: 1 }],
  ["loadedSources", {}],
  ["completions", { text: "e", column: 2 }],
  ["cancel", {}],
  ["ringside/state", {}],
  ["ringside/processor", {}],
  ["ringside/vmcs", {}],
  ["ringside/exits", {}],
  ["ringside/runTo", { target: "vm-exit" }],
  ["ringside/travelTo", { position: 3 }],
  ["ringside/writers", { address: "cell", length: 4 }],
  ["ringside/history", { count: 3 }],
  ["ringside/input", { serial: "x" }],
  ["nonsense", {}],
];

describe("the adapter under stress", () => {
  let session: TestSession;

  afterEach(() => session.end());

  it("answers every request exactly once, in whatever order they come", async () => {
    session = await startSession(GUEST, { vmm: "hardware-assisted" });
    const { client } = session;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: 12 }),
        async (requests) => {
          const answers = await Promise.all(
            requests.map(([name, args]) => client.send(name, args)),
          );
          assert.deepEqual(
            answers.map(({ command }) => command),
            requests.map(([name]) => name),
          );
          await client.send("pause", { threadId: 1 });
          const { running, ended } = await client.ask("ringside/state");
          assert.equal(ended, false);
          if (running) await client.event("ringside/stateChanged", ({ state }: { state: { running: boolean } }) => !state.running); // prettier-ignore
          client.heard.length = 0;
        },
      ),
      { numRuns: 40, seed: 20260 },
    );
  }).timeout(120_000);

  it("refuses requests before the launch, and unknown ones, with a reason", async () => {
    session = new TestSession(new Guest(GUEST));
    await session.client.ask("initialize", { adapterID: "ringside" });
    for (const [name, args] of [
      ["stackTrace", { threadId: 1 }],
      ["continue", {}],
      ["evaluate", { expression: "eax" }],
      ["nonsense", {}],
    ] as const) {
      // prettier-ignore
      const answer = await session.client.send(name, args);
      assert.equal(answer.success, false, name);
      assert.ok((answer.message ?? "").length > 0);
    }
  });

  it("reports a bug with the machine's state and ends the session, not the process", async () => {
    session = new TestSession(new Guest(GUEST), {
      createDebuggee: (config) => {
        const debuggee = createDebuggee(config);
        debuggee.run = () => {
          throw new Error("seeded defect");
        };
        return debuggee;
      },
    });
    await session.launch();
    await session.client.ask("configurationDone");
    assert.deepEqual(await session.client.event("exited"), { exitCode: 70 });
    await session.client.event("terminated");
    assert.match(session.output("console"), /Internal error of Ringside: Error: seeded defect/);
    assert.match(session.output("console"), /State: none, shadow-lazy, world bare, position 0, RIP 0x/); // prettier-ignore
    assert.equal((await session.client.send("threads")).success, true);
  });
});
