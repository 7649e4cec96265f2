/** INT 10h: the screen (IBM VGA Technical Reference, "Video BIOS"). */
import { linear } from "./memory";
import { palette, writeAttribute } from "./palette";
import { readPixel, writePixel } from "./pixels";
import { hexByte, unchanged, type BiosCall, type Service, type ServiceTable } from "./service";
import {
  CRTC_REGISTER,
  currentMode,
  cursorOf,
  isText,
  NORMAL,
  readCell,
  scroll,
  setCursor,
  teletype,
  writeCell,
  writeCrtc,
} from "./textScreen";
import { VIDEO_MODES, type VideoMode } from "./videoModes";

// ------------------------------------------------------------------------------------------------- modes

const KEEP_MEMORY = 0x80;
const MODE_BITS = 0x7f;
const PORT = { miscellaneous: 0x3c2, sequencer: 0x3c4, graphics: 0x3ce } as const;
/** CRTC registers 0 to 7 are protected by bit 7 of register 11h. */
const UNPROTECTED = 0x0e;
const VIDEO_BYTES = { text: 0x8000, cga: 0x4000, packed: 0x10000 } as const;

function programRegisters(call: BiosCall, mode: VideoMode): void {
  const { ports } = call;
  const indexed = (port: number, values: readonly number[]): void => {
    values.forEach((value, index) => {
      ports.write(port, 1, index);
      ports.write(port + 1, 1, value);
    });
  };
  ports.write(PORT.miscellaneous, 1, mode.miscellaneous);
  indexed(PORT.sequencer, mode.sequencer);
  writeCrtc(call, CRTC_REGISTER.retraceEnd, UNPROTECTED);
  indexed(call.data.get("crtcPort"), mode.crtc);
  indexed(PORT.graphics, mode.graphics);
  mode.attribute.forEach((value, index) => {
    writeAttribute(call, index, value);
  });
}

function clearVideoMemory({ memory }: BiosCall, mode: VideoMode): void {
  const bytes = new Uint8Array(VIDEO_BYTES[mode.kind]);
  if (mode.kind === "text") bytes.forEach((_, i) => (bytes[i] = i % 2 === 0 ? 0x20 : NORMAL));
  memory.write(mode.segment * 16, bytes);
}

function fillDataArea({ data }: BiosCall, number: number, mode: VideoMode, keeps: boolean): void {
  data.set("videoMode", number);
  data.set("columns", mode.columns);
  data.set("pageBytes", mode.pageBytes);
  data.set("pageStart", 0);
  data.set("page", 0);
  data.set("lastRow", mode.rows - 1);
  data.set("characterHeight", mode.characterHeight);
  data.set("cursorShape", mode.kind === "text" ? 0x0607 : 0);
  data.set("videoControl", (data.get("videoControl") & MODE_BITS) | (keeps ? KEEP_MEMORY : 0));
  for (let page = 0; page < 8; page++) data.setCursor(page, 0);
}

/** What AL tells after a mode set. */
function modeAnswer(number: number): number {
  if (number === 6) return 0x3f;
  return number <= 7 ? 0x30 : 0x20;
}

const setMode: Service = (call) => {
  const { frame } = call;
  const number = frame.al & MODE_BITS;
  const keeps = (frame.al & KEEP_MEMORY) !== 0;
  const mode = VIDEO_MODES[number];
  if (!mode) {
    call.missing(`int 10h, video mode ${hexByte(number)}`);
    return;
  }
  programRegisters(call, mode);
  if (!keeps) clearVideoMemory(call, mode);
  fillDataArea(call, number, mode, keeps);
  frame.al = modeAnswer(number);
};

const getMode: Service = ({ frame, data }) => {
  frame.al = data.get("videoMode") | (data.get("videoControl") & KEEP_MEMORY);
  frame.ah = data.get("columns");
  frame.bh = data.get("page");
};

// ------------------------------------------------------------------------------------------------- cursor and pages

const setShape: Service = (call) => {
  const { frame, data } = call;
  data.set("cursorShape", frame.cx);
  // A text mode of 16 lines a character: shapes are given for 8 and stretched, as the VGA's BIOS does.
  const [start, end] = stretched(frame.ch & 0x3f, frame.cl & 0x1f, data.get("characterHeight"));
  writeCrtc(call, CRTC_REGISTER.cursorStart, start);
  writeCrtc(call, CRTC_REGISTER.cursorEnd, end);
};

const CURSOR_OFF = 0x20;

function stretched(start: number, end: number, height: number): readonly [number, number] {
  if (height <= 8 || end >= 8 || start >= CURSOR_OFF) return [start, end];
  const scaledStart = end !== start + 1 ? Math.floor(((start + 1) * height) / 8) - 1 : Math.floor(((end + 1) * height) / 8) - 2; // prettier-ignore
  return [scaledStart, Math.floor(((end + 1) * height) / 8) - 1];
}

const moveCursor: Service = (call) => {
  const { frame } = call;
  setCursor(call, frame.bh, { column: frame.dl, row: frame.dh });
};

const getCursor: Service = ({ frame, data }) => {
  frame.cx = data.get("cursorShape");
  frame.dx = data.cursor(frame.bh);
};

const setPage: Service = (call) => {
  const { frame, data } = call;
  const page = frame.al;
  if (page > 7) return;
  const start = page * data.get("pageBytes");
  data.set("page", page);
  data.set("pageStart", start);
  writeCrtc(call, CRTC_REGISTER.startHigh, start >> 9);
  writeCrtc(call, CRTC_REGISTER.startLow, start >> 1);
  setCursor(call, page, cursorOf(call, page));
};

// ------------------------------------------------------------------------------------------------- characters

