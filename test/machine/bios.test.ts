import assert from "node:assert/strict";
import { join } from "node:path";
import { createDebuggee, loadImage, type Debuggee, type Stop } from "../../src/engine/index";
import { geometryOf } from "../../src/engine/devices/bios/diskImage";
import { bootDisks, DISKS_FOLDER } from "../support/bootDisks";
import { fingerprint, guest } from "../support/guest";
import { assembleFile } from "../support/sourceFiles";

const CONTROL = { breakpoints: new Set<bigint>() };

function runOn(machine: Debuggee, slices = 100): Stop | undefined {
  for (let slice = 0; slice < slices; slice++) {
    const stop = machine.run(1_000_000, CONTROL);
    if (stop) return stop;
  }
  return undefined;
}

const firstLines = (machine: Debuggee, count: number): readonly string[] =>
  machine.screenText().split("\n").slice(0, count);

describe("boot disks", function () {
  this.timeout(60_000);
  for (const vmm of ["none", "hardware-assisted"] as const)
    for (const [name, { drive, serial, exit }] of bootDisks())
      it(`${name} does under ${vmm} what it does with SeaBIOS on QEMU`, () => {
        const { image: bytes } = assembleFile(join(DISKS_FOLDER, name));
        const bootDrive = drive === "diskette" ? 0 : 0x80;
        const image = loadImage({ name, bytes, bootDrive });
        const machine = createDebuggee({ image, vmm, mmu: "nested", memoryBytes: 4 << 20, recording: false }); // prettier-ignore
        const stop = runOn(machine);
        assert.deepEqual(
          { serial: machine.serialText(), stop },
          { serial, stop: { reason: "debug-exit", code: exit } },
        );
      });

  it("read what lies behind a boot sector in its source", () => {
    const machine = guest(`
      bits 16
      org 0x7c00
      mov ax, 0x0201
      mov bx, 0x9000
      mov cx, 0x0002
      mov dh, 0
      int 0x13
      mov al, [0x9000]
      out 0xf4, al
      times 510 - ($ - $$) db 0
      dw 0xaa55
      db 0x5a`);
    assert.deepEqual(runOn(machine), { reason: "debug-exit", code: 0x5a });
  });

  it("leave the rest on the disk when the file has a boot sector, and load it whole when told where", () => {
    const bytes = new Uint8Array(1024).fill(0x90);
    bytes.set([0x55, 0xaa], 510);
    const booted = loadImage({ name: "disk.img", bytes });
    assert.deepEqual([booted.entry, booted.bytes.length, booted.disk?.length], ["real16", 512, 1024]); // prettier-ignore
    const told = loadImage({ name: "disk.img", bytes, entry: "real16" });
    assert.deepEqual([told.bytes.length, told.disk], [1024, undefined]);
  });

  it("can be too long for the memory under the screen", () => {
    const machine = guest(`
      bits 16
      org 0x7c00
      mov al, 7
      out 0xf4, al
      times 510 - ($ - $$) db 0
      dw 0xaa55
      times 1474560 - ($ - $$) db 0`);
    assert.deepEqual(runOn(machine), { reason: "debug-exit", code: 7 });
  });

  it("are refused where there is no BIOS", () => {
    const source = "bits 32\nhlt";
    const load = (): unknown => guest(source, { disk: new Uint8Array(512) });
    assert.throws(load, { code: "no-bios" });
  });
});

describe("the geometry of a disk", () => {
  const size = (sectors: number): Uint8Array => new Uint8Array(sectors * 512);

  it("is that of a diskette by size", () => {
    assert.deepEqual(geometryOf(size(2880)), { cylinders: 80, heads: 2, sectors: 18 });
    assert.deepEqual(geometryOf(size(720)), { cylinders: 40, heads: 2, sectors: 9 });
    assert.deepEqual(geometryOf(size(1440)), { cylinders: 80, heads: 2, sectors: 9 });
  });

  it("is 1.44 MB for a short image, and a hard disk's for a long one", () => {
    assert.deepEqual(geometryOf(size(3)), { cylinders: 80, heads: 2, sectors: 18 });
    assert.deepEqual(geometryOf(size(10 * 16 * 63)), { cylinders: 10, heads: 16, sectors: 63 });
  });

  it("is what the parameter block of its boot sector says", () => {
    const bytes = size(4000);
    bytes.set([0xeb, 0x3c, 0x90]);
    bytes.set([0x00, 0x02], 0x0b);
    bytes.set([32, 0, 4, 0], 0x18);
    assert.deepEqual(geometryOf(bytes), { cylinders: 32, heads: 4, sectors: 32 });
  });
});

