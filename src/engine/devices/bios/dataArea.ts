/** The BIOS data area at 0040:0000, field by field (IBM PS/2 and PC BIOS Interface Technical Reference, "BIOS Data Area"). */
import type { MemoryBus } from "./memory";

const BASE = 0x400;
/** The last kilobyte below 640 KiB belongs to the BIOS. */
export const EBDA = { base: 0x9fc00, bytes: 0x400 } as const;
/** Kilobytes below the extended BIOS data area: what INT 12h tells. */
export const LOW_MEMORY_KB = EBDA.base / 1024;
/** First and last-plus-one of the keyboard's ring of 16 words. */
const KEYS = { first: 0x1e, end: 0x3e } as const;
/** A diskette drive, 80 x 25 colour text, one serial port. */
const EQUIPMENT = 0x0221;

/** Offset, bytes, and what POST leaves there. */
// prettier-ignore
export const BDA = {
  serialPort:      { offset: 0x00, bytes: 2, initial: 0x3f8 },
  ebdaSegment:     { offset: 0x0e, bytes: 2, initial: EBDA.base / 16 },
  equipment:       { offset: 0x10, bytes: 2, initial: EQUIPMENT },
  memoryKb:        { offset: 0x13, bytes: 2, initial: LOW_MEMORY_KB },
  shiftFlags:      { offset: 0x17, bytes: 1, initial: 0 },
  shiftFlags2:     { offset: 0x18, bytes: 1, initial: 0 },
  keyHead:         { offset: 0x1a, bytes: 2, initial: KEYS.first },
  keyTail:         { offset: 0x1c, bytes: 2, initial: KEYS.first },
  disketteStatus:  { offset: 0x41, bytes: 1, initial: 0 },
  videoMode:       { offset: 0x49, bytes: 1, initial: 3 },
  columns:         { offset: 0x4a, bytes: 2, initial: 80 },
  pageBytes:       { offset: 0x4c, bytes: 2, initial: 0x1000 },
  pageStart:       { offset: 0x4e, bytes: 2, initial: 0 },
  /** Column and row of page 0; seven more follow. */
  cursor:          { offset: 0x50, bytes: 2, initial: 0 },
  cursorShape:     { offset: 0x60, bytes: 2, initial: 0x0607 },
  page:            { offset: 0x62, bytes: 1, initial: 0 },
  crtcPort:        { offset: 0x63, bytes: 2, initial: 0x3d4 },
  ticks:           { offset: 0x6c, bytes: 4, initial: 0 },
  midnight:        { offset: 0x70, bytes: 1, initial: 0 },
  diskStatus:      { offset: 0x74, bytes: 1, initial: 0 },
  disks:           { offset: 0x75, bytes: 1, initial: 1 },
  serialTimeout:   { offset: 0x7c, bytes: 1, initial: 0x0a },
  keysFirst:       { offset: 0x80, bytes: 2, initial: KEYS.first },
  keysEnd:         { offset: 0x82, bytes: 2, initial: KEYS.end },
  lastRow:         { offset: 0x84, bytes: 1, initial: 24 },
  characterHeight: { offset: 0x85, bytes: 2, initial: 16 },
  videoControl:    { offset: 0x87, bytes: 1, initial: 0x60 },
  videoSwitches:   { offset: 0x88, bytes: 1, initial: 0xf9 },
  videoFlags:      { offset: 0x89, bytes: 1, initial: 0x51 },
  displayCode:     { offset: 0x8a, bytes: 1, initial: 0x08 },
  /** 101-key keyboard; bit 1: the last byte was the prefix E0h. */
  keyboardFlags:   { offset: 0x96, bytes: 1, initial: 0x10 },
} as const;

export type BdaField = keyof typeof BDA;

/** The 256 bytes that POST leaves at 0040:0000. */
export function initialDataArea(): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const { offset, bytes: length, initial } of Object.values(BDA))
    for (let index = 0; index < length; index++) bytes[offset + index] = initial >>> (8 * index);
  return bytes;
}

/** The fields as they lie in guest memory now. */
export class DataArea {
  constructor(private readonly memory: MemoryBus) {}

  get(field: BdaField): number {
    const { offset, bytes } = BDA[field];
    if (bytes === 1) return this.memory.read8(BASE + offset);
    return bytes === 2 ? this.memory.read16(BASE + offset) : this.memory.read32(BASE + offset);
  }

  set(field: BdaField, value: number): void {
    const { offset, bytes } = BDA[field];
    if (bytes === 1) this.memory.write8(BASE + offset, value);
    else if (bytes === 2) this.memory.write16(BASE + offset, value);
    else this.memory.write32(BASE + offset, value);
  }

  /** Column in the low byte, row in the high one. */
  cursor(page: number): number {
    return this.memory.read16(BASE + BDA.cursor.offset + 2 * (page & 7));
  }

  setCursor(page: number, position: number): void {
    this.memory.write16(BASE + BDA.cursor.offset + 2 * (page & 7), position);
  }

  /** The oldest key: scan code in the high byte, character in the low one. */
  peekKey(): number | undefined {
    const head = this.get("keyHead");
    return head === this.get("keyTail") ? undefined : this.memory.read16(BASE + head);
  }

  dropKey(): void {
    this.set("keyHead", this.keyAfter(this.get("keyHead")));
  }

  /** False: the buffer is full. */
  pushKey(word: number): boolean {
    const tail = this.get("keyTail");
    const next = this.keyAfter(tail);
    if (next === this.get("keyHead")) return false;
    this.memory.write16(BASE + tail, word);
    this.set("keyTail", next);
    return true;
  }

  private keyAfter(place: number): number {
    return place + 2 >= this.get("keysEnd") ? this.get("keysFirst") : place + 2;
  }
}
