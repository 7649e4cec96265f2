/** Which bytes of a statement the listing does not show as they are: `[0A00]` addresses, `(0A000000)` distances that leave the section, `??`. */
import { encodeInstruction } from "../codec/encode";
import type { AsmOperand } from "../codec/types";
import { DataWriter, type AddressPiece, type DataMarks } from "./dataBytes";
import { Evaluator } from "./evaluate";
import type { Expression } from "./expressionTree";
import type { Layout } from "./layout";
import type { OperandTree, Placed, StatementTree } from "./statementTree";

export function marksOf(
  statement: StatementTree,
  placed: Placed,
  bytes: Uint8Array,
  layout: Layout,
): DataMarks {
  const { body } = statement;
  const marks: DataMarks = { addresses: [], reserved: [], overflows: [] };
  if (body.kind === "instruction") marks.addresses.push(...addressPieces(body, statement, placed, bytes, layout)); // prettier-ignore
  else if (body.kind === "data" && (!body.isConstant || statement.constantData?.hasReserved === true)) {
    layout.standAt(statement);
    const writer = new DataWriter(layout.surroundings);
    writer.marks = marks;
    writer.write(body.items, statement.mnemonicToken!);
  } // prettier-ignore
  return marks;
}

function addressPieces(
  body: { readonly mnemonic: string; readonly operands: readonly OperandTree[] },
  statement: StatementTree,
  placed: Placed,
  bytes: Uint8Array,
  layout: Layout,
): readonly AddressPiece[] {
  const { operands } = placed;
  if (operands === undefined) return [];
  const pieces: AddressPiece[] = [];
  operands.forEach((operand, i) => {
    const isJump = i === 0 && placed.encoded?.isRelative === true;
    const meant = whatIsMeant(body.operands[i]!, statement, layout);
    const isLea = body.mnemonic === "lea" && operand.kind === "imm" && operand.relative === "rel";
    const kind = meant && addressKind(operand, isJump, isLea, meant, statement.segment);
    if (kind === undefined) return;
    const encode = (other: AsmOperand): Uint8Array | undefined => {
      const result = encodeInstruction({
        mnemonic: body.mnemonic,
        operands: operands.map((each, k) => (k === i ? other : each)),
        bits: placed.bits,
        target: placed.encoded?.target,
        prefixes: statement.prefixes,
        address: BigInt(layout.sections.baseOf(placed.segment) + placed.offset),
      });
      return result.ok && result.bytes.length === bytes.length ? result.bytes : undefined;
    };
    const field =
      kind === "relative" && !meant!.isDistance
        ? distanceField(operand, isJump, bytes, encode)
        : addressField(operand, bytes, encode);
    if (field) pieces.push({ ...field, offset: meant!.offset, relative: kind === "relative" });
  });
  return pieces;
}

/** Whether NASM passes an operand on as an address or a distance instead of finished bytes. */
function addressKind(
  operand: AsmOperand,
  isJump: boolean,
  isLea: boolean,
  { segment, isDistance: isDifference }: Meant,
  here: number,
): "address" | "relative" | undefined {
  if (isDifference) return operand.kind === "reg" ? undefined : "relative";
  if (segment === undefined) return isJump ? "relative" : undefined;
  const isDistance = isJump || isLea || (operand.kind === "mem" && operand.relative === "rel");
  if (isDistance) return segment === here ? undefined : "relative";
  return operand.kind === "reg" ? undefined : "address";
}

type Encode = (other: AsmOperand) => Uint8Array | undefined;
type Field = Pick<AddressPiece, "at" | "length">;

function withOther(operand: AsmOperand, change: (value: bigint) => bigint): AsmOperand {
  switch (operand.kind) {
    case "imm":
      return { ...operand, value: change(operand.value) };
    case "mem":
      return { ...operand, displacement: change(operand.displacement) };
    case "far":
      return { ...operand, offset: change(operand.offset) };
    case "reg":
      return operand;
  }
}

const EVERY_BYTE = 0x0101010101010101n;

/** The field is where the bytes differ when every byte of the address does. */
function addressField(operand: AsmOperand, bytes: Uint8Array, encode: Encode): Field | undefined {
  const other = encode(withOther(operand, (value) => value ^ EVERY_BYTE));
  if (other === undefined) return undefined;
  const at = bytes.findIndex((byte, k) => byte !== other[k]);
  if (at < 0) return undefined;
  let end = at;
  while (end < bytes.length && bytes[end] !== other[end]) end++;
  return { at, length: end - at };
}

/** The field of a distance begins where the bytes differ when the target is one further; a jump's reaches to the end. */
function distanceField(
  operand: AsmOperand,
  isJump: boolean,
  bytes: Uint8Array,
  encode: Encode,
): Field | undefined {
  const other = encode(withOther(operand, (value) => value ^ 1n));
  const at = other === undefined ? -1 : bytes.findIndex((byte, k) => byte !== other[k]);
  if (at < 0) return undefined;
  return { at, length: isJump ? bytes.length - at : 4 };
}

interface Meant {
  /** Counted from the start of the section. */
  readonly offset: bigint;
  readonly segment: number | undefined;
  /** Something of this section is taken away from something of another. */
  readonly isDistance: boolean;
}

/** The address that an operand is written with. */
function whatIsMeant(
  tree: OperandTree,
  statement: StatementTree,
  layout: Layout,
): Meant | undefined {
  layout.standAt(statement);
  let offset = 0n;
  let segment: number | undefined;
  let isDistance = false;
  for (const part of addressParts(tree)) {
    const value = new Evaluator(layout.surroundings).evaluate(part);
    if (value === undefined) return undefined;
    offset += value.number;
    segment = value.segments.find(({ factor }) => factor === 1n)?.segment ?? segment;
    isDistance ||= value.isSelfRelative(statement.segment);
  }
  return { offset, segment, isDistance };
}

function addressParts(tree: OperandTree): readonly Expression[] {
  if (tree.kind === "memory") return tree.parts;
  return [tree.kind === "far" ? tree.offset : tree.expression];
}
