import assert from "node:assert/strict";
import { Guest, TestSession } from "../support/session";

describe("launch", () => {
  let session: TestSession;

  afterEach(() => session.end());

  async function failedLaunch(args: object, text = "nop\n"): Promise<string> {
    session = new TestSession(new Guest(text));
    await session.client.ask("initialize", { adapterID: "ringside" });
    const answer = await session.client.send("launch", { program: session.guest.path, vmm: "none", ...args }); // prettier-ignore
    assert.equal(answer.success, false);
    assert.equal(answer.body.error.showUser, true);
    return answer.message ?? "";
  }

  it("fails with one line when the program does not assemble, and one output for each diagnostic", async () => {
    const message = await failedLaunch({}, "bits 32\nmov eax, nosuch\nfrob ebx\n");
    assert.match(message, /kernel\.asm:2:\d+: error: .*nosuch.*\(and 1 more\)/);
    const errors = session.client.heard.filter(({ event, body }) => event === "output" && (body as { category: string }).category === "stderr"); // prettier-ignore
    assert.deepEqual(
      errors.map(({ body }) => (body as { line: number }).line),
      [2, 3],
    );
    assert.equal((errors[0]?.body as { source: { path: string } }).source.path, session.guest.path);
    assert.equal(
      session.client.heard.some(({ event }) => event === "initialized"),
      false,
    );
  });

  it("names a file that is not there", async () => {
    assert.match(await failedLaunch({ program: "/nowhere/kernel.asm" }), /Cannot read .*there is no such file/); // prettier-ignore
  });

  it("asks for a program", async () => {
    assert.match(await failedLaunch({ program: "" }), /There is no program to run/);
  });

  it("names the values that a setting can have", async () => {
    assert.match(await failedLaunch({ vmm: "magic" }), /"magic" is not a value of vmm.*binary-translation/); // prettier-ignore
    assert.match(await failedLaunch({ memory: "3K" }), /multiple of 2M/);
    assert.match(await failedLaunch({ vcpus: 4 }), /one VCPU/);
  });

  it("says why a 64-bit guest cannot run deprivileged", async () => {
    assert.match(await failedLaunch({ vmm: "trap-and-emulate" }, "bits 64\nnop\n"), /64-bit guest cannot run under trap-and-emulate/); // prettier-ignore
  });

  it("names the cost profiles there are", async () => {
    const args = { vmm: "hardware-assisted", costProfile: "abacus" };
    assert.match(await failedLaunch(args, "bits 32\nnop\n"), /abacus.*P4-2006/);
  });

  it("says that an image does not fit", async () => {
    assert.match(await failedLaunch({ memory: "2M" }, "bits 32\norg 0x200000\nnop\n"), /has .* bytes of memory/); // prettier-ignore
  });

  it("finds includes next to the source and in includePaths, and takes defines", async () => {
    session = new TestSession(new Guest('bits 32\n%include "part.inc"\nmov eax, VALUE\nhlt\n'));
    session.guest.write("part.inc", "mov ebx, 1\n");
    await session.launch({ stopOnEntry: true, defines: { VALUE: "42" } });
    await session.begin();
    const [top] = await session.frames();
    assert.match(top?.source?.path ?? "", /part\.inc$/);
    await session.go("next");
    await session.go("next");
    assert.equal(await session.evaluate("eax,d"), "42");
    const { sources } = await session.client.ask("loadedSources");
    assert.deepEqual(
      sources.map(({ name }: { name: string }) => name),
      ["kernel.asm", "part.inc"],
    );
  });

  it("starts in the mode of the first bits", async () => {
    session = await new TestSession(new Guest("bits 16\nnop\nnop\n")).launch({ stopOnEntry: true });
    await session.begin();
    assert.deepEqual(await session.stack(), ["0x00007c00 [16-bit real mode] 2"]);
  });

  it("runs flat images without sources", async () => {
    session = new TestSession(new Guest("nop"));
    const program = session.guest.write("boot.bin", Uint8Array.from([0xb0, 0x05, 0xe6, 0xf4]));
    await session.launch({ program });
    await session.client.ask("configurationDone");
    assert.deepEqual(await session.client.event("exited"), { exitCode: 11 });
  });

  it("takes back the promise to step back when time is not recorded", async () => {
    session = await new TestSession(new Guest("bits 32\nnop\nnop\n")).launch({ recording: false, stopOnEntry: true }); // prettier-ignore
    assert.deepEqual(await session.client.event("capabilities"), { capabilities: { supportsStepBack: false } }); // prettier-ignore
    await session.begin();
    assert.match((await session.client.send("stepBack", { threadId: 1 })).message ?? "", /not recorded/); // prettier-ignore
  });

  it("feeds a file to the serial line", async () => {
    session = new TestSession(
      new Guest("bits 32\nmov dx, 0x3fd\nwait_byte: in al, dx\ntest al, 1\njz wait_byte\nmov dx, 0x3f8\nin al, dx\nout 0xf4, al\n"), // prettier-ignore
    );
    const serialInput = session.guest.write("input", "\x21");
    await session.launch({ serialInput });
    await session.client.ask("configurationDone");
    assert.deepEqual(await session.client.event("exited"), { exitCode: 0x43 });
  });
});
