/** The machine: instructions and VM exits a second. */
import { machineSettings } from "../../debugAdapter/launch/machineSettings";
import { createDebuggee, loadImage } from "../../engine/index";
import type { VmmKind } from "../../engine/index";
import { assemble } from "../../engine/language";
import { runToEnd } from "../machineRun";
import { seconds, type Measurement } from "./measurement";

/** Arithmetic and branches in registers. */
const ALU_LOOP = `
bits 32
    mov ecx, 20000000
    xor eax, eax
    xor ebx, ebx
again:
    add eax, ecx
    rol eax, 3
    xor ebx, eax
    lea edx, [eax+ebx*2]
    dec ecx
    jnz again
    cli
    hlt
`;

/** Loads and stores over 1 MiB. */
const MEMORY_LOOP = `
bits 32
    mov ebx, 40
pass:
    mov esi, 0x200000
    mov ecx, 0x40000
next:
    mov eax, [esi]
    add eax, ecx
    mov [esi], eax
    add esi, 4
    dec ecx
    jnz next
    dec ebx
    jnz pass
    cli
    hlt
`;

/** One VM exit (or trap) a round. */
const EXIT_LOOP = `
bits 32
    mov esi, 20000
again:
    xor eax, eax
    cpuid
    dec esi
    jnz again
    cli
    hlt
`;

function measureRun(name: string, text: string, vmm: VmmKind): Measurement {
  const assembly = assemble({ file: `${name}.asm`, text });
  const settings = machineSettings({ vmm });
  const image = loadImage({ name, assembly });
  const debuggee = createDebuggee({ image, vmm, mmu: settings.mmu, memoryBytes: settings.memoryBytes, recording: false }); // prettier-ignore
  const time = seconds(() => runToEnd(debuggee, undefined));
  return { name, value: Math.round(debuggee.instructions / time / 1e4) / 100, unit: "million instructions/s" }; // prettier-ignore
}

function measureExits(): Measurement {
  const assembly = assemble({ file: "exits.asm", text: EXIT_LOOP });
  const { vmm, mmu, memoryBytes } = machineSettings({});
  const image = loadImage({ name: "exits", assembly });
  const debuggee = createDebuggee({ image, vmm, mmu, memoryBytes, recording: false });
  const time = seconds(() => runToEnd(debuggee, undefined));
  const count = debuggee.exits().reduce((sum, exit) => sum + exit.count, 0);
  return { name: "VM exits", value: Math.round(count / time), unit: "exits/s" };
}

export function measureMachine(): Measurement[] {
  return [
    measureRun("registers, bare", ALU_LOOP, "none"),
    measureRun("registers, hardware-assisted", ALU_LOOP, "hardware-assisted"),
    measureRun("memory, bare", MEMORY_LOOP, "none"),
    measureRun("memory, hardware-assisted", MEMORY_LOOP, "hardware-assisted"),
    measureExits(),
  ];
}
