/** Characters, cursor and scrolling on the text pages at B8000h, as INT 10h works on them. */
import type { BiosCall } from "./service";
import { VIDEO_MODES, type VideoMode } from "./videoModes";

/** Grey on black. */
export const NORMAL = 0x07;
const SPACE = 0x20;

export const CRTC_REGISTER = {
  maximumScanLine: 0x09,
  cursorStart: 0x0a,
  cursorEnd: 0x0b,
  startHigh: 0x0c,
  startLow: 0x0d,
  locationHigh: 0x0e,
  locationLow: 0x0f,
  retraceEnd: 0x11,
} as const;

export interface Position {
  readonly column: number;
  readonly row: number;
}

/** Rows and columns from the upper left to the lower right one, both included. */
export interface TextWindow {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

export function writeCrtc({ ports, data }: BiosCall, register: number, value: number): void {
  const port = data.get("crtcPort");
  ports.write(port, 1, register);
  ports.write(port + 1, 1, value & 0xff);
}

export function currentMode({ data }: BiosCall): VideoMode | undefined {
  return VIDEO_MODES[data.get("videoMode")];
}

export const isText = (call: BiosCall): boolean => currentMode(call)?.kind === "text";

/** Physical address of a cell. */
function cellAt(call: BiosCall, page: number, { column, row }: Position): number {
  const { data } = call;
  const segment = currentMode(call)?.segment ?? 0xb800;
  return segment * 16 + page * data.get("pageBytes") + (row * data.get("columns") + column) * 2;
}

export function readCell(call: BiosCall, page: number, at: Position): number {
  return call.memory.read16(cellAt(call, page, at));
}

/** Without an attribute the cell keeps its own. */
export function writeCell(
  call: BiosCall,
  page: number,
  at: Position,
  character: number,
  attribute?: number,
): void {
  const address = cellAt(call, page, at);
  call.memory.write8(address, character);
  if (attribute !== undefined) call.memory.write8(address + 1, attribute);
}

export function cursorOf({ data }: BiosCall, page: number): Position {
  const position = data.cursor(page);
  return { column: position & 0xff, row: position >> 8 };
}

export function setCursor(call: BiosCall, page: number, { column, row }: Position): void {
  const { data } = call;
  data.setCursor(page, ((row & 0xff) << 8) | (column & 0xff));
  if (page !== data.get("page")) return;
  const location = (data.get("pageStart") >> 1) + row * data.get("columns") + column;
  writeCrtc(call, CRTC_REGISTER.locationHigh, location >> 8);
  writeCrtc(call, CRTC_REGISTER.locationLow, location);
}

/** Moves the window's lines up (or down, below 0); new lines are blank in `attribute`. Too many lines, or 0, clear it. */
export function scroll(
  call: BiosCall,
  page: number,
  window: TextWindow,
  lines: number,
  attribute: number,
): void {
  const { top, left, bottom, right } = window;
  const height = bottom - top + 1;
  const shift = lines === 0 || Math.abs(lines) >= height ? height : lines;
  const bytes = (right - left + 1) * 2;
  if (bytes <= 0 || height <= 0) return;
  const blank = Uint8Array.from({ length: bytes }, (_, i) => (i % 2 === 0 ? SPACE : attribute));
  for (let index = 0; index < height; index++) {
    const row = shift > 0 ? top + index : bottom - index;
    const from = row + shift;
    const isInside = from >= top && from <= bottom;
    const line = isInside ? call.memory.read(cellAt(call, page, { column: left, row: from }), bytes) : blank; // prettier-ignore
    call.memory.write(cellAt(call, page, { column: left, row }), line);
  }
}

const BELL = 0x07;
const BACKSPACE = 0x08;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Writes a character at the position and gives the next; the last line scrolls. */
export function teletype(
  call: BiosCall,
  page: number,
  at: Position,
  character: number,
  attribute?: number,
): Position {
  const { data } = call;
  let { column, row } = at;
  if (character === BELL) return at;
  if (character === BACKSPACE) return { column: Math.max(0, column - 1), row };
  if (character === CARRIAGE_RETURN) return { column: 0, row };
  if (character === LINE_FEED) row++;
  else {
    if (isText(call)) writeCell(call, page, at, character, attribute);
    else call.missing("int 10h: characters in graphics modes (no font)");
    column++;
    if (column === data.get("columns")) {
      column = 0;
      row++;
    }
  }
  const lastRow = data.get("lastRow");
  if (row <= lastRow) return { column, row };
  const whole = { top: 0, left: 0, bottom: lastRow, right: data.get("columns") - 1 };
  if (isText(call)) scroll(call, page, whole, 1, NORMAL);
  return { column, row: lastRow };
}
