import assert from "node:assert/strict";
import { TICKS_PER_SECOND } from "../../src/engine/bus/types";
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import { VgaText } from "../../src/engine/devices/vgaText/device";
import { inb, outb } from "./rig";

function rig() {
  const clock = new VirtualClock();
  const vga = new VgaText({ clock });
  const { general, crtc, status } = vga.windows;
  const setCrtc = (index: number, value: number): void => crtc.write(0, 2, (value << 8) | index);
  const print = (cell: number, text: string): void =>
    Array.from(text).forEach((character, index) =>
      vga.memoryWindow.write((cell + index) * 2, 2, 0x0700 | character.charCodeAt(0)),
    );
  return { clock, vga, general, crtc, status, setCrtc, print };
}

describe("VGA text screen", () => {
  it("starts as 80 x 25 blanks with the cursor at the top", () => {
    const { vga } = rig();
    const { columns, rows, cells, cursor } = vga.screen();
    assert.deepEqual([columns, rows, cursor], [80, 25, { column: 0, row: 0 }]);
    assert.ok(cells.every((cell) => cell === 0x0720));
    assert.equal(vga.text().trim(), "");
  });

  it("shows characters where they were written, in code page 437", () => {
    const { vga, print } = rig();
    print(0, "Hello");
    print(80 * 24 + 75, "World");
    vga.memoryWindow.write(160, 4, 0x1f_02_1f_db);
    const lines = vga.text().split("\n");
    assert.deepEqual([lines.length, lines[0], lines[1]], [25, "Hello", "█☻"]);
    assert.equal(lines[24], " ".repeat(75) + "World");
    assert.equal(vga.screen().cells[80], 0x1fdb);
  });

  it("reads memory back at every width", () => {
    const { memoryWindow } = rig().vga;
    memoryWindow.write(4, 4, 0x11223344);
    assert.deepEqual(
      [memoryWindow.read(4, 4), memoryWindow.read(6, 2), memoryWindow.read(5, 1)],
      [0x11223344, 0x1122, 0x33],
    );
  });

  it("scrolls by the start address and moves the cursor with it", () => {
    const { vga, setCrtc, print } = rig();
    print(80, "second");
    setCrtc(0x0d, 80);
    setCrtc(0x0e, 0);
    setCrtc(0x0f, 80 + 6);
    assert.equal(vga.text().split("\n")[0], "second");
    assert.deepEqual(vga.screen().cursor, { column: 6, row: 0 });
  });

  it("hides the cursor when it is off or outside", () => {
    const { vga, setCrtc } = rig();
    setCrtc(0x0e, 0x20);
    assert.equal(vga.screen().cursor, undefined);
    setCrtc(0x0e, 0);
    setCrtc(0x0a, 0x20);
    assert.equal(vga.screen().cursor, undefined);
  });

  it("shows 50 rows with 8-line characters", () => {
    const { vga, setCrtc } = rig();
    setCrtc(0x09, 0x47);
    assert.equal(vga.screen().rows, 50);
  });

  it("protects CRTC 0 to 7 until told otherwise", () => {
    const { crtc, setCrtc } = rig();
    const read = (index: number): number => (outb(crtc, 0, index), inb(crtc, 1));
    setCrtc(0x01, 0x27);
    setCrtc(0x07, 0x00);
    assert.deepEqual([read(0x01), read(0x07)], [0x4f, 0x0f]);
    setCrtc(0x11, 0x0e);
    setCrtc(0x01, 0x27);
    assert.equal(read(0x01), 0x27);
  });

  it("toggles display and retrace bits at the rates of a real monitor", () => {
    const { clock, status } = rig();
    let retraces = 0;
    let blanks = 0;
    let last = 0;
    for (let tick = 0; tick < TICKS_PER_SECOND / 5; tick += 200) {
      clock.advanceTo(tick);
      const now = inb(status, 0);
      if (now & ~last & 0x08) retraces++;
      if (now & ~last & 0x01) blanks++;
      last = now;
    }
    assert.equal(retraces, 14); // 70 Hz
    assert.ok(blanks > 14 * 390 && blanks < 15 * 401);
  });

  it("switches the attribute port between index and data, reset by the status register", () => {
    const { general, status } = rig();
    outb(general, 0, 0x31);
    inb(status, 0);
    outb(general, 0, 0x31);
    outb(general, 0, 0x05);
    outb(general, 0, 0x31);
    assert.equal(inb(general, 1), 0x05);
  });

  it("keeps the palette, by index and in sequence", () => {
    const { general } = rig();
    outb(general, 8, 200);
    for (const value of [1, 2, 0xff]) outb(general, 9, value);
    outb(general, 7, 200);
    assert.deepEqual([inb(general, 9), inb(general, 9), inb(general, 9)], [1, 2, 0x3f]);
    outb(general, 7, 0x3f);
    assert.deepEqual([inb(general, 9), inb(general, 9), inb(general, 9)], [0x3f, 0x3f, 0x3f]);
  });

  it("keeps sequencer, graphics and miscellaneous registers", () => {
    const { general } = rig();
    general.write(4, 2, 0x0f02);
    general.write(0xe, 2, 0x0506);
    outb(general, 2, 0x63);
    assert.deepEqual([inb(general, 5), inb(general, 0xf), inb(general, 0xc)], [0x0f, 0x05, 0x63]);
  });
});
