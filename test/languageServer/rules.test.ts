import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { RULES } from "../../src/languageServer/rules/allRules";
import { readLaunch } from "../../src/languageServer/techniques";
import { brief, diagnose, diagnosticsIn, messageOf, workspaceWith } from "./support";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Lines (1-based) at which a rule speaks. */
function linesOf(rule: string, text: string, settings: object = {}): number[] {
  return diagnose(text, settings)
    .filter((each) => each.code === rule)
    .map((each) => each.range.start.line + 1);
}

describe("VMM1: sensitive instructions", () => {
  const vmm = (technique: string): object => ({ vmm: technique });

  it("says what happens at run time", () => {
    const [found] = diagnose("bits 32\npopfd\n", vmm("trap-and-emulate"));
    assert.equal(found?.severity, 1);
    assert.match(messageOf(found), /^POPFD under trap-and-emulate: .*IF is left alone/);
  });

  it("depends on the technique", () => {
    const text = "bits 32\npopfd\nsgdt [0]\nmov ax, cs\ncpuid\n";
    assert.deepEqual(linesOf("VMM1", text, vmm("trap-and-emulate")), [2, 3, 4, 5]);
    assert.deepEqual(linesOf("VMM1", text, vmm("binary-translation")), []);
    assert.deepEqual(linesOf("VMM1", text, vmm("hardware-assisted")), []);
    assert.deepEqual(linesOf("VMM1", text, vmm("none")), []);
    assert.ok(linesOf("VMM1", text, vmm("paravirtual")).includes(2));
  });

  it("leaves privileged and innocuous instructions and real-mode code alone", () => {
    const text = "bits 32\nhlt\ncli\nadd eax, 1\nlgdt [0]\nbits 16\npopf\nmov ds, ax\nint 0x10\n";
    assert.deepEqual(linesOf("VMM1", text, vmm("trap-and-emulate")), []);
  });

  it("tells a line of a macro once", () => {
    const text = "bits 32\n%macro unlock 0\npopfd\n%endmacro\nunlock\nunlock\n";
    assert.deepEqual(linesOf("VMM1", text, vmm("trap-and-emulate")), [3]);
  });

  it("takes the technique from the comment, the setting, launch.json, the default, in this order", () => {
    const comment = "; ringside: vmm=trap-and-emulate\n";
    const text = "bits 32\npopfd\n";
    assert.deepEqual(linesOf("VMM1", comment + text, vmm("none")), [3]);
    assert.deepEqual(linesOf("VMM1", text), []);
    const workspace = workspaceWith({ "main.asm": text });
    const configurations = [
      { type: "ringside", program: "${workspaceFolder}/other.asm", vmm: "none" },
      { type: "ringside", program: "${workspaceFolder}/main.asm", vmm: "trap-and-emulate" },
      { type: "node", program: "${file}", vmm: "none" },
    ];
    workspace.configure(workspace.settings, readLaunch({ configurations }));
    assert.deepEqual(brief(diagnosticsIn(workspace, "/project/main.asm")), ["2:1-6 VMM1"]);
  });
});

describe("VMM2: the price of privileged instructions", () => {
  const text = "bits 32\nhlt\ncpuid\nin al, 0x60\nadd eax, 1\n";

  it("is told only when asked for", () => {
    assert.deepEqual(linesOf("VMM2", text), []);
    assert.deepEqual(linesOf("VMM2", text, { showPrivileged: true }), [2, 3, 4]);
  });

  it("names the exit reason with VMX and the trap without", () => {
    const message = (vmm: string): string =>
      messageOf(diagnose(text, { vmm, showPrivileged: true }).find((each) => each.code === "VMM2"));
    assert.match(message("hardware-assisted"), /VM exit HLT \(12\)/);
    assert.match(message("trap-and-emulate"), /faults, and the VMM emulates it/);
  });
});

describe("VMM9: techniques that cannot run 64-bit code", () => {
  it("speaks once, and not where VMX or nothing is used", () => {
    const text = "bits 64\nnop\npopfq\n";
    assert.deepEqual(linesOf("VMM9", text, { vmm: "binary-translation" }), [2]);
    assert.deepEqual(linesOf("VMM1", text, { vmm: "binary-translation" }), []);
    assert.deepEqual(linesOf("VMM9", text), []);
    assert.deepEqual(linesOf("VMM9", text, { vmm: "none" }), []);
  });
});

