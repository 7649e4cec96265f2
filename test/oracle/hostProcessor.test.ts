import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInstalled } from "../../scripts/oracle/buildImage.mjs";
import { format } from "../../src/engine/codec/format";
import type { Instruction } from "../../src/engine/codec/types";
import { ACTIVITY } from "../../src/engine/cpu/systemState";
import { bareProcessor, type BareProcessor } from "../support/bareProcessor";
import {
  CaseMaker,
  CODE,
  DATA,
  SNIPPET_BYTES,
  snippets,
  WINDOW,
  WINDOW_BYTES,
  type Case,
  type Snippet,
} from "./hostCases";

const PER_ROW = 6;
const CASES_PER_SNIPPET = 40;
const RAM_BYTES = 0x2400000;
const RET = 0xc3;
const REQUEST_BYTES = 8 + 17 * 8 + WINDOW_BYTES;
const SIGNALS: Readonly<Record<number, string>> = { 0: "none", 4: "#UD", 8: "#DE", 11: "#GP" };
const VECTORS: Readonly<Record<number, string>> = { 0: "#DE", 6: "#UD", 13: "#GP", 14: "#GP" };

interface Outcome {
  readonly fault: string;
  readonly registers: readonly bigint[];
  readonly flags: number;
  readonly window: string;
}

function encodeRequests(code: readonly Snippet[], cases: readonly Case[]): Buffer {
  const file = Buffer.alloc(8 + code.length * SNIPPET_BYTES + cases.length * REQUEST_BYTES);
  file.writeUInt32LE(code.length, 0);
  file.writeUInt32LE(cases.length, 4);
  code.forEach(({ bytes }, i) => file.set([...bytes, RET], 8 + i * SNIPPET_BYTES));
  let at = 8 + code.length * SNIPPET_BYTES;
  for (const { snippet, registers, flags, window } of cases) {
    file.writeBigUInt64LE(BigInt(snippet), at);
    registers.forEach((value, i) => file.writeBigUInt64LE(value, at + 8 + 8 * i));
    file.writeBigUInt64LE(BigInt(flags), at + 8 + 128);
    file.set(window, at + 8 + 136);
    at += REQUEST_BYTES;
  }
  return file;
}

