import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { elfBytes, fixture } from "../elf/fixtures";
import { Folder, ringside } from "./support";

const HELLO = `
bits 32
org 0x100000
start:
    mov esi, text
    mov dx, 0x3f8
next:
    lodsb
    test al, al
    jz done
    out dx, al
    jmp next
done:
    xor eax, eax
    cpuid
    mov eax, 0xabcd
    mov [0x9000], eax
    mov al, 5
    out 0xf4, al
text: db "hello", 10, 0
`;

/** Prints DL, asks for what no BIOS here has, and echoes keys. */
const BOOT = `
  bits 16
  org 0x7c00
  mov ax, 0x0e38
  test dl, dl
  jnz drive
  mov al, '0'
drive:
  int 0x10
  mov al, '0'
  int 0x10
  mov ax, 0x5300
  int 0x15
next:
  mov ah, 0
  int 0x16
  mov ah, 0x0e
  int 0x10
  jmp next
  times 510 - ($ - $$) db 0
  dw 0xaa55
`;

/** Turns interrupts off as they cannot be turned off at ring 1, and sends its ring. */
const SILENT = `bits 32
org 0x100000
sti
push dword 2
popfd
mov eax, cs
and eax, 3
out 0xf4, al
`;

const READER = `
  bits 16
  org 0x7c00
  mov ax, 0x0201
  mov bx, 0x9000
  mov cx, 0x0001
  mov dh, 0
  int 0x13
  mov al, [0x9000]
  mov ah, 0x0e
  int 0x10
  cli
  hlt
`;

