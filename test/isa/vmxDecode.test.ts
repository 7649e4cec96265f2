import assert from "node:assert/strict";
import { EXIT } from "../../src/engine/isa/vmx/exitReasons";
import { describeExit, type ExitDetails } from "../../src/engine/isa/vmx/describeExit";
import {
  decodeExitQualification,
  decodeInterruptionInformation,
} from "../../src/engine/isa/vmx/exitQualification";
import { decodeInstructionInformation } from "../../src/engine/isa/vmx/instructionInformation";

/** Memory operand [rbx + rcx*4 + displacement] with 64-bit addresses, through DS. */
const MEMORY = 2 | (2 << 7) | (3 << 15) | (1 << 18) | (3 << 23);
const NO_INDEX = 1 << 22;
const NO_BASE = 1 << 27;

describe("exit description", () => {
  const registers = Array.from({ length: 16 }, () => 0n);
  const withRegisters = (values: Record<number, bigint>) =>
    registers.map((value, index) => values[index] ?? value);
  // prettier-ignore
  const cases: readonly (readonly [string, ExitDetails])[] = [
    ["write to CR0 from RAX", { reason: EXIT.CR_ACCESS, qualification: 0n }],
    ["read of CR3 into R9", { reason: EXIT.CR_ACCESS, qualification: 0x913n }],
    ["CLTS", { reason: EXIT.CR_ACCESS, qualification: 0x20n }],
    ["LMSW with 0x0001 from memory", { reason: EXIT.CR_ACCESS, qualification: 0x10070n }],
    ["write to DR7 from RDX", { reason: EXIT.MOV_DR, qualification: 0x207n }],
    ["read of DR6 into RAX", { reason: EXIT.MOV_DR, qualification: 0x16n }],
    ["IN AL, port 0x60, 1 byte", { reason: EXIT.IO_INSTRUCTION, qualification: 0x600048n }],
    ["OUT port 0xcf8, EAX, 4 bytes", { reason: EXIT.IO_INSTRUCTION, qualification: 0xcf80003n }],
    ["REP OUTSB, port 0x3f8, 1 byte", { reason: EXIT.IO_INSTRUCTION, qualification: 0x3f80030n }],
    ["INSW, port 0x1f0, 2 bytes", { reason: EXIT.IO_INSTRUCTION, qualification: 0x1f00019n }],
    ["write to GPA 0x7000: not permitted (the EPT entries allow R-X)", { reason: EXIT.EPT_VIOLATION, qualification: 0x2an, guestPhysicalAddress: 0x7000n }],
    ["read of GPA 0xfee00000 (GVA 0xffff8000fee00000): not present in the EPT", { reason: EXIT.EPT_VIOLATION, qualification: 0x181n, guestPhysicalAddress: 0xfee00000n, guestLinearAddress: 0xffff8000fee00000n }],
    ["read and write of a guest paging-structure entry of GPA 0x2000: not permitted (the EPT entries allow R--)", { reason: EXIT.EPT_VIOLATION, qualification: 0x8bn, guestPhysicalAddress: 0x2000n }],
    ["EPT misconfiguration at GPA 0x3000", { reason: EXIT.EPT_MISCONFIGURATION, qualification: 0n, guestPhysicalAddress: 0x3000n }],
    ["CPUID leaf 0x7, subleaf 0x1", { reason: EXIT.CPUID, qualification: 0n, registers: withRegisters({ 0: 7n, 1: 1n }) }],
    ["CPUID", { reason: EXIT.CPUID, qualification: 0n }],
    ["read of IA32_EFER (0xc0000080)", { reason: EXIT.RDMSR, qualification: 0n, registers: withRegisters({ 1: 0xc0000080n }) }],
    ["write of 0x100000500 to IA32_EFER (0xc0000080)", { reason: EXIT.WRMSR, qualification: 0n, registers: withRegisters({ 0: 0x500n, 1: 0xc0000080n, 2: 1n }) }],
    ["VMCALL with RAX = 0x2a", { reason: EXIT.VMCALL, qualification: 0n, registers: withRegisters({ 0: 42n }) }],
    ["HLT", { reason: EXIT.HLT, qualification: 0n }],
    ["INVLPG of 0x401000", { reason: EXIT.INVLPG, qualification: 0x401000n }],
    ["exception #UD", { reason: EXIT.EXCEPTION_NMI, qualification: 0n, interruptionInformation: 0x80000306 }],
    ["exception #GP with error code 0x18: selector 0x18 (GDT entry 3)", { reason: EXIT.EXCEPTION_NMI, qualification: 0n, interruptionInformation: 0x80000b0d, interruptionErrorCode: 0x18 }],
    ["exception #PF at 0x1234: user write: page not present", { reason: EXIT.EXCEPTION_NMI, qualification: 0x1234n, interruptionInformation: 0x80000b0e, interruptionErrorCode: 6 }],
    ["exception #DB (BS)", { reason: EXIT.EXCEPTION_NMI, qualification: 0x4000n, interruptionInformation: 0x80000301 }],
    ["NMI", { reason: EXIT.EXCEPTION_NMI, qualification: 0n, interruptionInformation: 0x80000202 }],
    ["external interrupt 0x20", { reason: EXIT.EXTERNAL_INTERRUPT, qualification: 0n, interruptionInformation: 0x80000020 }],
    ["external interrupt (not acknowledged)", { reason: EXIT.EXTERNAL_INTERRUPT, qualification: 0n }],
    ["task switch: JMP instruction, new TSS 0x28 (GDT entry 5, RPL 0)", { reason: EXIT.TASK_SWITCH, qualification: 0x80000028n }],
    ["VM-entry failure due to invalid guest state: the VMCS link pointer is not valid", { reason: 0x80000021, qualification: 4n }],
    ["LGDT [rbx+rcx*4+0x10]", { reason: EXIT.GDTR_IDTR_ACCESS, qualification: 0x10n, instructionInformation: MEMORY | (2 << 28) }],
    ["STR rdx", { reason: EXIT.LDTR_TR_ACCESS, qualification: 0n, instructionInformation: (2 << 3) | (1 << 10) | (1 << 28) }],
    ["VMREAD rdx, rax (field GUEST_RIP)", { reason: EXIT.VMREAD, qualification: 0n, instructionInformation: (2 << 3) | (1 << 10), registers: withRegisters({ 0: 0x681en }) }],
    ["VMWRITE rax, rdx (field 0x4000000)", { reason: EXIT.VMWRITE, qualification: 0n, instructionInformation: (2 << 3) | (1 << 10), registers: withRegisters({ 0: 0x4000000n }) }],
    ["INVEPT rsi, [rbx+rcx*4-0x8]", { reason: EXIT.INVEPT, qualification: -8n, instructionInformation: MEMORY | (6 << 28) }],
    ["write: not present in the EPT, during delivery of hardware exception #PF", { reason: EXIT.EPT_VIOLATION, qualification: 0x2n, idtVectoringInformation: 0x80000b0e }],
    ["unknown exit reason 35", { reason: 35, qualification: 0n }],
  ];
  for (const [expected, details] of cases) {
    it(expected, () => assert.equal(describeExit(details), expected));
  }
});

