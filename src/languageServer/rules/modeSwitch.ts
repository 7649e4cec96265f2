/**
 * What must happen around setting CR0.PE: MODE3 LGDT, MODE4 interrupts off, MODE5 data segments, MODE12 the A20 line. SDM Vol. 3A, "Switching
 * to Protected Mode".
 */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { modeSwitchesOf, type ModeSwitch } from "../knowledge/modeSwitches";
import { addressOf, bitsBefore, knownValue, secondByte } from "../knowledge/registerBits";
import { immediateOf } from "../knowledge/registerFlow";
import { isWholeProgram, systemWritesOf } from "../knowledge/systemWrites";
import { loadsAt7c00 } from "./bootSector";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

function finding(code: string, statement: Statement, message: string): Finding {
  return withCall({ code, severity: "warning", message, range: statement.range }, statement);
}

function withoutTable({ analysis }: RuleContext): Finding[] {
  const jumps = modeSwitchesOf(analysis).flatMap(({ jump }) => jump ?? []);
  if (jumps.length === 0 || !isWholeProgram(analysis)) return [];
  if (systemWritesOf(analysis).has("lgdt")) return [];
  return jumps.map(
    (jump) =>
    finding("MODE3", analysis.model.statements[jump]!, "This far jump takes its selector from the GDT, and nothing in this program runs LGDT: the processor reads a descriptor from wherever GDTR points (#GP, then a triple fault)."), // prettier-ignore
  );
}

export const jumpWithoutTable: Rule = {
  id: "MODE3",
  title: "Protected mode without LGDT",
  run: withoutTable,
};

const FLAG_WRITERS = ["cli", "popf", "popfd", "popfw", "iret", "iretw", "iretd"];
const NEAR = 16;

/** The STI that is the last thing to happen to IF in straight-line code. */
function stiBefore(analysis: Analysis, at: number): Statement | undefined {
  const { statements } = analysis.model;
  for (let i = at - 1; i >= 0 && i >= at - NEAR; i--) {
    const { form, label } = statements[i]!;
    if (form?.mnemonic === "sti") return statements[i];
    if (label !== undefined || /^(cli|popf|call|ret|iret|jmp|hlt)/.test(form?.mnemonic ?? ""))
      return undefined;
  }
  return undefined;
}

function interruptsOn({ analysis }: RuleContext): Finding[] {
  const switches = modeSwitchesOf(analysis);
  if (switches.length === 0) return [];
  const never =
    isWholeProgram(analysis) &&
    // Code at the reset vector and behind a SIPI starts with interrupts off; a boot sector is neither.
    loadsAt7c00(analysis) &&
    !systemWritesOf(analysis).has(...FLAG_WRITERS);
  return switches.flatMap(({ at }) => {
    const statement = analysis.model.statements[at]!;
    const sti = stiBefore(analysis, at);
    if (sti === undefined && !never) return [];
    const why = sti === undefined ? "nothing in this program runs CLI" : "STI comes right before";
    const found = finding("MODE4", statement, `Interrupts are on while CR0.PE is set (${why}): the next timer tick goes through the real-mode vectors as if they were gates, and ends in a triple fault. Put CLI before the switch.`); // prettier-ignore
    const insert = { ...statement.range, endLine: statement.range.line, endColumn: statement.range.column }; // prettier-ignore
    const fix = { title: "Insert CLI", edits: [{ range: insert, newText: "cli\n        " }] };
    return [{ ...found, fixes: [fix] }];
  });
}

export const interruptsAtSwitch: Rule = {
  id: "MODE4",
  title: "Interrupts on while protected mode is entered",
  run: interruptsOn,
};

const [ES, CS, SS, DS] = [0, 1, 2, 3] as const;
const SEGMENT_NAMES = ["ES", "CS", "SS", "DS", "FS", "GS"];
const LOOKED_AT = 24;

/** Segment register that a statement loads. */
function loadedSegment({ form, operands }: Statement): number | undefined {
  const target = operands[0]?.value;
  if (form?.semantics === "mov_to_sreg" || form?.semantics === "pop_sreg")
    return target?.kind === "reg" && target.register.class === "sreg"
      ? target.register.number
      : undefined;
  return form?.mnemonic === "lss" ? SS : undefined;
}

function usesStack(mnemonic: string): boolean {
  return /^(push|pop|call|ret|int$|int[13]|iret|enter|leave)/.test(mnemonic);
}

/** The segment registers that an instruction reads or writes memory through. */
function segmentsUsed({ form, operands }: Statement): number[] {
  if (form === undefined || form.mnemonic === "lea") return [];
  const used: number[] = usesStack(form.mnemonic) ? [SS] : [];
  operands.forEach(({ value }, i) => {
    if (value?.kind !== "mem" || form.operands[i]?.access === "n") return;
    const base = value.base?.class === "gpr" ? value.base.number : -1;
    used.push(value.segment ?? (base === 4 || base === 5 ? SS : DS));
  });
  if (form.operands.some(({ kind }) => kind.startsWith("strdi"))) used.push(ES);
  if (form.operands.some(({ kind }) => kind.startsWith("strsi"))) used.push(DS);
  return used;
}

