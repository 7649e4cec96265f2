/**
 * The decoder's view of the instruction table: for every code size, map and opcode the rows that may apply, and a cache that
 * remembers which row wins for a combination of prefixes and ModRM byte.
 */
import type { Bits, InstructionForm, OperandKind } from "../isa/types";
import type { VectorFile } from "../isa/registers";
import { INSTRUCTIONS } from "../isa/table";

/** How an operand is read from the bytes. */
export const enum Slot {
  ModrmReg,
  ModrmRm,
  OpcodeReg,
  Fixed,
  SegmentFixed,
  SegmentReg,
  ControlReg,
  DebugReg,
  One,
  Immediate,
  SignedByte,
  SignedDword,
  Relative,
  Offset,
  FarPointer,
  StringSource,
  StringDestination,
  Table,
  VectorReg,
  VectorRm,
  VectorFixed,
  VectorVvvv,
  VectorIs4,
  VectorMemory,
  GeneralVvvv,
}

export interface OperandPlan {
  readonly slot: Slot;
  /** Width in bits; 0 for a memory operand without one. */
  readonly size: number;
  /** Register number of a fixed operand. */
  readonly fixed: number;
  /** Registers of a vector slot; of the index, where memory is indexed by a vector. */
  readonly file?: VectorFile;
}

/** A row with its operands compiled. */
export interface RowPlan {
  readonly form: InstructionForm;
  readonly operands: readonly OperandPlan[];
  readonly needsModrm: boolean;
  /** Operand size that the row stands for, 0 if it takes any. */
  readonly operandSize: number;
}

const FIXED: Partial<Record<OperandKind, readonly [number, number]>> = {
  al: [8, 0],
  ax: [16, 0],
  eax: [32, 0],
  rax: [64, 0],
  cl: [8, 1],
  cx: [16, 1],
  ecx: [32, 1],
  rcx: [64, 1],
  dx: [16, 2],
};

const SEGMENT_KINDS: readonly OperandKind[] = ["es", "cs", "ss", "ds", "fs", "gs"];

/** Widths of the memory operands whose kind is not a plain number: far pointers and descriptors count whole. */
const COMPOUND: Partial<Record<OperandKind, number>> = {
  "m16:16": 32,
  "m16:32": 48,
  "m16:64": 80,
  "m16&16": 32,
  "m32&32": 64,
  "m16&32": 48,
  "m16&64": 80,
};

/** The width in an operand kind's name, 0 if it has none. */
export function kindSize(kind: OperandKind): number {
  return COMPOUND[kind] ?? FIXED[kind]?.[0] ?? Number(/\d+$/.exec(kind)?.[0] ?? "0");
}

const VECTOR = /^(v|rr|is4)?(sti|st0|x?y?mm)(0|\/m\d+)?$/;
const VECTOR_INDEXED = /^vm\d+([xy])$/;

/** Slot and registers of an operand of the floating-point and vector units. */
function vectorSlot(kind: OperandKind): Pick<OperandPlan, "slot" | "file"> | undefined {
  const indexed = VECTOR_INDEXED.exec(kind)?.[1];
  if (indexed !== undefined)
    return { slot: Slot.VectorMemory, file: indexed === "x" ? "xmm" : "ymm" };
  if (kind === "vr32" || kind === "vr64") return { slot: Slot.GeneralVvvv };
  const [, place, name = "", rest] = VECTOR.exec(kind) ?? [];
  if (name === "") return undefined;
  if (name === "st0" || name === "sti")
    return { slot: name === "st0" ? Slot.VectorFixed : Slot.VectorRm, file: "st" };
  const file = name as VectorFile;
  if (place === "v") return { slot: Slot.VectorVvvv, file };
  if (place === "is4") return { slot: Slot.VectorIs4, file };
  if (rest === "0") return { slot: Slot.VectorFixed, file };
  return { slot: place === "rr" || rest !== undefined ? Slot.VectorRm : Slot.VectorReg, file };
}

