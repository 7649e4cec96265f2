/** The BIOS in memory: its code and tables in segment F000h, the interrupt vectors, the data areas, and a clear screen. */
import { assemble } from "../../asm/assemble";
import { InvariantError } from "../../base/errors";
import { EBDA, initialDataArea } from "../../devices/bios/dataArea";
import { ROM_SEGMENT } from "../../devices/bios/romLayout";
import type { DebugSymbol } from "../debugInformation";
import { POST_VECTORS, ROM_OFFSET, ROM_SOURCE } from "./romSource";

interface Rom {
  readonly code: Uint8Array;
  /** 0000:0000 to 0000:04ff as POST leaves it. */
  readonly lowMemory: Uint8Array;
  readonly symbols: readonly DebugSymbol[];
}

let assembled: Rom | undefined;

/** Assembled once: the source never changes. */
function rom(): Rom {
  assembled ??= assembleRom();
  return assembled;
}

function assembleRom(): Rom {
  const { ok, image, symbols, diagnostics } = assemble({ file: "bios.asm", text: ROM_SOURCE });
  if (!ok) throw new InvariantError(`the BIOS does not assemble: ${diagnostics[0]?.message ?? ""}`);
  const labels = symbols.filter(({ kind }) => kind === "label");
  const offsets = new Map(labels.map(({ name, value }) => [name, Number(value)]));
  const low = lowMemory(offsets);
  const code = image.slice();
  code.set(low, POST_VECTORS - ROM_OFFSET);
  return { code, lowMemory: low, symbols: symbolsAt(offsets) };
}

/** Vectors with a handler of their own; hardware interrupts are acknowledged, everything else returns. */
const HANDLERS: Readonly<Record<number, string>> = {
  0x08: "int_08h",
  0x09: "int_09h",
  0x10: "int_10h",
  0x11: "int_11h",
  0x12: "int_12h",
  0x13: "int_13h",
  0x14: "int_14h",
  0x15: "int_15h",
  0x16: "int_16h",
  0x17: "int_17h",
  0x18: "int_18h",
  0x19: "int_19h",
  0x1a: "int_1ah",
  0x1e: "disketteTable",
  0x70: "int_70h",
};

function handlerOf(vector: number): string {
  const own = HANDLERS[vector];
  if (own !== undefined) return own;
  if (vector >= 0x08 && vector < 0x10) return "masterInterrupt";
  return vector >= 0x70 && vector < 0x78 ? "slaveInterrupt" : "nothing";
}

/** 0000:0000 to 0000:04ff: vectors and data area. */
function lowMemory(offsets: ReadonlyMap<string, number>): Uint8Array {
  const bytes = new Uint8Array(0x500);
  const view = new DataView(bytes.buffer);
  for (let vector = 0; vector < 256; vector++) {
    view.setUint16(4 * vector, offsets.get(handlerOf(vector))!, true);
    view.setUint16(4 * vector + 2, ROM_SEGMENT, true);
  }
  bytes.set(initialDataArea(), 0x400);
  return bytes;
}

const TEXT_SCREEN = { base: 0xb8000, cells: 0x4000, blank: 0x0720 } as const;

/** What lies in guest-physical memory when the BIOS hands over to a boot sector. */
export function biosMemory(): readonly { readonly gpa: number; readonly bytes: Uint8Array }[] {
  const { code, lowMemory } = rom();
  const cells = new Uint16Array(TEXT_SCREEN.cells).fill(TEXT_SCREEN.blank);
  return [
    { gpa: 0, bytes: lowMemory },
    { gpa: EBDA.base, bytes: Uint8Array.of(EBDA.bytes / 1024) },
    { gpa: TEXT_SCREEN.base, bytes: new Uint8Array(cells.buffer) },
    { gpa: ROM_SEGMENT * 16 + ROM_OFFSET, bytes: code },
  ];
}

function symbolsAt(offsets: ReadonlyMap<string, number>): readonly DebugSymbol[] {
  return [...offsets].map(([name, offset]) => ({
    name: `BIOS ${name}`,
    kind: "label",
    value: BigInt(ROM_SEGMENT * 16 + offset),
  }));
}

/** Labels of the BIOS at their linear addresses: "BIOS int_10h". */
export function biosSymbols(): readonly DebugSymbol[] {
  return rom().symbols;
}