describe("ringside run", () => {
  const folder = new Folder();
  after(() => folder.remove());

  it("passes serial output on, sums up on standard error, and ends with QEMU's status", async () => {
    const file = folder.write("hello.asm", HELLO);
    const { status, out, err } = await ringside(["run", file]);
    assert.equal(out, "hello\n");
    assert.equal(status, 11);
    assert.match(err, /^ringside: debug exit with value 5; \d+ instructions, \d+ cycles, \d+ exits \(hardware-assisted\)\n$/); // prettier-ignore
  });

  it("prints one JSON object of the contract's shape", async () => {
    const file = folder.write("hello.asm", HELLO);
    const { status, out } = await ringside(["run", file, "--json"]);
    assert.equal(status, 11);
    const report = JSON.parse(out) as Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any
    assert.deepEqual(Object.keys(report), ["stop", "instructions", "cycles", "serial", "screen", "exits", "vmm", "mmu", "vcpus"]); // prettier-ignore
    assert.deepEqual(report.stop, { reason: "debug-exit", code: 5, status: 11, message: "debug exit with value 5" }); // prettier-ignore
    assert.equal(report.serial, "hello\n");
    assert.equal(report.exits.CPUID, 1);
    assert.deepEqual([report.vmm, report.mmu], ["hardware-assisted", "nested"]);
    const [vcpu] = report.vcpus;
    assert.equal(vcpu.mode, "protected32");
    assert.equal(vcpu.cpl, 0);
    for (const name of [
      "rax",
      "r15",
      "rip",
      "rflags",
      "cr0",
      "cr2",
      "cr3",
      "cr4",
      "efer",
      "cs",
      "ss",
    ]) {
      // prettier-ignore
      assert.match(vcpu.registers[name], /^0x[0-9a-f]+$/, name);
    }
    assert.equal(typeof vcpu.registers.gdtr.limit, "number");
    assert.match(vcpu.registers.idtr.base, /^0x/);
  });

  it("runs kernels that other tools built, with or without a hypervisor", async () => {
    for (const name of [
      "c32-dwarf5.elf",
      "c64-dwarf5.elf",
      "c32-stripped.elf",
      "higher-half.elf",
    ]) {
      for (const vmm of ["none", "hardware-assisted"]) {
        const { status, out } = await ringside(["run", fixture(name), "--json", "--vmm", vmm]);
        const { stop, serial } = JSON.parse(out) as Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any
        assert.deepEqual([status, stop.code, serial], [21, 10, "multiboot memory\n"], `${name} ${vmm}`); // prettier-ignore
      }
    }
  });

  it("boots a disk image, types on its keyboard, and shows its screen", async () => {
    const source = folder.write("boot.asm", BOOT);
    const image = folder.file("boot.img");
    await ringside(["asm", source, "-o", image]);
    for (const file of [source, image]) {
      const { status, out, err } = await ringside(["run", file, "--keys", "Hi", "--screen"]);
      assert.deepEqual([status, out], [0, "80Hi\n"], file);
      assert.match(err, /^The BIOS does not provide int 15h AH=53h, asked for at 0000:7c[0-9a-f]{2}\.\nringside: the program waits in INT 16h for a key/); // prettier-ignore
    }
    const floppy = await ringside(["run", image, "--boot-drive", "0", "--json"]);
    const { screen } = JSON.parse(floppy.out) as { screen: readonly string[] };
    assert.deepEqual([screen.length, screen[0], screen[1]], [25, "00", ""]);
    const wrong = await ringside(["run", image, "--boot-drive", "1"]);
    assert.deepEqual([wrong.status, wrong.err.includes("[bad-boot-drive]")], [65, true]);
  });

  it("moves the kernel to the ring that was asked for, and names each line where it loses fidelity", async () => {
    const file = folder.write("silent.asm", SILENT);
    const bare = await ringside(["run", file, "--vmm", "none"]);
    assert.equal(bare.status, 1);
    for (const [ring, selector, status] of [
      ["1", "0x9", 3],
      ["3", "0xb", 7],
    ] as const) {
      // prettier-ignore
      const options = ["--vmm", "trap-and-emulate", "--kernel-ring", ring];
      const { status: ended, err } = await ringside(["run", file, ...options]);
      const [popf, cs] = err.split("\n");
      assert.equal(ended, status);
      assert.match(popf ?? "", /silent\.asm:5: fidelity lost at popfd: guest asked IF=0, hardware kept IF=1$/); // prettier-ignore
      assert.match(cs ?? "", new RegExp(`silent\\.asm:6: fidelity lost at mov eax, cs: EAX should be 0x8, hardware gave ${selector}$`)); // prettier-ignore
    }
    const other = await ringside(["run", file, "--kernel-ring", "3"]);
    assert.match(other.err, /\[kernel-ring-not-chosen\]/);
    const wrong = await ringside(["run", file, "--kernel-ring", "2"]);
    assert.match(wrong.err, /\[bad-kernel-ring\]/);
  });

  it("reads another file as the disk", async () => {
    const disk = folder.write("disk.img", new Uint8Array(1024).fill(0x41));
    const source = folder.write("reader.asm", READER);
    const { status, out } = await ringside(["run", source, "--disk", disk, "--screen"]);
    assert.deepEqual([status, out], [0, "A\n"]);
  });

  it("tells an object file's owner to link it", async () => {
    const bytes = elfBytes("c32-dwarf5.elf");
    bytes[16] = 1;
    const { status, err } = await ringside(["run", folder.write("kernel.o", bytes)]);
    assert.equal(status, 65);
    assert.match(err, /kernel\.o cannot be loaded: .*relocatable.*ld -m elf_i386.*\[bad-elf\]/);
  });

  it("gives the same serial output on the bare machine", async () => {
    const file = folder.write("hello.asm", HELLO);
    const { status, out } = await ringside(["run", file, "--vmm", "none"]);
    assert.deepEqual([status, out], [11, "hello\n"]);
  });

  it("ends with 0 when the guest halts for good, 71 on a triple fault, 75 at the limit", async () => {
    const halt = folder.write("halt.asm", "bits 32\ncli\nhlt\n");
    assert.equal((await ringside(["run", halt])).status, 0);
    const fault = folder.write("fault.asm", "bits 32\nlidt [none]\nud2\nnone: dw 0\ndd 0\n");
    const { status, err } = await ringside(["run", fault]);
    assert.equal(status, 71);
    assert.match(err, /triple fault/);
    const spin = folder.write("spin.asm", "bits 32\njmp $\n");
    const limited = await ringside(["run", spin, "--max-instructions", "1000", "--json"]);
    assert.equal(limited.status, 75);
    const report = JSON.parse(limited.out) as { stop: { reason: string }; instructions: number };
    assert.deepEqual([report.stop.reason, report.instructions], ["limit", 1000]);
  });

  it("dumps guest-physical memory and reads serial input", async () => {
    const echo = "bits 32\nmov dx, 0x3fd\nagain: in al, dx\ntest al, 1\njz again\nmov dx, 0x3f8\nin al, dx\nmov [0x9000], al\nmov dword [0x9001], 0x04030201\ncli\nhlt\n"; // prettier-ignore
    const file = folder.write("echo.asm", echo);
    const input = folder.write("input", "Z");
    const dump = folder.file("dump.bin");
    const { status, err } = await ringside(["run", file, "--vmm", "none", "--serial-in", input, "--dump-memory", `0x9000:5:${dump}`]); // prettier-ignore
    assert.equal(status, 0, err);
    assert.deepEqual([...readFileSync(dump)], [0x5a, 1, 2, 3, 4]);
    const bad = await ringside(["run", file, "--serial-in", input, "--dump-memory", "0x9000"]);
    assert.equal(bad.status, 65);
    assert.match(bad.err, /GPA:LEN:FILE/);
  });

  it("refuses bad input with 65, a reason and a code", async () => {
    const broken = folder.write("broken.asm", "bits 32\nmov eax, nosuch\n");
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["run", broken], /broken\.asm:2:\d+: error: .*nosuch[\s\S]*does not assemble\. \[assembly-failed\]/], // prettier-ignore
      [["run", "/nowhere.asm"], /Cannot read \/nowhere\.asm: there is no such file\. \[file-unreadable\]/], // prettier-ignore
      [["run", broken, "--vmm", "magic"], /\[bad-vmm\]/],
      [["run", broken, "--memory", "5"], /\[bad-memory\]/],
    ];
    for (const [args, message] of cases) {
      const { status, err } = await ringside(args);
      assert.equal(status, 65, err);
      assert.match(err, message);
    }
  });

  it("shows the usage with 64 when it is called wrongly", async () => {
    for (const args of [
      [],
      ["run"],
      ["frob"],
      ["run", "a", "b"],
      ["run", "a", "--nosuch"],
      ["disasm", "a"],
    ]) {
      // prettier-ignore
      const { status, out, err } = await ringside(args);
      assert.equal(status, 64, args.join(" "));
      assert.match(out + err, /usage|ringside COMMAND --help/);
    }
  });

  it("explains every command", async () => {
    const { status, out } = await ringside(["--help"]);
    assert.equal(status, 0);
    for (const name of ["run", "asm", "disasm", "compare", "report", "bench", "dap", "lsp"]) {
      assert.match(out, new RegExp(`^  ${name} `, "m"));
      const help = await ringside([name, "--help"]);
      assert.equal(help.status, 0);
      assert.match(help.out, new RegExp(`usage: ringside ${name}`));
    }
  });
});

