/** The debugger's contribution: launch.json's schema, snippets and texts. */
import type { EntryKind, LaunchArguments, MmuKind, VmmKind } from "../../debugAdapter/protocol";
import { DEBUG_TYPE } from "../../debugAdapter/protocol";
import type { KnownExit } from "./exits";
import { exitKeySchema } from "./exits";
import { LANGUAGE_ID } from "./languages";

export const VMM_DESCRIPTIONS: Readonly<Record<VmmKind, string>> = {
  "hardware-assisted": "VMX: the guest runs in non-root operation under a VMCS (the default).",
  "trap-and-emulate":
    "The guest kernel runs at ring 1; what traps is emulated. What does not trap is simply wrong.",
  "binary-translation":
    "Guest kernel code is translated into a code cache; user code runs directly.",
  paravirtual: "The guest knows, and asks with hypercalls.",
  none: "Bare metal. Also for a hypervisor of your own, written with VMX instructions.",
};

const MMU_DESCRIPTIONS: Readonly<Record<MmuKind, string>> = {
  nested: "EPT: the hardware walks guest tables and nested tables.",
  "shadow-lazy":
    "Shadow page tables, filled on hidden page faults, dropped on INVLPG and CR3 loads.",
  "shadow-write-protect": "Shadow page tables kept equal by write-protecting the guest's tables.",
  direct: "The hardware uses the guest's validated tables (paravirtual).",
};

const ENTRY_DESCRIPTIONS: Readonly<Record<EntryKind, string>> = {
  real16: "As a boot sector: 0000:7c00 in real mode.",
  protected32: "Flat 32-bit segments, paging off.",
  long64: "64-bit mode, the first 4 GiB identity-mapped.",
};

/** The rows of CPU_MODELS, which the extension cannot import; a test compares them. */
export const CPU_DESCRIPTIONS: Readonly<Record<string, string>> = {
  current: "A current 64-bit processor with VMX (the default).",
  "2006": "A first-generation 64-bit processor of 2006 as sold without VMX.",
  "486": "A late 486SX: 32-bit, with CPUID but without PAE, MSRs, RDTSC and CMOV.",
};

function choice(described: Readonly<Record<string, string>>): object {
  return {
    type: "string",
    enum: Object.keys(described),
    enumDescriptions: Object.values(described),
  };
}

const ADDRESS = { type: ["string", "integer"] };

