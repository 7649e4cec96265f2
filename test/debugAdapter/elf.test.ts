/** Debug sessions of kernels that gcc, GAS and NASM built: test/fixtures/elf, whose sources lie beside them. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { fixture, FIXTURES, markedLine } from "../elf/fixtures";
import { Guest, TestSession } from "../support/session";
import type { Launch } from "../support/session";

describe("a kernel that was built elsewhere", () => {
  let session: TestSession;

  afterEach(() => session.end());

  /** A session that stands at the entry. */
  async function start(name: string, args: Launch = {}): Promise<TestSession> {
    session = new TestSession(new Guest("nop"));
    await session.launch({ program: fixture(name), stopOnEntry: true, ...args });
    await session.begin();
    return session;
  }

  async function breakAt(
    source: string,
    ...marks: readonly string[]
  ): Promise<DebugProtocol.Breakpoint[]> {
    const breakpoints = marks.map((mark) => ({ line: markedLine(source, mark) }));
    const body = await session.client.ask("setBreakpoints", { source: { path: fixture(source) }, breakpoints }); // prettier-ignore
    return body.breakpoints;
  }

  /** "function file:line" of all frames, with marks for line numbers. */
  async function places(): Promise<string[]> {
    const frames = await session.frames();
    return frames.map(({ name, source, line }) => {
      const isBeside = source?.path === fixture(source?.name ?? "");
      return `${name.replace(/[+ ].*/, "")} ${isBeside ? (source?.name ?? "") : "elsewhere"}:${line}`;
    });
  }

  const at = (source: string, mark: string): string => `${source}:${markedLine(source, mark)}`;

  for (const version of [2, 3, 4, 5]) {
    it(`stops at lines of C and of GAS files, with DWARF ${version}`, async () => {
      await start(`c32-dwarf${version}.elf`);
      const [inC] = await breakAt("kernel.c", "sum");
      const [inAssembly] = await breakAt("boot32.S", "call");
      assert.deepEqual([inC?.verified, inC?.line], [true, markedLine("kernel.c", "sum")]);
      assert.equal(inAssembly?.verified, true);
      assert.deepEqual((await session.go("continue")).hitBreakpointIds, [inAssembly?.id]);
      assert.deepEqual(await places(), [`_start ${at("boot32.S", "call")}`]);
      assert.deepEqual((await session.go("continue")).hitBreakpointIds, [inC?.id]);
      assert.deepEqual(await places(), [
        `add ${at("kernel.c", "sum")}`,
        `total ${at("kernel.c", "add")}`,
        `kmain ${at("kernel.c", "total")}`,
        `_start ${at("boot32.S", "call")}`,
      ]);
    });
  }

  it("gives no function's name to what lies behind its end, such as the stack", async () => {
    await start("c32-dwarf4.elf");
    await breakAt("kernel.c", "sum");
    await session.go("continue");
    const registers = await session.variables("Registers");
    const valueOf = (name: string): string | undefined =>
      registers.find((each) => each.name === name)?.value;
    assert.match(valueOf("esp") ?? "", /^0x0010[0-9a-f]{4}$/);
    assert.match(valueOf("eip") ?? "", /<add\+/);
  });

  it("steps over and into statements, and back", async () => {
    await start("c32-dwarf5.elf");
    await breakAt("kernel.c", "first");
    await session.go("continue");
    await session.go("next");
    await session.go("next");
    assert.deepEqual((await places())[0], `kmain ${at("kernel.c", "total")}`);
    await session.go("stepIn");
    assert.match((await places())[0] ?? "", /^total kernel\.c:/);
    await session.go("stepOut");
    assert.deepEqual((await places())[0], `kmain ${at("kernel.c", "total")}`);
    await session.go("next");
    assert.deepEqual((await places())[0], `kmain ${at("kernel.c", "exit")}`);
    assert.equal(await session.evaluate("[counter],d"), "10");
    await session.go("stepBack");
    assert.deepEqual((await places())[0], `kmain ${at("kernel.c", "total")}`);
    assert.equal(await session.evaluate("[counter],d"), "0");
    await session.go("stepBack");
    await session.go("stepBack");
    assert.deepEqual((await places())[0], `kmain ${at("kernel.c", "first")}`);
  });

  it("steps back to the beginning of the statement that the processor is in the middle of", async () => {
    await start("c64-dwarf5.elf");
    await breakAt("kernel.c", "total");
    await session.go("continue");
    const beginning = await session.evaluate("rip");
    await session.go("stepIn");
    await session.go("stepOut");
    assert.notEqual(await session.evaluate("rip"), beginning);
    await breakAt("kernel.c");
    await session.go("stepBack");
    assert.equal(await session.evaluate("rip"), beginning);
  });

  it("steps by instructions where the client shows them", async () => {
    await start("c32-dwarf5.elf");
    await breakAt("kernel.c", "sum");
    await session.go("continue");
    const before = await session.evaluate("eip");
    await session.go("next", { granularity: "instruction" });
    assert.notEqual(await session.evaluate("eip"), before);
    assert.deepEqual((await places())[0], `add ${at("kernel.c", "sum")}`);
    await session.go("stepBack", { granularity: "instruction" });
    assert.equal(await session.evaluate("eip"), before);
  });

  it("stops a step over a statement at a breakpoint inside the call", async () => {
    await start("c32-dwarf5.elf");
    await breakAt("kernel.c", "total");
    await session.go("continue");
    const [inner] = await breakAt("kernel.c", "sum");
    const stop = await session.go("next");
    assert.deepEqual([stop.reason, stop.hitBreakpointIds], ["breakpoint", [inner?.id]]);
  });

  it("stops a step over a statement after the instruction that writes what is watched", async () => {
    await start("c32-dwarf5.elf");
    await breakAt("kernel.c", "total");
    await session.go("continue");
    const info = await session.client.ask("dataBreakpointInfo", { name: "[counter]" });
    const { breakpoints } = await session.client.ask("setDataBreakpoints", { breakpoints: [{ dataId: info.dataId }] }); // prettier-ignore
    const stop = await session.go("next");
    assert.deepEqual(
      [stop.reason, stop.hitBreakpointIds],
      ["data breakpoint", [breakpoints[0].id]],
    );
    // After the write, as the debug registers do it.
    assert.deepEqual((await places())[0], `kmain ${at("kernel.c", "exit")}`);
    assert.equal(await session.evaluate("[counter],d"), "10");
  });

  it("runs through a statement of many instructions", async () => {
    await start("long-loop.elf");
    await breakAt("longLoop.c", "loop");
    await session.go("continue");
    await session.go("next");
    assert.deepEqual((await places())[0], `kmain ${at("longLoop.c", "after")}`);
    assert.equal(await session.evaluate("[counter],d"), "200000");
    await session.go("stepIn");
    assert.deepEqual((await places())[0], `kmain ${at("longLoop.c", "calls")}`);
    await session.go("next");
    assert.deepEqual((await places())[0], `kmain ${at("longLoop.c", "end")}`);
    assert.equal(await session.evaluate("[counter],d"), "50000");
    await session.go("stepBack");
    await session.go("stepBack");
    await session.go("stepBack");
    assert.deepEqual((await places())[0], `kmain ${at("longLoop.c", "loop")}`);
    await session.go("stepIn");
    assert.deepEqual((await places())[0], `kmain ${at("longLoop.c", "after")}`);
  });

  it("stops once at the head of a loop that the compiler took apart", async () => {
    await start("c32-dwarf5.elf");
    const [head] = await breakAt("kernel.c", "loop");
    await session.go("continue");
    assert.deepEqual((await places())[0], `total ${at("kernel.c", "loop")}`);
    assert.equal(head?.verified, true);
    const [, result] = await breakAt("kernel.c", "loop", "result");
    assert.deepEqual((await session.go("continue")).hitBreakpointIds, [result?.id]);
  });

  it("stops in every copy of an inlined function", async () => {
    await start("c32-optimized.elf");
    await breakAt("kernel.c", "out");
    const copies = new Set<string>();
    // The characters of both texts, and the exit.
    for (let stop = 0; stop < "multiboot memory\n".length + 1; stop++) {
      await session.go("continue");
      copies.add(await session.evaluate("eip"));
    }
    assert.equal(copies.size, 3, [...copies].join(" "));
  });

  it("debugs a higher-half kernel at its physical and at its virtual addresses", async () => {
    await start("higher-half.elf");
    assert.deepEqual(await places(), [`_start ${at("higherHalf.S", "physical")}`]);
    assert.match(await session.evaluate("eip"), /^0x0010000c/);
    await breakAt("higherHalf.S", "leap", "virtual");
    await session.go("continue");
    assert.deepEqual(await places(), [`_start ${at("higherHalf.S", "leap")}`]);
    assert.match(await session.evaluate("eip"), /^0x001/);
    await session.go("continue");
    assert.deepEqual(await places(), [`virtual ${at("higherHalf.S", "virtual")}`]);
    assert.match(await session.evaluate("eip"), /^0xc01/);
    await breakAt("kernel.c", "sum");
    await session.go("continue");
    assert.deepEqual((await places()).length, 4);
  });

  it("debugs a kernel in the upper half of 64-bit addresses", async () => {
    await start("higher-half64.elf");
    await breakAt("higherHalf64.S", "jump", "leap", "upper");
    await breakAt("kernel.c", "sum");
    const stops: string[] = [];
    for (let stop = 0; stop < 4; stop++) {
      await session.go("continue");
      stops.push(
        `${(await places())[0]} ${(await session.evaluate("rip,x")).replace(/[0-9a-f]{4}$/, "")}`,
      );
    }
    assert.deepEqual(stops, [
      `_start ${at("higherHalf64.S", "jump")} 0x000000000010`,
      `start64 ${at("higherHalf64.S", "leap")} 0x000000000010`,
      `upper ${at("higherHalf64.S", "upper")} 0xffffffff8010`,
      `add ${at("kernel.c", "sum")} 0xffffffff8010`,
    ]);
    assert.equal((await places()).length, 4);
    await session.go("stepOut");
    await session.go("next");
    assert.match((await places())[0] ?? "", /^total kernel\.c:/);
    assert.match(await session.evaluate("counter"), /^0xffffffff8010.* <counter>$/);
    const { targets } = await session.client.ask("gotoTargets", { source: { path: fixture("kernel.c") }, line: markedLine("kernel.c", "result") }); // prettier-ignore
    assert.match(targets[0].instructionPointerReference, /^gva:0xffffffff8010/);
  });

  it("follows a 64-bit multiboot kernel from 32-bit code into C", async () => {
    await start("c64-dwarf5.elf", { vmm: "hardware-assisted" });
    await breakAt("boot64.S", "magic", "long");
    await breakAt("kernel.c", "sum");
    await session.go("continue");
    assert.match((await session.stack())[0] ?? "", /^_start.*32-bit/);
    assert.equal(await session.evaluate("eax,x"), "0x2badb002");
    await session.go("continue");
    assert.match((await session.stack())[0] ?? "", /^start64 \[64-bit/);
    await session.go("continue");
    assert.deepEqual((await places()).slice(0, 3), [
      `add ${at("kernel.c", "sum")}`,
      `total ${at("kernel.c", "add")}`,
      `kmain ${at("kernel.c", "total")}`,
    ]);
  });

  it("debugs NASM's ELF files by the instruction, 32- and 64-bit", async () => {
    for (const [name, source] of [
      ["nasm32.elf", "plain32.asm"],
      ["nasm64.elf", "plain64.asm"],
    ] as const) {
      // prettier-ignore
      await start(name);
      await breakAt(source, "load");
      await session.go("continue");
      assert.deepEqual(await places(), [
        `finish ${at(source, "load")}`,
        `_start ${at(source, "call")}`,
      ]);
      await session.go("next");
      assert.deepEqual((await places())[0], `finish.out ${at(source, "exit")}`);
      assert.equal(await session.evaluate("eax,d"), "9");
      if (name === "nasm32.elf") await session.end();
    }
  });

  it("shows source lines and symbols in the disassembly, and data as data", async () => {
    await start("c32-dwarf5.elf");
    const rows = async (place: string, instructionOffset: number, instructionCount: number) => {
      const body = await session.client.ask("disassemble", { memoryReference: place, instructionOffset, instructionCount, resolveSymbols: true }); // prettier-ignore
      return body.instructions as DebugProtocol.DisassembledInstruction[];
    };
    const [before, first, second] = await rows("add", -1, 3);
    assert.equal(before?.instruction, "ret");
    assert.deepEqual([first?.symbol, first?.instruction, first?.location?.path], ["add", "push ebp", fixture("kernel.c")]); // prettier-ignore
    assert.equal(second?.location, undefined);
    const [text] = await rows("0x100124", 0, 1);
    assert.match(text?.instruction ?? "", /^db 0x/);
  });

  it("disassembles physical memory, with the lines that were loaded there", async () => {
    await start("higher-half.elf", { vmm: "hardware-assisted" });
    const first = async (memoryReference: string) => {
      const body = await session.client.ask("disassemble", { memoryReference, instructionCount: 1, resolveSymbols: true }); // prettier-ignore
      return body.instructions[0] as DebugProtocol.DisassembledInstruction;
    };
    const physical = await first("gpa:0x10000c");
    assert.deepEqual([physical.symbol, physical.line], ["_start", markedLine("higherHalf.S", "physical")]); // prettier-ignore
    assert.match(physical.instruction, /^mov dword \[.*\], 0x83$/);
    const { hpa } = await session.client.ask("ringside/translate", { space: "gpa", address: "0x10000c" }); // prettier-ignore
    const host = await first(`hpa:${hpa}`);
    assert.equal(host.instructionBytes, physical.instructionBytes);
    assert.equal(host.location, undefined);
    // No memory is there as long as paging is off.
    assert.equal((await first("gpa:0xc010000c")).instruction, "(unreadable)");
    assert.match(
      await session.evaluate("x/1i gpa:0x10000c", "repl"),
      /^ {3}0x0010000c <_start>: mov/,
    );
  });

  it("lists the sources and the lines with code", async () => {
    await start("c32-dwarf5.elf");
    const { sources } = await session.client.ask("loadedSources");
    assert.deepEqual(
      sources.map(({ path }: { path: string }) => path),
      [fixture("boot32.S"), fixture("kernel.c")],
    );
    const line = markedLine("kernel.c", "first");
    const { breakpoints } = await session.client.ask("breakpointLocations", { source: { path: fixture("kernel.c") }, line, endLine: line + 3 }); // prettier-ignore
    assert.deepEqual(breakpoints.map((one: { line: number }) => one.line), [line, line + 1, line + 2, line + 3]); // prettier-ignore
  });

  it("sets breakpoints on functions by name and by pattern", async () => {
    await start("higher-half.elf");
    const { breakpoints } = await session.client.ask("setFunctionBreakpoints", { breakpoints: [{ name: "add" }, { name: "/^k/" }, { name: "nosuch" }] }); // prettier-ignore
    assert.deepEqual(breakpoints.map(({ verified, message }: DebugProtocol.Breakpoint) => [verified, message]), [[true, undefined], [true, undefined], [false, breakpoints[2].message]]); // prettier-ignore
    await session.go("continue");
    assert.match((await session.stack())[0] ?? "", /^kmain /);
  });

  it("knows a source by another path to it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ringside-link-"));
    try {
      symlinkSync(FIXTURES, join(folder, "link"));
      await start("c32-dwarf5.elf");
      const path = join(folder, "link", "kernel.c");
      const { breakpoints } = await session.client.ask("setBreakpoints", { source: { path }, breakpoints: [{ line: markedLine("kernel.c", "sum") }] }); // prettier-ignore
      assert.equal(breakpoints[0].verified, true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("says why a file without usable lines has none", async () => {
    for (const [name, text] of [
      ["c32-stripped.elf", /no line information.*gcc -g/],
      ["c32-compressed.elf", /compressed.*-gz=none/],
    ] as const) {
      // prettier-ignore
      await start(name);
      assert.match(session.output("console"), text);
      assert.match((await session.stack())[0] ?? "", /^_start \[/);
      if (name === "c32-stripped.elf") await session.end();
    }
  });

  it("finds sources next to an image in a folder of its own, and keeps the recorded path of others", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ringside-elf-"));
    try {
      const program = join(folder, "kernel.elf");
      copyFileSync(fixture("c32-dwarf5.elf"), program);
      copyFileSync(fixture("boot32.S"), join(folder, "boot32.S"));
      await start("c32-dwarf5.elf", { program });
      const { sources } = await session.client.ask("loadedSources");
      assert.deepEqual(
        sources.map(({ path }: { path: string }) => path),
        [join(folder, "boot32.S"), "/build/kernel/kernel.c"],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("launching what cannot run", () => {
  it("says what to build instead of a C source", async () => {
    const session = new TestSession(new Guest("int main;", "kernel.c"));
    await session.client.ask("initialize", { adapterID: "ringside" });
    const answer = await session.client.send("launch", { program: session.guest.path });
    assert.match(answer.message ?? "", /kernel\.c is a source file.*Build it with -g/);
    await session.end();
  });
});
