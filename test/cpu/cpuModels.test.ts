import assert from "node:assert/strict";
import { CPU_MODELS, FEATURE_BITS, cpuid, cpuModel } from "../../src/engine/cpu/cpuModel";
import { CPU_DESCRIPTIONS } from "../../src/extension/contributions/debuggers";
import { assemble } from "../../src/engine/asm/assemble";
import { runToEnd } from "../../src/cli/machineRun";
import { createDebuggee, loadImage, type Debuggee } from "../../src/engine/index";

/** Boots in real mode; the first #UD or #GP ends the program with its vector in DL. */
const PROBE = `bits 16
org 0x7c00
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov word [6 * 4], undefined
    mov word [6 * 4 + 2], ax
    mov word [13 * 4], protection
    mov word [13 * 4 + 2], ax
    xor dx, dx
    INSTRUCTIONS
done:
    cli
    hlt
undefined:
    mov dl, 6
    jmp done
protection:
    mov dl, 13
    jmp done
`;

function machine(cpu: string, instructions: string): Debuggee {
  const text = PROBE.replace("INSTRUCTIONS", instructions);
  const assembly = assemble({ file: "guest.asm", text });
  assert.deepEqual(assembly.diagnostics, []);
  return createDebuggee({
    image: loadImage({ name: "guest.asm", assembly, entry: "real16" }),
    vmm: "none",
    mmu: "nested",
    cpu,
    memoryBytes: 4 << 20,
    recording: false,
  });
}

/** The exception that the instructions raise: 6, 13, or 0 for none. */
function exceptionOf(cpu: string, instructions: string): number {
  const debuggee = machine(cpu, instructions);
  runToEnd(debuggee, 1000);
  return Number(debuggee.vcpu().registers.rdx! & 0xffn);
}

describe("a processor model", () => {
  it("has only features that CPUID can show", () => {
    const unknown = CPU_MODELS.flatMap(({ features }) =>
      [...features].filter((feature) => !Object.hasOwn(FEATURE_BITS, feature)),
    );
    assert.deepEqual(unknown, []);
  });

  it("is offered in launch.json with the text of its row", () => {
    const rows = Object.fromEntries(CPU_MODELS.map((row) => [row.name, row.description]));
    assert.deepEqual({ ...CPU_DESCRIPTIONS }, rows);
  });

  it("answers for a CPUID leaf above its highest with its highest basic leaf", () => {
    const model = cpuModel("486")!;
    assert.equal(cpuid(model, 0, 0, true).eax, 1);
    assert.deepEqual(cpuid(model, 7, 0, true), cpuid(model, 1, 0, true));
    assert.deepEqual(cpuid(model, 0x80000001, 0, true), cpuid(model, 1, 0, true));
  });

  const CASES: readonly (readonly [string, string, Readonly<Record<string, number>>])[] = [
    ["BSWAP", "bswap eax", { "486": 0, "2006": 0, current: 0 }],
    ["RDTSC", "rdtsc\nxor dx, dx", { "486": 6, "2006": 0, current: 0 }],
    ["CMOVcc", "cmovc ax, bx", { "486": 6, "2006": 0, current: 0 }],
    ["CMPXCHG8B", "cmpxchg8b [0x600]\nxor dx, dx", { "486": 6, "2006": 0, current: 0 }],
    ["MFENCE", "mfence", { "486": 6, "2006": 0, current: 0 }],
    ["RDMSR", "mov ecx, 0x10\nrdmsr\nxor dx, dx", { "486": 6, "2006": 0, current: 0 }],
    ["POPCNT", "popcnt ax, bx", { "486": 6, "2006": 6, current: 0 }],
    ["RDTSCP", "rdtscp\nxor dx, dx", { "486": 6, "2006": 6, current: 0 }],
    ["MOVBE", "movbe ax, [0x600]", { "486": 6, "2006": 6, current: 0 }],
    ["CR4.PAE", "mov eax, 0x20\nmov cr4, eax", { "486": 13, "2006": 0, current: 0 }],
    ["CR4.MCE", "mov eax, 0x40\nmov cr4, eax", { "486": 13, "2006": 0, current: 0 }],
    ["CR4.UMIP", "mov eax, 0x800\nmov cr4, eax", { "486": 13, "2006": 13, current: 0 }],
    ["CR4.VMXE", "mov eax, 0x2000\nmov cr4, eax", { "486": 13, "2006": 13, current: 0 }],
    ["EFER.NXE", "mov ecx, 0xc0000080\nmov eax, 0x800\nxor edx, edx\nwrmsr", { "486": 6, "2006": 0, current: 0 }], // prettier-ignore
    ["IA32_TSC_AUX", "mov ecx, 0xc0000103\nrdmsr\nxor dx, dx", { "486": 6, "2006": 13, current: 0 }], // prettier-ignore
    ["IA32_VMX_BASIC", "mov ecx, 0x480\nrdmsr\nxor dx, dx", { "486": 6, "2006": 13, current: 0 }],
  ];
  for (const [name, instructions, expected] of CASES) {
    it(`decides whether ${name} exists`, () => {
      const found = Object.keys(expected).map((cpu) => [cpu, exceptionOf(cpu, instructions)]);
      assert.deepEqual(Object.fromEntries(found), expected);
    });
  }

  it("is refused with a reason where the machine needs what it has not", () => {
    const { image } = machine("486", "nop").config;
    const config = { image, mmu: "nested", memoryBytes: 4 << 20, recording: false } as const;
    assert.throws(() => createDebuggee({ ...config, vmm: "hardware-assisted", cpu: "486" }), {
      code: "cpu-without-vmx",
    });
    assert.throws(
      () =>
        createDebuggee({
          ...config,
          image: { ...image, entry: "long64" },
          vmm: "none",
          cpu: "486",
        }),
      { code: "cpu-without-long-mode" },
    );
    assert.throws(() => createDebuggee({ ...config, vmm: "none", cpu: "z80" }), {
      code: "bad-cpu",
    });
  });
});
