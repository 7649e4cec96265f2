/** Random user-mode cases for the host's own processor: instructions of every row that can run there, with states that keep their memory operands in a window. */
import { Prng } from "../../src/engine/base/prng";
import type { Instruction, MemoryOperand } from "../../src/engine/codec/types";
import { CURRENT_MODEL } from "../../src/engine/cpu/cpuModel";
import { sampleInstructions, type Sample } from "../codec/samples";

export const CODE = 0x2000000;
export const DATA = 0x1000000;
export const WINDOW = DATA + 0x800;
export const WINDOW_BYTES = 128;
export const SNIPPET_BYTES = 32;

const RSP = 4;
/** Families that touch neither the stack, nor control flow, nor the system. CRC32 needs SSE4.2 on the host, MOVBE itself. */
const FAMILIES = new Set(
  (
    "add adc sub sbb cmp inc dec neg mul imul div idiv xadd cmpxchg cmpxchg8b cmpxchg16b and or xor not test clc stc cmc " +
    "mov movzx movsx movsxd lea xchg bswap movbe cmovcc setcc xlat cbw cwd shl shr sar rol ror rcl rcr shld shrd " +
    "bt bts btr btc bsf bsr popcnt lzcnt tzcnt movs stos lods cmps scas lahf sahf crc32"
  ).split(" "),
);
const STRINGS = new Set(["movs", "stos", "lods", "cmps", "scas"]);
const BIT_STRINGS = new Set(["bt", "bts", "btr", "btc"]);

/** One instruction with its bytes. */
export type Snippet = Sample;

export interface Case {
  readonly snippet: number;
  /** By number; RSP stays 0 and is not used. */
  readonly registers: BigUint64Array;
  readonly flags: number;
  readonly window: Uint8Array;
}

const memoryOf = (instruction: Instruction): MemoryOperand | undefined =>
  instruction.operands.find((op): op is MemoryOperand => op.kind === "mem");

function usable({ instruction }: Sample): boolean {
  const { form, operands } = instruction;
  if (form.semantics === undefined || !FAMILIES.has(form.semantics)) return false;
  if (form.feature !== undefined && !CURRENT_MODEL.features.has(form.feature)) return false;
  // FS and GS have bases of the host's own; segment registers and RSP too.
  if (instruction.segmentPrefix >= 4) return false;
  const touchesStack = operands.some((op) => op.kind === "reg" && !op.high && op.register === RSP);
  if (touchesStack) return false;
  const memory = memoryOf(instruction);
  if (!memory) return true;
  return isReachable(instruction, memory);
}

function isReachable(instruction: Instruction, memory: MemoryOperand): boolean {
  const { base, index, ripRelative } = memory;
  if (ripRelative || base === RSP || (base < 0 && index < 0)) return false;
  if (instruction.form.semantics !== "lea" && memory.size === 0) return false;
  if (instruction.form.semantics === "cmpxchg16b") return base >= 0 && base !== index;
  if (!BIT_STRINGS.has(instruction.form.semantics ?? "")) return true;
  // The bit offset moves the operand: it must not be part of the address.
  const offset = instruction.operands[1];
  return offset?.kind !== "reg" || (offset.register !== base && offset.register !== index);
}

export function snippets(perRow: number): Snippet[] {
  return sampleInstructions(64, perRow).filter(usable);
}

const EDGES = [0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, (1n << 63n) - 1n, (1n << 64n) - 1n]; // prettier-ignore

export class CaseMaker {
  private readonly random: Prng;

  constructor(seed: number) {
    this.random = new Prng(seed);
  }

  private below(limit: number): number {
    return (this.random.next32() >>> 3) % limit;
  }

  private value(): bigint {
    const low = BigInt(this.random.next32());
    const value = (BigInt(this.random.next32()) << 32n) | low;
    switch (this.below(4)) {
      case 0:
        return EDGES[this.below(EDGES.length)]!;
      case 1:
        return value >> BigInt(this.below(64));
      default:
        return value;
    }
  }

