import { DebugClient } from "@vscode/debugadapter-testsupport";
import assert from "node:assert/strict";
import { join } from "node:path";
import { Guest } from "../support/session";

const ADAPTER = join(__dirname, "..", "..", "src", "debugAdapter", "main.ts");

const GUEST = `bits 32
start:
    mov eax, 1
    cpuid       ; @cpuid
    mov al, 1
    out 0xf4, al
`;

describe("the adapter's process", () => {
  const guest = new Guest(GUEST);
  let client: DebugClient;

  beforeEach(async () => {
    // tsx as a loader: the sources run as they are.
    client = new DebugClient(process.execPath, ADAPTER, "ringside", {
      env: { ...process.env, NODE_OPTIONS: "--import tsx" },
    });
    await client.start();
  });
  afterEach(() => client.stop());
  after(() => guest.remove());

  it("speaks DAP over standard input and output", async () => {
    await client.hitBreakpoint({ program: guest.path }, { path: guest.path, line: guest.line("cpuid") }); // prettier-ignore
    const { body } = await client.stackTraceRequest({ threadId: 1 });
    assert.match(body.stackFrames[0]?.name ?? "", /^start\+0x5 \[32-bit, ring 0\]$/);
    await Promise.all([client.continueRequest({ threadId: 1 }), client.waitForEvent("terminated")]);
  }).timeout(60_000);

  it("answers a failed launch", async () => {
    await client.initializeRequest();
    await assert.rejects(client.launchRequest({ program: "/nowhere.asm" } as never), /Cannot read/);
  }).timeout(60_000);
});
