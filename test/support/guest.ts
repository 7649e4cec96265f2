import { assemble } from "../../src/engine/asm/assemble";
import {
  createDebuggee,
  loadImage,
  type Debuggee,
  type EntryKind,
  type KernelRing,
  type MachineConfig,
} from "../../src/engine/index";

export interface GuestOptions {
  readonly entry?: EntryKind;
  readonly vmm?: MachineConfig["vmm"];
  readonly mmu?: MachineConfig["mmu"];
  readonly kernelRing?: KernelRing;
  readonly recording?: boolean;
  readonly memoryBytes?: number;
  readonly disk?: Uint8Array;
}

/** A machine with an assembled program, at power-on. */
export function guest(text: string, options: GuestOptions = {}): Debuggee {
  const assembly = assemble({ file: "guest.asm", text });
  const errors = assembly.diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length > 0)
    throw new Error(errors.map(({ message, range }) => `${range.line}: ${message}`).join("\n"));
  const image = loadImage({
    name: "guest.asm",
    assembly,
    ...(options.entry === undefined ? {} : { entry: options.entry }),
    ...(options.disk === undefined ? {} : { disk: options.disk }),
  });
  return createDebuggee({
    image,
    vmm: options.vmm ?? "none",
    mmu: options.mmu ?? "nested",
    ...(options.kernelRing === undefined ? {} : { kernelRing: options.kernelRing }),
    memoryBytes: options.memoryBytes ?? 4 << 20,
    recording: options.recording ?? true,
  });
}

/** Everything of a machine that a replay must give back. */
export function fingerprint(machine: Debuggee): string {
  const state = {
    position: machine.position,
    world: machine.world,
    vcpu: machine.vcpu(),
    cpu: machine.cpu(),
    serial: machine.serialText(),
    exits: machine.exits(),
    timeline: machine.timeline().length,
    memory: hash(machine.readMemory("hpa", 0n, 20 << 20)),
  };
  return JSON.stringify(state, (_key, value: unknown) =>
    typeof value === "bigint" ? `0x${value.toString(16)}` : value,
  );
}

function hash(bytes: Uint8Array): number {
  let h = 0x811c9dc5;
  for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** Address of a label of the program. */
export function symbol(machine: Debuggee, name: string): bigint {
  const found = machine.config.image.debugInformation?.symbols.find(
    (candidate) => candidate.name === name,
  );
  if (!found) throw new Error(`no symbol ${name}`);
  return found.value;
}
