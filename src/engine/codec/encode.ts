/** One assembly statement to bytes, as NASM 2.16.01 with -Ox does it: same choice of form, same bytes, same refusals. */
import { processorLevel } from "../isa/processors";
import type { Bits, InstructionForm } from "../isa/types";
import { decode } from "./decode";
import { isBeyond, templatesOf } from "./nasm/compile";
import type { Template } from "./nasm/compile";
import { emitTemplate, templateLength } from "./nasm/emit";
import { findTemplate, haveShape, Match, refusal } from "./nasm/match";
import { isPlainOffset } from "./nasm/effectiveAddress";
import { MEM_OFFS, typedOperands } from "./nasm/operandTypes";
import type { TypedOperand } from "./nasm/operandTypes";
import { levelOfTemplate } from "./nasm/processors";
import { sortPrefixes } from "./nasm/prefixes";
import type { Prefixes } from "./nasm/prefixes";
import type {
  AsmOperand,
  AsmRegister,
  EncodeRequest,
  EncodeResult,
  EncodeWarning,
  Target,
} from "./types";

const WIDTHS = [16, 32, 64] as const;

/** The address sizes that a register, or a displacement's size word, leaves open. */
function sizesAllowed(operand: AsmOperand, bits: Bits): (size: 16 | 32 | 64) => boolean {
  if (operand.kind !== "mem") return () => true;
  if (isPlainOffset(operand)) {
    const { displacementSize } = operand;
    const matters =
      displacementSize !== undefined &&
      (bits === 64 ? displacementSize === 16 : displacementSize > 8);
    return matters ? (size) => size === displacementSize : () => true;
  }
  const registers = [operand.base, operand.scale === 0 ? undefined : operand.index];
  const demanded = registers
    .filter((register): register is AsmRegister => register !== undefined)
    .flatMap((register) => (register.class === "gpr" && register.size > 8 ? [register.size] : []));
  return (size) => demanded.every((one) => one === size);
}

/** The commonest case: all registers are as wide as the code's addresses. */
function suits(operand: AsmOperand, bits: Bits): boolean {
  if (operand.kind !== "mem") return true;
  const { base, index, displacementSize } = operand;
  if (displacementSize !== undefined || (base === undefined && index === undefined)) return false;
  return isWide(base, bits) && isWide(index, bits);
}

function isWide(register: AsmRegister | undefined, bits: Bits): boolean {
  return register === undefined || (register.class === "gpr" && register.size === bits);
}

function sizeOfWord(word: string, bits: Bits): 16 | 32 | 64 | undefined {
  if (word === "asp") return bits === 32 ? 16 : 32;
  return WIDTHS.find((width) => word === `a${width}`);
}

/** The address size of the statement, with the prefix that it takes written into `prefixes`; undefined: impossible. */
function chooseAddressSize(
  operands: readonly AsmOperand[],
  bits: Bits,
  prefixes: Prefixes,
): 16 | 32 | 64 | undefined {
  if (prefixes.addressSize === "" && !operands.some((operand) => operand.kind === "mem"))
    return bits;
  if (prefixes.addressSize === "" && operands.every((operand) => suits(operand, bits))) return bits;
  const other = bits === 32 ? 16 : 32;
  const word = sizeOfWord(prefixes.addressSize, bits);
  const allowed = [bits, other].filter(
    (size) =>
      (word === undefined || word === size) &&
      operands.every((operand) => sizesAllowed(operand, bits)(size as 16 | 32 | 64)),
  );
  if (allowed.includes(bits)) return bits;
  if (allowed.length === 0) return undefined;
  prefixes.addressSize = `a${other}`;
  return other;
}

/** An offset that is not as wide as the address is an ordinary memory operand and no moffs. */
function withoutNarrowOffsets(
  operands: readonly TypedOperand[],
  addressSize: 16 | 32 | 64,
): readonly TypedOperand[] {
  if (operands.every((operand) => (operand.types & MEM_OFFS) === 0)) return operands;
  return operands.map((operand) => {
    if ((operand.types & MEM_OFFS) === 0 || operand.source.kind !== "mem") return operand;
    const width = operand.source.displacementSize ?? (addressSize === 16 ? 16 : 32);
    return width === addressSize ? operand : { ...operand, types: operand.types & ~MEM_OFFS };
  });
}

