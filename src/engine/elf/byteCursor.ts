/**
 * Reads little-endian numbers, LEB128 and strings from bytes that may be damaged. Nothing throws: a read past the end gives zero, sets `overrun`, and the
 * cursor is at its end from then on, so that every loop over one ends.
 *
 * Addresses are numbers as in the assembler's line map: from 2^63 up they are negative, so that those of kernel halves are exact.
 */
const TWO_32 = 0x1_0000_0000;

export class ByteCursor {
  overrun = false;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    public offset = 0,
    private readonly end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = Math.min(end, bytes.length);
    if (!(offset >= 0 && offset <= this.end)) this.fail();
  }

  get atEnd(): boolean {
    return this.offset >= this.end;
  }

  /** Bytes up to the end. */
  get left(): number {
    return this.end - this.offset;
  }

  u8(): number {
    return this.take(1) ? this.view.getUint8(this.offset - 1) : 0;
  }

  i8(): number {
    return this.take(1) ? this.view.getInt8(this.offset - 1) : 0;
  }

  u16(): number {
    return this.take(2) ? this.view.getUint16(this.offset - 2, true) : 0;
  }

  u24(): number {
    const low = this.u16();
    return low + this.u8() * 0x10000;
  }

  u32(): number {
    return this.take(4) ? this.view.getUint32(this.offset - 4, true) : 0;
  }

  /** 64 bits, signed. */
  word64(): number {
    const low = this.u32();
    const high = this.u32();
    return (high | 0) * TWO_32 + low;
  }

  /** An address or offset of 4 or 8 bytes. */
  word(sizeBytes: number): number {
    if (sizeBytes === 8) return this.word64();
    if (sizeBytes === 4) return this.u32();
    if (sizeBytes === 2) return this.u16();
    return this.u8();
  }

  uleb(): number {
    return this.leb128(false);
  }

  sleb(): number {
    return this.leb128(true);
  }

  /** DWARF 5, section 7.6 "Variable Length Data". */
  private leb128(isSigned: boolean): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if ((byte & 0x80) !== 0) continue;
      return isSigned && (byte & 0x40) !== 0 ? value - scale : value;
    }
  }

  /** A string that ends with a zero byte. */
  text(): string {
    const from = this.offset;
    while (this.u8() !== 0);
    return decodeText(this.bytes.subarray(from, this.overrun ? this.end : this.offset - 1));
  }

  skip(count: number): void {
    this.take(count);
  }

  /** A cursor over the next `count` bytes, which this one skips; over what is left, if that is less. */
  part(count: number): ByteCursor {
    const from = this.offset;
    this.take(count);
    return new ByteCursor(this.bytes, from, this.overrun ? this.end : from + count);
  }

  private take(count: number): boolean {
    // Negated: a count that is not a number is refused too.
    if (!(count >= 0 && this.offset + count <= this.end)) {
      this.fail();
      return false;
    }
    this.offset += count;
    return true;
  }

  private fail(): void {
    this.overrun = true;
    this.offset = this.end;
  }
}

/** The string at an offset of a string section; empty where there is none. */
export function textAt(bytes: Uint8Array, offset: number): string {
  if (!(offset >= 0 && offset < bytes.length)) return "";
  return new ByteCursor(bytes, offset).text();
}

/** UTF-8; what is not is taken byte by byte. */
function decodeText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  if (!/[\x80-\xff]/.test(text)) return text;
  const escaped = text.replace(/[%\x80-\xff]/g, (character) => `%${character.charCodeAt(0).toString(16)}`); // prettier-ignore
  try {
    return decodeURIComponent(escaped);
  } catch {
    return text;
  }
}
