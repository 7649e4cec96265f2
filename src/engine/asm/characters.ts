/** Character classes of NASM's language (NASM manual, "Layout of a NASM Source Line"), one table look-up a character. */

const SPACE = 1;
const ID = 2;
const ID_START = 4;
const DIGIT = 8;
const NUMBER = 16;
const HEX = 32;

const classes = new Uint8Array(128);
for (const c of " \t\v\f\r\n\0") classes[c.charCodeAt(0)]! |= SPACE;
for (const c of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  classes[c.charCodeAt(0)]! |= ID | ID_START | NUMBER;
}
for (const c of "0123456789") classes[c.charCodeAt(0)]! |= ID | DIGIT | NUMBER | HEX;
for (const c of "abcdefABCDEF") classes[c.charCodeAt(0)]! |= HEX;
for (const c of "_.@?") classes[c.charCodeAt(0)]! |= ID | ID_START;
for (const c of "$#~") classes[c.charCodeAt(0)]! |= ID;
classes["_".charCodeAt(0)]! |= NUMBER;

/** Characters beyond ASCII are letters, as in NASM (which sees their UTF-8 bytes). */
function classOf(code: number): number {
  return code < 128 ? classes[code]! : code >= 128 ? ID | ID_START : 0;
}

export function isSpace(code: number): boolean {
  return (classOf(code) & SPACE) !== 0;
}
export function isIdentifierStart(code: number): boolean {
  return (classOf(code) & ID_START) !== 0;
}
export function isIdentifierCharacter(code: number): boolean {
  return (classOf(code) & ID) !== 0;
}
export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
export function isHexDigit(code: number): boolean {
  return code < 128 && (classes[code]! & HEX) !== 0;
}
/** What may stand inside a number: letters, digits, underscore. */
export function isNumberCharacter(code: number): boolean {
  return code < 128 && (classes[code]! & NUMBER) !== 0;
}
/** `'`, `"` or backquote. */
export function isQuote(code: number): boolean {
  return code === 39 || code === 34 || code === 96;
}