function prefixesOf(request: EncodeRequest): Prefixes {
  const prefixes = sortPrefixes(request.prefixes);
  for (const operand of request.operands) {
    if (operand.kind !== "mem") continue;
    if (operand.segment !== undefined) prefixes.segment = operand.segment;
    if (operand.addressSize !== undefined) prefixes.addressSize = `a${operand.addressSize}`;
  }
  return prefixes;
}

/** What was encoded. Few ask for the row, and only decoding tells it for sure, so that waits until someone does. */
class Encoded {
  readonly ok = true;
  private found: InstructionForm | undefined;

  constructor(
    readonly bytes: Uint8Array,
    readonly warnings: readonly EncodeWarning[],
    readonly outOfRange: boolean,
    readonly bits: Bits,
    readonly target: Target | undefined,
    private readonly template: Template,
  ) {}

  get isRelative(): boolean {
    return this.template.isRelative;
  }

  /** The row that the bytes decode to: with a size prefix in front it may be another one than the template's. */
  get form(): InstructionForm {
    return (this.found ??= this.decoded());
  }

  private decoded(): InstructionForm {
    const decoded = decode(this.bytes, 0, this.bits);
    return "failure" in decoded ? this.template.form : decoded.form;
  }
}

const BEYOND = "this form is not supported: known, not assembled";

/** Of what we do not assemble all but XOP, which NASM gives no level, came after Sandy Bridge. */
const BEYOND_LEVEL = processorLevel("future");

function isWithoutVex({ form }: Template): boolean {
  return form.encoding.vex === undefined;
}

function refuse(error: string): EncodeResult {
  return { ok: false, error };
}

/**
 * Encodes one statement. Unknown values (forward references in an early pass) are taken optimistically. A form that exists only
 * short (LOOP, JCXZ, `jmp short`) with its target out of range is still encoded, with `outOfRange` set: if that is so in
 * the last pass, it is NASM's error "short jump is out of range".
 */
export function encodeInstruction(request: EncodeRequest): EncodeResult {
  const { bits, address } = request;
  const { mnemonic, target } = request;
  const templates = templatesOf(mnemonic);
  if (templates.length === 0) return refuse(`unknown instruction ${mnemonic}`);
  const prefixes = prefixesOf(request);
  const addressSize = chooseAddressSize(request.operands, bits, prefixes);
  if (addressSize === undefined) return refuse("impossible combination of address sizes");
  const operands = withoutNarrowOffsets(typedOperands(request.operands, bits), addressSize);
  const statement = { operands, bits, addressSize, prefixes, address, mnemonic, target };

  const jumpFits = (template: Template): boolean => {
    const target = operands[0]!;
    if (!target.known) return true;
    if (!target.isAddress || target.elsewhere) return false;
    const length = templateLength({ ...statement, template });
    if (length === undefined) return false;
    const distance = target.value - address - BigInt(length);
    return distance >= -128n && distance <= 127n;
  };
  const isTooNew =
    target && ((template: Template) => levelOfTemplate(template, mnemonic) > target.level);
  const { repeat, encoding } = prefixes;
  const allowed =
    target?.hasVex === false && encoding === "" ? templates.filter(isWithoutVex) : templates;
  const context = { bits, repeat, encoding, jumpFits, isTooNew };
  const found = findTemplate(allowed, operands, context);
  const { template } = found;
  if (template === undefined) {
    const isVexLeftOut = allowed.length < templates.length && found.match < Match.BadEncoding;
    const beyond = isBeyond(mnemonic, (patterns) => haveShape(operands, patterns));
    if ((beyond || isVexLeftOut) && (target === undefined || target.level >= BEYOND_LEVEL))
      return refuse(BEYOND);
    const match = beyond ? Match.BadProcessor : isVexLeftOut ? Match.BadEncoding : found.match;
    return refuse(refusal(match, bits, prefixes));
  }
  // NASM itself breaks on JRCXZ with another address size: there is no such form.
  if (template.addressSize === 64 && addressSize !== 64)
    return refuse("impossible combination of address sizes");
  const farSingle = operands.length === 1 && template.form.operands[0]?.kind.startsWith("ptr");
  if (farSingle === true)
    return refuse(
      operands[0]!.isAddress
        ? "binary output format does not support segment base references"
        : "value referenced by FAR is not relocatable",
    );
  const emitted = emitTemplate({ ...statement, template });
  if ("error" in emitted) return refuse(emitted.error);
  const { bytes, warnings, outOfRange } = emitted;
  return new Encoded(bytes, warnings, outOfRange, bits, target, template);
}
