/** The video modes that the BIOS sets, with the registers of each (IBM VGA Technical Reference, "Video BIOS": mode tables). */

export interface VideoMode {
  /** Text: characters and attributes at B8000h. Packed: a byte a pixel at A0000h. CGA: two or one bits a pixel at B8000h, odd lines 8 KiB on. */
  readonly kind: "text" | "packed" | "cga";
  readonly columns: number;
  readonly rows: number;
  readonly characterHeight: number;
  readonly pageBytes: number;
  readonly segment: number;
  /** Bits of a pixel; 0 for text. */
  readonly pixelBits: number;
  readonly miscellaneous: number;
  readonly sequencer: readonly number[];
  readonly crtc: readonly number[];
  readonly graphics: readonly number[];
  readonly attribute: readonly number[];
}

// prettier-ignore
const CRTC = {
  columns40: [0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff],
  columns80: [0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff],
  cga320:    [0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff],
  cga640:    [0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff],
  packed:    [0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff],
} as const;

// prettier-ignore
const ATTRIBUTE = {
  text:   [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 0x08, 0],
  cga320: [0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 1, 0, 3, 0, 0],
  cga640: [0, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 1, 0, 1, 0, 0],
  packed: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 0x0f, 0, 0],
} as const;

const TEXT = {
  kind: "text",
  rows: 25,
  characterHeight: 16,
  segment: 0xb800,
  pixelBits: 0,
  miscellaneous: 0x67,
  graphics: [0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff],
  attribute: ATTRIBUTE.text,
} as const;
const CGA = { kind: "cga", rows: 25, characterHeight: 8, pageBytes: 0x4000, segment: 0xb800, miscellaneous: 0x63 } as const; // prettier-ignore

const TEXT_40: VideoMode = { ...TEXT, columns: 40, pageBytes: 0x800, crtc: CRTC.columns40, sequencer: [3, 8, 3, 0, 2] }; // prettier-ignore
const TEXT_80: VideoMode = { ...TEXT, columns: 80, pageBytes: 0x1000, crtc: CRTC.columns80, sequencer: [3, 0, 3, 0, 2] }; // prettier-ignore
const CGA_320: VideoMode = {
  ...CGA,
  columns: 40,
  pixelBits: 2,
  crtc: CRTC.cga320,
  sequencer: [3, 9, 3, 0, 2],
  graphics: [0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff],
  attribute: ATTRIBUTE.cga320,
};
const CGA_640: VideoMode = {
  ...CGA,
  columns: 80,
  pixelBits: 1,
  crtc: CRTC.cga640,
  sequencer: [3, 1, 1, 0, 6],
  graphics: [0, 0, 0, 0, 0, 0, 0x0d, 0, 0xff],
  attribute: ATTRIBUTE.cga640,
};
const PACKED: VideoMode = {
  kind: "packed",
  columns: 40,
  rows: 25,
  characterHeight: 8,
  pageBytes: 0x10000,
  segment: 0xa000,
  pixelBits: 8,
  miscellaneous: 0x63,
  sequencer: [3, 1, 0x0f, 0, 0x0e],
  crtc: CRTC.packed,
  graphics: [0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff],
  attribute: ATTRIBUTE.packed,
};

/** By number, as INT 10h takes it in AL. */
export const VIDEO_MODES: Readonly<Record<number, VideoMode>> = {
  0x00: TEXT_40,
  0x01: TEXT_40,
  0x02: TEXT_80,
  0x03: TEXT_80,
  0x04: CGA_320,
  0x05: CGA_320,
  0x06: CGA_640,
  0x13: PACKED,
};
