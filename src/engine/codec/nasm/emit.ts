/** The bytes of a chosen template. */
import { processorLevel } from "../../isa/processors";
import type { Bits } from "../../isa/types";
import { FIRST_XOP_MAP } from "../rowTables";
import type { AsmOperand, EncodeWarning, Target } from "../types";
import type { FieldStyle, Placement, Template } from "./compile";
import { effectiveAddress, isPlainOffset, isVectorIndex } from "./effectiveAddress";
import type { AddressBytes, Memory } from "./effectiveAddress";
import { IMMEDIATE, IP_REL, MEMORY, REGISTER, SIZE16, SIZE32, SIZE64, SIZE8 } from "./operandTypes";
import type { TypedOperand } from "./operandTypes";
import { elisionProblem, emitPrefixes } from "./prefixes";
import type { Prefixes } from "./prefixes";
import { levelOfTemplate } from "./processors";

const REX_B = 1;
const REX_X = 2;
const REX_R = 4;
const REX_W = 8;
/** A REX byte is needed, even an empty one: SPL, BPL, SIL, DIL. */
const REX_FORCE = 0x40;
const HIGH_BYTE = 0x80;

/** One statement on its way to bytes. */
export interface Statement {
  readonly template: Template;
  readonly operands: readonly TypedOperand[];
  readonly bits: Bits;
  readonly addressSize: 16 | 32 | 64;
  readonly prefixes: Prefixes;
  /** Of the first byte. */
  readonly address: bigint;
  readonly mnemonic: string;
  readonly target: Target | undefined;
}

export interface Emitted {
  readonly bytes: Uint8Array;
  readonly warnings: readonly EncodeWarning[];
  /** A short-only target is out of range. */
  readonly outOfRange: boolean;
}

/** Refusals that come after a template has been chosen. */
export interface Refused {
  readonly error: string;
}

/** A field whose value depends on where the instruction ends. */
interface RelativeField {
  readonly at: number;
  readonly size: number;
  readonly operand: TypedOperand;
  readonly index: number;
  readonly shortOnly: boolean;
}

/** VEX.pp by mandatory prefix. */
const VEX_PREFIXES = { none: 0, 0x66: 1, 0xf3: 2, 0xf2: 3 } as const;

const SIZE_NAMES: Readonly<Record<number, string>> = { 1: "byte", 2: "word", 4: "dword" };

class Emitter {
  readonly bytes: number[] = [];
  readonly warnings: EncodeWarning[] = [];
  private readonly relatives: RelativeField[] = [];
  private rex = 0;
  private outOfRange = false;
  private operandSize: string;

  constructor(private readonly statement: Statement) {
    this.operandSize = statement.prefixes.operandSize;
  }

  emit(): Emitted | Refused {
    const { statement } = this;
    const { template } = statement;
    if (template.obsolete !== false) this.warnObsolete();
    if (template.repeated && statement.prefixes.repeat === "") statement.prefixes.repeat = "rep";
    this.settleOperandSize();
    const modrm = this.modrmOf();
    if (typeof modrm === "string") return { error: modrm };
    this.collectRex(modrm);
    const refusal = this.checkRex();
    if (refusal !== undefined) return { error: refusal };
    this.checkLock();
    if (template.wait && !statement.prefixes.wait) this.bytes.push(0x9b);
    emitPrefixes(statement.prefixes, this.operandSize, statement.bits, this.bytes, this.warnings);
    this.emitTemplatePrefixes();
    if (!template.empty) this.emitOpcode();
    if (modrm !== undefined) this.emitModrm(modrm);
    for (const field of template.fields) this.emitField(field);
    const { suffix } = template.form.encoding;
    if (suffix !== undefined) this.bytes.push(suffix);
    this.resolveRelatives();
    return {
      bytes: new Uint8Array(this.bytes),
      warnings: this.warnings,
      outOfRange: this.outOfRange,
    };
  }

  private warnObsolete(): void {
    const { template, mnemonic, target } = this.statement;
    if (template.obsolete === "neverMade")
      this.warn("obsolete-nop", "instruction never implemented and is a noop on the target CPU");
    else if (target?.level === levelOfTemplate(template, mnemonic))
      this.warn("obsolete-valid", "instruction obsolete but valid on the target CPU");
    else this.warn("obsolete-removed", "instruction obsolete and removed from the target CPU");
  }

  private warn(kind: string, message: string, operand?: number): void {
    if (this.warnings.some((warning) => warning.message === message)) return;
    this.warnings.push({ class: kind, message, ...(operand === undefined ? {} : { operand }) });
  }

