/**
 * A VGA in text mode: 32 KiB of character cells at B8000h and the colour-mode registers
 * (IBM VGA Technical Reference, "Video Subsystem"). There are no graphics modes and no fonts to load:
 * the screen is read out as characters and attributes.
 */
import { byteWindow } from "../../bus/byteWindow";
import type { Clock, Device, Window } from "../../bus/types";
import { VgaRegisters, type VgaRegistersState } from "./registers";
import { CODE_PAGE_437, CRTC } from "./tables";

export const PORTS = {
  general: { base: 0x3c0, length: 16 },
  crtc: { base: 0x3d4, length: 2 },
  status: { base: 0x3da, length: 1 },
} as const;

/** Where the cells are in physical memory. */
export const MEMORY = { base: 0xb8000, length: 0x8000 } as const;

const CELL_COUNT = MEMORY.length / 2;
/** A space, grey on black: what a mode set leaves. */
const BLANK_CELL = 0x0720;
const CURSOR_OFF = 0x20;

export interface VgaTextState {
  readonly memory: Uint8Array;
  readonly registers: VgaRegistersState;
}

export interface TextScreen {
  readonly columns: number;
  readonly rows: number;
  /** Row by row: the character's code (code page 437) in the low byte, the attribute in the high byte. */
  readonly cells: Uint16Array;
  /** Undefined while the cursor is switched off or outside the screen. */
  readonly cursor: { readonly column: number; readonly row: number } | undefined;
}

export interface VgaTextConfig {
  readonly clock: Clock;
}

export class VgaText implements Device<VgaTextState> {
  readonly name = "vgaText";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  readonly memoryWindow: Window;
  private readonly memory = new Uint8Array(MEMORY.length);
  private readonly view = new DataView(this.memory.buffer);
  private readonly registers = new VgaRegisters();

  constructor(config: VgaTextConfig) {
    for (let offset = 0; offset < MEMORY.length; offset += 2)
      this.view.setUint16(offset, BLANK_CELL, true);
    this.memoryWindow = byteWindow({
      read: (offset) => this.memory[offset] ?? 0xff,
      write: (offset, value) => (this.memory[offset] = value),
    });
    this.windows = {
      general: byteWindow(this.registers),
      crtc: byteWindow({
        read: (offset) => this.registers.readCrtc(offset),
        write: (offset, value) => this.registers.writeCrtc(offset, value),
      }),
      status: byteWindow({
        read: () => this.registers.readInputStatus1(config.clock.now),
        write: (_offset, value) => this.registers.writeFeatureControl(value),
      }),
    };
  }

  /** What the screen shows now. */
  screen(): TextScreen {
    const { registers } = this;
    const columns = registers.crtc(CRTC.HORIZONTAL_DISPLAY_END) + 1;
    const rows = this.rows();
    const start =
      (registers.crtc(CRTC.START_ADDRESS_HIGH) << 8) | registers.crtc(CRTC.START_ADDRESS_LOW);
    // The offset register counts pairs of cells: the distance between rows may exceed their width.
    const pitch = registers.crtc(CRTC.OFFSET) * 2;
    const cells = new Uint16Array(columns * rows);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const cell = (start + row * pitch + column) % CELL_COUNT;
        cells[row * columns + column] = this.view.getUint16(cell * 2, true);
      }
    return { columns, rows, cells, cursor: this.cursor(start, pitch, columns, rows) };
  }

  /** The screen as text: one line a row, without the spaces at the ends of lines; nothing in a graphics mode. */
  text(): string {
    if (this.registers.isGraphics) return "";
    const { columns, rows, cells } = this.screen();
    const lines: string[] = [];
    for (let row = 0; row < rows; row++) {
      const codes = cells.subarray(row * columns, (row + 1) * columns);
      const line = Array.from(codes, (cell) => CODE_PAGE_437[cell & 0xff]!).join("");
      lines.push(line.trimEnd());
    }
    return lines.join("\n");
  }

  save(): VgaTextState {
    return { memory: this.memory.slice(), registers: this.registers.save() };
  }

  load(state: VgaTextState): void {
    this.memory.set(state.memory);
    this.registers.load(state.registers);
  }

  private rows(): number {
    const { registers } = this;
    const overflow = registers.crtc(CRTC.OVERFLOW);
    const lastLine =
      registers.crtc(CRTC.VERTICAL_DISPLAY_END) |
      ((overflow & 0x02) << 7) |
      ((overflow & 0x40) << 3);
    const linesPerRow = (registers.crtc(CRTC.MAXIMUM_SCAN_LINE) & 0x1f) + 1;
    return Math.max(1, Math.floor((lastLine + 1) / linesPerRow));
  }

  private cursor(
    start: number,
    pitch: number,
    columns: number,
    rows: number,
  ): TextScreen["cursor"] {
    const { registers } = this;
    if (registers.crtc(CRTC.CURSOR_START) & CURSOR_OFF || pitch === 0) return undefined;
    const location =
      (registers.crtc(CRTC.CURSOR_LOCATION_HIGH) << 8) | registers.crtc(CRTC.CURSOR_LOCATION_LOW);
    const offset = location - start;
    const row = Math.floor(offset / pitch);
    const column = offset - row * pitch;
    return row >= 0 && row < rows && column < columns ? { column, row } : undefined;
  }
}
