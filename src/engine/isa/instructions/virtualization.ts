/** VMX, SMX and SVM. The SVM and SMX rows are recognised but not executed: the simulated processor is an Intel one. */
import type { InstructionForm } from "../types";
import { ARITHMETIC, insn, op0f, op38, r, w } from "../dsl";
import type { OpcodeBuilder, Traits } from "../dsl";

/** VMsucceed, VMfailValid and VMfailInvalid write all six flags: SDM Vol. 3C, "VMX Instruction Reference", Conventions. */
const VMX: Traits = {
  feature: "vmx",
  protectedOnly: true,
  cpl: 0,
  sensitivity: "vm-instruction",
  flags: ARITHMETIC,
};
const always = (reason: string): Traits => ({ ...VMX, vmExit: { reason, when: "always" } });

const modeOf = (size: 32 | 64): InstructionForm["modes"] => (size === 64 ? "long" : "legacy");
const modeSized = (bytes: OpcodeBuilder, size: 32 | 64): OpcodeBuilder =>
  size === 64 ? bytes.o64().f64() : bytes;

const fieldRows = ([32, 64] as const).flatMap((size) => {
  const modes = modeOf(size);
  const shadowed = "unless VMCS shadowing is on and the field's bitmap bit is 0";
  return [
    insn("vmread", [w(`rm${size}`), r(`r${size}`)], modeSized(op0f(0x78).reg().np(), size), {
      ...VMX,
      modes,
      vmExit: { reason: "VMREAD", when: shadowed },
    }),
    insn("vmwrite", [r(`r${size}`), r(`rm${size}`)], modeSized(op0f(0x79).reg().np(), size), {
      ...VMX,
      modes,
      vmExit: { reason: "VMWRITE", when: shadowed },
    }),
    insn("invept", [r(`r${size}`), r("m128")], modeSized(op38(0x80).reg().memory().p66(), size), {
      ...always("INVEPT"),
      modes,
    }),
    insn("invvpid", [r(`r${size}`), r("m128")], modeSized(op38(0x81).reg().memory().p66(), size), {
      ...always("INVVPID"),
      modes,
    }),
  ];
});

const system = (modrm: number): OpcodeBuilder => op0f(0x01).fixed(modrm);

const SVM: Traits = {
  feature: "svm",
  protectedOnly: true,
  cpl: 0,
  sensitivity: "vm-instruction",
  semantics: null,
};
const SVM_OPCODES = [
  ["vmrun", 0xd8],
  ["vmmcall", 0xd9],
  ["vmload", 0xda],
  ["vmsave", 0xdb],
  ["stgi", 0xdc],
  ["clgi", 0xdd],
  ["skinit", 0xde],
  ["invlpga", 0xdf],
] as const;

export const VIRTUALIZATION_ROWS: readonly InstructionForm[] = [
  // VMCALL exits before the checks of mode and privilege in non-root operation, so any guest code may reach the VMM with it.
  insn("vmcall", [], system(0xc1).np(), { ...always("VMCALL"), cpl: 3, protectedOnly: false }),
  insn("vmlaunch", [], system(0xc2).np(), always("VMLAUNCH")),
  insn("vmresume", [], system(0xc3).np(), always("VMRESUME")),
  insn("vmxoff", [], system(0xc4).np(), always("VMXOFF")),
  insn("vmfunc", [], system(0xd4).np(), {
    feature: "vmx",
    sensitivity: "vm-instruction",
    vmExit: { reason: "VMFUNC", when: "the function is not enabled, or its leaf fails" },
  }),
  insn("vmptrld", [r("m64")], op0f(0xc7).ext(6).memory().np(), always("VMPTRLD")),
  insn("vmclear", [r("m64")], op0f(0xc7).ext(6).memory().p66(), always("VMCLEAR")),
  insn("vmxon", [r("m64")], op0f(0xc7).ext(6).memory().f3(), always("VMXON")),
  insn("vmptrst", [w("m64")], op0f(0xc7).ext(7).memory().np(), always("VMPTRST")),
  ...fieldRows,
  insn("getsec", [], op0f(0x37).np(), {
    feature: "smx",
    cpl: 0,
    sensitivity: "privileged",
    semantics: null,
    vmExit: { reason: "GETSEC", when: "always" },
  }),
  ...SVM_OPCODES.map(([mnemonic, modrm]) =>
    insn(mnemonic, [], system(modrm).np(), mnemonic === "vmmcall" ? { ...SVM, cpl: 3 } : SVM),
  ),
];
