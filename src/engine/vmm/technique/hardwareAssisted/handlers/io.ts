/** IN, OUT, INS and OUTS: every port belongs to a device that the VMM emulates. */
import { RAX, RCX, RDI, RSI, type SegmentIndex } from "../../../../isa/registers";
import { IO_LAYOUT } from "../../../../isa/vmx/exitQualification";
import { INSTRUCTION_INFORMATION_LAYOUTS } from "../../../../isa/vmx/instructionInformation";
import { InvariantError } from "../../../../base/errors";
import { RFLAGS } from "../../../../cpu/systemState";
import type { OperandSize } from "../../../../isa/types";
import { fieldOf, translateOperand } from "../guestOperands";
import type { IoAccess } from "../state";
import { around, ADVANCE_RIP } from "../steps";
import type { Handler, Step, Vm } from "../vm";

const ES: SegmentIndex = 0;

const DECODE: Step = {
  name: "Decode the exit qualification",
  text: "Port, size, direction, string form and REP.",
  run: (vm) => {
    const { qualification } = vm.exit;
    const field = (name: string): number => fieldOf(IO_LAYOUT, name, qualification);
    vm.state.work.io = {
      port: field("PORT"),
      size: (field("SIZE") + 1) as 1 | 2 | 4,
      isIn: field("IN") === 1,
      isString: field("STRING") === 1,
      isRepeated: field("REP") === 1,
      memory: [],
    };
  },
};

function accessOf(vm: Vm): IoAccess {
  const { io } = vm.state.work;
  if (!io) throw new InvariantError("the I/O instruction has not been decoded");
  return io;
}

/** Address size and segment of a string instruction. */
function stringForm(vm: Vm): { readonly width: OperandSize; readonly segment: SegmentIndex } {
  const information = BigInt(vm.exit.instructionInformation);
  const layout = INSTRUCTION_INFORMATION_LAYOUTS["ins-outs"];
  return {
    width: ([16, 32, 64] as const)[fieldOf(layout, "ADDRESS_SIZE", information)] ?? 64,
    segment: fieldOf(layout, "SEGMENT", information) as SegmentIndex,
  };
}

const FIND_MEMORY: Step = {
  name: "Find the string in guest memory",
  text: "INS and OUTS only: the segment's limit and rights, then the guest's page tables; a refusal is the guest's exception, before the port is touched.",
  run: (vm) => {
    const io = accessOf(vm);
    if (!io.isString) return;
    const { width, segment } = stringForm(vm);
    const operand = io.isIn
      ? { segment: ES, offset: vm.gpr(RDI, width) }
      : { segment, offset: vm.gpr(RSI, width) };
    io.memory = translateOperand(vm, { ...operand, bytes: io.size, write: io.isIn }) ?? [];
    vm.state.work.repeats = io.isRepeated && vm.gpr(RCX, width) !== 1n;
  },
};

function readString(vm: Vm, { memory }: IoAccess): number {
  return memory.reduce(
    (value, gpa, i) => (value | (vm.parts.guest.read8(gpa) << (8 * i))) >>> 0,
    0,
  );
}

function writeString(vm: Vm, { memory }: IoAccess, value: number): void {
  memory.forEach((gpa, i) => {
    vm.parts.guest.write8(gpa, (value >>> (8 * i)) & 0xff);
  });
}

/** The index register moves by one element, RCX counts down. */
function stepString(vm: Vm, { isIn, isRepeated, size }: IoAccess): void {
  const { width } = stringForm(vm);
  const index = isIn ? RDI : RSI;
  const step = vm.read32("GUEST_RFLAGS") & RFLAGS.DF ? -size : size;
  vm.setGpr(index, vm.gpr(index, width) + BigInt(step), width);
  if (isRepeated) vm.setGpr(RCX, vm.gpr(RCX, width) - 1n, width);
}

const ACCESS_PORT: Step = {
  name: "Let the emulated device answer",
  text: "The device model reads or writes its register. One element of a string; with REP the guest executes the instruction again for the next.",
  run: (vm) => {
    if (vm.state.exception) return;
    const io = accessOf(vm);
    const { ports } = vm.parts.devices;
    const { port, size } = io;
    if (io.isIn) {
      const value = ports.read(port, size);
      if (io.isString) writeString(vm, io, value);
      else vm.setGpr(RAX, BigInt(value >>> 0), (8 * size) as OperandSize);
    } else
      ports.write(port, size, io.isString ? readString(vm, io) : Number(vm.gpr(RAX, (8 * size) as OperandSize))); // prettier-ignore
    if (io.isString) stepString(vm, io);
  },
};

export const IO_HANDLERS: readonly Handler[] = [
  {
    key: "IO_INSTRUCTION",
    title: "I/O instruction",
    // RIP moves before the device acts: what the device does may end the machine.
    steps: around(DECODE, FIND_MEMORY, ADVANCE_RIP, ACCESS_PORT),
  },
];