  make(snippet: number, instruction: Instruction): Case {
    const registers = BigUint64Array.from({ length: 16 }, () => this.value());
    registers[RSP] = 0n;
    const window = Uint8Array.from({ length: WINDOW_BYTES }, () => this.random.next32() >>> 11);
    const semantics = instruction.form.semantics ?? "";
    const test: Case = { snippet, registers, flags: this.flags(semantics), window };
    this.prepareDivision(semantics, test);
    if (STRINGS.has(semantics)) this.prepareString(test, instruction);
    if (semantics === "xlat") {
      const narrow = instruction.addressSize === 32;
      registers[3] = (narrow ? (registers[3]! >> 32n) << 32n : 0n) | BigInt(DATA + 0x700);
    }
    const memory = memoryOf(instruction);
    if (memory && !STRINGS.has(semantics) && semantics !== "xlat")
      this.prepareMemory(test, instruction, memory);
    if (semantics.startsWith("cmpxchg")) this.prepareCompare(test, instruction);
    return test;
  }

  private flags(semantics: string): number {
    const direction = STRINGS.has(semantics) && this.below(2) === 1 ? 0x400 : 0;
    return (this.random.next32() & 0x8d5) | direction | 0x202;
  }

  /** Most random dividends overflow: half of the cases get a small upper half. */
  private prepareDivision(semantics: string, { registers }: Case): void {
    if (semantics !== "div" && semantics !== "idiv") return;
    const choice = this.below(4);
    if (choice === 0) registers[2] = 0n;
    if (choice === 1) registers[2] = BigInt.asUintN(64, BigInt.asIntN(64, registers[0]!) >> 63n);
    if (choice === 2) registers[0] = registers[0]! & 0xffn;
  }

  private prepareString({ registers }: Case, { repeat, addressSize }: Instruction): void {
    const high = addressSize === 32 ? 0xabcd0000_00000000n : 0n;
    registers[6] = high | BigInt(WINDOW + 48 + this.below(24));
    registers[7] = high | BigInt(WINDOW + 48 + this.below(24));
    if (repeat !== 0) registers[1] = high | BigInt(this.below(5));
  }

  /** Chooses base and index so that the operand lies in the window; 32-bit addresses may have anything above. */
  private prepareMemory(
    { registers }: Case,
    instruction: Instruction,
    memory: MemoryOperand,
  ): void {
    const { base, index, scale } = memory;
    const isBitString = BIT_STRINGS.has(instruction.form.semantics ?? "");
    const offset = instruction.operands[1];
    if (isBitString && offset?.kind === "reg")
      registers[offset.register] = BigInt.asUintN(64, BigInt(this.below(256) - 128));
    let target = BigInt(WINDOW + 32 + this.below(48));
    if (instruction.form.semantics === "cmpxchg16b") target &= ~15n;
    const displacement = BigInt(memory.displacement);
    if (base >= 0 && index >= 0 && base !== index) {
      registers[base] = target - displacement - registers[index]! * BigInt(scale);
    } else {
      const factor = BigInt((base >= 0 ? 1 : 0) + (index >= 0 ? scale : 0));
      registers[base >= 0 ? base : index] = (target - displacement) / factor;
    }
    if (memory.addressSize !== 32) return;
    const register = base >= 0 ? base : index;
    if (base < 0 || base === index) registers[register] = BigInt.asUintN(32, registers[register]!);
  }

  /** Equal and unequal about half and half; the width that counts is the operand's. */
  private prepareCompare(test: Case, instruction: Instruction): void {
    if (this.below(2) === 0) return;
    const [destination] = instruction.operands;
    const { registers, window } = test;
    const view = new DataView(window.buffer);
    if (destination?.kind === "reg" && !destination.high && destination.register !== 0)
      registers[0] = registers[destination.register]!;
    if (destination?.kind !== "mem") return;
    const at = Number(addressOf(destination, registers)) - WINDOW;
    const inAddress = [destination.base, destination.index].some(
      (register) => register === 0 || register === 2,
    );
    if (inAddress || at < 0 || at > 96) return;
    registers[0] = view.getBigUint64(at, true);
    if (instruction.form.semantics === "cmpxchg8b") registers[2] = registers[0] >> 32n;
    if (instruction.form.semantics === "cmpxchg16b") registers[2] = view.getBigUint64(at + 8, true);
  }
}

/** Effective address. */
export function addressOf(memory: MemoryOperand, registers: BigUint64Array): bigint {
  const base = memory.base >= 0 ? registers[memory.base]! : 0n;
  const index = memory.index >= 0 ? registers[memory.index]! * BigInt(memory.scale) : 0n;
  return BigInt.asUintN(memory.addressSize, base + index + BigInt(memory.displacement));
}
