/** Settings of launch.json and of the command line, with their defaults, as a machine configuration. */
import {
  CPU_MODELS,
  defaultMmu,
  ENTRY_KINDS,
  KERNEL_RINGS,
  MMU_KINDS,
  UserError,
  VMM_KINDS,
} from "../../engine/index";
import type { EntryKind, KernelRing, MmuKind, VmmKind } from "../../engine/index";
import { parseNumber } from "../expressions/lexer";

export const DEFAULT_VMM: VmmKind = "hardware-assisted";
const CPU_NAMES = CPU_MODELS.map(({ name }) => name);
const DEFAULT_MEMORY = 64 << 20;
/** Guest memory is made of 2 MiB pages. */
const MEMORY_UNIT = 2 << 20;
/** Above it lie the addresses of devices. Host memory is taken only for pages that the guest touches. */
const MAX_MEMORY = 3 * 2 ** 30;

export interface RawSettings {
  readonly vmm?: string | undefined;
  readonly mmu?: string | undefined;
  readonly entry?: string | undefined;
  readonly loadAddress?: number | string | undefined;
  readonly memory?: number | string | undefined;
  readonly vcpus?: number | string | undefined;
  readonly disk?: string | undefined;
  readonly bootDrive?: number | string | undefined;
  readonly append?: string | undefined;
  readonly cpu?: string | undefined;
  readonly kernelRing?: number | string | undefined;
}

export interface MachineSettings {
  readonly vmm: VmmKind;
  readonly mmu: MmuKind;
  readonly entry: EntryKind | undefined;
  readonly loadAddress: number | undefined;
  readonly memoryBytes: number;
  /** File with the disk that the BIOS boots from. */
  readonly disk: string | undefined;
  readonly bootDrive: number | undefined;
  readonly append: string | undefined;
  readonly cpu: string;
  /** Ring of the hardware for a deprivileged kernel. */
  readonly kernelRing: KernelRing;
}

/** Checks everything that can be checked before the program is read. */
export function machineSettings(raw: RawSettings): MachineSettings {
  const vmm = oneOf("vmm", raw.vmm, VMM_KINDS) ?? DEFAULT_VMM;
  const vcpus = raw.vcpus === undefined ? 1 : Number(raw.vcpus);
  if (vcpus !== 1) {
    throw new UserError("bad-vcpus", `vcpus is ${raw.vcpus ?? ""}.`, "This machine has one VCPU: use 1."); // prettier-ignore
  }
  return {
    vmm,
    mmu: oneOf("mmu", raw.mmu, MMU_KINDS) ?? defaultMmu(vmm),
    entry: oneOf("entry", raw.entry, ENTRY_KINDS),
    loadAddress: raw.loadAddress === undefined ? undefined : parseAddress("load address", raw.loadAddress), // prettier-ignore
    memoryBytes: parseMemory(raw.memory),
    disk: raw.disk,
    bootDrive: parseBootDrive(raw.bootDrive),
    append: raw.append,
    cpu: oneOf("cpu", raw.cpu, CPU_NAMES) ?? CPU_NAMES[0]!,
    kernelRing: parseKernelRing(raw.kernelRing, vmm),
  };
}

function oneOf<T extends string>(
  name: string,
  value: string | undefined,
  values: readonly T[],
): T | undefined {
  if (value === undefined || value === "") return undefined;
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new UserError(`bad-${name}`, `"${value}" is not a value of ${name}.`, `Use one of ${values.join(", ")}.`); // prettier-ignore
  }
  return found;
}

/** A number, or text in any of NASM's forms. */
export function parseAddress(name: string, value: number | string): number {
  const number = typeof value === "number" ? value : Number(parseNumber(value.trim()) ?? NaN);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new UserError("bad-number", `"${value}" is not a ${name}.`, "Write a number such as 0x100000."); // prettier-ignore
  }
  return number;
}

const BOOT_DRIVES: readonly number[] = [0, 0x80];

function parseBootDrive(value: number | string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const drive = parseAddress("boot drive", value);
  if (!BOOT_DRIVES.includes(drive)) {
    throw new UserError("bad-boot-drive", `There is no boot drive ${value}.`, "Use 0 (diskette) or 0x80 (hard disk)."); // prettier-ignore
  }
  return drive;
}

function parseKernelRing(value: number | string | undefined, vmm: VmmKind): KernelRing {
  if (value === undefined) return KERNEL_RINGS[0];
  const ring = KERNEL_RINGS.find((one) => one === Number(value));
  if (ring === undefined) {
    throw new UserError("bad-kernel-ring", `A kernel cannot be moved to ring ${value}.`, `Use ${KERNEL_RINGS.join(" or ")}.`); // prettier-ignore
  }
  if (vmm !== "trap-and-emulate") {
    throw new UserError("kernel-ring-not-chosen", `${vmm} does not move the kernel to a ring of your choice.`, "Leave the kernel's ring out, or use trap-and-emulate."); // prettier-ignore
  }
  return ring;
}

const UNITS: Readonly<Record<string, number>> = { k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** "64M", "1G", or bytes. */
function parseMemory(value: number | string | undefined): number {
  if (value === undefined) return DEFAULT_MEMORY;
  const match = /^(.+?)\s*([kmg])(?:i?b)?$/i.exec(String(value));
  const bytes = match
    ? parseAddress("memory size", match[1] ?? "") * (UNITS[match[2]?.toLowerCase() ?? ""] ?? 1)
    : parseAddress("memory size", value);
  if (bytes < MEMORY_UNIT || bytes > MAX_MEMORY || bytes % MEMORY_UNIT !== 0) {
    throw new UserError(
      "bad-memory",
      `The guest cannot have ${value} of memory.`,
      "Give it a multiple of 2M, from 2M to 3G.",
    );
  }
  return bytes;
}
