/**
 * The little language in which the instruction table is written: `insn("add", [rw("rm32"), r("r32")], op(0x01).reg().o32(), traits)`.
 * Every row is checked when it is built, so a table that loads is well-formed.
 */
import { InvariantError } from "../base/errors";
import type {
  Encoding,
  FlagEffects,
  InstructionForm,
  OperandKind,
  OperandSpec,
  Sensitivity,
} from "./types";

/** The operand sizes that most families are expanded over. */
export const WIDE_SIZES = [16, 32, 64] as const;
export type WideSize = (typeof WIDE_SIZES)[number];
export type AnySize = 8 | WideSize;

export const r = (kind: OperandKind): OperandSpec => ({ kind, access: "r" });
export const w = (kind: OperandKind): OperandSpec => ({ kind, access: "w" });
export const rw = (kind: OperandKind): OperandSpec => ({ kind, access: "rw" });
/** Only the address or the shape of the operand is used. */
export const n = (kind: OperandKind): OperandSpec => ({ kind, access: "n" });

/** The accumulator of a size. */
export const ACCUMULATOR = { 8: "al", 16: "ax", 32: "eax", 64: "rax" } as const;

export interface OpcodeBuilder extends Encoding {
  /** ModRM.reg is an operand: `/r`. */
  reg: () => OpcodeBuilder;
  /** ModRM.reg extends the opcode: `/0` to `/7`. */
  ext: (digit: number) => OpcodeBuilder;
  /** The low three bits of the opcode are a register: `+r`. */
  plus: () => OpcodeBuilder;
  memory: () => OpcodeBuilder;
  register: () => OpcodeBuilder;
  /** A whole ModRM byte belongs to the opcode. */
  fixed: (modrm: number) => OpcodeBuilder;
  size: (operandSize: AnySize | 0) => OpcodeBuilder;
  o16: () => OpcodeBuilder;
  o32: () => OpcodeBuilder;
  o64: () => OpcodeBuilder;
  address: (addressSize: 16 | 32 | 64) => OpcodeBuilder;
  d64: () => OpcodeBuilder;
  f64: () => OpcodeBuilder;
  np: () => OpcodeBuilder;
  p66: () => OpcodeBuilder;
  f2: () => OpcodeBuilder;
  f3: () => OpcodeBuilder;
  imm: (...fields: Encoding["immediates"]) => OpcodeBuilder;
  /** A byte of the opcode behind the operands. */
  ending: (byte: number) => OpcodeBuilder;
  /** VEX with the L and W that the row needs; undefined: ignored. */
  underVex: (l: 0 | 1 | undefined, w?: 0 | 1) => OpcodeBuilder;
}

/** A class, because thousands are made at every start: methods on a prototype cost nothing each time. */
class Opcode implements OpcodeBuilder {
  declare readonly map: Encoding["map"];
  declare readonly opcode: number;
  declare readonly plusReg: boolean;
  declare readonly mandatory?: Exclude<Encoding["mandatory"], undefined>;
  declare readonly modrm?: Exclude<Encoding["modrm"], undefined>;
  declare readonly mod?: "reg" | "mem";
  declare readonly fixedModrm?: number;
  declare readonly suffix?: number;
  declare readonly vex?: Exclude<Encoding["vex"], undefined>;
  declare readonly operandSize: Encoding["operandSize"];
  declare readonly size64?: "d64" | "f64";
  declare readonly addressSize: Encoding["addressSize"];
  declare readonly immediates: Encoding["immediates"];

  constructor(encoding: Encoding, part: Partial<Encoding>) {
    Object.assign(this, encoding, part);
  }

  private change(part: Partial<Encoding>): OpcodeBuilder {
    return new Opcode(this, part);
  }

  reg(): OpcodeBuilder {
    return this.change({ modrm: "reg" });
  }

  ext(digit: number): OpcodeBuilder {
    return this.change({ modrm: digit });
  }

  plus(): OpcodeBuilder {
    return this.change({ plusReg: true });
  }

  memory(): OpcodeBuilder {
    return this.change({ mod: "mem" });
  }

  register(): OpcodeBuilder {
    return this.change({ mod: "reg" });
  }

  fixed(modrm: number): OpcodeBuilder {
    return this.change({ fixedModrm: modrm });
  }

  size(size: AnySize | 0): OpcodeBuilder {
    return this.change({ operandSize: size === 8 ? 0 : size });
  }

