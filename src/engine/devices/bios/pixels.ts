/** INT 10h AH=0Ch and 0Dh: pixels of the graphics modes whose memory is linear. */
import type { BiosCall, Service } from "./service";
import { currentMode } from "./textScreen";
import type { VideoMode } from "./videoModes";

const WIDTH_IN_COLUMNS = 8;
/** CGA modes keep odd lines in a second half. */
const ODD_LINES = 0x2000;
/** Bit 7 of a colour turns the pixel's bits over instead. */
const EXCLUSIVE_OR = 0x80;

/** Where a pixel lies: its byte, and its bits in it. */
function place(mode: VideoMode, x: number, y: number): { address: number; shift: number } {
  const bytesPerLine = (mode.columns * WIDTH_IN_COLUMNS * mode.pixelBits) / 8;
  const base = mode.segment * 16;
  if (mode.kind === "packed") return { address: base + y * bytesPerLine + x, shift: 0 };
  const perByte = 8 / mode.pixelBits;
  const address = base + (y & 1) * ODD_LINES + (y >> 1) * bytesPerLine + Math.floor(x / perByte);
  return { address, shift: (perByte - 1 - (x % perByte)) * mode.pixelBits };
}

function graphicsMode(call: BiosCall): VideoMode | undefined {
  const mode = currentMode(call);
  return mode === undefined || mode.pixelBits === 0 ? undefined : mode;
}

export const writePixel: Service = (call) => {
  const { frame, memory } = call;
  const mode = graphicsMode(call);
  if (!mode) return;
  const { address, shift } = place(mode, frame.cx, frame.dx);
  const mask = ((1 << mode.pixelBits) - 1) << shift;
  const old = memory.read8(address);
  const bits = (frame.al << shift) & mask;
  const isTurned = mode.kind === "cga" && (frame.al & EXCLUSIVE_OR) !== 0;
  memory.write8(address, isTurned ? old ^ bits : (old & ~mask) | bits);
};

export const readPixel: Service = (call) => {
  const { frame, memory } = call;
  const mode = graphicsMode(call);
  if (!mode) return;
  const { address, shift } = place(mode, frame.cx, frame.dx);
  frame.al = (memory.read8(address) >> shift) & ((1 << mode.pixelBits) - 1);
};
