/**
 * The VGA's registers, as far as a text screen has them (IBM VGA Technical Reference, "VGA Registers").
 * Values are kept and read back; only the CRTC's change what is shown.
 */
import { countAtTick } from "../../bus/frequency";
import {
  ATTRIBUTE_MODE_3,
  CRTC,
  CRTC_MODE_3,
  GRAPHICS_MODE_3,
  initialPalette,
  MISCELLANEOUS_MODE_3,
  SEQUENCER_MODE_3,
  TIMING,
} from "./tables";

export interface VgaRegistersState {
  crtcIndex: number;
  crtc: number[];
  sequencerIndex: number;
  sequencer: number[];
  graphicsIndex: number;
  graphics: number[];
  attributeIndex: number;
  attribute: number[];
  /** The next write to 3C0h is data, not an index. */
  attributeTakesData: boolean;
  miscellaneous: number;
  featureControl: number;
  pelMask: number;
  palette: number[];
  /** Byte positions in the palette for reading and writing. */
  paletteRead: number;
  paletteWrite: number;
  paletteReads: boolean;
}

/** Input status 1. */
const DISPLAY_DISABLED = 0x01;
const VERTICAL_RETRACE = 0x08;
/** CRTC 11h bit 7 protects CRTC 00h to 07h, but for bit 4 of 07h (line compare). */
const PROTECT = 0x80;
const LINE_COMPARE_8 = 0x10;
const GRAPHICS_MISCELLANEOUS = 0x06;
/** Palette address source: the attribute controller drives the screen. */
const PALETTE_ADDRESS_SOURCE = 0x20;

export class VgaRegisters {
  private state: VgaRegistersState = {
    crtcIndex: 0,
    crtc: [...CRTC_MODE_3],
    sequencerIndex: 0,
    sequencer: [...SEQUENCER_MODE_3],
    graphicsIndex: 0,
    graphics: [...GRAPHICS_MODE_3],
    attributeIndex: PALETTE_ADDRESS_SOURCE,
    attribute: [...ATTRIBUTE_MODE_3],
    attributeTakesData: false,
    miscellaneous: MISCELLANEOUS_MODE_3,
    featureControl: 0,
    pelMask: 0xff,
    palette: initialPalette(),
    paletteRead: 0,
    paletteWrite: 0,
    paletteReads: false,
  };

  save(): VgaRegistersState {
    return copy(this.state);
  }

  load(state: VgaRegistersState): void {
    this.state = copy(state);
  }

  /** Graphics controller 06h bit 0: cells are pixels. */
  get isGraphics(): boolean {
    return (this.state.graphics[GRAPHICS_MISCELLANEOUS]! & 1) !== 0;
  }

  crtc(index: number): number {
    return this.state.crtc[index] ?? 0;
  }

  /** 3D4h and 3D5h. */
  readCrtc(offset: number): number {
    return offset === 0 ? this.state.crtcIndex : this.crtc(this.state.crtcIndex);
  }

  writeCrtc(offset: number, value: number): void {
    const { state } = this;
    const { crtcIndex: index } = state;
    if (offset === 0) {
      state.crtcIndex = value;
      return;
    }
    if (index >= state.crtc.length) return;
    if (index > CRTC.OVERFLOW || !(this.crtc(CRTC.VERTICAL_RETRACE_END) & PROTECT))
      state.crtc[index] = value;
    else if (index === CRTC.OVERFLOW)
      state.crtc[index] = (this.crtc(index) & ~LINE_COMPARE_8) | (value & LINE_COMPARE_8);
  }

  /** 3DAh: where the beam is. Reading also makes the next write to 3C0h an index. */
  readInputStatus1(tick: number): number {
    this.state.attributeTakesData = false;
    const dots = countAtTick(tick, TIMING.dotHertz);
    const line = Math.floor(dots / TIMING.dotsPerLine) % TIMING.lines;
    const isBlank =
      line >= TIMING.displayedLines || dots % TIMING.dotsPerLine >= TIMING.displayedDots;
    const isRetrace = line >= TIMING.retraceStart && line < TIMING.retraceEnd;
    return (isBlank ? DISPLAY_DISABLED : 0) | (isRetrace ? VERTICAL_RETRACE : 0);
  }

  writeFeatureControl(value: number): void {
    this.state.featureControl = value;
  }

  /** 3C0h to 3CFh. */
  read(offset: number): number {
    const { state } = this;
    switch (offset) {
      case 0x0:
        return state.attributeIndex;
      case 0x1:
        return state.attribute[state.attributeIndex & 0x1f] ?? 0;
      case 0x2:
        return 0; // Input status 0: no interrupt, no monitor sense.
      case 0x4:
        return state.sequencerIndex;
      case 0x5:
        return state.sequencer[state.sequencerIndex] ?? 0;
      case 0x6:
        return state.pelMask;
      case 0x7:
        return state.paletteReads ? 3 : 0;
      case 0x8:
        return Math.floor(state.paletteWrite / 3);
      case 0x9:
        return this.readPalette();
      case 0xa:
        return state.featureControl;
      case 0xc:
        return state.miscellaneous;
      case 0xe:
        return state.graphicsIndex;
      case 0xf:
        return state.graphics[state.graphicsIndex] ?? 0;
      default:
        return 0xff;
    }
  }

  write(offset: number, value: number): void {
    const { state } = this;
    switch (offset) {
      case 0x0: {
        this.writeAttribute(value);
        return;
      }
      case 0x2:
        state.miscellaneous = value;
        return;
      case 0x4:
        state.sequencerIndex = value;
        return;
      case 0x5: {
        store(state.sequencer, state.sequencerIndex, value);
        return;
      }
      case 0x6:
        state.pelMask = value;
        return;
      case 0x7:
        state.paletteRead = value * 3;
        state.paletteReads = true;
        return;
      case 0x8:
        state.paletteWrite = value * 3;
        state.paletteReads = false;
        return;
      case 0x9:
        state.palette[state.paletteWrite] = value & 0x3f;
        state.paletteWrite = (state.paletteWrite + 1) % state.palette.length;
        return;
      case 0xe:
        state.graphicsIndex = value;
        return;
      case 0xf: {
        store(state.graphics, state.graphicsIndex, value);
        return;
      }
      default:
    }
  }

  private writeAttribute(value: number): void {
    const { state } = this;
    if (state.attributeTakesData) store(state.attribute, state.attributeIndex & 0x1f, value);
    else state.attributeIndex = value & 0x3f;
    state.attributeTakesData = !state.attributeTakesData;
  }

  private readPalette(): number {
    const { state } = this;
    const value = state.palette[state.paletteRead] ?? 0;
    state.paletteRead = (state.paletteRead + 1) % state.palette.length;
    return value;
  }
}

/** Registers beyond the last do not exist. */
function store(registers: number[], index: number, value: number): void {
  if (index < registers.length) registers[index] = value;
}

function copy(state: VgaRegistersState): VgaRegistersState {
  return {
    ...state,
    crtc: [...state.crtc],
    sequencer: [...state.sequencer],
    graphics: [...state.graphics],
    attribute: [...state.attribute],
    palette: [...state.palette],
  };
}
