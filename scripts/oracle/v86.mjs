// Starts a multiboot image on v86 (npm), in this process.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const BIOS = "/usr/share/seabios/bios.bin";
const VIDEO_BIOS = "/usr/share/seabios/vgabios-stdvga.bin";
const LINE_FEED = 10;

/** Passes on each line that the image sends over COM1. */
export async function startV86({ file, memoryMb, hasJit, onLine }) {
  const { V86 } = await import("v86");
  const library = dirname(createRequire(import.meta.url).resolve("v86"));
  const emulator = new V86({
    wasm_path: join(library, "v86.wasm"),
    memory_size: memoryMb << 20,
    bios: buffer(BIOS),
    vga_bios: buffer(VIDEO_BIOS),
    multiboot: buffer(file),
    autostart: true,
    disable_jit: !hasJit,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  });
  let line = [];
  emulator.add_listener("serial0-output-byte", (byte) => {
    line.push(byte);
    if (byte !== LINE_FEED) return;
    onLine(Uint8Array.from(line));
    line = [];
  });
}

function buffer(file) {
  return { buffer: new Uint8Array(readFileSync(file)).buffer };
}