function slotOf(kind: OperandKind, plusReg: boolean): Slot {
  if (FIXED[kind] !== undefined) return Slot.Fixed;
  if (SEGMENT_KINDS.includes(kind)) return Slot.SegmentFixed;
  if (/^r(8|16|32|64)$/.test(kind)) return plusReg ? Slot.OpcodeReg : Slot.ModrmReg;
  if (/^(rm|rr)\d/.test(kind) || /^m(\d|$)/.test(kind)) return Slot.ModrmRm;
  if (kind.startsWith("imm")) return Slot.Immediate;
  if (kind.startsWith("rel")) return Slot.Relative;
  if (kind.startsWith("moffs")) return Slot.Offset;
  if (kind.startsWith("ptr")) return Slot.FarPointer;
  if (kind.startsWith("strsi")) return Slot.StringSource;
  if (kind.startsWith("strdi")) return Slot.StringDestination;
  switch (kind) {
    case "sreg":
      return Slot.SegmentReg;
    case "cr":
      return Slot.ControlReg;
    case "dr":
      return Slot.DebugReg;
    case "one":
      return Slot.One;
    case "sx8":
      return Slot.SignedByte;
    case "sx32":
      return Slot.SignedDword;
    default:
      return Slot.Table;
  }
}

/** Plans depend on nothing but these two, so equal operands share one. */
const operandPlans = new Map<string, OperandPlan>();

function operandPlan(kind: OperandKind, plusReg: boolean): OperandPlan {
  const key = plusReg ? `+${kind}` : kind;
  let plan = operandPlans.get(key);
  if (plan === undefined) operandPlans.set(key, (plan = makeOperandPlan(kind, plusReg)));
  return plan;
}

function makeOperandPlan(kind: OperandKind, plusReg: boolean): OperandPlan {
  const vector = vectorSlot(kind);
  return {
    ...(vector ?? { slot: slotOf(kind, plusReg) }),
    // Memory at many addresses has no one width.
    size: vector?.slot === Slot.VectorMemory ? 0 : kindSize(kind),
    fixed: SEGMENT_KINDS.includes(kind) ? SEGMENT_KINDS.indexOf(kind) : (FIXED[kind]?.[1] ?? 0),
  };
}

function planOf(form: InstructionForm): RowPlan {
  const { encoding } = form;
  return {
    form,
    needsModrm: encoding.modrm !== undefined || encoding.fixedModrm !== undefined,
    operandSize: encoding.operandSize,
    operands: form.operands.map(({ kind }) => operandPlan(kind, encoding.plusReg)),
  };
}

/** The rows of one opcode in one code size. */
export interface OpcodeNode {
  readonly bits: Bits;
  readonly rows: readonly RowPlan[];
  readonly needsModrm: boolean;
  /** Winning row by `prefixKey * 256 + modrm` (or `prefixKey`); null: no row. */
  readonly chosen: Map<number, RowPlan | null>;
  /** The same for the commonest prefix state, without hashing. */
  readonly plain: (RowPlan | null | undefined)[];
}

/** Bits of a prefix key. The effective sizes follow from it and the code size. */
export const KEY_66 = 1;
export const KEY_67 = 2;
export const KEY_W = 4;
export const KEY_B = 8;
export const KEY_F3 = 16;
export const KEY_F2 = 32;
/** VEX.L; only in the keys of VEX opcodes. */
export const KEY_L = 64;

/** VEX opcodes have nodes of their own, behind those of the four plain maps. */
export const VEX_NODES = 1024;
/** Behind them those of XOP, from its map 8 on. */
export const XOP_NODES = 2 * VEX_NODES;
export const FIRST_XOP_MAP = 8;
export const LAST_XOP_MAP = 10;
const ALL_NODES = XOP_NODES + (LAST_XOP_MAP + 1 - FIRST_XOP_MAP) * 256;

function mapNodes({ vex, map }: InstructionForm["encoding"]): number {
  if (map >= FIRST_XOP_MAP) return XOP_NODES + (map - FIRST_XOP_MAP) * 256;
  return (vex === undefined ? 0 : VEX_NODES) + map * 256;
}