  o16(): OpcodeBuilder {
    return this.change({ operandSize: 16 });
  }

  o32(): OpcodeBuilder {
    return this.change({ operandSize: 32 });
  }

  o64(): OpcodeBuilder {
    return this.change({ operandSize: 64 });
  }

  address(addressSize: 16 | 32 | 64): OpcodeBuilder {
    return this.change({ addressSize });
  }

  d64(): OpcodeBuilder {
    return this.change({ size64: "d64" });
  }

  f64(): OpcodeBuilder {
    return this.change({ size64: "f64" });
  }

  np(): OpcodeBuilder {
    return this.change({ mandatory: "none" });
  }

  p66(): OpcodeBuilder {
    return this.change({ mandatory: 0x66 });
  }

  f2(): OpcodeBuilder {
    return this.change({ mandatory: 0xf2 });
  }

  f3(): OpcodeBuilder {
    return this.change({ mandatory: 0xf3 });
  }

  imm(...immediates: Encoding["immediates"]): OpcodeBuilder {
    return this.change({ immediates });
  }

  ending(suffix: number): OpcodeBuilder {
    return this.change({ suffix });
  }

  underVex(l: 0 | 1 | undefined, w?: 0 | 1): OpcodeBuilder {
    return this.change({
      vex: { ...(l === undefined ? {} : { l }), ...(w === undefined ? {} : { w }) },
    });
  }
}

function opcodeIn(map: Encoding["map"], opcode: number): OpcodeBuilder {
  return new Opcode(
    { map, opcode, plusReg: false, operandSize: 0, addressSize: 0, immediates: [] },
    {},
  );
}

/** One-byte opcode. */
export const op = (opcode: number): OpcodeBuilder => opcodeIn(0, opcode);
/** 0F xx. */
export const op0f = (opcode: number): OpcodeBuilder => opcodeIn(1, opcode);
/** 0F 38 xx. */
export const op38 = (opcode: number): OpcodeBuilder => opcodeIn(2, opcode);
/** 0F 3A xx. */
export const op3a = (opcode: number): OpcodeBuilder => opcodeIn(3, opcode);
/** In a map of AMD's XOP: APM Vol. 3, "XOP Prefix". */
export const opXop = (map: 9 | 10, opcode: number): OpcodeBuilder => opcodeIn(map, opcode);

/** The immediate field of an operand size: a 64-bit operand takes 32 bits, sign-extended. */
export const IMMEDIATE = {
  8: { kind: "imm8", field: "ib" },
  16: { kind: "imm16", field: "iw" },
  32: { kind: "imm32", field: "id" },
  64: { kind: "sx32", field: "id" },
} as const;

const NO_FLAGS: FlagEffects = { read: "", written: "", undefined: "", cleared: "", set: "" };

/** Flag effects from the parts that are not empty. */
export const flags = (part: Partial<FlagEffects>): FlagEffects => ({ ...NO_FLAGS, ...part });

/** C P A Z S O: all that arithmetic changes. */
export const ARITHMETIC = flags({ written: "CPAZSO" });
export const LOGIC = flags({ written: "PZS", cleared: "CO", undefined: "A" });

/** What a row says besides its operands and bytes; everything has the ordinary value by default. */
export interface Traits {
  readonly aliases?: readonly string[];
  readonly modes?: InstructionForm["modes"];
  readonly protectedOnly?: boolean;
  readonly cpl?: 0 | 3;
  readonly lock?: boolean;
  readonly repeat?: InstructionForm["repeat"];
  readonly flags?: FlagEffects;
  readonly sensitivity?: Sensitivity;
  readonly vmExit?: { readonly reason: string; readonly when: string };
  /** The family's name; by default the mnemonic; null for a row that is recognised but not executed. */
  readonly semantics?: string | null;
  readonly condition?: number;
  readonly feature?: string;
}

/** Traits of a row that is decoded and assembled, but raises #UD: the processor does not have the feature. */
export const recognised = (feature: string, more: Traits = {}): Traits => ({
  semantics: null,
  feature,
  ...more,
});

