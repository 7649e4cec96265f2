import assert from "node:assert/strict";
import { startSession, type TestSession } from "../support/session";

/** A kernel that takes POPF for a way to turn interrupts off. */
const KERNEL = `bits 32
org 0x100000
start:
    mov esp, 0x90000
    sti
    push dword 2
    popfd                   ; @popf
    mov eax, cs             ; @after
    mov al, 0               ; @last
    out 0xf4, al
`;

describe("debugging where a deprivileged guest loses fidelity", () => {
  let session: TestSession;

  beforeEach(async () => {
    session = await startSession(KERNEL, { vmm: "trap-and-emulate" });
  });
  afterEach(() => session.end());

  const breakOnLoss = (): Promise<unknown> =>
    session.client.ask("setExceptionBreakpoints", { filters: ["fidelity-lost"] });
  const currentLine = async (): Promise<number | undefined> => (await session.frames())[0]?.line;

  it("stops behind the instruction and says what the guest asked and what the hardware kept", async () => {
    await breakOnLoss();
    const stop = await session.go("continue");
    assert.equal(stop.reason, "exception");
    assert.match(stop.text ?? "", /fidelity lost at popfd: guest asked IF=0, hardware kept IF=1/i);
    assert.equal(await currentLine(), session.guest.line("after"));
  });

  it("explains the stop by what is known of the instruction, and names the pages", async () => {
    await breakOnLoss();
    await session.go("continue");
    const info = await session.client.ask("exceptionInfo", { threadId: 1 });
    assert.equal(info.exceptionId, "fidelity-lost");
    assert.match(info.details.stackTrace, /at ring 1 IF is left alone without a fault/);
    assert.match(info.details.stackTrace, /docs\/sensitive\/popf\.md/);
  });

  it("writes each place once to the console, with a link to its line", async () => {
    await session.client.ask("continue", { threadId: 1 });
    await session.client.event("terminated");
    const lines = session.client.transcript.flatMap((message) => {
      const { event, body } = message as { event?: string; body?: { output?: string; line?: number } }; // prettier-ignore
      return event === "output" && body?.output?.startsWith("fidelity lost") ? [body.line] : [];
    });
    assert.deepEqual(lines, [session.guest.line("popf"), session.guest.line("after")]);
  });

  it("has a place in the timeline, and can be gone back to", async () => {
    await session.breakAt("last");
    await session.go("continue");
    const { entries } = await session.client.ask("ringside/timeline", { kinds: ["fidelity-lost"] });
    assert.equal(entries.length, 2);
    await session.go("ringside/runTo", { target: "fidelity-lost", direction: "backward" });
    assert.equal(await currentLine(), session.guest.line("after"));
  });

  it("says that it runs when a request of our own lets it run", async () => {
    await session.go("ringside/runTo", { target: "fidelity-lost" });
    const events = session.client.transcript.flatMap((message) => (message as { event?: string }).event ?? []); // prettier-ignore
    const continued = events.lastIndexOf("continued");
    assert.ok(continued >= 0 && continued < events.lastIndexOf("stopped"), events.join(" "));
  });

  it("shows ring 0 to the guest beside ring 1 of the hardware", async () => {
    const { vcpu, cpu } = await session.client.ask("ringside/processor");
    assert.deepEqual([vcpu.cpl, cpu.cpl], [0, 1]);
  });
});
