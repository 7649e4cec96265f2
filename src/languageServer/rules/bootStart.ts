/** FLOW14, FLOW15, FLOW16, FLOW19: what a boot sector must not rely on. */
import type { AsmOperand, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { bootEntry } from "../knowledge/bootProgram";
import { byteBefore } from "../knowledge/constants";
import { controlFlowOf } from "../knowledge/controlFlow";
import { functionsOf } from "../knowledge/functions";
import { followPaths } from "../knowledge/paths";
import { gprOf, immediateOf, wholeRegister, writesRegister } from "../knowledge/registerFlow";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

const [A, D, SP, BP] = [0, 2, 4, 5] as const;
const [SS, DS] = [2, 3] as const;
const DISK = 0x13;

function serviceVector({ form, operands }: Statement): number | undefined {
  return form?.mnemonic === "int" ? Number(immediateOf(operands[0]?.value) ?? -1n) : undefined;
}

/** Whether a statement keeps DL somewhere. */
function savesDrive({ form, operands }: Statement): boolean {
  const mnemonic = form?.mnemonic ?? "";
  if (/^(pusha|xchg)/.test(mnemonic)) return true;
  const source = gprOf((mnemonic === "push" ? operands[0] : operands[1])?.value);
  return /^(mov|push|movzx|or|add)$/.test(mnemonic) && source?.number === D && !source.high;
}

/** Whether a statement changes DL; a BIOS service does so only where it returns something in DX. */
function losesDrive(analysis: Analysis, index: number): boolean {
  const statement = analysis.model.statements[index]!;
  const vector = serviceVector(statement);
  if (vector === 0x10) return byteBefore(analysis, index, A, "high") === 0x03;
  if (vector !== undefined) return false;
  const target = gprOf(statement.operands[0]?.value);
  if (target?.number === D && target.size === 8 && target.high) return false;
  return writesRegister(statement, D) === true;
}

function lostDrive(analysis: Analysis): Finding[] {
  const entry = bootEntry(analysis);
  if (entry === undefined) return [];
  const functions = functionsOf(analysis);
  const { statements } = analysis.model;
  const found: Finding[] = [];
  followPaths<number>(entry, -1, String, (index, lostAt) => {
    const statement = statements[index]!;
    if (savesDrive(statement)) return { next: [] };
    if (serviceVector(statement) === DISK) {
      if (lostAt >= 0) found.push(driveFinding(statements[lostAt]!, statement));
      return { next: [] };
    }
    const { kind, target } = functions.flow.transfers[index]!;
    // What a callee keeps or changes is not followed.
    if (kind === "call" && (target === undefined || touchesDrive(analysis, target)))
      return { next: [] };
    const state = losesDrive(analysis, index) ? index : lostAt;
    return { next: functions.successors(index).map((next) => [next, state]) };
  });
  return found.slice(0, 1);
}

function touchesDrive(analysis: Analysis, entry: number): boolean {
  return [...functionsOf(analysis).withCallees(entry)].some((index) => {
    const statement = analysis.model.statements[index]!;
    return (
      savesDrive(statement) || losesDrive(analysis, index) || serviceVector(statement) === DISK
    );
  });
}

function driveFinding(lost: Statement, disk: Statement): Finding {
  const value = immediateOf(lost.operands[1]?.value);
  const isFixed =
    lost.form?.mnemonic === "mov" &&
    value !== undefined &&
    wholeRegister(lost.operands[0]?.value) === D;
  const drive = `0x${(Number(value ?? 0n) & 0xff).toString(16).padStart(2, "0")}`;
  return {
    code: "FLOW14",
    severity: isFixed ? "information" : "warning",
    message: isFixed
      ? `This sector always reads drive ${drive}, also when the BIOS started it from another one: the boot drive is in DL at the start.`
      : "DL holds the boot drive at the start; it is overwritten here before the first INT 13h, and nothing has saved it.",
    range: lost.range,
    related: [{ message: "the drive is used here", range: disk.range }],
  };
}

export const bootDrive = addressRule("FLOW14", "Boot drive in DL lost", lostDrive);

function loadsSegment({ form, operands }: Statement, segment: number): boolean {
  const target = operands[0]?.value;
  const { mnemonic } = form ?? {};
  if (mnemonic === (segment === SS ? "lss" : "lds")) return true;
  if (mnemonic !== "mov" && mnemonic !== "pop") return false;
  return (
    target?.kind === "reg" && target.register.class === "sreg" && target.register.number === segment
  );
}

function loadsStackPointer(statement: Statement): boolean {
  const target = gprOf(statement.operands[0]?.value);
  const isWrite = /^(mov|lea|xor|sub|add|and)$/.test(statement.form?.mnemonic ?? "");
  return (
    statement.form?.mnemonic === "lss" || (isWrite && target?.number === SP && target.size > 8)
  );
}

function isThroughDs(operand: AsmOperand | undefined): boolean {
  if (operand?.kind !== "mem" || operand.segment !== undefined) return false;
  if (operand.base?.class === "gpr" && (operand.base.number === BP || operand.base.number === SP))
    return false;
  return operand.displacementIsAddress;
}

function readsThroughDs(statement: Statement): boolean {
  const { form, operands, prefixes } = statement;
  if (form === undefined || form.mnemonic === "lea") return false;
  if (/^(lods|movs|outs)[bwd]$/.test(form.mnemonic))
    return prefixes.every(({ text }) => !/^[cdefgs]s$/i.test(text));
  return operands.some(({ value }) => isThroughDs(value));
}

function usesStack(statement: Statement): boolean {
  return /^(push|pusha|pushad|pushf|call|enter)$/.test(statement.form?.mnemonic ?? "");
}

/** The first statement on a way from the start that uses a segment before anything has loaded it. */
function firstUse(
  analysis: Analysis,
  entry: number,
  isUse: (statement: Statement) => boolean,
  isSet: (statement: Statement) => boolean,
): Statement | undefined {
  const functions = functionsOf(analysis);
  const { statements } = analysis.model;
  let first: Statement | undefined;
  followPaths<string>(entry, "unset", String, (index, state) => {
    const statement = statements[index]!;
    if (first !== undefined || isSet(statement)) return { next: [] };
    if (isUse(statement)) {
      first = statement;
      return { next: [] };
    }
    const { kind, target } = functions.flow.transfers[index]!;
    const next = [...functions.successors(index)];
    if (kind === "call") {
      if (target === undefined) return { next: [] };
      const sets = [...functions.withCallees(target)].some((at) => isSet(statements[at]!));
      if (sets) return { next: [[target, state]] };
      next.push(target);
    }
    return { next: next.map((at) => [at, state]) };
  });
  return first;
}

function segmentsUnset(analysis: Analysis): Finding[] {
  const entry = bootEntry(analysis);
  if (entry === undefined) return [];
  const stack = firstUse(
    analysis,
    entry,
    usesStack,
    (each) => loadsSegment(each, SS) || loadsStackPointer(each),
  );
  const data = firstUse(analysis, entry, readsThroughDs, (each) => loadsSegment(each, DS));
  const found: Finding[] = [];
  if (stack !== undefined)
    found.push({
      code: "FLOW15",
      severity: "information",
      message:
        "The stack is used before SS and SP are set: the BIOS promises neither, and the stack may lie where this sector loads something.",
      range: stack.range,
    });
  if (data !== undefined)
    found.push({
      code: "FLOW15",
      severity: "information",
      message:
        "Memory is read or written through DS before DS is set: the BIOS promises no value (0 on most machines, not on all).",
      range: data.range,
    });
  return found;
}

export const bootSegments = addressRule(
  "FLOW15",
  "Boot sector that relies on SS or DS",
  segmentsUnset,
);

const NEAR = 6;

/** Whether interrupts are off at a statement, as far as the way to it shows. */
function mayBeInterrupted(analysis: Analysis, index: number): boolean {
  const flow = controlFlowOf(analysis);
  const reached = new Set<number>([index]);
  for (const at of reached) {
    const { form } = analysis.model.statements[at]!;
    if (form?.mnemonic === "cli") return false;
    if (form?.mnemonic === "sti") continue;
    for (const before of flow.predecessors(at)) reached.add(before);
  }
  return true;
}

function splitStackLoad(analysis: Analysis): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  return statements.flatMap((statement, index) => {
    if (statement.bits !== 16 || !loadsSegment(statement, SS) || statement.form?.mnemonic !== "mov")
      return [];
    let at = flow.next(index);
    const between: Statement[] = [];
    while (at !== undefined && between.length < NEAR && !loadsStackPointer(statements[at]!)) {
      if (flow.transfers[at]!.kind !== "next") return [];
      if (statements[at]!.length > 0) between.push(statements[at]!);
      at = flow.next(at);
    }
    if (at === undefined || between.length === 0 || between.length === NEAR) return [];
    // An interrupt handler or a function may be entered with interrupts off.
    const isStart = index === 0 || bootEntry(analysis) !== undefined;
    if (
      !isStart ||
      between.some(({ form }) => form?.mnemonic === "cli") ||
      !mayBeInterrupted(analysis, index)
    )
      return [];
    return [
      {
        code: "FLOW16",
        severity: "information" as const,
        message:
          "An interrupt between this and the load of SP uses the new SS with the old SP. MOV SS holds interrupts off for one instruction: load SP directly behind it, or put CLI before.",
        range: statement.range,
        related: [{ message: "SP is loaded here", range: statements[at]!.range }],
      },
    ];
  });
}

