import assert from "node:assert/strict";
import { readLaunch } from "../../../src/languageServer/techniques";
import { brief, diagnose, diagnosticsIn, messageOf, workspaceWith } from "../support";
import { linesOf } from "./support";

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