  /** A template's own operand size against an o16 or o32 in front. */
  private settleOperandSize(): void {
    const { template, prefixes } = this.statement;
    if (prefixes.operandSize === "o64") this.rex |= REX_W;
    if (template.operandSize === 64) this.rex |= REX_W;
    if (template.operandSize !== 16 && template.operandSize !== 32) return;
    const own = `o${template.operandSize}`;
    if (this.operandSize === "") this.operandSize = own;
    else if (this.operandSize !== own)
      this.warn("prefix-opsize", `invalid operand size prefix, must be ${own}`);
  }

  /** The operand at an index of the template, undefined for -1. */
  private at(index: number): TypedOperand | undefined {
    return index < 0 ? undefined : this.statement.operands[index];
  }

  private rexOf(operand: TypedOperand | undefined, bit: number): void {
    if (operand === undefined || operand.register < 0) return;
    if ((operand.register & 8) !== 0) this.rex |= bit;
    if ((operand.size & SIZE64) !== 0) this.rex |= REX_W;
    if (operand.high) this.rex |= HIGH_BYTE;
    else if ((operand.size & SIZE8) !== 0 && operand.register >= 4) this.rex |= REX_FORCE;
  }

  /** The ModRM operand: a register, address bytes, or an error; undefined where the row has no ModRM byte. */
  private modrmOf(): AddressBytes | number | string | undefined {
    const { template, bits, addressSize } = this.statement;
    if (!template.withModrm) return undefined;
    const { encoding } = template.form;
    if (encoding.fixedModrm !== undefined) return encoding.fixedModrm;
    if (encoding.modrm === undefined) return undefined;
    if (template.impliedRm >= 0) return 0xc0 | template.impliedRm;
    const operand = this.at(template.rm);
    if (operand === undefined) return undefined;
    if ((operand.types & REGISTER) !== 0) return 0xc0 | (operand.register & 7);
    const memory = memoryOf(operand);
    if (isVectorIndex(memory.index) && !template.vectorMemory)
      return `invalid ${bits}-bit effective address`;
    const address = effectiveAddress(memory, bits, addressSize, this.ripRelative(operand, memory));
    this.warnAddress(operand, memory);
    return address ?? `invalid ${bits}-bit effective address`;
  }

  /**
   * Only an address in the image can be RIP-relative. NASM counts a value that it does not know yet as a plain number, so the first pass
   * sees the form with SIB, a byte longer: jumps over it may grow for that, and stay so.
   */
  private ripRelative(operand: TypedOperand, memory: Memory): boolean {
    if (this.statement.bits !== 64 || !isPlainOffset(memory)) return false;
    const wanted =
      (operand.types & MEMORY) !== 0 ? (operand.types & IP_REL) !== 0 : memory.relative === "rel";
    if (!wanted) return false;
    if (operand.isAddress) return true;
    if (operand.known) this.warn("ea-absolute", "absolute address can not be RIP-relative");
    return false;
  }

  private warnAddress(operand: TypedOperand, memory: Memory): void {
    if (isPlainOffset(memory)) {
      const size = memory.displacementSize;
      const full = this.statement.addressSize === 16 ? 16 : 32;
      if (size !== undefined && size !== full)
        this.warn("ea-dispsize", "displacement size ignored on absolute address");
    } else if (memory.relative === "rel" && operand.source.kind === "mem")
      this.warn("other", "indirect address displacements cannot be RIP-relative");
  }

  private collectRex(modrm: AddressBytes | number | undefined): void {
    const { template } = this.statement;
    this.rexOf(this.at(template.reg), REX_R);
    this.rexOf(this.at(template.plus), REX_B);
    if (typeof modrm === "number") this.rexOf(this.at(template.rm), REX_B);
    else if (modrm !== undefined) {
      if (modrm.rexB) this.rex |= REX_B;
      if (modrm.rexX) this.rex |= REX_X;
    }
    if (template.noRexW) this.rex &= ~REX_W;
    if (template.noHigh) this.rex &= ~REX_FORCE;
    if (this.statement.prefixes.encoding === "{rex}") this.rex |= REX_FORCE;
  }

