/** Machine code as the debugger shows it: decoded in the right mode, with labels in the text. */
import type { AddressSpace, Debuggee } from "../../engine/index";
import { decode, format } from "../../engine/language";
import type { Bits, DecodedOperand, Instruction } from "../../engine/language";
import { symbolText } from "../sources/program";
import type { Program } from "../sources/program";

export interface CodeRow {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** False: not an instruction, or not readable. */
  readonly valid: boolean;
}

/** Longest instruction. SDM Vol. 2A, "Instruction Prefixes". */
const MAX_LENGTH = 15;
/** A CALL has 2 to 7 bytes in practice (up to 3 prefixes more are not tried). */
const CALL_LENGTHS = [5, 2, 3, 6, 7, 4] as const;
/** Data is shown in rows of at most so many bytes. */
const DATA_ROW_BYTES = 8;

export class CodeReader {
  constructor(
    private readonly debuggee: Debuggee,
    private readonly program: Program,
    private readonly space: AddressSpace = "gva",
  ) {}

  /** The readable bytes at an address. */
  bytesAt(address: bigint, length: number): Uint8Array {
    return this.debuggee.readMemory(this.space, address, length);
  }

  /** Code size at an address: what it was assembled for; what the processor does at its own instruction and where nothing is known. */
  bitsAt(address: bigint): Bits {
    const view = this.debuggee.vcpu();
    const current = BigInt.asUintN(64, view.segments.cs.base + (view.registers.rip ?? 0n));
    if (address === current && this.space === "gva") return view.bits;
    const entry = this.program.entryAt(address);
    return (entry?.kind === "code" ? entry.bits : undefined) ?? view.bits;
  }

  /** The instruction at an address, or undefined. */
  instructionAt(address: bigint, bits = this.bitsAt(address)): Instruction | undefined {
    const bytes = this.bytesAt(address, MAX_LENGTH);
    const result = decode(bytes, 0, bits);
    return "failure" in result ? undefined : result;
  }

  /** Text of the instruction at an address, or undefined. */
  textAt(address: bigint): string | undefined {
    const instruction = this.instructionAt(address);
    return instruction && this.format(instruction, address);
  }

  /** One row: an instruction, a piece of data, or a byte that is neither. */
  row(address: bigint): CodeRow {
    const data = this.program.dataLeft(address);
    if (data !== undefined) return this.dataRow(address, Math.min(DATA_ROW_BYTES, Number(data)));
    const bytes = this.bytesAt(address, MAX_LENGTH);
    if (bytes.length === 0) return unreadable(address);
    const result = decode(bytes, 0, this.bitsAt(address));
    if ("failure" in result) return { ...this.dataRow(address, 1), valid: false };
    const text = this.format(result, address);
    return { address, bytes: bytes.subarray(0, result.length), text, valid: true };
  }

  /** A CALL that ends at `address`, with its target when direct. */
  callEndingAt(address: bigint, bits: Bits): { readonly target: bigint | undefined } | undefined {
    for (const start of this.callStarts(address, bits)) {
      const instruction = this.instructionAt(start, bits);
      if (instruction?.form.mnemonic !== "call") continue;
      if (start + BigInt(instruction.length) !== address) continue;
      return { target: directTarget(instruction.operands[0], address, bits) };
    }
    return undefined;
  }

  private *callStarts(address: bigint, bits: Bits): Generator<bigint, undefined> {
    const [nearest] = this.program.startsBefore(address);
    const isNext = nearest && nearest.address + BigInt(nearest.entry.length) >= address;
    if (isNext && nearest.entry.kind === "code") {
      const last = this.lastBefore(address, nearest.address, bits);
      if (last !== undefined) yield last;
      return;
    }
    for (const length of CALL_LENGTHS) yield BigInt.asUintN(64, address - BigInt(length));
  }

  /** The instruction that ends at `address`, decoding from a known start. */
  private lastBefore(address: bigint, start: bigint, bits: Bits): bigint | undefined {
    let at = start;
    for (;;) {
      const length = this.instructionAt(at, bits)?.length;
      if (length === undefined) return undefined;
      if (at + BigInt(length) >= address) return at;
      at += BigInt(length);
    }
  }

  private dataRow(address: bigint, length: number): CodeRow {
    const bytes = this.bytesAt(address, Math.max(1, length));
    if (bytes.length === 0) return unreadable(address);
    const values = Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, "0")}`);
    return { address, bytes, text: `db ${values.join(", ")}`, valid: true };
  }

  private format(instruction: Instruction, address: bigint): string {
    return format(instruction, address, (target) => symbolText(this.program.nameAt(target)));
  }
}

function unreadable(address: bigint): CodeRow {
  return { address, bytes: new Uint8Array(0), text: "(unreadable)", valid: false };
}

function directTarget(
  operand: DecodedOperand | undefined,
  next: bigint,
  bits: Bits,
): bigint | undefined {
  if (operand?.kind !== "rel") return undefined;
  return BigInt.asUintN(bits === 64 ? 64 : 32, next + BigInt(operand.displacement));
}
