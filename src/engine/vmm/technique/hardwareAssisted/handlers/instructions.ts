/** Instructions that exit whatever the controls say, and have a short answer. */
import { cpuid } from "../../../../cpu/cpuModel";
import { RAX, RBX, RCX, RDX } from "../../../../isa/registers";
import { raise } from "../events";
import { around, aroundInstruction } from "../steps";
import type { Handler, Step } from "../vm";

const INVALID_OPCODE = 6;
const FEATURES_LEAF = 1;
/** CPUID.1:ECX.VMX. */
const VMX_FEATURE = 1 << 5;

const ANSWER_CPUID: Step = {
  name: "Answer as the processor would",
  text: "The same values as on bare metal, without the VMX feature: this VMM does not offer VMX to its guest. The APIC feature follows the virtual IA32_APIC_BASE.",
  run: (vm) => {
    const leaf = Number(vm.gpr(RAX, 32));
    const isApicEnabled = vm.parts.devices.localApic?.isEnabled ?? false;
    const { eax, ebx, ecx, edx } = cpuid(
      vm.cpu.model,
      leaf,
      Number(vm.gpr(RCX, 32)),
      isApicEnabled,
    );
    const hidden = leaf === FEATURES_LEAF ? VMX_FEATURE : 0;
    vm.setGpr(RAX, BigInt(eax), 32);
    vm.setGpr(RBX, BigInt(ebx), 32);
    vm.setGpr(RCX, BigInt((ecx & ~hidden) >>> 0), 32);
    vm.setGpr(RDX, BigInt(edx), 32);
  },
};

const FLUSH_CACHES: Step = {
  name: "Leave the caches alone",
  text: "INVD would throw away the host's unwritten data with the guest's. Memory is coherent here, so there is nothing to do.",
  run: () => undefined,
};

const RAISE_UD: Step = {
  name: "Raise #UD",
  text: "What this instruction does on a processor without the feature.",
  run: (vm) => {
    raise(vm, INVALID_OPCODE);
  },
};

/** No RIP moves: the exception belongs to the instruction. */
function undefinedInstruction(key: string): Handler {
  return { key, title: `${key}: undefined for this guest`, steps: around(RAISE_UD) };
}

const UNDEFINED = [
  "VMCALL",
  "VMCLEAR",
  "VMLAUNCH",
  "VMPTRLD",
  "VMPTRST",
  "VMREAD",
  "VMRESUME",
  "VMWRITE",
  "VMXOFF",
  "VMXON",
  "INVEPT",
  "INVVPID",
  "XSETBV",
] as const;

export const INSTRUCTION_HANDLERS: readonly Handler[] = [
  { key: "CPUID", title: "CPUID", steps: aroundInstruction(ANSWER_CPUID) },
  { key: "INVD", title: "INVD", steps: aroundInstruction(FLUSH_CACHES) },
  ...UNDEFINED.map(undefinedInstruction),
];
