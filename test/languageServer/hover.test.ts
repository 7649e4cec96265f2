import assert from "node:assert/strict";
import type { MarkupContent } from "vscode-languageserver-protocol";
import { hoverAt } from "../../src/languageServer/features/hover";
import { encodingFields } from "../../src/languageServer/knowledge/encodingFields";
import { sampleInstructions } from "../codec/samples";
import { scene } from "./support";

/** The markdown at the cursor, "" for no hover. */
function hovered(
  marked: string,
  settings: object = {},
  files: Record<string, string> = {},
): string {
  const { analysis, place, workspace } = scene(marked, files, settings);
  const { vmm } = workspace.settings;
  const found = hoverAt(analysis, place, vmm === "auto" ? "hardware-assisted" : vmm);
  return (found?.contents as MarkupContent | undefined)?.value ?? "";
}

function says(marked: string, ...patterns: readonly RegExp[]): void {
  const text = hovered(marked);
  for (const pattern of patterns) assert.match(text, pattern);
}

describe("hover over an instruction", () => {
  it("gives operation, forms of this code size, flags, privilege and bytes", () => {
    says(
      "bits 32\nad‸d eax, 1",
      /\*\*ADD\*\* destination ← destination \+ source/,
      /▸ add r\/m32, imm8/,
      /writes CF PF AF ZF SF OF/,
      /any CPL/,
      /`83c001` \(3 bytes\)/,
      /`83` opcode · `c0` ModRM: mod 11, reg 000 \(\/0\), r\/m 000 · `01` 8-bit immediate/,
    );
    assert.doesNotMatch(hovered("bits 32\nad‸d eax, 1"), /r\/m64/);
  });

  it("takes a VEX prefix apart, the short one and the long one", () => {
    says(
      "bits 64\nva‸ddps xmm0, xmm1, [r8+4]",
      /`c4c170` VEX: R 0, X 0, B 1, map 0F, W 0, vvvv 1, L 0, prefix none · `58` opcode · `40` ModRM: mod 01.* · `04` 8-bit displacement/,
    );
    says(
      "bits 32\nva‸ddpd ymm0, ymm1, ymm2",
      /`c5f5` VEX: R 0, X 0, B 0, map 0F, W 0, vvvv 1, L 1, prefix 66 · `58` opcode · `c2` ModRM: mod 11/,
    );
    says("bits 32\nblc‸fill eax, ebx", /`8fe978` XOP: .*map 9, .*`01` opcode · `cb` ModRM/);
  });

  it("says which encodings were not chosen, and why", () => {
    says(
      "bits 32\nad‸d ecx, 5",
      /Not chosen.*\n- `81 \/0 id` add r\/m32, imm32: 6 bytes instead of 3/,
    );
    says("bits 32\nad‸d ecx, 500", /`83 \/0 ib` add r\/m32, imm8: `500` does not fit/);
    says("bits 32\nmo‸v eax, ebx", /`8B \/r` mov r32, r\/m32: as long/);
    says("jm‸p next\ntimes 300 nop\nnext:", /`EB cb` jmp rel8: the target is too far away/);
    assert.doesNotMatch(hovered("bits 32\nhl‸t"), /Not chosen/);
  });

  it("tells when it exits and why it is sensitive", () => {
    says("bits 32\ncpu‸id", /\*\*VM exit:\*\* CPUID \(10\), always/);
    const text = hovered("bits 32\npop‸fd", { vmm: "trap-and-emulate" });
    assert.match(text, /no trap tells the VMM/);
    assert.match(text, /- \*\*✗ trap-and-emulate: .*IF is left alone/);
  });

  it("knows instructions in lines that are not assembled", () => {
    says("%if 0\nhl‸t\n%endif", /\*\*HLT\*\*/);
    says("%macro never 0\n  lgd‸t [eax]\n%endmacro\n", /\*\*LGDT\*\*/);
  });
});

