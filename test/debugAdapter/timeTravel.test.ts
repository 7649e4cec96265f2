import assert from "node:assert/strict";
import { startSession } from "../support/session";
import type { TestSession } from "../support/session";

const GUEST = `
bits 32
org 0x100000
start:
    mov esp, 0x90000
    mov ecx, 5
again:
    inc dword [counter]     ; @inc
    mov eax, ecx
    cpuid                   ; @cpuid
    mov ecx, 5
    sub ecx, [counter]
    jnz again
    mov dword [done], 1     ; @done
    cli
    hlt
counter: dd 0
done: dd 0
`;

describe("time travel", () => {
  let session: TestSession;

  beforeEach(async () => {
    session = await startSession(GUEST, { vmm: "hardware-assisted" });
  });
  afterEach(() => session.end());

  /** All that a stop shows: registers, flags, memory, the stack, time. */
  async function picture(): Promise<string> {
    const parts = await Promise.all(
      ["regs", "x/2xw counter", "exits", "vmcs"].map((command) => session.evaluate(command, "repl")), // prettier-ignore
    );
    const position = await session.evaluate("position,d");
    return [...parts, position, ...(await session.stack())].join("\n");
  }

  it("gives the same machine after N steps forward and N back", async () => {
    const seen: string[] = [await picture()];
    for (let step = 0; step < 30; step++) {
      await session.go("stepIn");
      seen.push(await picture());
    }
    for (let step = 29; step >= 0; step--) {
      await session.go("stepBack");
      assert.equal(await picture(), seen[step], `position ${step}`);
    }
  }).timeout(60_000);

  it("runs backwards to breakpoints, with conditions and hit counts as on the way forward", async () => {
    await session.breakAt({ at: "inc", hitCondition: ">= 3" }, "done");
    const forward: string[] = [];
    for (let index = 0; index < 3; index++) {
      await session.go("continue");
      forward.push(await session.evaluate("[counter],d"));
    }
    assert.deepEqual(forward, ["2", "3", "4"]);
    await session.go("continue");
    assert.equal((await session.frames())[0]?.line, session.guest.line("done"));
    const backward: string[] = [];
    for (let index = 0; index < 3; index++) {
      await session.go("reverseContinue");
      backward.push(await session.evaluate("[counter],d"));
    }
    assert.deepEqual(backward, ["4", "3", "2"]);
    const stop = await session.go("reverseContinue");
    assert.match(stop.description ?? "", /Start of recorded time/);
  });

  it("runs backwards to VM exits and data breakpoints", async () => {
    await session.breakAt("done");
    await session.go("continue");
    await session.client.ask("setExceptionBreakpoints", { filters: ["exit:CPUID"] });
    const stop = await session.go("reverseContinue");
    assert.match(stop.description ?? "", /^VM exit 10/);
    assert.equal(await session.evaluate("[counter],d"), "5");
    await session.client.ask("setExceptionBreakpoints", { filters: [] });
    const { dataId } = await session.client.ask("dataBreakpointInfo", { name: "[counter]" });
    await session.client.ask("setDataBreakpoints", { breakpoints: [{ dataId, accessType: "write" }] }); // prettier-ignore
    const write = await session.go("reverseContinue");
    assert.equal(write.reason, "data breakpoint");
    assert.match(write.text ?? "", /0x4 becomes 0x5/);
  });

  it("says nothing twice: log points and output are for the way forward", async () => {
    await session.breakAt({ at: "inc", logMessage: "count {[counter],d}" }, "done");
    await session.go("continue");
    const lines = session.output("console");
    assert.equal(lines.split("\n").filter((line) => line.startsWith("count")).length, 5);
    await session.go("reverseContinue");
    assert.equal(session.output("console"), lines);
  });

  it("forks time when the past is changed", async () => {
    await session.breakAt("done");
    await session.go("continue");
    const before = await session.client.ask("ringside/state");
    await session.go("ringside/travelTo", { position: 4 });
    await session.evaluate("dword [counter] = 4", "repl");
    const forked = await session.client.ask("ringside/state");
    assert.equal(forked.horizon, forked.position);
    await session.go("continue");
    const after = await session.client.ask("ringside/state");
    assert.ok(after.position < before.position);
    assert.equal(await session.evaluate("[counter],d"), "5");
  });

  it("refuses positions that were never reached", async () => {
    const answer = await session.client.send("ringside/travelTo", { position: 1_000_000 });
    assert.match(answer.message ?? "", /Positions go from 0 to/);
  });
});