/** One row a launch argument; the compiler demands them all. */
const launchProperties = (
  exits: readonly KnownExit[],
): Readonly<Record<keyof LaunchArguments, object>> => ({
  program: {
    type: "string",
    description:
      "The guest: an .asm file (assembled in memory), a flat binary, or an ELF or multiboot image. An ELF image that was built with -g is debugged at its own source lines. Default: the open file.",
    default: "${file}",
  },
  vmm: {
    ...choice(VMM_DESCRIPTIONS),
    description: "How the guest is virtualized.",
    default: "hardware-assisted",
  },
  mmu: {
    ...choice(MMU_DESCRIPTIONS),
    description:
      "How the guest's memory is virtualized. Default: nested with hardware-assisted, direct with paravirtual, else shadow-lazy.",
  },
  entry: {
    ...choice(ENTRY_DESCRIPTIONS),
    description:
      "The processor's state at the start. Default: by the `bits` at the start of the source.",
  },
  loadAddress: {
    ...ADDRESS,
    description: "Guest-physical address of the image. Default: its `org`.",
  },
  memory: { ...ADDRESS, description: 'Guest memory: bytes, or "64M".', default: "64M" },
  vcpus: { type: "integer", minimum: 1, description: "Number of virtual processors.", default: 1 },
  cpu: {
    ...choice(CPU_DESCRIPTIONS),
    description: "The processor model. Only the current one has VMX.",
    default: "current",
  },
  kernelRing: {
    type: "integer",
    enum: [1, 3],
    enumDescriptions: [
      "Ring 1: paging tells the kernel from its users, and only segment limits keep it out of the VMM (the default).",
      "Ring 3: paging keeps the kernel out of the VMM, and its users need shadow page tables of their own.",
    ],
    description: "Under trap-and-emulate: where the hardware runs the guest's kernel.",
    default: 1,
  },
  stopOnEntry: {
    type: "boolean",
    description: "Stop before the first instruction.",
    default: false,
  },
  breakOnVmExit: {
    type: "array",
    items: exitKeySchema(exits),
    description:
      'VM exits to break on, such as "CPUID" or "EPT_VIOLATION"; "any" for all. Besides those that are ticked in the VM Exits view.',
    default: [],
  },
  maxInstructions: { type: "integer", minimum: 1, description: "Stop after so many instructions." },
  serialInput: { type: "string", description: "A file whose bytes arrive on COM1." },
  disk: {
    type: "string",
    description: "A file with the disk that INT 13h of a boot sector reads. Default: the program.",
  },
  bootDrive: {
    ...ADDRESS,
    description:
      "The BIOS's number of the disk, in DL at the start: 0 (diskette) or 0x80 (default).",
  },
  append: {
    type: "string",
    description: "Arguments for a kernel, behind its name on the multiboot command line.",
  },
  costProfile: {
    type: "string",
    description: "The profile that says what each event costs in cycles.",
  },
  recording: {
    type: "boolean",
    description: "Keep checkpoints, so that time can run backwards.",
    default: true,
  },
  includePaths: {
    type: "array",
    items: { type: "string" },
    description: "Folders that %include and incbin search, besides the including file's.",
    default: [],
  },
  defines: {
    type: "object",
    additionalProperties: { type: "string" },
    description: "Macros to define before the first line, as with `nasm -D`.",
    default: {},
  },
});

/** The configuration that F5 uses when there is no launch.json. */
export const INITIAL_CONFIGURATION = {
  type: DEBUG_TYPE,
  request: "launch",
  name: "Debug guest kernel",
  program: "${file}",
  stopOnEntry: true,
} as const;

function snippet(label: string, description: string, more: object): object {
  return {
    label: `Ringside: ${label}`,
    description,
    body: {
      type: DEBUG_TYPE,
      request: "launch",
      name: label,
      program: '^"\\${file}"',
      stopOnEntry: true,
      ...more,
    },
  };
}

export const debuggers = (exits: readonly KnownExit[]): readonly object[] => [
  {
    type: DEBUG_TYPE,
    label: "Ringside",
    languages: [LANGUAGE_ID],
    configurationAttributes: {
      launch: { required: ["program"], properties: launchProperties(exits) },
    },
    initialConfigurations: [INITIAL_CONFIGURATION],
    configurationSnippets: [
      snippet("Guest kernel under VMX", "A guest in VMX non-root operation with nested paging", {
        vmm: "hardware-assisted",
      }),
      snippet("Guest kernel under binary translation", "A deprivileged guest with a code cache", {
        vmm: "binary-translation",
      }),
      snippet("Guest kernel under trap-and-emulate", "See what does not trap", {
        vmm: "trap-and-emulate",
      }),
      snippet("Guest kernel, paravirtual", "A guest that makes hypercalls", { vmm: "paravirtual" }),
      snippet("Bare metal", "No hypervisor: the reference, or a hypervisor of your own", {
        vmm: "none",
      }),
      snippet("Kernel built elsewhere", "An ELF image of gcc, clang, GAS or NASM, built with -g", {
        program: '^"\\${workspaceFolder}/kernel.elf"',
      }),
      snippet("Break on VM exits", "Stop in the VMM on the exits named", {
        vmm: "hardware-assisted",
        stopOnEntry: false,
        breakOnVmExit: ["CPUID", "EPT_VIOLATION"],
      }),
    ],
    strings: {
      unverifiedBreakpoints:
        "No instruction of the running guest was made from this line, or the file changed since the start.",
    },
  },
];