function runNatively(code: readonly Snippet[], cases: readonly Case[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "hostProcessor"));
  try {
    const program = join(folder, "hostRunner");
    const source = join(import.meta.dirname, "hostRunner.c");
    execFileSync("gcc", ["-O1", "-o", program, source]);
    writeFileSync(join(folder, "requests"), encodeRequests(code, cases));
    execFileSync(program, [join(folder, "requests"), join(folder, "answers")]);
    return readFileSync(join(folder, "answers"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function nativeOutcome(answers: Buffer, i: number): Outcome {
  const at = i * REQUEST_BYTES;
  const signal = Number(answers.readBigUInt64LE(at));
  return {
    fault: SIGNALS[signal] ?? `signal ${signal}`,
    registers: Array.from({ length: 16 }, (_, r) => answers.readBigUInt64LE(at + 8 + 8 * r)),
    flags: Number(answers.readBigUInt64LE(at + 8 + 128)),
    window: answers.toString("hex", at + 8 + 136, at + REQUEST_BYTES),
  };
}

/** Runs cases on the simulated processor. */
class Simulation {
  private readonly machine: BareProcessor = bareProcessor(64, RAM_BYTES);
  private fault = "none";

  constructor(code: readonly Snippet[]) {
    const { cpu } = this.machine;
    code.forEach(({ bytes }, i) => {
      cpu.ram.writeBytes(CODE + i * SNIPPET_BYTES, Uint8Array.from([...bytes, RET]));
    });
    cpu.ram.writeBytes(
      DATA,
      Uint8Array.from({ length: 4096 }, (_, i) => i * 37 + 11),
    );
    cpu.observe = (event) => {
      if (event.kind === "exception" && this.fault === "none")
        this.fault = VECTORS[event.vector] ?? `vector ${event.vector}`;
    };
  }

  run(test: Case, { length }: Instruction): Outcome {
    const { cpu, executor } = this.machine;
    const start = BigInt(CODE + test.snippet * SNIPPET_BYTES);
    cpu.ram.writeBytes(WINDOW, test.window);
    for (let i = 0; i < 16; i++) cpu.registers[i] = test.registers[i]!;
    cpu.rflags = test.flags;
    cpu.rip = start;
    this.fault = "none";
    for (let step = 0; step < 8 && cpu.rip === start && this.fault === "none"; step++)
      executor.run(1);
    cpu.system.activity = ACTIVITY.active;
    if (this.fault === "none") assert.equal(cpu.rip, start + BigInt(length));
    return {
      fault: this.fault,
      registers: Array.from(cpu.registers.subarray(0, 16)),
      flags: cpu.rflags,
      window: Buffer.from(cpu.ram.readBytes(WINDOW, WINDOW_BYTES)).toString("hex"),
    };
  }
}

const FLAG_BITS: Readonly<Record<string, number>> = { C: 1, P: 4, A: 0x10, Z: 0x40, S: 0x80, D: 0x400, O: 0x800 }; // prettier-ignore
const SHIFTS = new Set(["shl", "shr", "sar", "rol", "ror", "rcl", "rcr", "shld", "shrd"]);

/** The last operand of a shift, as the processor masks it. */
function shiftCount({ operands, operandSize, form }: Instruction, { registers }: Case): number {
  const last = operands.at(-1);
  const mask = form.encoding.operandSize === 64 || operandSize === 64 ? 63 : 31;
  if (last?.kind === "imm") return last.value & mask;
  return Number(registers[1]! & BigInt(mask));
}

/** Flags that the manual leaves undefined for this very case. */
function undefinedFlags(instruction: Instruction, test: Case): number {
  const { form, operands } = instruction;
  let mask = 0;
  for (const letter of form.flags.undefined) mask |= FLAG_BITS[letter] ?? 0;
  if (!SHIFTS.has(form.semantics ?? "")) return mask;
  const count = shiftCount(instruction, test);
  if (count === 0) return 0;
  const [target] = operands;
  const size = target && "size" in target ? target.size : 64;
  if (count > 1) mask |= FLAG_BITS.O!;
  if (!form.semantics!.startsWith("r") && count >= size) mask |= FLAG_BITS.C!;
  // A double shift by more than the operand's width leaves everything undefined.
  if (form.semantics!.length === 4 && count > size) mask |= 0x8d5;
  return mask;
}

/** Where the result itself is undefined and processors differ. */
function resultIsUndefined(instruction: Instruction, test: Case): boolean {
  const { semantics } = instruction.form;
  const [target] = instruction.operands;
  const size = target && "size" in target ? target.size : 64;
  if (semantics === "bswap") return size === 16;
  if (semantics === "shld" || semantics === "shrd") return shiftCount(instruction, test) > size;
  return false;
}

function difference(ours: Outcome, host: Outcome, ignored: number): string | undefined {
  if (ours.fault !== host.fault) return `fault ${ours.fault}, host ${host.fault}`;
  if (ours.fault !== "none") return undefined;
  for (let i = 0; i < 16; i++) {
    if (i !== 4 && ours.registers[i] !== host.registers[i])
      return `r${i} 0x${ours.registers[i]!.toString(16)}, host 0x${host.registers[i]!.toString(16)}`;
  }
  const mask = 0xcd5 & ~ignored;
  if ((ours.flags ^ host.flags) & mask)
    return `flags 0x${(ours.flags & mask).toString(16)}, host 0x${(host.flags & mask).toString(16)}`;
  return ours.window === host.window ? undefined : "memory differs";
}

describe("the host's own processor", function () {
  this.timeout(120_000);
  const missing =
    process.arch !== "x64" || process.platform !== "linux"
      ? "not x86-64 Linux"
      : isInstalled("gcc")
        ? undefined
        : "gcc is not here";
  if (missing !== undefined) {
    it.skip(`gives the same results and flags (${missing})`);
    return;
  }

  it("gives the same results and flags for random integer instructions", () => {
    const seed = Number(process.env.RINGSIDE_SEED ?? (Date.now() >>> 0 || 1));
    const code = snippets(PER_ROW);
    const maker = new CaseMaker(seed);
    const cases = code.flatMap(({ instruction }, i) =>
      Array.from({ length: CASES_PER_SNIPPET }, () => maker.make(i, instruction)),
    );
    process.stdout.write(`      seed ${seed}: ${code.length} encodings, ${cases.length} cases\n`);
    const answers = runNatively(code, cases);
    const simulation = new Simulation(code);
    const problems = new Map<string, string>();
    cases.forEach((test, i) => {
      const { instruction } = code[test.snippet]!;
      const ours = simulation.run(test, instruction);
      if (resultIsUndefined(instruction, test)) return;
      const ignored = undefinedFlags(instruction, test);
      const found = difference(ours, nativeOutcome(answers, i), ignored);
      if (found === undefined || problems.has(instruction.form.id)) return;
      const text = format(instruction, BigInt(CODE));
      const before = [...test.registers].map((value) => value.toString(16)).join(" ");
      problems.set(
        instruction.form.id,
        `${instruction.form.id}: ${text}: ${found}\n    before: flags ${test.flags.toString(16)} ${before}`,
      );
    });
    assert.equal(problems.size, 0, `seed ${seed}\n${[...problems.values()].join("\n")}`);
  });
});
