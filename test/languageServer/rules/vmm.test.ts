import assert from "node:assert/strict";
import { readLaunch } from "../../../src/languageServer/techniques";
import { brief, diagnose, diagnosticsIn, messageOf, scene, workspaceWith } from "../support";
import { fixed } from "./fixes";
import { linesOf } from "./support";

const imageOf = (text: string): Uint8Array => scene(text).analysis.model.assembly.image;

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

  it("offers a macro for the flag instructions of a paravirtual kernel, and is silent beside a hypercall", () => {
    for (const word of ["pushfd", "popfd", "iretd", "popf"]) {
      const text = `bits 32\n${word}\n`;
      const after = fixed("VMM1", text, vmm("paravirtual"));
      assert.match(after, /\n +PV_(PUSHFD|POPFD|IRETD)\n|\nPV_(PUSHFD|POPFD|IRETD)\n/);
      assert.deepEqual(brief(diagnose(after, vmm("paravirtual"))), [], after);
      assert.deepEqual(imageOf(after), imageOf(text), word);
    }
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

describe("VMM7: order of VMX instructions", () => {
  const SETUP =
    "bits 64\nmov rax, cr4\nbts rax, 13\nmov cr4, rax\nvmxon [r8]\nvmclear [r8]\nvmptrld [r8]\n";

  it("accepts the order of the manual", () => {
    const text = `${SETUP}mov ebx, 0x681e\nvmwrite rbx, rax\nvmlaunch\nhlt\nvmresume\n`;
    assert.deepEqual(linesOf("VMM7", text), []);
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

describe("VMM3: IF in pushed flags", () => {
  const save = "bits 32\npushfd\ncli\npop eax\n";
  const deprivileged = { vmm: "trap-and-emulate" };

  it("finds each way of testing it", () => {
    for (const test of ["test eax, 0x200", "and eax, 0x200", "bt eax, 9", "test ah, 2"])
      assert.deepEqual(linesOf("VMM3", `${save}${test}\n`, deprivileged), [5], test);
    const onStack = "bits 32\npushfd\ntest dword [esp], 0x200\n";
    assert.deepEqual(linesOf("VMM3", onStack, deprivileged), [3]);
    const byte = "bits 32\npushfd\ntest byte [esp+1], 2\n";
    assert.deepEqual(linesOf("VMM3", byte, { vmm: "paravirtual" }), [3]);
  });

  it("is silent for other flags, after another value, and where the guest's own flags are pushed", () => {
    assert.deepEqual(linesOf("VMM3", `${save}test eax, 0x400\n`, deprivileged), []);
    assert.deepEqual(linesOf("VMM3", `${save}mov eax, ebx\ntest eax, 0x200\n`, deprivileged), []);
    assert.deepEqual(linesOf("VMM3", `${save}call there\nthere: test eax, 0x200\n`, deprivileged), []); // prettier-ignore
    for (const vmm of ["binary-translation", "hardware-assisted", "none"])
      assert.deepEqual(linesOf("VMM3", `${save}test eax, 0x200\n`, { vmm }), [], vmm);
  });
});

describe("VMM4: the ring in CS and SS", () => {
  const deprivileged = { vmm: "trap-and-emulate" };

  it("finds tests and comparisons of a selector that was read", () => {
    for (const read of ["mov eax, cs", "mov ax, ss", "push cs\npop eax"]) {
      const line = 2 + read.split("\n").length;
      for (const test of ["test al, 3", "and eax, 3", "cmp ax, 8"])
        assert.deepEqual(linesOf("VMM4", `bits 32\n${read}\n${test}\n`, deprivileged), [line], test); // prettier-ignore
    }
  });

  it("is silent for data segments, ring-1 selectors, overwritten registers, and real mode", () => {
    const silent = ["mov eax, ds\ntest al, 3", "mov eax, cs\ncmp ax, 0x19", "mov eax, cs\nmov eax, 1\ntest al, 3"]; // prettier-ignore
    for (const text of silent)
      assert.deepEqual(linesOf("VMM4", `bits 32\n${text}\n`, deprivileged), [], text);
    assert.deepEqual(linesOf("VMM4", "bits 16\nmov ax, cs\ntest al, 3\n", deprivileged), []);
    assert.deepEqual(linesOf("VMM4", "bits 32\nmov eax, cs\ntest al, 3\n"), []);
  });
});

describe("VMM5: privileged instructions of a paravirtual kernel", () => {
  const paravirtual = { vmm: "paravirtual" };

  it("finds them under paravirtualization only", () => {
    const text = "bits 32\ncli\nin al, 0x60\nmov cr3, eax\nlgdt [0]\nadd eax, 1\npopfd\n";
    assert.deepEqual(linesOf("VMM5", text, paravirtual), [2, 3, 4, 5]);
    assert.deepEqual(linesOf("VMM5", text, { vmm: "trap-and-emulate" }), []);
    assert.deepEqual(linesOf("VMM5", text.replace("32", "16"), paravirtual), []);
  });

  it("puts a macro there that makes the same bytes natively", () => {
    for (const [instruction, macro] of [
      ["cli", "PV_CLI"],
      ["hlt", "PV_HLT"],
      ["mov cr3, eax", "PV_MOV_CR3 eax"],
      ["invlpg [ebx+4]", "PV_INVLPG [ebx+4]"],
      ["lidt [there]", "PV_LIDT [there]"],
    ] as const) {
      const text = `bits 32\nthere: ${instruction}\nret\n`;
      const after = fixed("VMM5", text, paravirtual);
      assert.ok(after.startsWith("%macro PV_") && after.includes(`there: ${macro}\n`), after);
      assert.deepEqual(brief(diagnose(after, paravirtual)), [], after);
      assert.deepEqual(imageOf(after), imageOf(text), instruction);
    }
  });

  it("makes a hypercall of it with -D PARAVIRTUAL", () => {
    const after = fixed("VMM5", "bits 32\ninvlpg [ebx]\n", paravirtual);
    const call = "bits 32\npush eax\npush ebx\nlea ebx, [ebx]\nmov eax, 7\nvmcall\npop ebx\npop eax\n"; // prettier-ignore
    const defines = "%define PARAVIRTUAL\nHYPERCALL_INVALIDATE_PAGE equ 7\n";
    assert.deepEqual(imageOf(defines + after), imageOf(call));
  });

  it("uses a macro that is there already, and offers none where an address depends on ESP", () => {
    const once = fixed("VMM5", "bits 32\ncli\ncli\n", paravirtual);
    const twice = fixed("VMM5", once, paravirtual);
    assert.equal(twice.match(/%macro/g)?.length, 1);
    const [found] = diagnose("bits 32\ninvlpg [esp+4]\n", paravirtual).filter((each) => each.code === "VMM5"); // prettier-ignore
    assert.equal(found?.data, undefined);
  });

  it("leaves alone what stands beside a hypercall", () => {
    const text = "bits 32\n%ifdef PARAVIRTUAL\ncall pv\n%else\ncli\n%endif\npv: ret\n";
    assert.deepEqual(linesOf("VMM5", text, paravirtual), []);
    const other = text.replace("PARAVIRTUAL", "DEBUG");
    assert.deepEqual(linesOf("VMM5", other, paravirtual), [5]);
  });
});

describe("VMM6: the number of a hypercall", () => {
  it("is missed where EAX still holds a result", () => {
    for (const result of ["vmcall", "cpuid", "in eax, dx", "rdtsc", "rdmsr"]) {
      const text = `bits 64\nmov eax, 1\n${result}\nmov ebx, 2\nvmcall\n`;
      assert.deepEqual(linesOf("VMM6", text), [5], result);
    }
  });

  it("is not missed where anything may have loaded it", () => {
    for (const way of [
      "mov eax, 2",
      "xor eax, eax",
      "pop rax",
      "movzx eax, byte [rbx]",
      "call f",
      "f:",
    ]) {
      const text = `bits 64\nmov eax, 1\nvmcall\n${way}\nvmcall\n${way === "f:" ? "" : "f: ret"}\n`;
      assert.deepEqual(linesOf("VMM6", text), [], way);
    }
    assert.deepEqual(linesOf("VMM6", "bits 64\nwrapper: vmcall\nret\n"), []);
  });
});

describe("VMM8: stores that a shadowing VMM traps", () => {
  const text =
    "bits 32\nmov eax, 0x200000\nmov cr3, eax\nmov dword [0x200000], 0x201003\nmov dword [0x201004], 3\nmov dword [0x300000], 3\n";

  it("are told with the technique's price when asked for", () => {
    const settings = { vmm: "binary-translation", showPrivileged: true };
    assert.deepEqual(linesOf("VMM8", text, settings), [4, 5]);
    const message = messageOf(diagnose(text, settings).find((each) => each.code === "VMM8"));
    assert.match(message, /callout/);
  });

  it("are not told otherwise, nor with nested paging", () => {
    assert.deepEqual(linesOf("VMM8", text, { vmm: "binary-translation" }), []);
    assert.deepEqual(linesOf("VMM8", text, { showPrivileged: true }), []);
  });
});

describe("VMM10: results of VMX instructions", () => {
  const after = (rest: string): number[] =>
    linesOf("VMM10", `bits 64\nvmptrld [8]\n${rest}\nthere: ret\n`);

  it("are lost by the next writer of flags", () => {
    assert.deepEqual(after("add eax, 1"), [2]);
    assert.deepEqual(after("mov eax, 1\nxor ebx, ebx\njz there"), [2]);
    assert.deepEqual(after("vmclear [16]\njbe there"), [2]);
  });

  it("are told once for a line of a macro", () => {
    const macro = "%macro load 0\nvmptrld [8]\nadd eax, 1\n%endmacro\n";
    assert.deepEqual(linesOf("VMM10", `bits 64\n${macro}load\nload\n`), [3]);
  });

  it("are looked at by every reader, and may be by a caller or a callee", () => {
    for (const reader of [
      "jc there",
      "jbe there",
      "setc al",
      "pushfq",
      "mov eax, 1\njz there",
      "ret",
      "call there",
      "adc eax, 0",
    ])
      // prettier-ignore
      assert.deepEqual(after(reader), [], reader);
    assert.deepEqual(linesOf("VMM10", "bits 64\nvmwrite rax, rbx\nadd eax, 1\n"), []);
  });
});

const vmwrite = (field: number, value: string, bits = 64): string => {
  const r = bits === 64 ? "r" : "e";
  return `bits ${bits}\nmov ebx, ${field}\nmov ${value.includes("<< 6") ? "rax" : "eax"}, ${value}\nvmwrite ${r}bx, ${r}ax\n`;
};

describe("VMM11: widths of VMCS fields", () => {
  it("loses bits of constants that are too wide", () => {
    assert.deepEqual(linesOf("VMM11", vmwrite(0x0c02, "0x10008")), [4]);
    assert.deepEqual(linesOf("VMM11", vmwrite(0x4004, "1 << 62")), [4]);
    assert.deepEqual(linesOf("VMM11", vmwrite(0x0c02, "0x10008", 32)), [4]);
  });

  it("accepts what fits, sign-extended numbers, and values that are not known", () => {
    assert.deepEqual(linesOf("VMM11", vmwrite(0x0c02, "8")), []);
    assert.deepEqual(linesOf("VMM11", vmwrite(0x681e, "1 << 62")), []);
    assert.deepEqual(linesOf("VMM11", "bits 64\nmov ebx, 0x4004\nmov rax, -1\nvmwrite rbx, rax\n"), []); // prettier-ignore
    assert.deepEqual(linesOf("VMM11", "bits 64\nmov ebx, 0x0c02\nmov eax, [8]\nvmwrite rbx, rax\n"), []); // prettier-ignore
  });

  it("knows that the low half clears the high one outside 64-bit mode", () => {
    const half = (field: number): string => `mov ebx, ${field}\nmov eax, -1\nvmwrite ebx, eax\n`;
    assert.deepEqual(linesOf("VMM11", `bits 32\n${half(0x2800)}`), [4]);
    assert.deepEqual(linesOf("VMM11", `bits 32\n${half(0x2800)}${half(0x2801)}`), []);
    assert.deepEqual(linesOf("VMM11", `bits 32\n${half(0x2801)}${half(0x2800)}`), [7]);
    assert.deepEqual(linesOf("VMM11", `bits 64\nmov ebx, 0x2800\nmov rax, -1\nvmwrite rbx, rax\n`), []); // prettier-ignore
  });
});

describe("VMM12: VMX regions", () => {
  const program = (use: string, region: string): string =>
    `bits 64\norg 0x100000\n${use}\njbe there\nthere: hlt\npointer: dq 0\n${region}\n`;
  const store = "lea rax, [rel region]\nmov [rel pointer], rax\n";

  it("must be aligned, however the pointer is filled", () => {
    const bad = "align 4096\ndq 0\nregion: dd 1\n";
    assert.deepEqual(linesOf("VMM12", program(`${store}vmptrld [rel pointer]`, bad)), [5]);
    const pointer = program("vmclear [other]", `${bad}other: dq region`);
    assert.deepEqual(linesOf("VMM12", pointer), [3]);
    assert.deepEqual(linesOf("VMM12", fixed("VMM12", pointer)), []);
  });

  it("must hold the revision before VMXON", () => {
    const zeros = "align 4096\nregion: times 4096 db 0";
    assert.deepEqual(linesOf("VMM12", program(`${store}vmxon [rel pointer]`, zeros)), [5]);
    const written = `mov [rel region], ecx\n${store}vmxon [rel pointer]`;
    assert.deepEqual(linesOf("VMM12", program(written, zeros)), []);
    const through = "lea rax, [rel region]\nmov [rax], ecx\nmov [rel pointer], rax\nvmxon [rel pointer]"; // prettier-ignore
    assert.deepEqual(linesOf("VMM12", program(through, zeros)), []);
    const inData = zeros.replace("times", "dd 0x52494e47\ntimes");
    assert.deepEqual(linesOf("VMM12", program(`${store}vmxon [rel pointer]`, inData)), []);
  });

  it("are not judged where the pointer is not known", () => {
    assert.deepEqual(linesOf("VMM12", program("vmxon [rax]", "region: dd 0")), []);
    assert.deepEqual(linesOf("VMM12", program("mov [rel pointer], rdi\nvmxon [rel pointer]", "")), []); // prettier-ignore
  });
});

describe("VMM13: controls that the processor does not allow", () => {
  it("names the bits", () => {
    const text = vmwrite(0x4000, "1 << 7");
    assert.deepEqual(linesOf("VMM13", text), [4]);
    const message = messageOf(diagnose(text).find((each) => each.code === "VMM13"));
    assert.match(message, /must be 1 and is 0: bit 1, bit 2, bit 4/);
    assert.match(message, /must be 0 on this processor and is 1: Process posted interrupts/);
  });

  it("accepts allowed constants, corrected values and other fields", () => {
    assert.deepEqual(linesOf("VMM13", vmwrite(0x4000, "0x16")), []);
    assert.deepEqual(linesOf("VMM13", vmwrite(0x4004, "1 << 7")), []);
    const corrected = "bits 64\nmov ecx, 0x482\nrdmsr\nor eax, 0x80\nand eax, edx\nmov ebx, 0x4002\nvmwrite rbx, rax\n"; // prettier-ignore
    assert.deepEqual(linesOf("VMM13", corrected), []);
  });
});

describe("VMM14: stores into code", () => {
  const text = "bits 32\ninc dword [patched+1]\nmov byte [value], 1\npatched: add eax, strict dword 1\nret\nvalue: db 0\n"; // prettier-ignore

  it("cost a translation under binary translation", () => {
    assert.deepEqual(linesOf("VMM14", text, { vmm: "binary-translation" }), [2]);
  });

  it("are nothing special elsewhere, and stores to numbers are not judged", () => {
    assert.deepEqual(linesOf("VMM14", text, { vmm: "trap-and-emulate" }), []);
    assert.deepEqual(linesOf("VMM14", text), []);
    const number = "bits 32\nmov byte [2], 1\nnop\n";
    assert.deepEqual(linesOf("VMM14", number, { vmm: "binary-translation" }), []);
  });
});

const NEEDED_FIELDS = [
  0x4000, 0x4002, 0x400c, 0x4012, 0x2800, 0x6c00, 0x6c02, 0x6c04, 0x6c16, 0x6c14, 0x0c02, 0x0c0c,
  0x6800, 0x6802, 0x6804, 0x681e, 0x6820, 0x4816, 0x4822,
];

describe("VMM15: fields that nothing writes", () => {
  const program = (fields: readonly number[]): string => {
    const writes = fields.map((field) => `mov ebx, ${field}\nvmwrite rbx, rax\n`).join("");
    return `bits 64\n${writes}vmlaunch\n`;
  };

  it("are named at VMLAUNCH", () => {
    const text = program(NEEDED_FIELDS.filter((field) => field !== 0x6c16));
    assert.deepEqual(linesOf("VMM15", text), [38]);
    assert.match(messageOf(diagnose(text).at(-1)), /writes: HOST_RIP\./);
  });

  it("are not missed where all are written, or where one write is not known", () => {
    assert.deepEqual(linesOf("VMM15", program(NEEDED_FIELDS)), []);
    assert.deepEqual(linesOf("VMM15", `bits 64\nvmwrite rcx, rax\n${program([0x681e])}`), []);
    assert.deepEqual(linesOf("VMM15", `extern setUp\n${program([0x681e])}`), []);
    assert.deepEqual(linesOf("VMM15", "bits 64\nvmlaunch\n"), []);
  });
});

describe("VMM16: handlers that do not pass the instruction", () => {
  const program = (handler: string): string =>
    `bits 64\nmov ebx, 0x6c16\nmov eax, exit\nvmwrite rbx, rax\nmov ebx, 0x681e\nvmwrite rbx, rcx\nvmlaunch\nhlt\nexit: ${handler}\nvmresume\nhlt\n`;

  it("are found", () => {
    assert.deepEqual(linesOf("VMM16", program("nop")), [10]);
    assert.deepEqual(linesOf("VMM16", program("cmp eax, 10\nje $+2")), [11]);
  });

  it("are not found where RIP is written, only other exits are handled, or control is not known", () => {
    const silent = [
      "mov ebx, 0x681e\nvmwrite rbx, rcx",
      "cmp eax, 48\nje $+2",
      "call rax",
      "vmwrite rcx, rax",
    ];
    for (const handler of silent) assert.deepEqual(linesOf("VMM16", program(handler)), [], handler);
  });
});

describe("VMM17: EPT pointers", () => {
  it("finds wrong types, lengths and reserved bits", () => {
    for (const value of ["0x30001c", "0x300006", "0x300000", "0x30011e", "0x30009e"])
      assert.deepEqual(linesOf("VMM17", vmwrite(0x201a, value)), [4], value);
  });

  it("accepts right ones and unknown ones", () => {
    for (const value of ["0x30001e", "0x300018", "0x30005e"])
      assert.deepEqual(linesOf("VMM17", vmwrite(0x201a, value)), [], value);
    assert.deepEqual(linesOf("VMM17", "bits 64\nmov ebx, 0x201a\nor eax, 7\nvmwrite rbx, rax\n"), []); // prettier-ignore
  });
});

describe("VMM18: events that cannot be injected", () => {
  const inject = (type: number, vector: number, bits = 0x80000000): number[] =>
    linesOf("VMM18", vmwrite(0x4016, `0x${(bits + type * 256 + vector).toString(16)}`));

  it("are found by type, vector, error code and reserved bits", () => {
    assert.deepEqual(inject(2, 3), [4], "NMI with vector 3");
    assert.deepEqual(inject(3, 32), [4], "exception 32");
    assert.deepEqual(inject(1, 0x20), [4], "reserved type");
    assert.deepEqual(inject(3, 6, 0x80000800), [4], "#UD with an error code");
    assert.deepEqual(inject(0, 0x20, 0x80000800), [4], "interrupt with an error code");
    assert.deepEqual(inject(0, 0x20, 0x80001000), [4], "bit 12");
  });

  it("are right otherwise, and nothing without the valid bit", () => {
    assert.deepEqual(inject(0, 0x20), []);
    assert.deepEqual(inject(2, 2), []);
    assert.deepEqual(inject(3, 13, 0x80000800), []);
    assert.deepEqual(inject(4, 0x80), []);
    assert.deepEqual(inject(1, 0, 0), []);
  });
});