const IMMEDIATE_BYTES = /^(imm|sx|rel|moffs|ptr|is4)/;
/** What ModRM.rm holds: either of both, a register, memory. */
const IN_RM = /^(rm\d|rr|m\d|m$|sti$|vm|x?y?mm\/m|mm\/m)/;
const MEMORY_ONLY = /^(m\d|m$|vm)/;
const REGISTER_ONLY = /^(rr|sti$)/;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function check(form: InstructionForm): void {
  const { encoding, operands, id } = form;
  const fail = (why: string): never => {
    throw new InvariantError(`instruction row ${id}: ${why}`);
  };
  const kinds = operands.map((operand) => operand.kind);
  if (!Number.isInteger(encoding.opcode) || encoding.opcode < 0 || encoding.opcode > 0xff)
    fail("the opcode is not a byte");
  if (encoding.plusReg && (encoding.opcode & 7) !== 0)
    fail("+r needs an opcode with free low bits");
  if (typeof encoding.modrm === "number" && (encoding.modrm < 0 || encoding.modrm > 7))
    fail("the opcode extension is not 0 to 7");
  if (encoding.fixedModrm !== undefined && encoding.modrm !== undefined)
    fail("a fixed ModRM byte has no operands");
  const inRm = kinds.filter((kind) => IN_RM.test(kind));
  if (inRm.length > 1) fail("two operands in ModRM.rm");
  if (inRm.length === 1 && encoding.modrm === undefined) fail("an operand needs a ModRM byte");
  if (inRm.some((kind) => MEMORY_ONLY.test(kind)) && encoding.mod !== "mem")
    fail("a memory-only operand needs a memory-only ModRM byte");
  if (inRm.some((kind) => REGISTER_ONLY.test(kind)) && encoding.mod !== "reg")
    fail("a register-only operand needs a register-only ModRM byte");
  const fields = kinds.filter((kind) => IMMEDIATE_BYTES.test(kind)).length;
  if (fields !== encoding.immediates.length) fail("immediate operands and fields differ in number");
  if (encoding.operandSize === 64 && form.modes !== "long")
    fail("a 64-bit operand size exists in 64-bit mode only");
  if (form.lock && !/^(rm|m)\d/.test(kinds[0] ?? "")) fail("LOCK needs a memory destination");
}

/** Of operand kinds in ids. */
const parts = new Map<OperandKind, string>();

function partOf(kind: OperandKind): string {
  let part = parts.get(kind);
  if (part === undefined)
    parts.set(kind, (part = kind.replaceAll(/[:&]/g, "x").replace("/m", "m")));
  return part;
}

function idOf(mnemonic: string, operands: readonly OperandSpec[], encoding: Encoding): string {
  let id = mnemonic;
  for (const { kind } of operands) id += `_${partOf(kind)}`;
  return encoding.addressSize === 0 ? id : `${id}_a${encoding.addressSize}`;
}

/** Plain objects, property by property: there are thousands of rows at every start, and spreading parts into one costs ten times as much. */
function encodingOf(bytes: Encoding): Encoding {
  const { map, opcode, plusReg, operandSize, addressSize, immediates } = bytes;
  const encoding: Mutable<Encoding> = {
    map,
    opcode,
    plusReg,
    operandSize,
    addressSize,
    immediates,
  };
  if (bytes.mandatory !== undefined) encoding.mandatory = bytes.mandatory;
  if (bytes.modrm !== undefined) encoding.modrm = bytes.modrm;
  if (bytes.mod !== undefined) encoding.mod = bytes.mod;
  if (bytes.fixedModrm !== undefined) encoding.fixedModrm = bytes.fixedModrm;
  if (bytes.suffix !== undefined) encoding.suffix = bytes.suffix;
  if (bytes.vex !== undefined) encoding.vex = bytes.vex;
  if (bytes.size64 !== undefined) encoding.size64 = bytes.size64;
  return encoding;
}

/** Whether VEX.W asks for a 64-bit general register. */
function hasWideRegister(operands: readonly OperandSpec[], encoding: Encoding): boolean {
  return encoding.vex?.w === 1 && operands.some(({ kind }) => /^(r|rm|rr|vr)64$/.test(kind));
}

