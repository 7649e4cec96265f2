/** Did segment truncation refuse what the guest's own segments allow? Then the guest uses the part of its linear space that the VMM keeps for itself. */
import { AR } from "../../isa/descriptors";
import { CS, DS, ES, RDI, RSI, RSP, SS, type SegmentIndex } from "../../isa/registers";
import type { Instruction, MemoryOperand } from "../../codec/types";
import { isCpuAbort } from "../../cpu/abort";
import { effectiveAddress, nextRip, readOperand } from "../../cpu/system/systemEvent";
import type { Processor } from "../../cpu/processor";
import { readMemory } from "../../cpu/dataAccess";
import { truncatedLimit } from "./shadowDescriptor";

interface Access {
  readonly segment: SegmentIndex;
  readonly offset: bigint;
  readonly bytes: number;
}

const STACK_SLOT = 4;
const LARGEST_ELEMENT = 4;
const EXPAND_DOWN = 4;

/** Within the guest's limit and beyond the one that the hardware has. */
function isCutOff(vcpu: Processor, { segment, offset, bytes }: Access): boolean {
  const { base, limit, ar } = vcpu.segment(segment);
  if (ar & AR.UNUSABLE || (ar & (8 | EXPAND_DOWN)) === EXPAND_DOWN) return false;
  const cut = truncatedLimit({ base, limit, accessRights: ar });
  const last = Number(BigInt.asUintN(32, offset)) + bytes - 1;
  return cut !== undefined && last > cut && last <= limit;
}

function memoryAccesses(vcpu: Processor, instruction: Instruction): Access[] {
  return instruction.operands
    .filter((operand): operand is MemoryOperand => operand.kind === "mem")
    .map((operand) => ({
      segment: operand.segment,
      offset: effectiveAddress(vcpu, instruction, operand),
      bytes: Math.max(1, operand.size / 8),
    }));
}

function stringAccesses(
  vcpu: Processor,
  { form, segmentPrefix, addressSize }: Instruction,
): Access[] {
  // prettier-ignore
  const kinds = form.operands.map(({ kind }) => kind as string);
  const source = (segmentPrefix >= 0 ? segmentPrefix : DS) as SegmentIndex;
  const width = addressSize === 16 ? 16 : 32;
  const access = (segment: SegmentIndex, register: number): Access => ({
    segment,
    offset: vcpu.gpr(register, width),
    bytes: LARGEST_ELEMENT,
  });
  return [
    ...(kinds.some((kind) => kind.startsWith("strsi")) ? [access(source, RSI)] : []),
    ...(kinds.some((kind) => kind.startsWith("strdi")) ? [access(ES, RDI)] : []),
  ];
}

function stackAccesses(vcpu: Processor): Access[] {
  const top = vcpu.gpr(RSP, 32);
  const at = (offset: bigint): Access => ({ segment: SS, offset, bytes: STACK_SLOT });
  return [at(top), at(top - BigInt(STACK_SLOT))];
}

/** Where a near branch leads. */
function branchTarget(vcpu: Processor, instruction: Instruction): bigint | undefined {
  const [operand] = instruction.operands;
  switch (instruction.form.semantics) {
    case "ret_near":
      return readMemory(vcpu, SS, vcpu.gpr(RSP, 32), STACK_SLOT);
    case "jmp_near":
    case "call_near":
    case "jcc":
      if (operand?.kind === "rel")
        return BigInt.asUintN(32, nextRip(vcpu, instruction) + BigInt(operand.displacement));
      return readOperand(vcpu, instruction, 0);
    default:
      return undefined;
  }
}

function codeAccess(vcpu: Processor, instruction: Instruction): Access[] {
  try {
    const offset = branchTarget(vcpu, instruction);
    return offset === undefined ? [] : [{ segment: CS, offset, bytes: 1 }];
  } catch (problem) {
    if (!isCpuAbort(problem)) throw problem;
    return [];
  }
}

/** Linear address that the instruction would have reached, if truncation alone stands in its way. */
export function accessInArea(vcpu: Processor, instruction: Instruction): bigint | undefined {
  if (vcpu.virtual8086) return undefined;
  const found = [
    ...memoryAccesses(vcpu, instruction),
    ...stringAccesses(vcpu, instruction),
    ...codeAccess(vcpu, instruction),
    ...stackAccesses(vcpu),
  ].find((access) => isCutOff(vcpu, access));
  return found && BigInt.asUintN(32, vcpu.segment(found.segment).base + found.offset);
}
