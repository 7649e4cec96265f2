/**
 * Hardware-recorded instruction sets in the MOO format (SingleStepTests' 80286 set): each case gives the processor before and after one instruction.
 * The sets are not part of this project: RINGSIDE_SINGLE_STEP_SETS names a folder of .MOO.gz files. RINGSIDE_CASES limits the cases of each file.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { decode } from "../../src/engine/codec/decode";
import { resetState } from "../../src/engine/cpu/systemState";
import type { SegmentIndex } from "../../src/engine/isa/registers";
import { bareProcessor, type BareProcessor } from "../support/bareProcessor";

const FOLDER = process.env.RINGSIDE_SINGLE_STEP_SETS;
const CASES = Number(process.env.RINGSIDE_CASES ?? Infinity);
const RAM = 17 << 20;
const NAMES = ["ax", "bx", "cx", "dx", "cs", "ss", "ds", "es", "sp", "bp", "si", "di", "ip", "flags"] as const; // prettier-ignore
type Name = (typeof NAMES)[number];
const GPRS: readonly (readonly [Name, number])[] = [["ax", 0], ["cx", 1], ["dx", 2], ["bx", 3], ["sp", 4], ["bp", 5], ["si", 6], ["di", 7]]; // prettier-ignore
const SEGMENTS: readonly (readonly [Name, SegmentIndex])[] = [["es", 0], ["cs", 1], ["ss", 2], ["ds", 3]]; // prettier-ignore
/** In real mode the 80286 has no IOPL and NT; later processors do. */
const FLAGS = 0x0fff;
const REPEATS = 130;

interface State {
  readonly registers: Readonly<Partial<Record<Name, number>>>;
  readonly ram: readonly (readonly [number, number])[];
}

interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly before: State;
  readonly after: State;
  /** Of the flags that an exception pushed. */
  readonly flagAddress: number | undefined;
  readonly exception: number | undefined;
}

/** Chunks of a tag and a length. */
function* chunks(data: Buffer, from: number, to: number): Generator<[string, Buffer]> {
  for (let at = from; at < to;) {
    const length = data.readUInt32LE(at + 4);
    yield [data.toString("latin1", at, at + 4), data.subarray(at + 8, at + 8 + length)];
    at += 8 + length;
  }
}

function readState(data: Buffer): State {
  const registers: Partial<Record<Name, number>> = {};
  const ram: [number, number][] = [];
  for (const [tag, part] of chunks(data, 0, data.length)) {
    if (tag === "REGS") {
      let at = 2;
      NAMES.forEach((name, bit) => {
        if (!(part.readUInt16LE(0) & (1 << bit))) return;
        registers[name] = part.readUInt16LE(at);
        at += 2;
      });
    }
    if (tag === "RAM ")
      for (let at = 4; at < part.length; at += 5) ram.push([part.readUInt32LE(at), part[at + 4]!]);
  }
  return { registers, ram };
}

function readCase(data: Buffer): Case {
  const parts = new Map(chunks(data, 4, data.length));
  const text = (tag: string): Buffer => parts.get(tag)!.subarray(4);
  return {
    name: text("NAME").toString("latin1"),
    bytes: text("BYTS"),
    before: readState(parts.get("INIT")!),
    after: readState(parts.get("FINA")!),
    flagAddress: parts.get("EXCP")?.readUInt32LE(1),
    exception: parts.get("EXCP")?.readUInt8(0),
  };
}

function* casesOf(file: string): Generator<Case> {
  const data = gunzipSync(readFileSync(file));
  const header = 8 + data.readUInt32LE(4);
  for (const [tag, part] of chunks(data, header, data.length))
    if (tag === "TEST") yield readCase(part);
}

function load({ cpu, executor }: BareProcessor, { before }: Case): void {
  cpu.system = resetState();
  for (const [name, index] of SEGMENTS) {
    const selector = before.registers[name]!;
    const old = cpu.system.segments[index]!;
    cpu.system.segments[index] = { ...old, selector, base: BigInt(selector * 16) };
  }
  for (const [name, number] of GPRS) cpu.registers[number] = BigInt(before.registers[name]!);
  cpu.rflags = before.registers.flags! & FLAGS;
  cpu.rip = BigInt(before.registers.ip!);
  for (const [address, byte] of before.ram) cpu.ram.write8(address, byte);
  executor.blocks.clear();
  cpu.refresh();
  cpu.translationChanged();
}

/** One instruction: of a repeated one all iterations. Gives the vector of the exception that it raised. */
function step({ cpu, executor }: BareProcessor, { bytes }: Case): number | undefined {
  let raised: number | undefined;
  cpu.observe = (event) => {
    if (event.kind === "exception") raised = event.vector;
  };
  const start = cpu.rip;
  const instruction = decode(bytes, 0, 16);
  const repeats = !("failure" in instruction) && instruction.repeat !== 0;
  const deliveries = cpu.deliveries;
  for (let i = 0; i < (repeats ? REPEATS : 1); i++) {
    executor.run(1);
    if (cpu.rip !== start || cpu.deliveries !== deliveries) break;
  }
  return raised;
}