  private checkRex(): string | undefined {
    const { vex } = this.statement.template.form.encoding;
    if (vex !== undefined) return this.checkVex(vex.w === 1);
    if (this.statement.template.noHigh && (this.rex & HIGH_BYTE) !== 0)
      return "instruction cannot use high registers";
    const bits = this.rex & ~HIGH_BYTE;
    if (bits === 0) return undefined;
    if ((this.rex & HIGH_BYTE) !== 0) return "cannot use high byte register in rex instruction";
    if (this.statement.bits === 64) return undefined;
    const { template, target, prefixes } = this.statement;
    const hasLongMode = target === undefined || target.level >= processorLevel("x64");
    if (template.lockAsRexR && bits === REX_R && hasLongMode)
      return prefixes.lock ? "invalid lock prefix" : undefined;
    return "invalid operands in non-64-bit mode";
  }

  /** Settles VEX.W, which the row gives and no operand, and looks for what VEX cannot say. */
  private checkVex(wide: boolean): string | undefined {
    const refused = this.checkVexBits(wide);
    if (refused !== undefined) return refused;
    const isTooShort = this.statement.prefixes.encoding === "{vex2}" && !this.isShortVex();
    return isTooShort ? "instruction not encodable with {vex2} prefix" : undefined;
  }

  private checkVexBits(wide: boolean): string | undefined {
    if ((this.rex & HIGH_BYTE) !== 0) return "cannot use high register in AVX instruction";
    this.rex = wide ? this.rex | REX_W : this.rex & ~REX_W;
    if (this.statement.bits === 64) return undefined;
    const other = (this.rex & (REX_R | REX_X | REX_B)) !== 0;
    return other || this.vvvv() > 7 ? "invalid operands in non-64-bit mode" : undefined;
  }

  /** The short form has neither W, X, B nor a map other than 0F. */
  private isShortVex(): boolean {
    return this.statement.template.form.encoding.map === 1 && (this.rex & (REX_W | REX_X | REX_B)) === 0; // prettier-ignore
  }

  private vvvv(): number {
    return this.at(this.statement.template.vvvv)?.register ?? 0;
  }

  private emitVex(): void {
    const { encoding } = this.statement.template.form;
    const prefix = VEX_PREFIXES[encoding.mandatory ?? "none"];
    const last = ((~this.vvvv() & 15) << 3) | ((encoding.vex?.l ?? 0) << 2) | prefix;
    const inverted = ~this.rex & (REX_R | REX_X | REX_B);
    if (this.isShortVex() && this.statement.prefixes.encoding !== "{vex3}")
      this.bytes.push(0xc5, ((inverted & REX_R) << 5) | last);
    else {
      const first = encoding.map >= FIRST_XOP_MAP ? 0x8f : 0xc4;
      this.bytes.push(first, encoding.map | (inverted << 5), ((this.rex & REX_W) << 4) | last);
    }
  }

  private checkLock(): void {
    const { prefixes, template, operands } = this.statement;
    const inMemory = operands[0] !== undefined && (operands[0].types & MEMORY) !== 0;
    if (prefixes.lock && !(template.form.lock && inMemory))
      this.warn("prefix-lock", "instruction is not lockable");
    const elision = elisionProblem(template.form, prefixes, inMemory);
    if (elision !== undefined) this.warn("prefix-hle", `${prefixes.repeat} ${elision}`);
  }

  /** Prefixes that stand in the template: address size, mandatory prefix, and LOCK for REX.R. */
  private emitTemplatePrefixes(): void {
    const { template, bits, prefixes } = this.statement;
    const { mandatory, vex } = template.form.encoding;
    if (template.addressSize === 16 && bits === 32 && prefixes.addressSize !== "a16")
      this.bytes.push(0x67);
    if (template.addressSize === 32 && bits !== 32 && prefixes.addressSize !== "a32")
      this.bytes.push(0x67);
    if (template.lockAsRexR && bits !== 64) {
      if ((this.rex & REX_R) !== 0) this.bytes.push(0xf0);
      this.rex &= ~REX_R;
    }
    if (vex !== undefined) {
      this.emitVex();
      return;
    }
    if (typeof mandatory === "number" && !template.bare) this.bytes.push(mandatory);
    if (bits === 64 && (this.rex & ~HIGH_BYTE) !== 0) this.bytes.push((this.rex & 0x4f) | 0x40);
  }

  private emitOpcode(): void {
    const { form, plus, overJump } = this.statement.template;
    const { encoding } = form;
    if (overJump) {
      const opposite = 0x70 | ((encoding.opcode & 15) ^ 1);
      this.bytes.push(opposite, this.statement.bits === 16 ? 3 : 5, 0xe9);
      return;
    }
    const escaped = encoding.vex === undefined;
    if (escaped && encoding.map >= 1) this.bytes.push(0x0f);
    if (escaped && encoding.map >= 2) this.bytes.push(encoding.map === 2 ? 0x38 : 0x3a);
    const operand = this.at(plus);
    this.bytes.push(encoding.opcode | (operand === undefined ? 0 : operand.register & 7));
  }