describe("MODE2: CR0.PE without a far jump", () => {
  const set = "bits 16\nmov eax, cr0\nor al, 1\nmov cr0, eax\n";

  it("speaks when control runs on in 16-bit code", () => {
    assert.deepEqual(linesOf("MODE2", `${set}bits 32\nmov esp, 0x9000\n`), [4]);
    assert.deepEqual(linesOf("MODE2", `${set}${"mov ax, 8\n".repeat(8)}`), [4]);
  });

  it("is silent with a far transfer of any form", () => {
    for (const jump of [
      "jmp 8:next\nnext:",
      "jmp dword 8:next\nnext:",
      "jmp short $+2\nmov ds, bx\njmp 8:next\nnext:",
      "db 0x66, 0xea",
      "jmp far [pointer]\npointer: dw 0, 8",
      "push word 8\npush word next\nretf\nnext:",
    ])
      assert.deepEqual(linesOf("MODE2", `${set}${jump}\nbits 32\nmov eax, 1\n`), [], jump);
  });

  it("is silent for unreal mode, for calls away, and for paging in 32-bit code", () => {
    assert.deepEqual(linesOf("MODE2", `${set}mov ds, bx\nand al, 0xfe\nmov cr0, eax\n`), []);
    assert.deepEqual(linesOf("MODE2", `${set}ret\n`), []);
    const paging = "bits 32\nmov eax, cr0\nor eax, 0x80000001\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE2", `${paging}${"nop\n".repeat(12)}`), []);
    const clear = "bits 16\nmov eax, cr0\nand al, 0xfe\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE2", `${clear}${"nop\n".repeat(12)}`), []);
  });
});

describe("DESC1: a GDT in the source", () => {
  const program = (limit: string, entries: readonly string[], after = ""): string =>
    ["bits 32", "org 0x1000", "lgdt [pointer]", after, `pointer: dw ${limit}`, "dd gdt", "gdt:"]
      .concat(entries.map((entry) => `dq ${entry}`))
      .concat("end:\n")
      .join("\n");
  const CODE = "0x00cf9a000000ffff";
  const DATA = "0x00cf92000000ffff";

  it("accepts a right one", () => {
    const text = program("end - gdt - 1", ["0", CODE, DATA], "jmp 8:next\nnext: mov eax, 16");
    assert.deepEqual(brief(diagnose(text)), []);
  });

  it("finds a limit that is a byte too large", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt", ["0", CODE])), [5]);
  });

  it("finds a segment in the place of the null descriptor", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt - 1", [CODE, DATA])), [8]);
  });

  it("finds L and D together", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt - 1", ["0", "0x00ef9a000000ffff"])), [9]);
  });

  it("finds a far jump to what is no code segment", () => {
    const text = program("end - gdt - 1", ["0", CODE, DATA], "jmp 16:0x2000");
    assert.deepEqual(linesOf("DESC1", text), [4]);
  });

  it("says nothing of tables and entries that code fills in", () => {
    const empty = program("end - gdt - 1", ["0", CODE, "0"], "jmp 16:0x2000");
    assert.deepEqual(linesOf("DESC1", empty), []);
    assert.deepEqual(linesOf("DESC1", "bits 32\nlgdt [p]\np: dw 0\ndd 0\n"), []);
    assert.deepEqual(linesOf("DESC1", "bits 32\nlgdt [eax]\n"), []);
  });
});