/** One row. A 64-bit operand or address size makes it a row of 64-bit mode. */
export function insn(
  mnemonic: string,
  operands: readonly OperandSpec[],
  bytes: Encoding,
  traits: Traits = {},
): InstructionForm {
  const encoding = encodingOf(bytes);
  const wide =
    encoding.operandSize === 64 ||
    encoding.addressSize === 64 ||
    hasWideRegister(operands, encoding);
  const semantics = traits.semantics === undefined ? mnemonic : traits.semantics;
  const form: Mutable<InstructionForm> = {
    id: idOf(mnemonic, operands, encoding),
    mnemonic,
    aliases: traits.aliases ?? [],
    operands,
    encoding,
    modes: traits.modes ?? (wide ? "long" : "any"),
    protectedOnly: traits.protectedOnly ?? false,
    cpl: traits.cpl ?? 3,
    lock: traits.lock ?? false,
    repeat: traits.repeat ?? "none",
    flags: traits.flags ?? NO_FLAGS,
    sensitivity: traits.sensitivity ?? "innocuous",
  };
  if (traits.vmExit !== undefined) form.vmExit = traits.vmExit;
  if (semantics !== null) form.semantics = semantics;
  if (traits.condition !== undefined) form.condition = traits.condition;
  if (traits.feature !== undefined) form.feature = traits.feature;
  check(form);
  return form;
}

/**
 * Rows that differ in name and opcode only: `names` is "addps 58 andps 54 ...", opcodes in hexadecimal, after a slash the opcode extension.
 * Only the first row is built and checked, the others are copies: there are hundreds of them, and the table is built at every start.
 */
export function family(
  names: string,
  operands: readonly OperandSpec[],
  bytes: OpcodeBuilder,
  traits: Traits,
): InstructionForm[] {
  const words = names.split(" ");
  let model: InstructionForm | undefined;
  const rows: InstructionForm[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    const mnemonic = words[i]!;
    const [opcode = "", digit] = words[i + 1]!.split("/");
    const own = {
      opcode: Number.parseInt(opcode, 16),
      ...(digit === undefined ? {} : { modrm: Number(digit) }),
    };
    model ??= insn(mnemonic, operands, { ...bytes, ...own }, traits);
    const encoding = { ...model.encoding, ...own };
    const id = mnemonic + model.id.slice(model.mnemonic.length);
    rows.push({ ...model, id, mnemonic, encoding });
  }
  return rows;
}

/** A family's rows for the operand sizes 16, 32 and 64. */
export function wide(
  row: (size: WideSize) => InstructionForm | readonly InstructionForm[],
): InstructionForm[] {
  return WIDE_SIZES.flatMap(row);
}

/**
 * Rows of an instruction whose 64-bit form needs no REX.W and whose 32-bit form does not exist in 64-bit mode (PUSH, near CALL ...):
 * SDM Vol. 2A, "Default 64-bit operand size".
 */
export function stackSized(
  bytes: OpcodeBuilder,
  size: WideSize,
  forced = false,
): { readonly bytes: OpcodeBuilder; readonly modes: InstructionForm["modes"] } {
  const sized = bytes.size(size);
  if (size === 64) return { bytes: forced ? sized.f64() : sized.d64(), modes: "long" };
  if (size === 32 || forced) return { bytes: sized, modes: "legacy" };
  return { bytes: sized.d64(), modes: "any" };
}

/** The names of the sixteen conditions in encoding order; the first is the one we print. SDM Vol. 1, "Condition Codes". */
export const CONDITIONS = [
  ["o"],
  ["no"],
  ["c", "b", "nae"],
  ["nc", "ae", "nb"],
  ["z", "e"],
  ["nz", "ne"],
  ["na", "be"],
  ["a", "nbe"],
  ["s"],
  ["ns"],
  ["pe", "p"],
  ["po", "np"],
  ["l", "nge"],
  ["nl", "ge"],
  ["ng", "le"],
  ["g", "nle"],
] as const;

/** The flags that a condition reads. */
export const CONDITION_FLAGS = [
  "O",
  "O",
  "C",
  "C",
  "Z",
  "Z",
  "CZ",
  "CZ",
  "S",
  "S",
  "P",
  "P",
  "SO",
  "SO",
  "ZSO",
  "ZSO",
] as const;

/** Canonical mnemonic, other spellings, and traits of one conditional instruction. */
export function conditional(
  prefix: string,
  condition: number,
): { readonly mnemonic: string; readonly traits: Traits } {
  const names = CONDITIONS[condition] ?? [];
  const [first = "", ...rest] = names.map((name) => prefix + name);
  return {
    mnemonic: first,
    traits: { aliases: rest, condition, flags: flags({ read: CONDITION_FLAGS[condition] ?? "" }) },
  };
}