  private emitModrm(modrm: AddressBytes | number): void {
    const { encoding } = this.statement.template.form;
    if (encoding.fixedModrm !== undefined) {
      this.bytes.push(encoding.fixedModrm);
      return;
    }
    const field =
      typeof encoding.modrm === "number"
        ? encoding.modrm
        : (this.at(this.statement.template.reg)?.register ?? 0) & 7;
    if (typeof modrm === "number") {
      this.bytes.push(modrm | (field << 3));
      return;
    }
    this.bytes.push(modrm.modrm | (field << 3));
    if (modrm.sib >= 0) this.bytes.push(modrm.sib);
    if (modrm.displacementBytes > 0) this.emitDisplacement(modrm);
  }

  private emitDisplacement(address: AddressBytes): void {
    const index = this.statement.template.rm;
    const operand = this.statement.operands[index]!;
    const size = address.displacementBytes;
    if (address.ripRelative) {
      this.relative(operand, index, size, false);
      return;
    }
    const { addressSize } = this.statement;
    const value = BigInt.asIntN(64, operand.value);
    if (operand.known && !operand.isAddress) {
      const same = BigInt.asIntN(addressSize, value) === BigInt.asIntN(size * 8, value);
      const signed = addressSize / 8 > size && size < this.statement.bits / 8;
      if (
        overflows(value, addressSize / 8, "general") ||
        !same ||
        overflows(value, size, signed ? "signed" : "general")
      )
        this.warn("number-overflow", `${SIZE_NAMES[size]} data exceeds bounds`, index);
    }
    this.raw(value, size);
  }

  /** The low bytes of a value, two's complement. */
  private raw(value: bigint, size: number): void {
    let low = Number(BigInt.asIntN(32, value));
    for (let i = 0; i < size; i++) {
      if (i === 4) low = Number(BigInt.asIntN(32, value >> 32n));
      this.bytes.push(low & 0xff);
      low >>= 8;
    }
  }

  private relative(operand: TypedOperand, index: number, size: number, shortOnly: boolean): void {
    this.relatives.push({ at: this.bytes.length, size, operand, index, shortOnly });
    for (let i = 0; i < size; i++) this.bytes.push(0);
  }

  /** A constant is checked against its field; an address is not (the linker's business in NASM). */
  private checked(operand: TypedOperand, index: number, size: number, check: Check): void {
    const value = BigInt.asIntN(64, operand.value);
    const wraps = size >= this.statement.bits / 8;
    if (operand.known && !operand.isAddress && overflows(value, size, wraps ? "general" : check))
      this.warn("number-overflow", `${SIZE_NAMES[size]} data exceeds bounds`, index);
    this.raw(value, size);
  }

  private emitField(placement: Placement): void {
    const index = placement.operand;
    const operand = this.statement.operands[index];
    const { style } = placement;
    if (style === "constant") this.bytes.push(index);
    else if (operand !== undefined) this.emitStyled(style, operand, index);
  }

  private emitStyled(
    style: Exclude<FieldStyle, "constant">,
    operand: TypedOperand,
    index: number,
  ): void {
    switch (style) {
      case "byte": {
        this.checked(operand, index, 1, "general");
        return;
      }
      case "unsignedByte": {
        this.checked(operand, index, 1, "unsigned");
        return;
      }
      case "signedByte": {
        this.signedByte(operand, index);
        return;
      }
      case "word": {
        this.checked(operand, index, 2, "general");
        return;
      }
      case "dword": {
        this.checked(operand, index, 4, "general");
        return;
      }
      case "signedDword": {
        this.signedDword(operand, index);
        return;
      }
      case "qword": {
        this.raw(operand.value, 8);
        return;
      }
      case "offset": {
        this.checked(operand, index, this.statement.addressSize / 8, "general");
        return;
      }
      case "relativeByte": {
        this.relative(operand, index, 1, true);
        return;
      }
      case "relative": {
        this.relative(operand, index, this.wordOrDword(operand), false);
        return;
      }
      case "far": {
        this.farPointer();
        return;
      }
      case "upperHalf": {
        this.bytes.push(operand.register << 4);
        return;
      }
    }
  }

  /** "16 or 32 bits": by the operand's own size, else by the code's. An o32 in front does not count (a quirk of NASM's). */
  private wordOrDword(operand: TypedOperand): 2 | 4 {
    if ((operand.size & SIZE16) !== 0) return 2;
    if ((operand.size & (SIZE32 | SIZE64)) !== 0) return 4;
    return this.statement.bits === 16 ? 2 : 4;
  }

