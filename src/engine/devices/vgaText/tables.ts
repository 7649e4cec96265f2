/**
 * Register values of the 80 x 25 colour text mode (BIOS mode 3) and the glyphs of code page 437.
 * IBM VGA Technical Reference (PS/2 Hardware Interface), "Video Subsystem", BIOS mode table for mode 3+.
 */

// prettier-ignore
export const CRTC_MODE_3 = [
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00,
  0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
] as const;

export const SEQUENCER_MODE_3 = [0x03, 0x00, 0x03, 0x00, 0x02] as const;

export const GRAPHICS_MODE_3 = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff] as const;

// prettier-ignore
export const ATTRIBUTE_MODE_3 = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
  0x0c, 0x00, 0x0f, 0x08, 0x00,
] as const;

export const MISCELLANEOUS_MODE_3 = 0x67;

/** CRTC registers by their datasheet names. */
export const CRTC = {
  HORIZONTAL_DISPLAY_END: 0x01,
  OVERFLOW: 0x07,
  MAXIMUM_SCAN_LINE: 0x09,
  CURSOR_START: 0x0a,
  START_ADDRESS_HIGH: 0x0c,
  START_ADDRESS_LOW: 0x0d,
  CURSOR_LOCATION_HIGH: 0x0e,
  CURSOR_LOCATION_LOW: 0x0f,
  VERTICAL_RETRACE_END: 0x11,
  VERTICAL_DISPLAY_END: 0x12,
  OFFSET: 0x13,
} as const;

/** Timing of mode 3, in pixels and lines: dot clock, totals, displayed part, vertical retrace. */
export const TIMING = {
  dotHertz: 28_322_000,
  dotsPerLine: 900,
  displayedDots: 720,
  lines: 449,
  displayedLines: 400,
  retraceStart: 412,
  retraceEnd: 414,
} as const;

const CONTROL_GLYPHS = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
const UPPER_GLYPHS =
  "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
  "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

/** Unicode characters of the 256 codes; code 0 shows nothing, like a space. */
export const CODE_PAGE_437: readonly string[] = [
  ...Array.from(CONTROL_GLYPHS),
  ...Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index)),
  ...Array.from(UPPER_GLYPHS),
];

/** The palette after a mode set: 64 EGA colours (two bits a component, as rgbRGB), the rest black. */
export function initialPalette(): number[] {
  const palette = new Array<number>(768).fill(0);
  for (let color = 0; color < 64; color++)
    for (let component = 0; component < 3; component++) {
      const strong = (color >> (2 - component)) & 1;
      const weak = (color >> (5 - component)) & 1;
      palette[color * 3 + component] = strong * 0x2a + weak * 0x15;
    }
  return palette;
}
