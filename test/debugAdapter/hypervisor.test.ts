import assert from "node:assert/strict";
import { join } from "node:path";
import { startSession, Guest, TestSession } from "../support/session";

const GUEST = `
bits 32
org 0x100000
start:
    mov esp, 0x90000        ; @first
    mov eax, 1
    cpuid                   ; @cpuid
    mov [found], eax        ; @after
    mov eax, 0x300000
    mov cr3, eax            ; @cr3
    mov eax, [0x8000]
    mov ecx, 0x1a0
    rdmsr                   ; @rdmsr
    mov al, 'A'
    mov dx, 0x3f8
    out dx, al              ; @out
    mov eax, 1
    cpuid                   ; @cpuid2
    mov al, 0               ; @last
    out 0xf4, al
found: dd 0
`;

describe("debugging across VM exits", () => {
  let session: TestSession;

  afterEach(() => session.end());

  const start = (args: object = {}): Promise<TestSession> =>
    startSession(GUEST, { vmm: "hardware-assisted", ...args });

  it("stops on entry at the guest's first instruction, with the VM entry one step back", async () => {
    session = await start();
    assert.match((await session.stack())[0] ?? "", /^start \[32-bit, ring 0\]/);
    await session.go("stepBack");
    assert.match((await session.stack())[0] ?? "", /^VMM: .*\[root\]/);
  });

  it("breaks on a VM exit and shows both worlds in one stack", async () => {
    session = await start();
    await session.client.ask("setExceptionBreakpoints", { filters: ["exit:CPUID"] });
    const stop = await session.go("continue");
    assert.equal(stop.reason, "exception");
    assert.match(stop.description ?? "", /^VM exit 10: CPUID/);
    assert.match(stop.text ?? "", /CPUID leaf 0x1/);
    const frames = await session.frames();
    assert.match(frames[0]?.name ?? "", /^VMM: CPUID, step 1 of \d+ \[root\]$/);
    assert.ok((frames[0]?.source?.sourceReference ?? 0) > 0);
    assert.deepEqual([frames[1]?.name, frames[1]?.presentationHint], ["— VM exit 10: CPUID —", "label"]); // prettier-ignore
    assert.equal(frames[2]?.line, session.guest.line("cpuid"));
    const info = await session.client.ask("exceptionInfo", { threadId: 1 });
    assert.equal(info.exceptionId, "CPUID");
    assert.match(info.details.stackTrace, /exit reason 10 CPUID, qualification 0x0/);
  });

  it("breaks on groups of exits", async () => {
    session = await start();
    await session.client.ask("setExceptionBreakpoints", { filters: ["exit:MSR", "exit:IO_INSTRUCTION"] }); // prettier-ignore
    const seen: string[] = [];
    for (let index = 0; index < 2; index++) seen.push((await session.go("continue")).description ?? ""); // prettier-ignore
    assert.match(seen[0] ?? "", /^VM exit 31: RDMSR/);
    assert.match(seen[1] ?? "", /^VM exit 30: /);
  });

  it("takes conditions over registers and the decoded qualification", async () => {
    session = await start();
    const { breakpoints } = await session.client.ask("setExceptionBreakpoints", {
      filters: [],
      filterOptions: [
        { filterId: "exit:IO_INSTRUCTION", condition: "port == 0x3f8 && out && size == 1 && al == 'A'" }, // prettier-ignore
        { filterId: "exit:CPUID", condition: "1 +" },
        { filterId: "nonsense" },
      ],
    });
    assert.deepEqual(
      breakpoints.map(({ verified }: { verified: boolean }) => verified),
      [true, false, false],
    );
    const stop = await session.go("continue");
    assert.match(stop.description ?? "", /^VM exit 30/);
    assert.deepEqual(stop.hitBreakpointIds, [breakpoints[0].id]);
  });

  it("breaks as launch.json says", async () => {
    session = await new TestSession(new Guest(GUEST)).launch({ vmm: "hardware-assisted", breakOnVmExit: ["RDMSR"] }); // prettier-ignore
    assert.match((await session.begin()).description ?? "", /^VM exit 31/);
  });

  it("breaks on, logs or ignores single exit reasons, over the filters", async () => {
    session = await start();
    await session.client.ask("setExceptionBreakpoints", { filters: ["exit:any"] });
    const { breakpoints } = await session.client.ask("ringside/setExitBreakpoints", {
      breakpoints: [
        { key: "CPUID", mode: "log" },
        { key: "RDMSR", mode: "break", condition: "ecx == 0x1b" },
        { key: "IO_INSTRUCTION", mode: "break" },
        { key: "CR_ACCESS", mode: "sometimes" },
      ],
    });
    assert.deepEqual(
      breakpoints.map(({ verified }: { verified: boolean }) => verified),
      [true, true, true, false],
    );
    const stop = await session.go("continue");
    assert.match(stop.description ?? "", /^VM exit 30/);
    assert.match(session.output("console"), /CPUID leaf 0x1/);
    const { exits } = await session.client.ask("ringside/exits");
    const row = exits.find(({ key }: { key: string }) => key === "CPUID");
    assert.deepEqual([row.count, row.mode, row.number], [1, "log", 10]);
  });

  it("steps over an exit in one step, into it one VMM step at a time, and out of it to the VM entry", async () => {
    session = await start();
    await session.breakAt("cpuid");
    await session.go("continue");
    await session.go("next");
    assert.equal((await session.frames())[0]?.line, session.guest.line("after"));
    await session.go("reverseContinue");
    const stop = await session.go("stepIn");
    assert.match(stop.description ?? "", /^VM exit 10: CPUID/);
    assert.match((await session.stack())[0] ?? "", /step 1 of/);
    await session.go("stepIn");
    assert.match((await session.stack())[0] ?? "", /step 2 of/);
    const entered = await session.go("stepOut");
    assert.equal(entered.description, "VM entry");
    assert.equal((await session.frames())[0]?.line, session.guest.line("after"));
  });

  it("shows the VMM's handler as a source with breakpoints on its steps", async () => {
    session = await start();
    const { sources } = await session.client.ask("loadedSources");
    const source = sources.find(({ name }: { name: string }) => name === "VMM CPUID.vmm");
    const { content } = await session.client.ask("source", { source, sourceReference: source.sourceReference }); // prettier-ignore
    const lines = (content as string).split("\n");
    const first = lines.findIndex((line) => /^ 1 {2}/.test(line)) + 1;
    assert.ok(first > 0, content);
    const locations = await session.client.ask("breakpointLocations", { source, line: 1, endLine: lines.length }); // prettier-ignore
    assert.equal(locations.breakpoints[0].line, first);
    const { breakpoints } = await session.client.ask("setBreakpoints", { source, breakpoints: [{ line: first + 2 }] }); // prettier-ignore
    assert.equal(breakpoints[0].verified, true);
    const stop = await session.go("continue");
    assert.deepEqual(stop.hitBreakpointIds, [breakpoints[0].id]);
    const [top] = await session.frames();
    assert.match(top?.name ?? "", /^VMM: CPUID, step 3 of/);
    assert.equal(top?.line, first + 2);
    // It is stood on: going on reaches the next CPUID's, not the same again.
    await session.go("continue");
    assert.equal((await session.frames()).at(-1)?.line, session.guest.line("cpuid2"));
  });

  it("runs to the next VM exit, VM entry and CR3 load, and back", async () => {
    session = await start();
    assert.match((await session.go("ringside/runTo", { target: "vm-exit" })).description ?? "", /^VM exit 10/); // prettier-ignore
    assert.match((await session.go("ringside/runTo", { target: "vm-entry" })).description ?? "", /VM entry/); // prettier-ignore
    assert.match((await session.go("ringside/runTo", { target: "vm-exit", key: "RDMSR" })).description ?? "", /^VM exit 31/); // prettier-ignore
    assert.match((await session.go("ringside/runTo", { target: "vm-exit", direction: "backward" })).description ?? "", /^VM exit 10/); // prettier-ignore
    assert.equal((await session.frames()).at(-1)?.line, session.guest.line("cpuid"));
    await session.go("ringside/runTo", { target: "address", address: "found - 4" });
    assert.equal((await session.frames()).at(-1)?.line, session.guest.line("last"));
  });

  it("shows the VCPU beside the CPU", async () => {
    session = await start();
    const body = await session.client.ask("ringside/processor");
    const rows = body.groups.flatMap(({ rows: group }: { rows: object[] }) => group);
    const row = (name: string) => rows.find((one: { name: string }) => one.name === name);
    // VMX operation needs CR4.VMXE; the guest must not see it. SDM Vol. 3C, "Restrictions on VMX Operation".
    assert.equal(row("cr4").differs, true);
    assert.match(row("cr4").cpuDecoded, /VMXE/);
    assert.equal(row("cr4").vcpu, "0x0");
    assert.equal(row("rip").differs, false);
  });

  it("marks what changed since the last stop", async () => {
    session = await start();
    await session.go("next");
    const body = await session.client.ask("ringside/processor");
    const rows = body.groups[0].rows.filter(({ changed }: { changed: boolean }) => changed);
    assert.deepEqual(
      rows.map(({ name }: { name: string }) => name),
      ["rsp", "rip"],
    );
    const vmcs = await session.client.ask("ringside/vmcs");
    const rip = vmcs.fields.find(({ name }: { name: string }) => name === "GUEST_RSP");
    assert.equal(rip.width, 64);
    assert.match(vmcs.address, /^0x/);
  });

  it("translates through the nested page tables", async () => {
    session = await start();
    const body = await session.client.ask("ringside/translate", { address: "found" });
    assert.equal(body.symbol, "found");
    assert.equal(body.gpa, body.gva);
    assert.notEqual(body.hpa, body.gpa);
    assert.deepEqual(
      body.steps.map(({ level }: { level: string }) => level),
      ["EPT PML4E", "EPT PDPTE", "EPT PDE", "EPT PTE"],
    );
    const host = await session.client.ask("readMemory", { memoryReference: `hpa:${body.hpa}`, count: 4 }); // prettier-ignore
    const guest = await session.client.ask("readMemory", { memoryReference: "gva:found", count: 4 }); // prettier-ignore
    assert.equal(host.data, guest.data);
  });

  it("lists page tables level by level", async () => {
    session = await start();
    const path: number[] = [];
    for (const level of ["EPT PML4E", "EPT PDPTE", "EPT PDE", "EPT PTE"]) {
      const { rows } = await session.client.ask("ringside/pageTables", { which: "nested", path });
      assert.equal(rows[0].level, level);
      path.push(rows[0].index);
    }
    const guest = await session.client.ask("ringside/pageTables", { which: "guest" });
    assert.equal(guest.rows.length, 0);
    assert.match(guest.note, /paging is off/i);
  });

  it("keeps the timeline", async () => {
    session = await start();
    await session.breakAt("out");
    await session.go("continue");
    const body = await session.client.ask("ringside/timeline", { kinds: ["vm-exit"] });
    const keys = body.entries.map(({ key }: { key: string }) => key);
    assert.deepEqual(keys.slice(0, 1), ["CPUID"]);
    assert.ok(keys.includes("RDMSR"), keys.join());
    assert.equal(body.entries[0].place.source.line, session.guest.line("cpuid"));
    const short = await session.client.ask("ringside/timeline", { limit: 1 });
    assert.equal(short.entries.length, 1);
    assert.ok(short.omitted > 0);
    await session.go("ringside/travelTo", { position: body.entries[0].position });
    assert.match((await session.stack())[0] ?? "", /^VMM: CPUID/);
  });

  it("finds who wrote memory and registers, and stays where it is", async () => {
    session = await start();
    await session.breakAt("out");
    await session.go("continue");
    const before = await session.client.ask("ringside/state");
    const memory = await session.client.ask("ringside/writers", { address: "found", length: 4 });
    assert.equal(memory.found, true);
    assert.equal(memory.place.source.line, session.guest.line("after"));
    const register = await session.client.ask("ringside/writers", { register: "ebx" });
    assert.equal(register.world, "vmm");
    assert.match(register.text, /by the VMM \(CPUID, step \d+/);
    const nothing = await session.client.ask("ringside/writers", { address: "0x9000", length: 1 });
    assert.equal(nothing.found, false);
    const after = await session.client.ask("ringside/state");
    assert.equal(after.position, before.position);
    await session.go("ringside/travelTo", { position: memory.position });
    assert.equal((await session.frames())[0]?.line, session.guest.line("after"));
  });

  it("tells what the last steps changed", async () => {
    session = await start();
    await session.breakAt("cpuid");
    await session.go("continue");
    const { entries } = await session.client.ask("ringside/history", { count: 2 });
    assert.deepEqual(
      entries.map(({ place, changes }: { place: { instruction: string }; changes: { name: string; after: string }[] }) => [place.instruction, changes.map(({ name, after }) => `${name}=${after}`).join()]), // prettier-ignore
      [
        ["mov esp, 0x90000", "rsp=0x90000"],
        ["mov eax, 0x1", "rax=0x1"],
      ],
    );
  });

  it("announces each stop to the views, with where it is", async () => {
    session = await start();
    const first = await session.client.event("ringside/stateChanged", ({ change }: { change: string }) => change === "stopped"); // prettier-ignore
    assert.equal(first.state.stop.reason, "entry");
    await session.go("next");
    await session.client.event("ringside/stateChanged", ({ change }: { change: string }) => change === "running"); // prettier-ignore
    const second = await session.client.event("ringside/stateChanged", ({ change }: { change: string }) => change === "stopped"); // prettier-ignore
    assert.ok(second.state.generation > first.state.generation);
    assert.equal(second.state.world, "guest");
    assert.equal(second.state.place.symbol, "start+0x5");
  });
});

describe("debugging a hypervisor in assembly", () => {
  it("shows its frames, the border, and the guest that the VMCS describes", async () => {
    const guest = new Guest("");
    const session = new TestSession(guest);
    try {
      const program = join(__dirname, "..", "..", "examples", "minimalHypervisor.asm");
      await session.launch({ program, stopOnEntry: true });
      await session.begin();
      await session.client.ask("setFunctionBreakpoints", { breakpoints: [{ name: "exitCpuid" }] });
      await session.go("continue");
      const names = (await session.frames()).map(({ name }) => name);
      assert.deepEqual(names, [
        "exitCpuid [64-bit, ring 0, root]",
        "— VM exit 10: CPUID —",
        "guest guest+0x7 [64-bit, ring 0]",
      ]);
      const state = await session.client.ask("ringside/state");
      assert.equal(state.world, "root");
      const entered = await session.go("ringside/runTo", { target: "vm-entry" });
      assert.equal(entered.description, "VM entry");
      assert.match((await session.stack())[0] ?? "", /^guest\+0x9 /);
    } finally {
      await session.end();
    }
  });
});

describe("failed VM entries", () => {
  for (const filter of ["exit:ENTRY_FAILURE", "exit:VM_ENTRY_FAILURE"]) {
    it(`stop on ${filter} and name the violated rule, both as VMfail and as a VM exit`, async () => {
      const session = new TestSession(new Guest(""));
      try {
        const program = join(__dirname, "..", "..", "examples", "brokenVmlaunch.asm");
        await session.launch({ program, stopOnEntry: true });
        await session.client.ask("setExceptionBreakpoints", { filters: [filter] });
        await session.begin();
        const texts: string[] = [];
        for (let index = 0; index < 3; index++) texts.push((await session.go("continue")).text ?? ""); // prettier-ignore
        assert.match(texts[0] ?? "", /^VM-entry failure: Primary .* \[primary-controls-reserved\] \(and 2 more\)$/); // prettier-ignore
        assert.match(texts[1] ?? "", /^VM-entry failure: Host TR .* \[host-tr-not-null\] \(and 1 more\)$/); // prettier-ignore
        assert.match(texts[2] ?? "", /^VM-entry failure: VMCS link .* \[guest-link-pointer-revision\]$/); // prettier-ignore
        await session.client.ask("continue", { threadId: 1 });
        await session.client.event("terminated");
      } finally {
        await session.end();
      }
    });
  }

  it("stop on the keys of the VM exits too", async () => {
    const session = new TestSession(new Guest(""));
    try {
      const program = join(__dirname, "..", "..", "examples", "brokenVmlaunch.asm");
      await session.launch({ program, breakOnVmExit: ["ENTRY_FAILURE_GUEST_STATE"] });
      const stop = await session.begin();
      assert.match(stop.text ?? "", /^VM exit 33: .* the VMCS link pointer is not valid$/);
    } finally {
      await session.end();
    }
  });
});

describe("labels of macros", () => {
  it("name neither frames nor disassembled instructions", async () => {
    const text = `bits 32
%macro again 1
%%next:
    nop
    nop                 ; @inside
    dec %1
    jnz %%next
%endmacro
start:
    mov ecx, 1
    again ecx
    hlt
`;
    const session = new TestSession(new Guest(text));
    try {
      await session.launch({ stopOnEntry: true });
      await session.begin();
      await session.breakAt("inside");
      await session.go("continue");
      assert.match((await session.stack())[0] ?? "", /^start\+0x6 \[/);
      const { instructions } = await session.client.ask("disassemble", { memoryReference: "gva:start", instructionOffset: 0, instructionCount: 6 }); // prettier-ignore
      assert.doesNotMatch(JSON.stringify(instructions), /\.\.@/);
    } finally {
      await session.end();
    }
  });
});

describe("interrupt and ring frames", () => {
  it("shows the interrupted program below its handler", async () => {
    const session = new TestSession(new Guest(""));
    try {
      const program = join(__dirname, "..", "..", "examples", "ring3Syscall.asm");
      await session.launch({ program, stopOnEntry: true });
      await session.begin();
      await session.client.ask("setExceptionBreakpoints", { filters: ["interrupt"] });
      const stop = await session.go("continue");
      assert.equal(stop.description, "Interrupt 0x80");
      const names = (await session.frames()).map(({ name }) => name);
      assert.match(names[0] ?? "", /^systemCall \[32-bit, ring 0\]$/);
      assert.equal(names[1], "— interrupt or exception —");
      assert.match(names[2] ?? "", /^user.*\[32-bit, ring 3\]$/);
      assert.equal(names.length, 3);
    } finally {
      await session.end();
    }
  });
});
