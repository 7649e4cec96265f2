/**
 * VMM12: the region that VMXON, VMCLEAR or VMPTRLD names must be 4 KiB aligned and begin with the revision identifier. SDM Vol. 3C, "Software
 * Use of Virtual-Machine Control Structures".
 */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { contains } from "../positions";
import { addressOf, knownValue, operandBits } from "../knowledge/registerBits";
import { systemWritesOf } from "../knowledge/systemWrites";
import { alignFix } from "./edits";
import { withCall } from "./expansions";
import type { Finding, Fix, Rule, RuleContext } from "./rule";

const USERS = ["vmxon", "vmclear", "vmptrld"];
const FARTHEST = 6;

interface Region {
  readonly address: bigint;
  /** The statement that says where it is. */
  readonly from: Statement;
}

/** The store that fills the pointer right before it is used. */
function fillingStore(analysis: Analysis, at: number, pointer: bigint): Region | undefined {
  const { statements } = analysis.model;
  for (let i = at - 1; i >= 0 && i >= at - FARTHEST; i--) {
    const { form, operands, label } = statements[i]!;
    if (form?.mnemonic === "mov" && addressOf(operands[0]?.value) === pointer) {
      const size = statements[i]!.bits === 64 ? 64 : 32;
      const address = knownValue(operandBits(analysis, i, operands[1]?.value), size);
      return address === undefined ? undefined : { address, from: statements[i]! };
    }
    if (label !== undefined || form?.mnemonic === "call") return undefined;
  }
  return undefined;
}

/** `dq region`, in the image. */
function initialValue(analysis: Analysis, pointer: bigint): Region | undefined {
  const from = analysis.model.statements.find(
    (each) => each.kind === "data" && each.address === Number(pointer) && each.bytes.length >= 8,
  );
  if (from === undefined) return undefined;
  const view = new DataView(from.bytes.buffer, from.bytes.byteOffset);
  const address = view.getBigUint64(0, true);
  return address === 0n ? undefined : { address, from };
}

function regionOf(analysis: Analysis, at: number): Region | undefined {
  const pointer = addressOf(analysis.model.statements[at]?.operands[0]?.value);
  if (pointer === undefined) return undefined;
  return fillingStore(analysis, at, pointer) ?? initialValue(analysis, pointer);
}

/**
 * Whether a label is at the region, and nothing but the statement that gives its address refers to it: then nothing has written the revision
 * identifier.
 */
function isNeverWritten(analysis: Analysis, { address }: Region): boolean {
  const symbol = analysis.model.assembly.symbols.find(
    (each) => each.kind === "label" && each.value === address,
  );
  if (symbol === undefined || !analysis.model.assembly.ok) return false;
  const { file, line, column } = symbol.range;
  const name = analysis.namesAt({ file, line, column })[0];
  if (name === undefined) return false;
  const uses = analysis.occurrences(name.id).filter((each) => each.role === "reference");
  const users = new Set(
    uses.map(({ range }) => analysis.statementsOn(range.file, range.line).find((each) => contains(each.range, range))), // prettier-ignore
  );
  if (users.size !== 1) return false;
  const [user] = users;
  return user !== undefined && !writesThroughPointer(analysis, user) && isZero(analysis, address);
}

/** A register that holds the address may be stored through before it goes into the pointer. */
function writesThroughPointer(analysis: Analysis, user: Statement): boolean {
  if (user.kind === "data") return false;
  const { statements } = analysis.model;
  const at = analysis.indexOf(user);
  return statements.slice(at + 1, at + 1 + FARTHEST).some(({ form, operands }) => {
    const target = operands[0]?.value;
    const writes = form?.operands[0]?.access === "w" || form?.operands[0]?.access === "rw";
    return (
      form?.mnemonic === "call" ||
      form?.operands.some(({ kind }) => kind.startsWith("strdi")) === true ||
      (writes && target?.kind === "mem" && target.base !== undefined)
    );
  });
}

function isZero(analysis: Analysis, address: bigint): boolean {
  const holder = analysis.statementAtAddress(Number(address));
  return holder?.bytes.every((byte) => byte === 0) ?? false;
}

function regionFinding(analysis: Analysis, at: number): Finding[] {
  const statement = analysis.model.statements[at]!;
  const region = regionOf(analysis, at);
  if (region === undefined) return [];
  const name = statement.form?.mnemonic.toUpperCase() ?? "";
  const related = [{ message: "its address comes from here", range: region.from.range }];
  const found = (message: string, fixes: readonly Fix[]): Finding[] => {
    const finding = {
      code: "VMM12",
      severity: "warning",
      message,
      range: statement.range,
    } as const;
    return [withCall({ ...finding, related, fixes }, statement)];
  };
  const digits = `0x${region.address.toString(16)}`;
  if ((region.address & 0xfffn) !== 0n)
    return found(
      `The region at ${digits} is not aligned to 4 KiB: ${name} fails with CF = 1 (VMfailInvalid). Put \`align 4096\` before it.`,
      alignFix(analysis, region.address, 4096),
    );
  if (name === "VMXON" && isNeverWritten(analysis, region))
    return found(
      "Nothing writes the revision identifier (bits 30:0 of IA32_VMX_BASIC) to the start of this region: VMXON fails with CF = 1 (VMfailInvalid).",
      [],
    );
  return [];
}

export const vmxRegion: Rule = {
  id: "VMM12",
  title: "VMX region misaligned or without revision identifier",
  run: ({ analysis }: RuleContext) =>
    systemWritesOf(analysis)
      .indicesOf(...USERS)
      .flatMap((at) => regionFinding(analysis, at)),
};