function scrollBy(direction: 1 | -1): Service {
  return (call) => {
    const { frame, data } = call;
    if (!isText(call)) {
      clearOrMiss(call);
      return;
    }
    const bottom = Math.min(frame.dh, data.get("lastRow"));
    const right = Math.min(frame.dl, data.get("columns") - 1);
    const window = { top: frame.ch, left: frame.cl, bottom, right };
    scroll(call, data.get("page"), window, direction * frame.al, frame.bh);
  };
}

/** In a graphics mode only clearing the whole screen is here. */
function clearOrMiss(call: BiosCall): void {
  const { frame, memory, data } = call;
  const mode = currentMode(call);
  const isWhole = frame.cx === 0 && frame.dh >= data.get("lastRow") && frame.dl >= data.get("columns") - 1; // prettier-ignore
  if (mode && frame.al === 0 && isWhole)
    memory.write(mode.segment * 16, new Uint8Array(VIDEO_BYTES[mode.kind]).fill(frame.bh));
  else call.missing("int 10h: scrolling in graphics modes");
}

const readCharacter: Service = (call) => {
  const { frame } = call;
  if (isText(call)) frame.ax = readCell(call, frame.bh, cursorOf(call, frame.bh));
  else call.missing("int 10h: characters in graphics modes (no font)");
};

/** CX times from the cursor on, which stays. */
function writeCharacters(withAttribute: boolean): Service {
  return (call) => {
    const { frame, data } = call;
    if (!isText(call)) {
      call.missing("int 10h: characters in graphics modes (no font)");
      return;
    }
    const columns = data.get("columns");
    const cursor = cursorOf(call, frame.bh);
    for (let index = 0; index < frame.cx; index++) {
      const cell = cursor.row * columns + cursor.column + index;
      const at = { column: cell % columns, row: Math.floor(cell / columns) };
      writeCell(call, frame.bh, at, frame.al, withAttribute ? frame.bl : undefined);
    }
  };
}

/** On the page that shows, whatever BH says. */
const writeTeletype: Service = (call) => {
  const page = call.data.get("page");
  setCursor(call, page, teletype(call, page, cursorOf(call, page), call.frame.al));
};

export function printText(call: BiosCall, text: string): void {
  const page = call.data.get("page");
  let at = cursorOf(call, page);
  for (const character of text) at = teletype(call, page, at, character.charCodeAt(0));
  setCursor(call, page, at);
}

const MOVES_CURSOR = 0x01;
const HAS_ATTRIBUTES = 0x02;
const AT_CURSOR = 0xff;

const writeString: Service = (call) => {
  const { frame, memory } = call;
  const page = frame.bh;
  const hasAttributes = (frame.al & HAS_ATTRIBUTES) !== 0;
  const step = hasAttributes ? 2 : 1;
  const text = linear(frame.get16("es"), frame.get16("ebp"));
  let at = frame.dh === AT_CURSOR ? cursorOf(call, page) : { column: frame.dl, row: frame.dh };
  for (let index = 0; index < frame.cx; index++) {
    const character = text + index * step;
    const attribute = hasAttributes ? memory.read8(character + 1) : frame.bl;
    at = teletype(call, page, at, memory.read8(character), attribute);
  }
  if (frame.al & MOVES_CURSOR) setCursor(call, page, at);
};

// ------------------------------------------------------------------------------------------------- the rest

const setColor: Service = (call) => {
  const { frame } = call;
  if (frame.bh === 0) writeAttribute(call, 0x11, frame.bl);
  else call.missing("int 10h AH=0Bh: palettes of CGA modes");
};

const EIGHT_LINE_FONTS: readonly number[] = [0x02, 0x12];
const SIXTEEN_LINE_FONTS: readonly number[] = [0x04, 0x14];

/** A ROM font changes how many rows a text screen has. Fonts themselves cannot be loaded: the screen is read as characters. */
const setFont: Service = (call) => {
  const { frame, data } = call;
  const isEight = EIGHT_LINE_FONTS.includes(frame.al);
  if (!isText(call) || (!isEight && !SIXTEEN_LINE_FONTS.includes(frame.al))) {
    call.missing(`int 10h AX=11${hexByte(frame.al)}`);
    return;
  }
  const height = isEight ? 8 : 16;
  const rows = 400 / height;
  writeCrtc(call, CRTC_REGISTER.maximumScanLine, 0x40 | (height - 1));
  data.set("characterHeight", height);
  data.set("lastRow", rows - 1);
  data.set("pageBytes", rows * data.get("columns") * 2);
};

const alternateSelect: Service = (call) => {
  const { frame, data } = call;
  if (frame.bl !== 0x10) {
    call.missing(`int 10h AH=12h BL=${hexByte(frame.bl)}`);
    return;
  }
  frame.bx = 0x0003; // Colour, 256 KiB.
  frame.ch = 0;
  frame.cl = data.get("videoSwitches") & 0x0f;
};

const displayCombination: Service = (call) => {
  const { frame, data } = call;
  if (frame.al !== 0) {
    call.missing("int 10h AX=1A01h");
    return;
  }
  frame.bx = data.get("displayCode");
  frame.al = 0x1a;
};

export const VIDEO: ServiceTable = {
  functions: {
    0x00: setMode,
    0x01: setShape,
    0x02: moveCursor,
    0x03: getCursor,
    0x05: setPage,
    0x06: scrollBy(1),
    0x07: scrollBy(-1),
    0x08: readCharacter,
    0x09: writeCharacters(true),
    0x0a: writeCharacters(false),
    0x0b: setColor,
    0x0c: writePixel,
    0x0d: readPixel,
    0x0e: writeTeletype,
    0x0f: getMode,
    0x10: palette,
    0x11: setFont,
    0x12: alternateSelect,
    0x13: writeString,
    0x1a: displayCombination,
  },
  otherwise: unchanged,
};