describe("hover over a number", () => {
  it("shows it in all bases", () => {
    says("bits 32\nmov eax, 0x4‸1", /`0x41` · `65` · `0b100_0001` · `'A'`/);
    says("dd 10‸1b", /`0x5`/);
  });

  it("decodes control-register bits by how they are used", () => {
    says(
      "bits 32\nmov eax, cr0\nor eax, 0x8000000‸1\nmov cr0, eax",
      /CR0, sets/,
      /\*\*PE\*\*/,
      /\*\*PG\*\*/,
    );
    says("bits 32\nmov eax, cr4\nor eax, 1 << ‸5\nmov cr4, eax", /CR4, sets/, /\*\*PAE\*\*/);
    assert.doesNotMatch(hovered("bits 32\nor eax, ‸1\nmov ebx, 2\nmov cr0, ebx"), /CR0/);
  });

  it("decodes DR7 with its wider fields, RFLAGS, and bit numbers", () => {
    says(
      "bits 32\nmov eax, 0x000d060‸1\nmov dr7, eax",
      /\*\*L0\*\*/,
      /bits 17:16 \*\*R\/W0\*\* = 0x1 \(data writes\)/,
      /\*\*LEN0\*\* = 0x3 \(4 bytes\)/,
    );
    says("bits 32\npush 0x20‸2\npopfd", /RFLAGS/, /\*\*IF\*\*/);
    says("bits 32\npush 0x320‸2\npush 8\npush next\niretd\nnext:", /\*\*IOPL\*\* = 0x3/);
    says("bits 32\npush 0x202\npush ‸8\npush next\niretd\nnext:", /selector 0x08/);
    says("bits 32\npushfd\npop eax\ntest eax, 0x20‸0", /RFLAGS, tests/, /\*\*IF\*\*/);
    says("bits 32\nmov eax, cr4\nbts eax, ‸5\nmov cr4, eax", /CR4, sets/, /\*\*PAE\*\*/);
    assert.doesNotMatch(hovered("bits 32\npush 0x20‸2\ncall next\npopfd\nnext:"), /RFLAGS/);
  });

  it("decodes control words and other fields that VMWRITE fills", () => {
    says(
      "bits 64\nmov ebx, 0x4000\nmov eax, 0x2‸9\nvmwrite rbx, rax",
      /Pin-based VM-execution controls/,
      /NMI exiting/,
    );
    says("bits 64\nmov ebx, 0x401e\nmov eax, ‸2\nvmwrite rbx, rax", /Enable EPT/);
    says(
      "bits 64\n%macro put 2\nmov ebx, %1\nmov eax, %2\nvmwrite rbx, rax\n%endmacro\nput 0x4004, 0x400‸0",
      /Exception bitmap/,
      /#PF/,
    );
  });

  it("decodes page-table entries of each format", () => {
    says(
      "bits 32\nmov dword [page_table + 8], 0x500‸3\npage_table:",
      /PTE \(32-bit paging\)/,
      /4 KiB page 0x5000/,
      /writable/,
    );
    says(
      "bits 32\nmov eax, 0x1000\nmov cr3, eax\nmov dword [0x1000], 0x8‸3",
      /PDE \(32-bit paging\).*4 MiB page/,
    );
    const long =
      "bits 64\nmov rax, 0x1000\nmov cr3, rax\nmov qword [0x1000], 0x2003\nmov qword [0x2000], 0x3003\n";
    says(`${long}mov qword [0x3000], 0x8‸3`, /PDE \(4-level paging\).*2 MiB page/);
    says("bits 32\nmov cr4, eax\npdpt: dq 0x200‸1", /PDPTE \(PAE paging\).*table 0x2000/);
    says(
      "bits 32\npage_directory: dd 0x300‸7",
      /PDE \(32-bit paging\).*table 0x3000/,
      /user-accessible/,
    );
    assert.doesNotMatch(hovered("bits 32\nmov dword [counter], ‸3\ncounter:"), /paging/);
  });

  it("decodes gates of an IDT and descriptors of a TSS", () => {
    const idt = "bits 32\norg 0x1000\nlidt [p]\np: dw 15\ndd idt\nidt: dq 0\n";
    says(
      `${idt}dq 0x0000ee00000‸81000`,
      /IDT entry 1, #DB: 32\/64-bit interrupt gate to 0x8:0x1000, DPL 3/,
    );
    const gdt = "bits 32\norg 0x1000\nlgdt [p]\np: dw 15\ndd gdt\ngdt: dq 0\n";
    says(
      `${gdt}dq 0x00008900200‸00067`,
      /GDT entry 1 \(selector 0x08\): 32\/64-bit TSS \(available\)/,
    );
  });

  it("names MSRs and their bits", () => {
    says("bits 32\nmov ecx, 0xc00000‸80\nrdmsr", /IA32_EFER/);
    says(
      "bits 32\nmov ecx, 0xc0000080\nrdmsr\nor eax, 0x10‸0\nwrmsr",
      /IA32_EFER, sets/,
      /\*\*LME\*\*/,
    );
  });

  it("names VMCS fields, through constants too", () => {
    says("bits 64\nmov ebx, 0x681‸e\nvmread rax, rbx", /GUEST_RIP/);
    says("bits 64\nF equ 0x681e\nmov ebx, ‸F\nvmread rax, rbx", /GUEST_RIP/);
    says("bits 64\nmov ebx, 0x681e\nvmr‸ead rax, rbx", /GUEST_RIP/);
    says("VMCS_GUEST_RIP equ 0x68‸1e", /GUEST_RIP/);
  });

  it("names ports, selectors, BIOS services and vectors", () => {
    says("bits 32\nout 0x2‸0, al", /first 8259 PIC: command/);
    says("bits 16\nmov dx, 0x3f‸8\nout dx, al", /COM1/);
    says("bits 32\nmov eax, 0x1‸0\nmov ds, eax", /GDT entry 2, RPL 0/);
    says("bits 32\njmp 0x0‸8:next\nnext:", /GDT entry 1/);
    says("bits 16\nmov ah, 0x0e\nmov al, 'x'\nint 0x1‸0", /teletype/);
    says("bits 32\nint ‸3", /#BP|breakpoint/i);
  });

  it("decodes the entries of a GDT that LGDT names", () => {
    const table = "bits 32\norg 0x1000\nlgdt [p]\np: dw 15\ndd gdt\ngdt: dq 0\n";
    says(
      `${table}dq 0x00cf9a00000‸0ffff`,
      /GDT entry 1 \(selector 0x08\): code execute\/read, DPL 0, 32-bit/,
    );
  });
});

describe("hover over a name", () => {
  it("gives value, section, size and the comment above", () => {
    says(
      "org 0x7c00\n; Where it all begins.\nstart: nop\nnop\nnext: jmp sta‸rt",
      /\*\*start\*\*: label/,
      /`0x7c00`/,
      /section `.text`, 2 bytes to the next label/,
      /Where it all begins/,
    );
    says("SIZE equ 3 * 4 ; in bytes\nmov ax, SI‸ZE", /constant/, /`0xc` · `12`/, /in bytes/);
  });

  it("shows a macro's expansion before its definition", () => {
    const text = hovered("; Says it.\n%macro say 1\n  mov ax, %1\n%endmacro\nsa‸y 5");
    assert.match(text, /Expands to[^]*mov ax, ?5[^]*Says it[^]*%macro say 1/);
    says("%define TWO (1 + 1)\nmov ax, TW‸O * 3", /\(1 ?\+ ?1\)/, /`0x6`/);
  });

  it("explains registers, directives and preprocessor words", () => {
    says("mov eax, c‸r0", /Protection Enable/);
    says("bi‸ts 32", /code size from here on/);
    says("%if‸def X\n%endif", /single-line macro exists/);
    says("jmp ‸$", /address of this line/);
  });

  it("is silent in comments and blank places", () => {
    assert.equal(hovered("nop ; ad‸d eax"), "");
    assert.equal(hovered("nop\n‸\n"), "");
  });
});

describe("fields of an encoding", () => {
  it("take up all bytes, for every statement", () => {
    const { analysis } = scene(
      [
        "bits 64",
        "mov rax, [rbx + rcx*4 + 0x12345678]",
        "lock add dword [rel there], 5",
        "mov rax, 0x1122334455667788",
        "there: jmp there",
        "movzx eax, byte [fs:rdi]",
        "bits 16",
        "jmp 8:16",
        "mov ax, [bx+si+3]",
        "mov eax, [esp+4]",
        "mov al, [0x1234]",
        "bits 32",
        "vmcall",
        "crc32 eax, bl",
        "rep movsd",
      ].join("\n"),
    );
    for (const { form, bytes, bits, mnemonic } of analysis.model.statements) {
      if (form === undefined) continue;
      const fields = encodingFields(bytes, form, bits);
      assert.equal(
        fields.map((field) => field.bytes).join("").length,
        2 * bytes.length,
        mnemonic?.text,
      );
      assert.ok(!fields.some((field) => field.text === "more"), mnemonic?.text);
    }
  });

  it("leave no byte of any row unexplained", () => {
    const unexplained = ([16, 32, 64] as const).flatMap((bits) =>
      sampleInstructions(bits, 2)
        .filter(({ bytes, instruction }) =>
          encodingFields(bytes, instruction.form, bits).some(({ text }) => text === "more"),
        )
        .map(({ instruction }) => `${bits}: ${instruction.form.id}`),
    );
    assert.deepEqual(unexplained, []);
  });
});
