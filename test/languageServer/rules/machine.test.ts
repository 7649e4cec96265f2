/** The rules say that a mistake ends in an exception: here the processor meets the very programs. */
import assert from "node:assert/strict";
import { register, runToEnd } from "../../support/conformance";
import { diagnose } from "../support";

const GP = 13;
const PF = 14;
const UD = 6;
const RSVD = 8;

const PG = "mov eax, cr0\nor eax, 1 << 31\nmov cr0, eax\n";
const CR3 = "mov eax, 0x200000\nmov cr3, eax\n";
const setCr4 = (bit: number): string => `mov eax, cr4\nor eax, 1 << ${bit}\nmov cr4, eax\n`;
const setEfer = (bit: number): string => `mov ecx, 0xc0000080\nrdmsr\nor eax, 1 << ${bit}\nwrmsr\n`;
const at32 = (text: string): string => `bits 32\norg 0x100000\n${text}hlt\n`;
const at64 = (text: string): string => `bits 64\norg 0x100000\n${text}hlt\n`;
const at16 = (text: string): string => `bits 16\norg 0x7c00\n${text}hlt\n`;

interface Case {
  readonly rule: string;
  readonly text: string;
  readonly vector: number;
  /** Bits that are set in the error code. */
  readonly errorCode?: number;
}

const CASES: readonly Case[] = [
  { rule: "MODE6", text: at32(`${CR3}${setEfer(8)}${PG}`), vector: GP },
  {
    rule: "PAGE1",
    text: at32(`mov dword [0x200000], 0x201003\n${setCr4(5)}${CR3}${PG}`),
    vector: GP,
  },
  { rule: "PAGE4", text: at32(`mov dword [0x200000], 2\n${CR3}${PG}`), vector: PF },
  { rule: "PAGE5", text: at32(PG), vector: PF },
  { rule: "PAGE7", text: at32(`mov dword [0x200000], 0x83\n${CR3}${PG}`), vector: PF },
  {
    rule: "PAGE9",
    text: at64(
      "mov ecx, 0xc0000080\nrdmsr\nand eax, ~(1 << 11)\nwrmsr\nmov rax, 1 << 63 | 0x201003\nmov [0x200000], rax\nmov eax, 0x200000\nmov cr3, rax\n",
    ),
    vector: PF,
    errorCode: RSVD,
  },
  { rule: "MODE9", text: at64("mov eax, [0xfee00020]\n"), vector: PF },
  { rule: "MODE10", text: at16("mov al, [dword 0x100000]\n"), vector: GP },
  { rule: "MODE13", text: at64(`${setEfer(11)}o64 sysret\n`), vector: UD },
  { rule: "MODE14", text: at16("str ax\n"), vector: UD },
];

describe("what the rules say will happen", () => {
  for (const { rule, text, vector, errorCode = 0 } of CASES)
    it(`${rule}: happens on the processor, exception ${vector}`, () => {
      assert.ok(
        diagnose(text).some(({ code }) => code === rule),
        "the rule speaks",
      );
      const [first] = runToEnd(text, {}, 1000).exceptions;
      assert.equal(first?.vector, vector);
      assert.equal((first?.errorCode ?? 0) & errorCode, errorCode);
    });

  it("VMM12: VMXON fails with CF = 1 for a misaligned region and for one without revision", () => {
    const program = (region: string, revision: string): string =>
      at64(
        `mov rax, cr0\nor eax, 0x20\nmov cr0, rax\n${setCr4(13).replaceAll("eax, cr4", "rax, cr4").replaceAll("cr4, eax", "cr4, rax")}${revision}vmxon [pointer]\nsetc bl\nmovzx ebx, bl\nhlt\npointer: dq region\n${region}region: times 4096 db 0\n`,
      );
    const revision = "mov ecx, 0x480\nrdmsr\nmov [region], eax\n";
    const rows = [
      ["align 4096\n", revision, 0n],
      ["align 4096\n", "", 1n],
      ["align 4096\ndq 0\n", revision, 1n],
    ] as const;
    for (const [region, before, carry] of rows) {
      const text = program(region, before);
      const found = diagnose(text).filter(({ code }) => code === "VMM12");
      assert.equal(found.length > 0, carry === 1n, text);
      const { machine, exceptions } = runToEnd(text);
      assert.deepEqual(exceptions, []);
      assert.equal(register(machine, "rbx"), carry);
    }
  });
});