describe("instruction information", () => {
  it("leaves out base and index where they are invalid", () => {
    assert.equal(decodeInstructionInformation("memory", MEMORY | NO_INDEX, 4n).text, "[rbx+0x4]");
    assert.equal(decodeInstructionInformation("memory", MEMORY | NO_BASE, 0n).text, "[rcx*4]");
    const absolute = decodeInstructionInformation("memory", MEMORY | NO_BASE | NO_INDEX, 0x7000n);
    assert.equal(absolute.text, "[0x7000]");
    assert.ok(!absolute.fields.some((field) => field.name === "BASE" || field.name === "INDEX"));
  });

  it("names a segment other than DS, and registers in the address size", () => {
    const information = (MEMORY & ~(7 << 15) & ~(7 << 7)) | (4 << 15) | (1 << 7) | NO_INDEX;
    assert.equal(decodeInstructionInformation("memory", information).text, "[fs:ebx]");
  });

  it("names the destination of RDRAND in its size", () => {
    assert.equal(decodeInstructionInformation("random", (8 << 3) | (1 << 11)).text, "r8d");
  });
});

describe("exit qualification", () => {
  it("shows the general register only for MOV, and the source only for LMSW", () => {
    const names = (value: bigint) =>
      decodeExitQualification(EXIT.CR_ACCESS, value).fields.map((field) => field.name);
    assert.deepEqual(names(0n), ["CR", "ACCESS", "GPR"]);
    assert.deepEqual(names(0x20n), ["CR", "ACCESS"]);
    assert.deepEqual(names(0x30n), ["CR", "ACCESS", "LMSW_MEMORY", "LMSW_SOURCE"]);
  });

  it("is empty where the reason has none", () => {
    assert.deepEqual(decodeExitQualification(EXIT.HLT, 0x1234n), { text: "", fields: [] });
  });
});

describe("interruption information", () => {
  it("says nothing when it is not valid", () => {
    const { valid, text } = decodeInterruptionInformation(0x306, "exit");
    assert.deepEqual([valid, text], [false, "nothing"]);
  });

  it("tells the kinds of event apart", () => {
    // prettier-ignore
    const cases = [[0x80000020, "external interrupt 0x20"], [0x80000480, "software interrupt 0x80"], [0x80000603, "software exception #BP"], [0x80000501, "privileged software exception #DB"], [0x80000700, "pending MTF VM exit"], [0x80000b0d, "hardware exception #GP"]] as const;
    for (const [value, text] of cases) {
      assert.equal(decodeInterruptionInformation(value, "entry").text, text);
    }
    assert.equal(decodeInterruptionInformation(0x80000b0d, "entry").hasErrorCode, true);
  });
});