/** Segments that were loaded between setting PE and the jump hold protected-mode descriptors already. */
function loadedBefore(analysis: Analysis, { at, jump }: ModeSwitch): Set<number> {
  const between = analysis.model.statements.slice(at + 1, jump);
  return new Set([CS, ...between.flatMap((each) => loadedSegment(each) ?? [])]);
}

function staleUse(analysis: Analysis, change: ModeSwitch): Finding[] {
  if (change.target === undefined) return [];
  const { statements } = analysis.model;
  if (statements[change.target]!.bits !== 32) return [];
  const loaded = loadedBefore(analysis, change);
  for (let i = change.target; i < change.target + LOOKED_AT && i < statements.length; i++) {
    const statement = statements[i]!;
    if (statement.kind === "directive" || statement.kind === "label") continue;
    const segment = loadedSegment(statement);
    const stale = segmentsUsed(statement).find((each) => !loaded.has(each));
    // FS and GS are seldom loaded, and SS is told apart: a stack that goes on in the old segment works as long as it stays small.
    if (stale === DS || stale === ES || stale === SS)
      return [
        finding("MODE5", statement, `${SEGMENT_NAMES[stale] ?? ""} still has its real-mode base and its 64 KiB limit here: load it with a data selector first.`), // prettier-ignore
      ];
    if (segment !== undefined) loaded.add(segment);
    if (statement.form === undefined || /^(j|call|ret|loop|hlt|int)/.test(statement.form.mnemonic))
      return [];
  }
  return [];
}

export const staleSegments: Rule = {
  id: "MODE5",
  title: "Data segments not reloaded in protected mode",
  run: ({ analysis }) => modeSwitchesOf(analysis).flatMap((each) => staleUse(analysis, each)),
};

const [AX, DX] = [0, 2] as const;
const A20_PORTS: ReadonlySet<bigint> = new Set([0x92n, 0x64n, 0x60n, 0xeen]);

/** The port of an OUT or IN; undefined where it is not known. */
function portOf(analysis: Analysis, index: number): bigint | undefined {
  const { form, operands } = analysis.model.statements[index]!;
  const operand = operands[form?.mnemonic === "out" ? 0 : 1]?.value;
  return immediateOf(operand) ?? knownValue(bitsBefore(analysis, index, DX), 16);
}

/** Anything that may open A20: its ports, ports that are not known, INT 15h with AH = 24h or not known. */
function mayOpenA20(analysis: Analysis): boolean {
  const writes = systemWritesOf(analysis);
  const ports = writes.indicesOf("in", "out").map((index) => portOf(analysis, index));
  if (ports.some((port) => port === undefined || A20_PORTS.has(port))) return true;
  return writes.indicesOf("int").some((index) => {
    if (immediateOf(analysis.model.statements[index]!.operands[0]?.value) !== 0x15n) return false;
    const service = knownValue(secondByte(bitsBefore(analysis, index, AX)), 8);
    return service === undefined || service === 0x24n;
  });
}

/** The constant address that 32-bit code stores to or jumps to, where bit 20 is 1. */
function oddMegabyte(analysis: Analysis, index: number): number | undefined {
  const { form, operands, bits } = analysis.model.statements[index]!;
  if (bits !== 32 || form === undefined) return undefined;
  const stored = form.operands[0]?.access === "w" ? addressOf(operands[0]?.value) : undefined;
  const { kind, address = 0 } = controlFlowOf(analysis).transfers[index]!;
  const jumped = kind === "jump" || kind === "call" || kind === "far-jump" ? address : 0;
  const target = stored === undefined ? jumped : Number(BigInt.asUintN(32, stored));
  return target >= 0x100000 && (target & 0x100000) !== 0 && target < 0x80000000
    ? target
    : undefined;
}

function closedGate({ analysis }: RuleContext): Finding[] {
  if (modeSwitchesOf(analysis).length === 0 || !loadsAt7c00(analysis)) return [];
  if (!isWholeProgram(analysis) || mayOpenA20(analysis)) return [];
  for (let index = 0; index < analysis.model.statements.length; index++) {
    const target = oddMegabyte(analysis, index);
    if (target === undefined) continue;
    const wrapped = (target & ~0x100000).toString(16);
    return [
      finding("MODE12", analysis.model.statements[index]!, `Nothing in this boot program opens the A20 line: where firmware leaves it closed, 0x${target.toString(16)} means 0x${wrapped}. Use INT 15h AX=2401h or port 0x92 first.`), // prettier-ignore
    ];
  }
  return [];
}

export const closedA20: Rule = { id: "MODE12", title: "A20 line not opened", run: closedGate };