const FLAG_BITS: Readonly<Record<string, number>> = { C: 1, P: 4, A: 0x10, Z: 0x40, S: 0x80, O: 0x800 }; // prettier-ignore

/** Flags that the manual leaves undefined for the instruction. */
function undefinedFlags(bytes: Uint8Array): number {
  const instruction = decode(bytes, 0, 16);
  if ("failure" in instruction) return 0;
  const letters = Array.from(instruction.form.flags.undefined);
  return letters.reduce((mask, letter) => mask | (FLAG_BITS[letter] ?? 0), 0);
}

const LOCK = 0xf0;
const PREFIXES = new Set([LOCK, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e]);
const LONGEST_286 = 10;
const POP = 0x8f;
const AAM = 0xd4;
/** INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS of words: bytes do not reach beyond the limit. */
const STRINGS = new Set([0x6d, 0x6f, 0xa5, 0xa7, 0xab, 0xad, 0xaf]);
const GP = 13;
const SS_FAULT = 12;

/** Why later processors do something else by design; undefined if they do not. */
function generation({ bytes, exception }: Case): string | undefined {
  const prefixes = bytes.findIndex((byte) => !PREFIXES.has(byte));
  const opcode = bytes[prefixes]!;
  if (bytes.subarray(0, prefixes).includes(LOCK)) return "LOCK is allowed before everything";
  if (bytes.length - 1 > LONGEST_286) return "an instruction has at most 10 bytes";
  if (opcode >= 0xd8 && opcode <= 0xdf) return "the coprocessor is absent otherwise";
  const fsOrGs = (bytes[prefixes + 1]! >> 3) & 7;
  if ((opcode === 0x8c || opcode === 0x8e) && fsOrGs > 3 && fsOrGs < 6) return "there is no FS or GS"; // prettier-ignore
  if (exception === GP && STRINGS.has(opcode)) return "a string access that faults has moved SI, DI and CX"; // prettier-ignore
  if (exception === GP && opcode === POP) return "a POP whose destination faults has moved SP";
  if (exception === 0 && opcode === AAM) return "AAM 0 has changed the flags";
  return undefined;
}

/** An access through SS beyond the limit is vector 13 on the 80286, and 12 since. */
function isOlderStackFault({ exception }: Case, raised: number | undefined): boolean {
  return exception === GP && raised === SS_FAULT;
}

/** What differs from the processor that was recorded; undefined if nothing. */
function difference(machine: BareProcessor, test: Case): string | undefined {
  const { cpu } = machine;
  const wanted = { ...test.before.registers, ...test.after.registers } as Record<Name, number>;
  const masked = FLAGS & ~undefinedFlags(test.bytes);
  const found: string[] = [];
  const compare = (name: string, got: number, want: number): void => {
    if (got !== want) found.push(`${name} ${got.toString(16)}, recorded ${want.toString(16)}`);
  };
  for (const [name, number] of GPRS) compare(name, Number(cpu.registers[number]! & 0xffffn), wanted[name]); // prettier-ignore
  for (const [name, index] of SEGMENTS) compare(name, cpu.segment(index).selector, wanted[name]);
  // The recording ends behind the HLT that follows.
  const halts = test.bytes.at(-2) === 0xf4 && test.bytes.length === 2;
  compare("ip", (Number(cpu.rip) + (halts ? 0 : 1)) & 0xffff, wanted.ip);
  compare("flags", cpu.rflags & masked, wanted.flags & masked);
  // An exception pushes flags that the instruction left undefined.
  const pushed = test.flagAddress === undefined ? -1 : (wanted.ss * 16 + wanted.sp + 4) & 0xfffff;
  for (const [address, byte] of test.after.ram)
    if (((address - pushed) & 0xfffff) > 1 || pushed < 0)
      compare(`[${address.toString(16)}]`, cpu.ram.read8(address), byte);
  return found.length > 0 ? found.join("; ") : undefined;
}

describe("hardware-recorded single steps", function () {
  this.timeout(600_000);
  if (FOLDER === undefined) {
    it("are compared if RINGSIDE_SINGLE_STEP_SETS names a folder of .MOO.gz files");
    return;
  }
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".MOO.gz"))) {
    it(file, () => {
      const machine = bareProcessor(16, RAM);
      const failures: string[] = [];
      const others = new Map<string, number>();
      const leaveOut = (reason: string): void => {
        others.set(reason, (others.get(reason) ?? 0) + 1);
      };
      let count = 0;
      for (const test of casesOf(join(FOLDER, file))) {
        if (count++ >= CASES) break;
        const reason = generation(test);
        if (reason !== undefined) {
          leaveOut(reason);
          continue;
        }
        load(machine, test);
        const raised = step(machine, test);
        if (isOlderStackFault(test, raised)) {
          leaveOut("a stack access beyond the limit is vector 13, not 12");
          continue;
        }
        const problem = difference(machine, test);
        if (problem !== undefined)
          failures.push(`${test.name} (${Buffer.from(test.bytes).toString("hex")}): ${problem}`);
      }
      for (const [reason, number] of others) console.log(`      ${number} left out: ${reason}`);
      assert.deepEqual(failures.slice(0, 3), [], `${failures.length} of ${count} differ`);
    });
  }
});