const ECHO = `
  bits 16
  org 0x7c00
next:
  mov ah, 0
  int 0x16
  mov ah, 0x0e
  int 0x10
  jmp next
  times 510 - ($ - $$) db 0
  dw 0xaa55`;

describe("keys", function () {
  this.timeout(60_000);
  for (const vmm of ["none", "hardware-assisted"] as const)
    it(`come through IRQ1 and the buffer to INT 16h, under ${vmm}`, () => {
      const machine = guest(ECHO, { vmm });
      runOn(machine, 3);
      assert.notEqual(machine.keyWaitTicks, undefined);
      machine.sendKeys("Hi!");
      runOn(machine, 3);
      assert.deepEqual(firstLines(machine, 1), ["Hi!"]);
    });

  it("that wait, disk writes and missing services are in snapshots: a replay is the same", () => {
    const machine = guest(`
      bits 16
      org 0x7c00
    next:
      mov ah, 0
      int 0x16
      mov [0x9000], al
      mov ax, 0x0301
      mov bx, 0x9000
      mov cx, 0x0002
      mov dx, 0x0000
      int 0x13
      mov ah, 0x7f
      int 0x15
      mov ax, 0x0201
      mov bx, 0xa000
      int 0x13
      mov al, [0xa000]
      out 0xe9, al
      jmp next`);
    const notices: string[] = [];
    machine.onNotice = (text) => notices.push(text);
    runOn(machine, 2);
    const before = machine.position;
    machine.sendKeys("ab");
    runOn(machine, 4);
    const after = machine.position;
    const state = fingerprint(machine);
    assert.equal(machine.serialText(), "ab");
    machine.travelTo(before - 1000);
    assert.equal(machine.serialText(), "");
    machine.travelTo(after);
    assert.equal(fingerprint(machine), state);
    assert.deepEqual(notices, ["The BIOS does not provide int 15h AH=7Fh, asked for at 0000:7c17."]); // prettier-ignore
  });
});

describe("the BIOS", () => {
  it("leaves interrupts on, and counts ticks at 0040:006c", () => {
    const machine = guest("bits 16\norg 0x7c00\nnext: hlt\njmp next");
    assert.equal(machine.vcpu().registers.rflags! & 0x200n, 0x200n);
    runOn(machine, 20);
    const [ticks = 0] = machine.readMemory("gpa", 0x46cn, 1);
    // 20 slices are 0.2 s.
    assert.ok(ticks === 3 || ticks === 4, `${ticks} ticks`);
  });

  it("starts the disk again after a jump to FFFF:0000, with its vectors", () => {
    const machine = guest(`
      bits 16
      org 0x7c00
      cmp byte [0x600], 1
      je again
      mov byte [0x600], 1
      mov dword [0x10 * 4], 0
      jmp 0xffff:0
    again:
      mov ax, 0x0e41
      int 0x10
      mov al, dl
      out 0xf4, al
      times 510 - ($ - $$) db 0
      dw 0xaa55`);
    assert.deepEqual(runOn(machine), { reason: "debug-exit", code: 0x80 });
    assert.deepEqual(firstLines(machine, 1), ["A"]);
  });

  it("says on the screen when the disk has no boot sector", () => {
    const machine = guest("bits 16\norg 0x7c00\nint 0x19");
    const stop = runOn(machine);
    assert.equal(stop?.reason, "halt");
    assert.deepEqual(firstLines(machine, 1), ["No bootable device."]);
  });

  it("tells an event with the place for a service that is not there", () => {
    const machine = guest("bits 16\norg 0x7c00\nmov ax, 0x4f00\nint 0x10\nint 0x10\ncli\nhlt");
    runOn(machine);
    const told = machine.timeline().filter(({ event }) => event.kind === "firmware");
    assert.deepEqual(
      told.map(({ event }) => event.text),
      ["The BIOS does not provide int 10h AH=4Fh, asked for at 0000:7c03."],
    );
  });
});