  private farPointer(): void {
    const [selector, offset] = this.statement.operands;
    const { operandSize } = this.statement.template;
    const size = operandSize === 0 ? this.wordOrDword(offset!) : operandSize / 8;
    this.checked(offset!, 1, size, "general");
    this.checked(selector!, 0, 2, "general");
  }

  private signedByte(operand: TypedOperand, index: number): void {
    const value = BigInt.asUintN(64, operand.value);
    if (operand.known && !operand.isAddress) {
      const width = this.extensionWidth();
      const modulus = width === 64 ? 0n : 1n << BigInt(width);
      const plain = value <= 127n || value >= (1n << 64n) - 128n;
      const wrapped =
        value >= BigInt.asUintN(64, modulus - 128n) && value <= BigInt.asUintN(64, modulus - 1n);
      if (!plain && !wrapped) {
        const name =
          (operand.size & SIZE8) !== 0
            ? "signed byte"
            : ({ 16: "word", 32: "dword", 64: "signed dword" } as const)[width];
        this.warn("number-overflow", `${name} value exceeds bounds`, index);
      }
    }
    this.bytes.push(Number(value & 0xffn));
  }

  private extensionWidth(): 16 | 32 | 64 {
    if ((this.rex & REX_W) !== 0) return 64;
    if (this.operandSize === "o16") return 16;
    return this.operandSize === "o32" ? 32 : this.statement.bits;
  }

  private signedDword(operand: TypedOperand, index: number): void {
    const value = BigInt.asIntN(64, operand.value);
    if (operand.known && !operand.isAddress && BigInt.asIntN(32, value) !== value)
      this.warn("number-overflow", "signed dword immediate exceeds bounds", index);
    this.checked(operand, index, 4, "signed");
  }

  private resolveRelatives(): void {
    const end = this.statement.address + BigInt(this.bytes.length);
    for (const { at, size, operand, index, shortOnly } of this.relatives) {
      const distance = BigInt.asIntN(64, operand.value - end);
      if (operand.known && operand.isAddress && !operand.elsewhere) {
        if (shortOnly && (distance > 127n || distance < -128n)) this.outOfRange = true;
        const wraps = size >= this.statement.bits / 8;
        if (overflows(distance, size, wraps ? "general" : "signed"))
          this.warn("number-overflow", `${SIZE_NAMES[size]} data exceeds bounds`, index);
      }
      const low = operand.known ? Number(BigInt.asIntN(32, distance)) : 0;
      for (let i = 0; i < size; i++) this.bytes[at + i] = (low >> (8 * i)) & 0xff;
    }
  }
}

type Check = "general" | "signed" | "unsigned";

/** "general" takes what fits either as signed or as unsigned, and one bit more on the negative side (as NASM does). */
function overflows(value: bigint, size: number, check: Check): boolean {
  if (size >= 8 || (value >= 0n && value <= 0x7fn)) return false;
  const span = SPANS[size]!;
  switch (check) {
    case "general":
      return value < -span || value >= span;
    case "signed":
      return value < -span / 2n || value >= span / 2n;
    case "unsigned":
      return value < 0n || value >= span;
  }
}

const SPANS: Readonly<Record<number, bigint>> = { 1: 1n << 8n, 2: 1n << 16n, 4: 1n << 32n };

/** LEA takes an immediate as an address. */
function memoryOf(operand: TypedOperand): Memory {
  const { source } = operand;
  if (source.kind === "mem") return source;
  const isImmediate = (operand.types & IMMEDIATE) !== 0 && source.kind === "imm";
  const memory: Extract<AsmOperand, { kind: "mem" }> = {
    kind: "mem",
    far: false,
    scale: 1,
    noSplit: false,
    displacement: isImmediate ? source.value : 0n,
    displacementKnown: operand.known,
    hasDisplacement: true,
    displacementIsAddress: operand.isAddress,
    strict: false,
    ...(isImmediate && source.relative !== undefined ? { relative: source.relative } : {}),
  };
  return memory;
}

/** Encodes a statement with the template chosen for it. */
export function emitTemplate(statement: Statement): Emitted | Refused {
  return new Emitter(statement).emit();
}

/** Length of the bytes, or undefined where they cannot be made: for "does the short jump reach?". */
export function templateLength(statement: Statement): number | undefined {
  const emitted = emitTemplate(statement);
  return "error" in emitted ? undefined : emitted.bytes.length;
}
