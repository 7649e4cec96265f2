/** Instructions that have been decoded, by their bytes: code repeats itself, and decoding takes longer than finding. One object stands for all of the same bytes. */
import type { Instruction } from "../codec/types";
import type { Bits } from "../isa/types";

/** Then all are forgotten. */
const MAX_KNOWN = 0x8000;
/** Instructions that begin alike. */
const MAX_ALIKE = 16;

interface Known {
  readonly bytes: Uint8Array;
  readonly instruction: Instruction;
}

function begins(code: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (code[at + i] !== bytes[i]) return false;
  return true;
}

/** What instructions that begin alike have in common: code size and up to three bytes. */
function keyOf(code: Uint8Array, at: number, available: number, bits: Bits): number {
  const second = available > 1 ? code[at + 1]! : 0;
  const third = available > 2 ? code[at + 2]! : 0;
  return (bits << 24) | (third << 16) | (second << 8) | code[at]!;
}

export class InstructionMemo {
  private readonly known = new Map<number, Known[]>();
  private count = 0;

  /** The instruction that the bytes at `at` begin with, if it has been kept; at least one byte must be available. */
  find(code: Uint8Array, at: number, available: number, bits: Bits): Instruction | undefined {
    const alike = this.known.get(keyOf(code, at, available, bits));
    if (!alike) return undefined;
    for (const { bytes, instruction } of alike)
      if (bytes.length <= available && begins(code, at, bytes)) return instruction;
    return undefined;
  }

  keep(code: Uint8Array, at: number, available: number, instruction: Instruction): void {
    if (this.count === MAX_KNOWN) this.clear();
    const key = keyOf(code, at, available, instruction.bits);
    let alike = this.known.get(key);
    if (!alike) this.known.set(key, (alike = []));
    if (alike.length === MAX_ALIKE) {
      alike.shift();
      this.count--;
    }
    alike.push({ bytes: code.slice(at, at + instruction.length), instruction });
    this.count++;
  }

  clear(): void {
    this.known.clear();
    this.count = 0;
  }
}