/** SDM Vol. 1, "Operand-Size and Address-Size Attributes". */
export function effectiveOperandSize(bits: Bits, key: number): 16 | 32 | 64 {
  if (bits === 64) return (key & KEY_W) !== 0 ? 64 : (key & KEY_66) !== 0 ? 16 : 32;
  return (bits === 16) === ((key & KEY_66) === 0) ? 16 : 32;
}

export function effectiveAddressSize(bits: Bits, key: number): 16 | 32 | 64 {
  if (bits === 64) return (key & KEY_67) !== 0 ? 32 : 64;
  return (bits === 16) === ((key & KEY_67) === 0) ? 16 : 32;
}

/** The operand size that a row sees, with the 64-bit defaults of stack and branch instructions. */
export function rowOperandSize(form: InstructionForm, bits: Bits, key: number): 16 | 32 | 64 {
  const size = effectiveOperandSize(bits, key);
  if (bits !== 64 || form.encoding.size64 === undefined) return size;
  if (form.encoding.size64 === "f64") return 64;
  return size === 16 ? 16 : 64;
}

/** Whether 66 before the row is its operand-size prefix, or would be for a 16-bit sibling, and has no other meaning. */
function selectsSize({ encoding }: InstructionForm, node: OpcodeNode): boolean {
  if (encoding.operandSize === 0 || encoding.size64 !== undefined) return false;
  if (encoding.operandSize !== 64) return true;
  const { modrm, mod } = encoding;
  return node.rows.some(
    ({ operandSize, form }) =>
      operandSize === 16 && form.encoding.modrm === modrm && form.encoding.mod === mod,
  );
}

/** 3 for the best match of a mandatory prefix, -1 for none. */
function prefixRank(form: InstructionForm, node: OpcodeNode, key: number): number {
  const has66 = (key & KEY_66) !== 0;
  const repeat = (key & KEY_F3) !== 0 ? 0xf3 : (key & KEY_F2) !== 0 ? 0xf2 : 0;
  const { mandatory } = form.encoding;
  if (mandatory === undefined) return 0;
  if (mandatory === "none") return repeat === 0 && (!has66 || selectsSize(form, node)) ? 1 : -1;
  if (mandatory === 0x66) return has66 && repeat === 0 ? 2 : -1;
  return repeat === mandatory ? 3 : -1;
}

function modrmMatches(form: InstructionForm, modrm: number): boolean {
  const { encoding } = form;
  if (encoding.fixedModrm !== undefined) return modrm === encoding.fixedModrm;
  if (encoding.modrm === undefined) return true;
  if (typeof encoding.modrm === "number" && ((modrm >> 3) & 7) !== encoding.modrm) return false;
  // MOV to and from control and debug registers reads mod as 3 whatever it is (SDM Vol. 2B).
  const ignoresMod = form.operands.some(({ kind }) => kind === "cr" || kind === "dr");
  if (encoding.mod === undefined || ignoresMod) return true;
  return encoding.mod === (modrm >= 0xc0 ? "reg" : "mem");
}

/** Outside of 64-bit mode VEX.W does not choose the size of a general register: it is 32. */
function vexMatches(form: InstructionForm, bits: Bits, key: number): boolean {
  const { vex } = form.encoding;
  if (vex === undefined) return true;
  if (vex.l !== undefined && (vex.l === 1) !== ((key & KEY_L) !== 0)) return false;
  if (vex.w === undefined || (vex.w === 1) === ((key & KEY_W) !== 0)) return true;
  return bits !== 64 && form.operands.some(({ kind }) => /^(r|rm|rr|vr)32$/.test(kind));
}

