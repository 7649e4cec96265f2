/** Memory operands of instructions that the VMM carries out: the checks that the processor would have made, and the translation. */
import { AR } from "../../../isa/descriptors";
import { FS, SEGMENTS, SS, type SegmentIndex } from "../../../isa/registers";
import { INSTRUCTION_INFORMATION_LAYOUTS } from "../../../isa/vmx/instructionInformation";
import { fieldValue, type BitLayout } from "../../../isa/bitFields";
import { CR0, RFLAGS } from "../../../cpu/systemState";
import { canonicalLinear } from "../../../cpu/linear";
import { walkGuest } from "../../guestPaging";
import { guestPagingState } from "../../memory/guestPagingState";
import { raise } from "./events";
import type { Vm } from "./vm";

const SEGMENT_FAULT = { stack: 12, other: 13 } as const;
const PAGE_FAULT = 14;
const ALIGNMENT_CHECK = 17;

/** A field of a layout by name. */
export function fieldOf(of: BitLayout, name: string, value: bigint): number {
  const field = of.fields.find((each) => each.name === name);
  return field === undefined ? 0 : Number(fieldValue(field, value));
}

/** An access to `bytes` at segment:offset. */
export interface Operand {
  readonly segment: SegmentIndex;
  readonly offset: bigint;
  readonly bytes: number;
  readonly write: boolean;
}

function isRealMode(vm: Vm): boolean {
  return !vm.protectedMode || (vm.read32("GUEST_RFLAGS") & RFLAGS.VM) !== 0;
}

/** SDM Vol. 3A, "Limit Checking" and "Type Checking". */
function segmentAllows(vm: Vm, { segment, offset, bytes, write }: Operand): boolean {
  const name = SEGMENTS[segment].toUpperCase() as "ES" | "CS" | "SS" | "DS" | "FS" | "GS";
  const rights = vm.read32(`GUEST_${name}_ACCESS_RIGHTS`);
  const limit = vm.read32(`GUEST_${name}_LIMIT`);
  if (rights & AR.UNUSABLE) return false;
  const real = isRealMode(vm);
  const isCode = (rights & 8) !== 0;
  if (!real) {
    if (!(rights & AR.P)) return false;
    if (write ? isCode || !(rights & 2) : isCode && !(rights & 2)) return false;
  }
  const at = Number(BigInt.asUintN(32, offset));
  const last = at + bytes - 1;
  const expandsDown = !real && (rights & 0xc) === 4;
  if (!expandsDown) return last <= limit;
  return at > limit && last <= (rights & AR.DB ? 0xffffffff : 0xffff);
}

function linearOf(vm: Vm, { segment, offset }: Operand): bigint {
  const name = SEGMENTS[segment].toUpperCase() as "ES" | "CS" | "SS" | "DS" | "FS" | "GS";
  const is64 = vm.is64;
  const base = is64 && segment < FS ? 0n : vm.read(`GUEST_${name}_BASE`);
  return BigInt.asUintN(is64 ? 64 : 32, base + offset);
}

function isAllowed(vm: Vm, operand: Operand, linear: bigint): boolean {
  if (!vm.is64) return segmentAllows(vm, operand);
  const last = linear + BigInt(operand.bytes - 1);
  return canonicalLinear(linear) !== undefined && canonicalLinear(last) !== undefined;
}

function isMisaligned(vm: Vm, linear: bigint, bytes: number): boolean {
  if (vm.cpl !== 3 || linear % BigInt(bytes) === 0n) return false;
  return (vm.cr0 & CR0.AM) !== 0 && (vm.read32("GUEST_RFLAGS") & RFLAGS.AC) !== 0;
}

/** GPA of each byte of an operand, or undefined if an exception was raised. */
export function translateOperand(vm: Vm, operand: Operand): number[] | undefined {
  const { segment, bytes, write } = operand;
  const linear = linearOf(vm, operand);
  if (!isAllowed(vm, operand, linear)) {
    raise(vm, segment === SS ? SEGMENT_FAULT.stack : SEGMENT_FAULT.other, 0);
    return undefined;
  }
  if (isMisaligned(vm, linear, bytes)) {
    raise(vm, ALIGNMENT_CHECK, 0);
    return undefined;
  }
  const state = guestPagingState(vm);
  const access = { write, fetch: false, user: vm.cpl === 3, implicit: false };
  const width = vm.is64 ? 64 : 32;
  const places: number[] = [];
  for (let i = 0; i < bytes; i++) {
    const address = BigInt.asUintN(width, linear + BigInt(i));
    const walk = walkGuest(vm.parts.guest, state, address, access);
    if (walk.kind === "fault") {
      raise(vm, PAGE_FAULT, walk.errorCode, address);
      return undefined;
    }
    places.push(walk.gpa);
  }
  return places;
}

/** The memory operand that the instruction information describes; its displacement is the exit qualification. SDM Vol. 3C, "Information for VM Exits Due to Instruction Execution". */
export function memoryOperandOf(
  vm: Vm,
  layout: keyof typeof INSTRUCTION_INFORMATION_LAYOUTS,
): { readonly segment: SegmentIndex; readonly offset: bigint } {
  const information = BigInt(vm.exit.instructionInformation);
  const field = (name: string): number =>
    fieldOf(INSTRUCTION_INFORMATION_LAYOUTS[layout], name, information);
  let offset = vm.exit.qualification;
  if (!field("BASE_INVALID")) offset += vm.gpr(field("BASE"));
  if (!field("INDEX_INVALID")) offset += vm.gpr(field("INDEX")) << BigInt(field("SCALING"));
  const width = [16, 32, 64][field("ADDRESS_SIZE")] ?? 64;
  return { segment: field("SEGMENT") as SegmentIndex, offset: BigInt.asUintN(width, offset) };
}
