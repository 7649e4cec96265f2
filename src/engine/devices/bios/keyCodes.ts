/** What INT 16h gives for each key of a US keyboard (IBM BIOS Interface Technical Reference, "Keyboard": scan code and character tables). */

/** Words for the key alone, with Shift, Ctrl and Alt: scan code in the high byte, character in the low one; 0: nothing. */
export type KeyWords = readonly [plain: number, shift: number, control: number, alt: number];

/** Runs of neighbouring character keys. */
const CHARACTER_ROWS: readonly (readonly [first: number, plain: string, shifted: string])[] = [
  [0x02, "1234567890-=", "!@#$%^&*()_+"],
  [0x10, "qwertyuiop[]", "QWERTYUIOP{}"],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"],
];

/** Control characters of keys that are no letters. */
const CONTROL_SIGNS: Readonly<Record<string, number>> = {
  "2": 0x00,
  "6": 0x1e,
  "-": 0x1f,
  "[": 0x1b,
  "]": 0x1d,
  "\\": 0x1c,
};

/** Alt with a digit key gives codes of its own. */
const ALT_DIGITS = 0x76;
const DIGIT_ROW_END = 0x0d;

function characterWords(scan: number, plain: string, shifted: string): KeyWords {
  const word = (character: number): number => (scan << 8) | character;
  const isLetter = /[a-z]/.test(plain);
  const sign = CONTROL_SIGNS[plain];
  const control = isLetter ? word(plain.charCodeAt(0) & 0x1f) : sign === undefined ? 0 : word(sign);
  const alt = (scan <= DIGIT_ROW_END ? scan + ALT_DIGITS : scan) << 8;
  return [word(plain.charCodeAt(0)), word(shifted.charCodeAt(0)), control, alt];
}

/** F1 to F10: each state has ten codes in a row. */
function functionKey(index: number): KeyWords {
  return [0x3b + index, 0x54 + index, 0x5e + index, 0x68 + index].map((code) => code << 8) as unknown as KeyWords; // prettier-ignore
}

// prettier-ignore
const OTHER_KEYS: readonly (readonly [scan: number, words: KeyWords])[] = [
  [0x01, [0x011b, 0x011b, 0x011b, 0x0100]],
  [0x0e, [0x0e08, 0x0e08, 0x0e7f, 0x0e00]],
  [0x0f, [0x0f09, 0x0f00, 0x9400, 0xa500]],
  [0x1c, [0x1c0d, 0x1c0d, 0x1c0a, 0xa600]],
  [0x37, [0x372a, 0x372a, 0x9600, 0x3700]],
  [0x39, [0x3920, 0x3920, 0x3920, 0x3920]],
  [0x57, [0x8500, 0x8700, 0x8900, 0x8b00]],
  [0x58, [0x8600, 0x8800, 0x8a00, 0x8c00]],
  // The keypad: cursor keys, with Shift or Num Lock digits.
  [0x47, [0x4700, 0x4737, 0x7700, 0]],
  [0x48, [0x4800, 0x4838, 0x8d00, 0]],
  [0x49, [0x4900, 0x4939, 0x8400, 0]],
  [0x4a, [0x4a2d, 0x4a2d, 0x8e00, 0x4a00]],
  [0x4b, [0x4b00, 0x4b34, 0x7300, 0]],
  [0x4c, [0x4c00, 0x4c35, 0x8f00, 0]],
  [0x4d, [0x4d00, 0x4d36, 0x7400, 0]],
  [0x4e, [0x4e2b, 0x4e2b, 0x9000, 0x4e00]],
  [0x4f, [0x4f00, 0x4f31, 0x7500, 0]],
  [0x50, [0x5000, 0x5032, 0x9100, 0]],
  [0x51, [0x5100, 0x5133, 0x7600, 0]],
  [0x52, [0x5200, 0x5230, 0x9200, 0]],
  [0x53, [0x5300, 0x532e, 0x9300, 0]],
];

/** By set-1 scan code. */
export const KEY_WORDS: ReadonlyMap<number, KeyWords> = new Map([
  ...CHARACTER_ROWS.flatMap(([first, plain, shifted]) =>
    Array.from(plain, (character, index): [number, KeyWords] => [
      first + index,
      characterWords(first + index, character, shifted[index]!),
    ]),
  ),
  ...Array.from({ length: 10 }, (_, index): [number, KeyWords] => [
    0x3b + index,
    functionKey(index),
  ]),
  ...OTHER_KEYS,
]);

export const KEYPAD = { first: 0x47, last: 0x53 } as const;
export const isLetterKey = (words: KeyWords): boolean => /[a-z]/.test(String.fromCharCode(words[0] & 0xff)); // prettier-ignore
