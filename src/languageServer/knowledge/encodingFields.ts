/** The bytes of an encoded instruction, cut into their fields. SDM Vol. 2A, "Instruction Format". */
import type { Bits, InstructionForm } from "../../engine/language";
import { hexBytes } from "../../engine/language";

export interface EncodingField {
  readonly bytes: string;
  readonly text: string;
}

const PREFIXES: Readonly<Record<number, string>> = {
  0xf0: "LOCK",
  0xf2: "REPNE",
  0xf3: "REP",
  0x2e: "CS override",
  0x36: "SS override",
  0x3e: "DS override",
  0x26: "ES override",
  0x64: "FS override",
  0x65: "GS override",
  0x66: "operand-size override",
  0x67: "address-size override",
};

class Reader {
  readonly fields: EncodingField[] = [];
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  peek(): number {
    return this.bytes[this.at] ?? 0;
  }

  take(count: number, text: string): void {
    if (count <= 0 || this.left < count) return;
    this.fields.push({ bytes: hexBytes(this.bytes.subarray(this.at, this.at + count)), text });
    this.at += count;
  }
}

function bitsText(byte: number, from: number, count: number): string {
  return ((byte >> from) & ((1 << count) - 1)).toString(2).padStart(count, "0");
}

function rexText(rex: number): string {
  const set = ["W", "R", "X", "B"].filter((_, i) => rex & (8 >> i));
  return set.length === 0 ? "REX" : `REX.${set.join("")}`;
}

const VEX_MAPS = ["", "0F", "0F38", "0F3A"];
const VEX_PREFIXES = ["none", "66", "F3", "F2"];

/** The fields of a VEX or XOP prefix as they count: R, X, B and vvvv are stored inverted. SDM Vol. 2A, "The VEX Prefix". */
function vexText(prefix: Uint8Array): string {
  const [first = 0, second = 0, third = second] = prefix;
  const isShort = first === 0xc5;
  const [r, x, b] = [7, 6, 5].map((bit) => (isShort && bit < 7 ? 0 : (~second >> bit) & 1));
  const map = isShort ? 1 : second & 31;
  const w = isShort ? 0 : third >> 7;
  const parts = [
    `R ${r}, X ${x}, B ${b}`,
    `map ${VEX_MAPS[map] ?? map}`,
    `W ${w}`,
    `vvvv ${(~third >> 3) & 15}`,
    `L ${(third >> 2) & 1}`,
    `prefix ${VEX_PREFIXES[third & 3]}`,
  ];
  return `${first === 0x8f ? "XOP" : "VEX"}: ${parts.join(", ")}`;
}

function takeOpcode(reader: Reader, { encoding }: InstructionForm, bytes: Uint8Array): void {
  const text = encoding.plusReg ? "opcode + register" : "opcode";
  if (encoding.vex === undefined) {
    reader.take(encoding.map === 0 ? 1 : encoding.map === 1 ? 2 : 3, text);
    return;
  }
  const length = reader.peek() === 0xc5 ? 2 : 3;
  reader.take(length, vexText(bytes.subarray(reader.at, reader.at + length)));
  reader.take(1, text);
}

/** Size of a displacement, and whether a SIB byte follows. */
function modrmTail(
  modrm: number,
  addressSize: 16 | 32 | 64,
  sibBase: number,
): { readonly sib: boolean; readonly displacement: number } {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 3) return { sib: false, displacement: 0 };
  if (addressSize === 16)
    return { sib: false, displacement: mod === 1 ? 1 : mod === 2 || rm === 6 ? 2 : 0 };
  const sib = rm === 4;
  if (mod === 1) return { sib, displacement: 1 };
  const noBase = sib ? sibBase === 5 : rm === 5;
  return { sib, displacement: mod === 2 || noBase ? 4 : 0 };
}

function takeModrm(
  reader: Reader,
  form: InstructionForm,
  addressSize: 16 | 32 | 64,
  next: number,
): void {
  const modrm = reader.peek();
  const extension = typeof form.encoding.modrm === "number" ? ` (/${form.encoding.modrm})` : "";
  const parts = `mod ${bitsText(modrm, 6, 2)}, reg ${bitsText(modrm, 3, 3)}${extension}, r/m ${bitsText(modrm, 0, 3)}`;
  const { sib, displacement } = modrmTail(modrm, addressSize, next & 7);
  reader.take(
    1,
    form.encoding.fixedModrm === undefined ? `ModRM: ${parts}` : "opcode (ModRM is a part of it)",
  );
  if (sib) {
    const byte = reader.peek();
    reader.take(
      1,
      `SIB: scale ${1 << (byte >> 6)}, index ${bitsText(byte, 3, 3)}, base ${bitsText(byte, 0, 3)}`,
    );
  }
  reader.take(displacement, `${displacement * 8}-bit displacement`);
}

const IMMEDIATE_SIZE = { ib: 1, iw: 2, id: 4, iq: 8, cb: 1, cw: 2, cd: 4 } as const;

export function encodingFields(
  bytes: Uint8Array,
  form: InstructionForm,
  bits: Bits,
): EncodingField[] {
  const reader = new Reader(bytes);
  const { encoding } = form;
  let addressSize: 16 | 32 | 64 = bits;
  while (PREFIXES[reader.peek()] !== undefined && reader.left > 1) {
    const byte = reader.peek();
    if (byte === 0x67) addressSize = bits === 32 ? 16 : 32;
    const isMandatory = byte === encoding.mandatory;
    reader.take(1, isMandatory ? "mandatory prefix" : (PREFIXES[byte] ?? ""));
  }
  if (bits === 64 && (reader.peek() & 0xf0) === 0x40) reader.take(1, rexText(reader.peek()));
  takeOpcode(reader, form, bytes);
  if (encoding.modrm !== undefined || encoding.fixedModrm !== undefined)
    takeModrm(reader, form, addressSize, bytes[reader.at + 1] ?? 0);
  for (const field of encoding.immediates) {
    if (field === "mo") reader.take(reader.left, `${reader.left * 8}-bit address`);
    else if (field === "p16" || field === "p32") {
      reader.take(field === "p16" ? 2 : 4, "offset");
      reader.take(2, "selector");
    } else {
      const size = IMMEDIATE_SIZE[field];
      reader.take(size, `${size * 8}-bit ${field.startsWith("c") ? "distance" : "immediate"}`);
    }
  }
  if (encoding.suffix !== undefined) reader.take(1, "opcode");
  reader.take(reader.left, "more");
  return reader.fields;
}
