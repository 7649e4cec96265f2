import assert from "node:assert/strict";
import { startSession } from "../support/session";
import type { TestSession } from "../support/session";

const GUEST = `
bits 32
org 0x100000
start:
    mov eax, 0x12345678
    mov ebx, table
    mov ecx, 2
    stc
here:
    nop                     ; @here
    mov edx, [ebx+ecx*4]
    call work
    cli
    hlt
work:
    ret                     ; @work
align 16
table: dd 0x10, 0x20, 0x30
text: db "boot", 0
`;

describe("looking at a stopped program", () => {
  let session: TestSession;

  beforeEach(async () => {
    session = await startSession(GUEST);
    await session.breakAt("here");
    await session.go("continue");
  });
  afterEach(() => session.end());

  it("has the scopes, in order, with unique variable names", async () => {
    const [top] = await session.frames();
    const { scopes } = await session.client.ask("scopes", { frameId: top?.id });
    assert.deepEqual(
      scopes.map(({ name }: { name: string }) => name),
      ["Registers", "Segments", "Control Registers", "Flags", "MSRs", "VCPU", "VMCS", "Translation"], // prettier-ignore
    );
    for (const { name } of scopes) {
      const names = (await session.variables(name)).map((variable) => variable.name);
      assert.deepEqual(names, [...new Set(names)], name);
    }
  });

  it("shows registers in the width of the mode, with their parts", async () => {
    const registers = await session.variables("Registers");
    assert.equal(registers[0]?.value, "0x12345678");
    assert.equal(registers.at(-1)?.name, "eip");
    assert.match(registers.at(-1)?.value ?? "", /<here>$/);
    const parts = await session.variables("Registers/eax");
    assert.deepEqual(
      parts.map(({ name, value }) => `${name}=${value}`),
      ["ax=0x5678", "al=0x78", "ah=0x56"],
    );
  });

  it("decodes flags, control registers and segments", async () => {
    const flags = await session.variables("Flags");
    assert.equal(flags.find(({ name }) => name === "CF")?.value, "1");
    const control = await session.variables("Control Registers");
    assert.match(control.find(({ name }) => name === "cr0")?.value ?? "", /PE/);
    const bits = await session.variables("Control Registers/cr0");
    assert.equal(bits.find(({ name }) => name === "PE")?.value, "1");
    const segments = await session.variables("Segments");
    assert.match(segments[0]?.value ?? "", /^0x[0-9a-f]{4} base 0x0 limit 0xffffffff code/);
  });

  it("keeps the references of expanded nodes from stop to stop, and refuses them while stale", async () => {
    const before = await session.variables("Registers");
    const old = before[0]?.variablesReference;
    await session.go("next");
    const stale = await session.client.send("variables", { variablesReference: old });
    assert.equal(stale.success, false);
    const after = await session.variables("Registers");
    assert.equal(after[0]?.variablesReference, old);
  });

  it("sets registers, parts of registers, flags and bits", async () => {
    const reference = async (scope: string): Promise<number> => {
      const [top] = await session.frames();
      const { scopes } = await session.client.ask("scopes", { frameId: top?.id });
      return scopes.find(({ name }: { name: string }) => name === scope).variablesReference;
    };
    const registers = await reference("Registers");
    const set = await session.client.ask("setVariable", { variablesReference: registers, name: "ebx", value: "table + 4" }); // prettier-ignore
    assert.match(set.value, /<table\+0x4>$/);
    await session.client.event("invalidated");
    const { variables } = await session.client.ask("variables", { variablesReference: registers });
    assert.match(variables[3].value, /<table\+0x4>$/);
    const eax = variables[0].variablesReference;
    await session.client.ask("setVariable", { variablesReference: eax, name: "ah", value: "0xff" });
    assert.equal(await session.evaluate("eax"), "0x1234ff78");
    await session.client.ask("setVariable", { variablesReference: await reference("Flags"), name: "CF", value: "0" }); // prettier-ignore
    assert.equal(await session.evaluate("cf"), "0x0");
    const wrong = await session.client.send("setVariable", { variablesReference: registers, name: "eax", value: "nosuch" }); // prettier-ignore
    assert.equal(wrong.success, false);
    assert.equal(wrong.body.error.showUser, false);
  });

  it("evaluates registers, labels, memory, address spaces and formats", async () => {
    const cases: Readonly<Record<string, string>> = {
      eax: "0x12345678",
      "al,d": "120",
      "[ebx+ecx*4]": "0x00000030",
      "byte [text],c": "'b'",
      "text,s": '"boot"',
      "word [gpa:table+4]": "0x0020",
      "gpa:0x7000": "gpa:0x7000",
      "work - start": "0x000000000000001b",
      "cr0 & 1": "0x0000000000000001",
      "cs.base": "0x0000000000000000",
      cpl: "0x00",
      "$ == here": "0x0000000000000001",
      nosuch: 'error: "nosuch" is not a register or a label',
    };
    for (const [expression, expected] of Object.entries(cases)) {
      assert.equal(await session.evaluate(expression), expected, expression);
    }
  });

  it("gives memory references that can be opened", async () => {
    const watch = await session.client.ask("evaluate", { expression: "table", context: "watch" });
    assert.match(watch.memoryReference, /^gva:0x/);
    const memory = await session.client.ask("readMemory", { memoryReference: watch.memoryReference, offset: 4, count: 4 }); // prettier-ignore
    assert.deepEqual([...Buffer.from(memory.data, "base64")], [0x20, 0, 0, 0]);
  });

  it("sets expressions and console assignments", async () => {
    const set = await session.client.ask("setExpression", { expression: "dword [table+8]", value: "0x99" }); // prettier-ignore
    assert.equal(set.value, "0x00000099");
    assert.equal(await session.evaluate("byte [table] = 0x11", "repl"), "0x11");
    assert.equal(await session.evaluate("[table]"), "0x00000011");
    assert.match(await session.evaluate("cpl = 3", "repl"), /cannot be set/);
    await session.go("next");
    await session.go("next");
    assert.equal(await session.evaluate("edx"), "0x00000099");
  });

  it("reads and writes memory, and says where it cannot be read", async () => {
    const end = await session.client.ask("readMemory", { memoryReference: "gpa:0x3fffff8", count: 16 }); // prettier-ignore
    assert.equal(Buffer.from(end.data, "base64").length, 8);
    assert.equal(end.unreadableBytes, 8);
    const nothing = await session.client.ask("readMemory", { memoryReference: "gpa:0x10000000000", count: 4 }); // prettier-ignore
    assert.deepEqual([nothing.data, nothing.unreadableBytes], ["", 4]);
    const written = await session.client.ask("writeMemory", { memoryReference: "gva:table", offset: 4, data: Buffer.from([1, 2]).toString("base64") }); // prettier-ignore
    assert.equal(written.bytesWritten, 2);
    const event = await session.client.event("memory");
    assert.equal(event.memoryReference, "gva:table");
    assert.equal(await session.evaluate("word [table+4]"), "0x0201");
  });

  it("keeps callers' registers from being set", async () => {
    await session.breakAt("work");
    await session.go("continue");
    const frames = await session.frames();
    const caller = await session.client.ask("evaluate", { expression: "eip", frameId: frames[1]?.id, context: "watch" }); // prettier-ignore
    assert.match(caller.result, /<here\+0x9>$/);
    const refused = await session.client.send("setExpression", { expression: "eax", value: "1", frameId: frames[1]?.id }); // prettier-ignore
    assert.match(refused.message ?? "", /top frame/);
  });

  it("answers every console command, and explains them", async () => {
    const help = await session.evaluate("help", "repl");
    for (const line of help.split("\n\n")[0]?.split("\n") ?? []) {
      const name = /^([a-z]+)\b/.exec(line)?.[1];
      if (name === undefined || ["goto", "serial", "keys", "walk", "x"].includes(name)) continue;
      assert.doesNotMatch(await session.evaluate(name, "repl"), /^error/, name);
    }
    assert.match(await session.evaluate("x/3i here", "repl"), /^=> 0x[0-9a-f]+ <here>: nop\n.*mov edx/); // prettier-ignore
    assert.match(await session.evaluate("x/3xw table", "repl"), /0x00000010 0x00000020 0x00000030/);
    assert.match(await session.evaluate("x/s text", "repl"), /"boot"/);
    assert.match(await session.evaluate("walk table", "repl"), /^gva 0x[0-9a-f]+ → gpa/);
    assert.match(await session.evaluate("vmcs", "repl"), /no current VMCS/);
    assert.match(await session.evaluate("help walk", "repl"), /^walk ADDRESS/);
    assert.match(await session.evaluate("help nosuch", "repl"), /^error: There is no command/);
  });

  it("completes commands, labels and registers", async () => {
    const labels = async (text: string): Promise<string[]> => {
      const { targets } = await session.client.ask("completions", {
        text,
        column: text.length + 1,
      });
      return targets.map(({ label }: { label: string }) => label);
    };
    assert.ok((await labels("wa")).includes("walk"));
    assert.deepEqual(await labels("walk tab"), ["table"]);
    assert.ok((await labels("eax + cr")).includes("cr3"));
    assert.deepEqual((await labels("help vm")).includes("vmcs"), true);
  });

  it("disassembles exactly as many rows as asked for, in order, before and after", async () => {
    const { instructions } = await session.client.ask("disassemble", { memoryReference: "gva:here", instructionOffset: -6, instructionCount: 14 }); // prettier-ignore
    assert.equal(instructions.length, 14);
    const texts = instructions.map(({ instruction }: { instruction: string }) => instruction);
    assert.deepEqual(texts.slice(2, 8), [
      "mov eax, 0x12345678",
      "mov ebx, 0x100020",
      "mov ecx, 0x2",
      "stc",
      "nop",
      "mov edx, [ebx+ecx*4]",
    ]);
    const addresses = instructions.map(({ address }: { address: string }) => BigInt(address));
    for (let index = 1; index < addresses.length; index++) {
      assert.ok(addresses[index] > addresses[index - 1]);
    }
    assert.equal(instructions[6].line, session.guest.line("here"));
    assert.equal(instructions[6].symbol, "here");
  });

  it("disassembles over holes and at address 0 without losing count", async () => {
    const zero = await session.client.ask("disassemble", { memoryReference: "0x0", instructionOffset: -5, instructionCount: 10 }); // prettier-ignore
    assert.equal(zero.instructions.length, 10);
    assert.ok(BigInt(zero.instructions[0].address) < 0n);
    const hole = await session.client.ask("disassemble", { memoryReference: "gva:0xf0000000", instructionOffset: -3, instructionCount: 6 }); // prettier-ignore
    assert.equal(hole.instructions.length, 6);
    assert.equal(hole.instructions[4].presentationHint, "invalid");
  });

  it("offers lines with code as breakpoint locations", async () => {
    const { breakpoints } = await session.client.ask("breakpointLocations", { source: { path: session.guest.path }, line: 1, endLine: 6 }); // prettier-ignore
    assert.deepEqual(breakpoints, [{ line: 5 }, { line: 6 }]);
  });
});