export const stackLoad = addressRule("FLOW16", "SS and SP not loaded together", splitStackLoad);

const READS_AND_WRITES = new Set([0x02, 0x03, 0x42, 0x43]);

/** Whether a statement looks at the status that INT 13h returns: CF, or AH. */
function checksStatus({ form, operands }: Statement): boolean {
  if (form === undefined) return true;
  if (form.flags.read.includes("C") && form.mnemonic !== "int") return true;
  const looks = /^(cmp|test|or|and|add|mov)$/.test(form.mnemonic);
  const sources = form.mnemonic === "mov" ? operands.slice(1) : operands;
  return looks && sources.some(({ value }) => wholeRegister(value) === A);
}

function uncheckedDisk(analysis: Analysis): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  return statements.flatMap((statement, index) => {
    if (statement.bits !== 16 || serviceVector(statement) !== DISK) return [];
    const service = byteBefore(analysis, index, A, "high");
    if (service === undefined || !READS_AND_WRITES.has(service)) return [];
    let at = flow.next(index);
    for (let steps = 0; at !== undefined && steps < 2 * NEAR; steps++) {
      const next = statements[at]!;
      if (next.length > 0 && checksStatus(next)) return [];
      const { kind } = flow.transfers[at]!;
      const overwrites =
        kind === "service" ||
        (next.form?.flags.written ?? "").includes("C") ||
        (next.form?.flags.cleared ?? "").includes("C");
      if (overwrites || kind === "far-jump") return [diskFinding(statement, service)];
      if (kind !== "next") return [];
      at = flow.next(at);
    }
    return [];
  });
}

function diskFinding({ range }: Statement, service: number): Finding {
  const verb = service === 0x02 || service === 0x42 ? "read" : "write";
  return {
    code: "FLOW19",
    severity: "information",
    message: `Nothing looks whether this ${verb} failed: CF is 1 then, and AH says why. Add \`jc\` to an error path.`,
    range,
  };
}

export const diskStatus = addressRule("FLOW19", "Result of INT 13h not checked", uncheckedDisk);