/** Bits, most significant first: mandatory prefix, fixed ModRM, exact opcode over +r, one kind of ModRM.rm over both, exact operand size. */
function specificity(row: RowPlan, node: OpcodeNode, key: number, modrm: number): number {
  const { form } = row;
  const { encoding } = form;
  if (!modrmMatches(form, modrm) || !vexMatches(form, node.bits, key)) return -1;
  const prefix = prefixRank(form, node, key);
  if (prefix < 0) return -1;
  if (encoding.addressSize !== 0 && encoding.addressSize !== effectiveAddressSize(node.bits, key))
    return -1;
  const size = rowOperandSize(form, node.bits, key);
  let exact = 0;
  if (encoding.operandSize !== 0) {
    if (encoding.operandSize === size) exact = 2;
    // REX.W means nothing where no 64-bit row exists (IN, OUT, INS ...).
    else if (encoding.operandSize === 32 && size === 64) exact = 0;
    else return -1;
  } else exact = 1;
  const whole = encoding.fixedModrm !== undefined ? 1 : 0;
  const opcode = encoding.plusReg ? 0 : 1;
  const shape = encoding.mod === undefined ? 0 : 1;
  return (prefix << 5) | (whole << 4) | (opcode << 3) | (shape << 2) | exact;
}

/** 90 with REX.B names r8 and so is XCHG, without it is NOP (SDM Vol. 2B, "XCHG"); F3 makes it PAUSE in any case. */
function allowedByRexB(row: RowPlan, node: OpcodeNode, key: number): boolean {
  const { plusReg, mandatory } = row.form.encoding;
  if ((key & KEY_B) === 0 || plusReg || mandatory !== undefined) return true;
  return !node.rows.some((other) => other.form.encoding.plusReg);
}

function choose(node: OpcodeNode, key: number, modrm: number): RowPlan | null {
  let best: RowPlan | null = null;
  let bestRank = -1;
  for (const row of node.rows) {
    if (!allowedByRexB(row, node, key)) continue;
    const rank = specificity(row, node, key, modrm);
    if (rank > bestRank) {
      best = row;
      bestRank = rank;
    }
  }
  return best;
}

/** The row of an opcode whose rows are told apart by the byte behind their operands (3DNow!). */
export function rowWithSuffix(node: OpcodeNode, suffix: number): RowPlan | undefined {
  return node.rows.find((row) => row.form.encoding.suffix === suffix);
}

/** The row for a prefix key and a ModRM byte (0 where the opcode has none), or null if there is none. */
export function select(node: OpcodeNode, key: number, modrm: number): RowPlan | null {
  if (key === 0) {
    const known = node.plain[modrm];
    if (known !== undefined) return known;
    return (node.plain[modrm] = choose(node, 0, modrm));
  }
  const index = (key << 8) | modrm;
  const known = node.chosen.get(index);
  if (known !== undefined) return known;
  const row = choose(node, key, modrm);
  node.chosen.set(index, row);
  return row;
}

function buildNodes(bits: Bits, plans: readonly RowPlan[]): (OpcodeNode | undefined)[] {
  const rows = new Map<number, RowPlan[]>();
  for (const plan of plans) {
    const { encoding, modes } = plan.form;
    if (modes === (bits === 64 ? "legacy" : "long")) continue;
    for (let low = 0; low < (encoding.plusReg ? 8 : 1); low++) {
      const index = mapNodes(encoding) + encoding.opcode + low;
      const list = rows.get(index);
      if (list === undefined) rows.set(index, [plan]);
      else list.push(plan);
    }
  }
  const nodes = new Array<OpcodeNode | undefined>(ALL_NODES).fill(undefined);
  for (const [index, list] of rows)
    nodes[index] = {
      bits,
      rows: list,
      needsModrm: list.some((row) => row.needsModrm),
      chosen: new Map(),
      plain: [],
    };
  return nodes;
}

/** Nodes by map * 256 + opcode, VEX opcodes behind the others, for one code size. */
export type NodeTable = readonly (OpcodeNode | undefined)[];

const built: Partial<Record<Bits, NodeTable>> = {};
let plans: readonly RowPlan[] | undefined;

/** Built at the first use of a code size. */
export function nodesFor(bits: Bits): NodeTable {
  plans ??= INSTRUCTIONS.map(planOf);
  return (built[bits] ??= buildNodes(bits, plans));
}
