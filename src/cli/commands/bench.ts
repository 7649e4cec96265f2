/** `ringside bench`: speed of the assembler and of the machine, by the host's clock. */
import { createDebuggee, loadImage } from "../../engine/index";
import type { VmmKind } from "../../engine/index";
import { assemble } from "../../engine/language";
import { machineSettings } from "../../debugAdapter/launch/machineSettings";
import { parseOptions } from "../command";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";
import { runToEnd } from "../machineRun";

interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const ASSEMBLER_LINES = 20_000;

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

function seconds(action: () => void): number {
  const start = performance.now();
  action();
  return (performance.now() - start) / 1000;
}

function measureAssembler(): Measurement {
  const body = Array.from({ length: ASSEMBLER_LINES }, (_, index) => `l${index}: mov eax, [ebx+ecx*4+${index}]`); // prettier-ignore
  const text = ["bits 32", ...body].join("\n");
  const time = seconds(() => assemble({ file: "bench.asm", text }));
  return { name: "assembler", value: Math.round(ASSEMBLER_LINES / time), unit: "lines/s" };
}

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

function run(args: readonly string[], streams: Streams): number {
  const options = parseOptions(args, { json: { type: "boolean" } });
  const results = [
    measureAssembler(),
    measureRun("registers, bare", ALU_LOOP, "none"),
    measureRun("registers, hardware-assisted", ALU_LOOP, "hardware-assisted"),
    measureRun("memory, bare", MEMORY_LOOP, "none"),
    measureRun("memory, hardware-assisted", MEMORY_LOOP, "hardware-assisted"),
    measureExits(),
  ];
  if (options.flag("json")) streams.out(`${JSON.stringify({ results })}\n`);
  else
    for (const { name, value, unit } of results)
      streams.out(`${name.padEnd(30)} ${value} ${unit}\n`);
  return EXIT.ok;
}

export const benchCommand: Command = {
  name: "bench",
  usage: "ringside bench [--json]",
  summary: "Measures the assembler and the machine on this host",
  options: ["--json   one JSON object"],
  run,
};
