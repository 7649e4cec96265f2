/**
 * Keys of a US keyboard by their set-1 scancodes, and the 8042's translation from set 2 to set 1
 * (IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)", scan code tables;
 * "Keyboard and Auxiliary Device Controller", translation).
 */

export const LEFT_SHIFT = 0x2a;
/** Set on a set-1 scancode when the key goes up. */
export const RELEASE = 0x80;
/** Precedes a set-2 scancode when the key goes up. */
export const RELEASE_PREFIX = 0xf0;

/** Runs of neighbouring keys: first scancode, characters, characters with Shift. */
// prettier-ignore
const KEY_ROWS: readonly (readonly [first: number, plain: string, shifted: string])[] = [
  [0x01, "\x1b",           "\x1b"],
  [0x02, "1234567890-=",   "!@#$%^&*()_+"],
  [0x0e, "\b\t",           "\b\t"],
  [0x10, "qwertyuiop[]",   "QWERTYUIOP{}"],
  [0x1c, "\n",             "\n"],
  [0x1c, "\r",             "\r"],
  [0x1e, "asdfghjkl;'`",   "ASDFGHJKL:\"~"],
  [0x2b, "\\zxcvbnm,./",   "|ZXCVBNM<>?"],
  [0x39, " ",              " "],
];

export interface Key {
  /** Set-1 scancode. */
  readonly scancode: number;
  readonly shift: boolean;
}

/** The key that types a character; letters and signs on the same key differ by Shift. */
export const KEY_OF_CHARACTER: ReadonlyMap<string, Key> = new Map(
  KEY_ROWS.flatMap(([first, plain, shifted]) => [
    ...Array.from(shifted, (character, index): [string, Key] => [
      character,
      { scancode: first + index, shift: true },
    ]),
    // Later entries win: what both states type needs no Shift.
    ...Array.from(plain, (character, index): [string, Key] => [
      character,
      { scancode: first + index, shift: false },
    ]),
  ]),
);

/** Set 2 to set 1, for bytes 0 to 0x84; bytes above stay as they are (among them all replies to commands). */
// prettier-ignore
const TRANSLATION: readonly number[] = [
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
  0x80, 0x81, 0x82, 0x41, 0x54,
];

/** What the controller makes of a set-2 byte. */
export function toSet1(byte: number): number {
  return TRANSLATION[byte] ?? byte;
}

/** The set-2 scancode that the controller translates to this set-1 scancode. */
export function toSet2(scancode: number): number {
  return TRANSLATION.indexOf(scancode);
}