describe("VMM7: order of VMX instructions", () => {
  const SETUP =
    "bits 64\nmov rax, cr4\nbts rax, 13\nmov cr4, rax\nvmxon [r8]\nvmclear [r8]\nvmptrld [r8]\n";

  it("accepts the order of the manual", () => {
    const text = `${SETUP}mov ebx, 0x681e\nvmwrite rbx, rax\nvmlaunch\nhlt\nvmresume\n`;
    assert.deepEqual(brief(diagnose(text)), []);
  });

  it("misses CR4.VMXE, VMPTRLD, VMCLEAR, VMLAUNCH", () => {
    assert.deepEqual(linesOf("VMM7", "bits 64\nvmxon [r8]\n"), [2]);
    const without = (mnemonic: string): string =>
      SETUP.replace(new RegExp(`^${mnemonic}.*\n`, "m"), "");
    assert.deepEqual(linesOf("VMM7", `${without("vmptrld")}vmlaunch\n`), [7]);
    assert.deepEqual(linesOf("VMM7", `${without("vmclear")}vmlaunch\n`), [6]);
    assert.deepEqual(linesOf("VMM7", `${SETUP}vmresume\n`), [8]);
  });

  it("knows the VMCS fields", () => {
    const use = (field: string, rest: string): number[] =>
      linesOf("VMM7", `bits 64\nmov ebx, ${field}\n${rest}\n`);
    assert.deepEqual(use("0x4402", "vmwrite rbx, rax"), [3]);
    assert.deepEqual(use("0x4402", "vmread rax, rbx"), []);
    assert.deepEqual(use("0x9999", "vmread rax, rbx"), [3]);
    assert.deepEqual(use("0x681e", "vmwrite rbx, rax"), []);
    assert.deepEqual(
      use("0x4402", "there: vmwrite rbx, rax"),
      [],
      "control may come from elsewhere",
    );
    assert.deepEqual(use("0x4402", "call there\nvmwrite rbx, rax\nthere: ret"), []);
  });

  it("does not judge parts of a hypervisor", () => {
    assert.deepEqual(linesOf("VMM7", "bits 64\nvmresume\nvmread rax, rbx\n"), []);
  });
});

describe("FLOW5: boot sectors", () => {
  const boot = (body: string): string => `bits 16\norg 0x7c00\n${body}\n`;
  const END = "times 510-($-$$) db 0\ndw 0xaa55";

  it("accepts a right one, and programs that are none", () => {
    assert.deepEqual(brief(diagnose(boot(`hlt\n${END}`))), []);
    assert.deepEqual(brief(diagnose(boot(`hlt\n${END}\ntimes 512 db 1`))), []);
    assert.deepEqual(brief(diagnose("bits 16\norg 0x7c00\nhlt\n")), []);
    assert.deepEqual(brief(diagnose("bits 32\norg 0x100000\ndw 0xaa55\n")), []);
  });

  it("says by how much a sector is too long", () => {
    const found = diagnose(boot(`times 600 nop\n${END}`));
    assert.deepEqual(
      found.map((each) => each.code),
      ["FLOW5"],
    );
    assert.match(messageOf(found[0]), /90 bytes too long/);
  });

  it("finds a misplaced or missing signature", () => {
    assert.deepEqual(linesOf("FLOW5", boot("times 508-($-$$) db 0\ndw 0xaa55")), [4]);
    assert.deepEqual(linesOf("FLOW5", boot("hlt\ntimes 512-($-$$) db 0")), [4]);
  });
});

describe("ASM1: labels that look like mnemonics", () => {
  it("takes mistyped and foreign words for what was meant", () => {
    const meant = (text: string): unknown => diagnose(text)[0]?.data;
    assert.deepEqual(meant("bits 32\niretdd\n"), { replacement: "iretd" });
    assert.deepEqual(meant("bits 32\nhalt\n"), { replacement: "hlt" });
    assert.deepEqual(meant("bits 64\nsysretq\n"), { replacement: "o64 sysret" });
  });

  it("replaces NASM's own warning there", () => {
    assert.deepEqual(brief(diagnose("bits 32\nhalt\n")), ["2:1-5 ASM1"]);
  });

  it("leaves labels alone that are used, have a colon, or look like nothing", () => {
    assert.deepEqual(linesOf("ASM1", "bits 32\nhalt\nhlt\njmp halt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nhalt: hlt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nwaiting\nhlt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nmovx\n"), [], "MOV does not stand alone");
  });
});

describe("all rules", () => {
  it("are in the manual", () => {
    const manual = readFileSync(path.join(ROOT, "docs/LANGUAGE_SERVER.md"), "utf8");
    for (const { id } of RULES) assert.match(manual, new RegExp(`^### ${id}\\b`, "m"));
  });

  it("find nothing in the examples under the technique that they are written for", () => {
    const folder = path.join(ROOT, "examples");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(asm|inc)$/.test(name))
      .map((name) => [path.join(folder, name), readFileSync(path.join(folder, name), "utf8")]);
    const workspace = workspaceWith(Object.fromEntries(files) as Record<string, string>);
    const ids = new Set(RULES.map((rule) => rule.id));
    for (const [file] of files) {
      if (!file!.endsWith(".asm")) continue;
      const found = diagnosticsIn(workspace, file!).filter((each) => ids.has(String(each.code)));
      assert.deepEqual(brief(found), [], file);
    }
  });
});
