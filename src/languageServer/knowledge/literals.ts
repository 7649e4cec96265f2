/** What a number means where it stands: a control register's bits, an MSR, a VMCS field, a port, a selector, a vector. */
import {
  accessedField,
  CR0_LAYOUT,
  CR3_LAYOUT,
  CR4_LAYOUT,
  CR8_LAYOUT,
  DR6_LAYOUT,
  DR7_LAYOUT,
  fieldBits,
  RFLAGS_LAYOUT,
  msrByNumber,
  selectorText,
  vectorName,
  type AsmOperand,
  type BitLayout,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { bitLines } from "./bitLines";
import { biosText } from "./biosServices";
import { pageEntryMeaning } from "./pageEntries";
import { portText } from "./ports";
import { isPushedSelector, pushedFlags, registerHoldsFlags } from "./stackFlow";
import { constantBefore, immediateOf, useOf, wholeRegister } from "./registerFlow";
import { fieldOperandConstant, fieldRegister, valueRegister } from "./vmcsOperands";

const [AX, CX, DX] = [0, 1, 2] as const;

const CONTROL_LAYOUTS: Readonly<Record<string, BitLayout>> = {
  cr0: CR0_LAYOUT,
  cr3: CR3_LAYOUT,
  cr4: CR4_LAYOUT,
  cr8: CR8_LAYOUT,
  dr6: DR6_LAYOUT,
  dr7: DR7_LAYOUT,
};

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

export function msrCard(number: number): string | undefined {
  const row = msrByNumber(number);
  if (row === undefined) return undefined;
  const access = row.readOnly ? ", read-only" : "";
  return `MSR ${hex(BigInt(row.number))} **${row.name}**: ${row.description}${access}`;
}

export function vmcsFieldCard(encoding: number): string | undefined {
  const accessed = accessedField(encoding);
  if (accessed === undefined) return undefined;
  const { field, high } = accessed;
  const width = field.width === "natural" ? "natural width" : `${fieldBits(field)} bits`;
  const access = field.readOnly ? ", read-only" : "";
  const half = high ? ", bits 63:32" : "";
  return `VMCS field ${hex(BigInt(encoding))} **${field.name}** (${field.group}, ${width}${access}${half})\n\n${field.title}: ${field.description}`;
}

/** The control or debug register that a `mov crN, r` writes. */
function controlTarget(statement: Statement): string | undefined {
  const target = statement.operands[0]?.value;
  if (statement.form?.mnemonic !== "mov" || target?.kind !== "reg") return undefined;
  const { class: kind, number } = target.register;
  return kind === "cr" || kind === "dr" ? `${kind}${number}` : undefined;
}

function usesAsSource(statement: Statement, register: number): boolean {
  return wholeRegister(statement.operands[1]?.value) === register;
}

/** How an instruction combines an immediate with what the register held. */
function bitVerb(
  mnemonic: string,
  value: bigint,
  layout: BitLayout,
): { readonly value: bigint; readonly verb: string } {
  if (mnemonic === "or") return { value, verb: ", sets" };
  if (mnemonic === "and")
    return { value: BigInt.asUintN(Math.min(layout.width, 32), ~value), verb: ", clears" };
  if (mnemonic === "xor") return { value, verb: ", flips" };
  if (mnemonic === "test") return { value, verb: ", tests" };
  const bit = BigInt.asUintN(layout.width, 1n << (value & 63n));
  if (mnemonic === "bts") return { value: bit, verb: ", sets" };
  if (mnemonic === "btr") return { value: bit, verb: ", clears" };
  if (mnemonic === "bt") return { value: bit, verb: ", tests" };
  return { value, verb: "" };
}

/** The register's next owner: the control register that it goes to, or the MSR that WRMSR writes. */
function destinationLayout(
  analysis: Analysis,
  statement: Statement,
  register: number,
): BitLayout | undefined {
  let at = statement;
  // `or eax, 1` … `or eax, 0x80000000` … `mov cr0, eax`: look past other operations on the same register.
  for (let steps = 0; steps < 4; steps++) {
    const use = useOf(analysis, at, register, (candidate) => {
      const control = controlTarget(candidate) !== undefined && usesAsSource(candidate, register);
      const combines = /^(or|and|xor|bts|btr)$/.test(candidate.form?.mnemonic ?? "");
      const same = combines && wholeRegister(candidate.operands[0]?.value) === register;
      const isMsr = register === AX && candidate.form?.mnemonic === "wrmsr";
      return control || same || isMsr || valueRegister(candidate) === register;
    });
    if (use === undefined) return undefined;
    const control = controlTarget(use);
    if (control !== undefined) return CONTROL_LAYOUTS[control];
    if (use.form?.mnemonic === "wrmsr") return msrWritten(analysis, use);
    if (use.form?.mnemonic === "vmwrite") return fieldWritten(analysis, use);
    at = use;
  }
  return undefined;
}

/** The bits of the VMCS field that a VMWRITE fills. */
function fieldWritten(analysis: Analysis, vmwrite: Statement): BitLayout | undefined {
  const known = fieldOperandConstant(analysis, vmwrite);
  return known === undefined
    ? undefined
    : accessedField(Number(BigInt.asUintN(32, known.value)))?.field.bits;
}

/** The bits that an operand's number stands for, by what becomes of its register. */
export function operandLayout(
  analysis: Analysis,
  statement: Statement,
  index: number,
): BitLayout | undefined {
  const register = wholeRegister(statement.operands[0]?.value);
  const isSource = index === 1 && register !== undefined;
  if (!isSource || !/^(mov|or|and|xor|test)$/.test(statement.form?.mnemonic ?? ""))
    return undefined;
  return destinationLayout(analysis, statement, register);
}

function msrWritten(analysis: Analysis, wrmsr: Statement): BitLayout | undefined {
  const number = msrConstant(analysis, wrmsr);
  return number === undefined ? undefined : msrByNumber(number)?.bits;
}

/** The number in ECX at an RDMSR or WRMSR; RDMSR leaves ECX alone, so it is looked through. */
function msrConstant(analysis: Analysis, statement: Statement): number | undefined {
  const known = constantBefore(analysis, statement, CX);
  return known === undefined ? undefined : Number(BigInt.asUintN(32, known.value));
}

function isMsrAccess(statement: Statement): boolean {
  return /^(rdmsr|wrmsr)$/.test(statement.form?.mnemonic ?? "");
}

/** A number that is put into a register: what the register is then used for. */
function loadedNumber(
  analysis: Analysis,
  statement: Statement,
  register: number,
  value: bigint,
): string | undefined {
  const mnemonic = statement.form?.mnemonic ?? "";
  const isCombined = /^(and|or|xor|test|bt|bts|btr)$/.test(mnemonic);
  const layout =
    destinationLayout(analysis, statement, register) ??
    (isCombined && registerHoldsFlags(analysis, statement, register) ? RFLAGS_LAYOUT : undefined);
  if (layout !== undefined) {
    const { value: shown, verb } = bitVerb(mnemonic, value, layout);
    return bitLines(layout, shown, verb);
  }
  if (mnemonic !== "mov") return undefined;
  if (register === CX && useOf(analysis, statement, CX, isMsrAccess) !== undefined)
    return msrCard(Number(BigInt.asUintN(32, value)));
  const vmcs = useOf(analysis, statement, register, (next) => fieldRegister(next) === register);
  if (vmcs !== undefined) return vmcsFieldCard(Number(BigInt.asUintN(32, value)));
  if (register === DX && useOf(analysis, statement, DX, isPortAccess) !== undefined)
    return portCard(Number(BigInt.asUintN(16, value)));
  const segment = useOf(analysis, statement, register, (next) => loadsSelector(next, register));
  if (segment !== undefined && segment.bits !== 16)
    return `selector ${selectorText(Number(BigInt.asUintN(16, value)))}`;
  return undefined;
}

function loadsSelector(statement: Statement, register: number): boolean {
  const { form, operands } = statement;
  if (form?.mnemonic === "ltr" || form?.mnemonic === "lldt")
    return wholeRegister(operands[0]?.value) === register;
  const target = operands[0]?.value;
  return (
    target?.kind === "reg" && target.register.class === "sreg" && usesAsSource(statement, register)
  );
}

function isPortAccess(statement: Statement): boolean {
  return /^(in|out)$/.test(statement.form?.mnemonic ?? "");
}

function portCard(port: number): string | undefined {
  const text = portText(port);
  return text === undefined ? undefined : `port ${hex(BigInt(port))}: ${text}`;
}

function interruptCard(
  analysis: Analysis,
  statement: Statement,
  vector: number,
): string | undefined {
  if (statement.bits !== 16)
    return vector < 32 ? `vector ${vector}: ${vectorName(vector)}` : undefined;
  return biosText(vector, serviceNumber(analysis, statement));
}

/** AH before a BIOS call: `mov ah, 0x0e` or the upper half of `mov ax, 0x0e41`. */
function serviceNumber(analysis: Analysis, statement: Statement): number | undefined {
  const { statements } = analysis.model;
  for (let at = analysis.indexOf(statement); at > 0; at--) {
    if (statements[at]!.label !== undefined) return undefined;
    const { form, operands } = statements[at - 1]!;
    if (form === undefined) return undefined;
    const target = operands[0]?.value;
    if (target?.kind !== "reg" || wholeRegister(target) !== AX) {
      if (/^(call|int|jmp|ret|lods|rep)/.test(form.mnemonic)) return undefined;
      continue;
    }
    const value = form.mnemonic === "mov" ? immediateOf(operands[1]?.value) : undefined;
    const { register } = target;
    if (register.class === "gpr" && register.size === 8 && !register.high) continue;
    if (value === undefined) return undefined;
    return Number(
      register.class === "gpr" && register.size === 8 ? value & 0xffn : (value >> 8n) & 0xffn,
    );
  }
  return undefined;
}

function ofImmediate(
  analysis: Analysis,
  statement: Statement,
  index: number,
  value: bigint,
): string | undefined {
  const mnemonic = statement.form?.mnemonic ?? "";
  if (mnemonic === "in" || mnemonic === "out") return portCard(Number(BigInt.asUintN(16, value)));
  if (mnemonic === "int")
    return interruptCard(analysis, statement, Number(BigInt.asUintN(8, value)));
  if (mnemonic === "push") {
    if (pushedFlags(analysis, statement)) return bitLines(RFLAGS_LAYOUT, value, "");
    return isPushedSelector(analysis, statement) && statement.bits !== 16
      ? `selector ${selectorText(Number(BigInt.asUintN(16, value)))}`
      : undefined;
  }
  const register = wholeRegister(statement.operands[0]?.value);
  if (index !== 1 || register === undefined) return undefined;
  return loadedNumber(analysis, statement, register, value);
}

/** Markdown about an operand of an instruction; undefined where its meaning is not clear. */
export function operandMeaning(
  analysis: Analysis,
  statement: Statement,
  index: number,
): string | undefined {
  const operand: AsmOperand | undefined = statement.operands[index]?.value;
  if (statement.form === undefined || operand === undefined) return undefined;
  if (operand.kind === "far" && operand.known && statement.bits !== 16)
    return `selector ${selectorText(Number(BigInt.asUintN(16, operand.selector)))}`;
  const value = immediateOf(operand);
  if (value === undefined) return undefined;
  return (
    ofImmediate(analysis, statement, index, value) ?? pageEntryMeaning(analysis, statement, index)
  );
}

/** What an instruction without immediate works on: the MSR in ECX, the VMCS field in a register. */
export function implicitMeaning(analysis: Analysis, statement: Statement): string | undefined {
  if (isMsrAccess(statement)) {
    const number = msrConstant(analysis, statement);
    return number === undefined ? undefined : msrCard(number);
  }
  const register = fieldRegister(statement);
  const known = register === undefined ? undefined : constantBefore(analysis, statement, register);
  return known === undefined ? undefined : vmcsFieldCard(Number(BigInt.asUintN(32, known.value)));
}

/** A constant whose name says what it is: `IA32_EFER equ 0xc0000080`, `VMCS_GUEST_RIP equ 0x681e`. */
export function namedConstantMeaning(name: string, value: bigint): string | undefined {
  if (value < 0n || value > 0xffffffffn) return undefined;
  const upper = name.toUpperCase();
  const msr = msrByNumber(Number(value));
  const bare = msr?.name.replace(/^IA32_/, "");
  if (
    msr !== undefined &&
    (upper.includes(msr.name) || (upper.includes("MSR") && upper.includes(bare ?? "?")))
  )
    return msrCard(msr.number);
  const field = accessedField(Number(value))?.field;
  const isField = field !== undefined && (upper.includes("VMCS") || upper.includes(field.name));
  return isField ? vmcsFieldCard(Number(value)) : undefined;
}