describe("ringside compare", () => {
  const folder = new Folder();
  after(() => folder.remove());

  it("runs the guest under every technique and judges it by the bare machine", async () => {
    const file = folder.write("hello.asm", HELLO);
    const { status, out } = await ringside(["compare", file, "--json"]);
    assert.equal(status, 0);
    const { runs } = JSON.parse(out) as { runs: { vmm: string; mmu?: string; refused?: string; sameAsBare?: boolean; serial?: string }[] }; // prettier-ignore
    assert.deepEqual(
      runs.map(({ vmm, mmu }) => (mmu === undefined ? vmm : `${vmm} ${mmu}`)),
      ["none", "trap-and-emulate shadow-lazy", "binary-translation shadow-lazy", "paravirtual direct", "hardware-assisted nested", "hardware-assisted shadow-lazy"], // prettier-ignore
    );
    for (const run of runs) if (run.refused === undefined) assert.equal(run.serial, "hello\n");
    const hardware = runs.filter(({ vmm }) => vmm === "hardware-assisted");
    assert.deepEqual(
      hardware.map(({ sameAsBare }) => sameAsBare),
      [true, true],
    );
    const table = (await ringside(["compare", file])).out;
    assert.match(table, /^none +– +debug-exit /m);
    // Cycles as many times as on bare metal.
    assert.match(table, /^none .* 1\.00 x +0$/m);
    assert.match(table, /^hardware-assisted +nested +debug-exit .* \d+\.\d\d x +\d+ +yes$/m);
    assert.match(table, /^hardware-assisted +shadow-lazy +debug-exit .* yes$/m);
  });

  it("says why shadow paging cannot run a real-mode guest", async () => {
    const file = folder.write("real.asm", "bits 16\nmov al, 5\nout 0xf4, al\n");
    const { out } = await ringside(["compare", file]);
    assert.match(out, /^hardware-assisted +nested +debug-exit .* yes$/m);
    assert.match(out, /^hardware-assisted +shadow-lazy +cannot run .*unrestricted-guest/m);
  });

  it("says why a technique cannot run a 64-bit guest", async () => {
    const file = folder.write("long.asm", "bits 64\ncli\nhlt\n");
    const { out } = await ringside(["compare", file]);
    assert.match(out, /trap-and-emulate .*cannot run .*64-bit/);
  });
});
