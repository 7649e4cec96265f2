/** What a processor model can do: CPUID tells exactly this, and the instruction table's `feature` column is checked against it. SDM Vol. 2A, "CPUID". */
export interface CpuModel {
  readonly name: string;
  /** One line for command lines and editors. */
  readonly description: string;
  readonly vendor: string;
  readonly brand: string;
  /** Family, model and stepping as in CPUID.1:EAX. */
  readonly signature: number;
  readonly physicalAddressBits: number;
  /** CPUID's highest basic leaf. */
  readonly maxBasicLeaf: number;
  /** CPUID's highest extended leaf; 0 without any. */
  readonly maxExtendedLeaf: number;
  readonly features: ReadonlySet<string>;
}

/** Where CPUID shows a feature. */
interface FeatureBit {
  readonly leaf: number;
  readonly register: "eax" | "ebx" | "ecx" | "edx";
  readonly bit: number;
}

// prettier-ignore
export const FEATURE_BITS: Readonly<Record<string, FeatureBit>> = {
  vme: { leaf: 1, register: "edx", bit: 1 },
  de: { leaf: 1, register: "edx", bit: 2 },
  pse: { leaf: 1, register: "edx", bit: 3 },
  tsc: { leaf: 1, register: "edx", bit: 4 },
  msr: { leaf: 1, register: "edx", bit: 5 },
  pae: { leaf: 1, register: "edx", bit: 6 },
  mce: { leaf: 1, register: "edx", bit: 7 },
  cx8: { leaf: 1, register: "edx", bit: 8 },
  apic: { leaf: 1, register: "edx", bit: 9 },
  sep: { leaf: 1, register: "edx", bit: 11 },
  pge: { leaf: 1, register: "edx", bit: 13 },
  mca: { leaf: 1, register: "edx", bit: 14 },
  cmov: { leaf: 1, register: "edx", bit: 15 },
  pat: { leaf: 1, register: "edx", bit: 16 },
  pse36: { leaf: 1, register: "edx", bit: 17 },
  clfsh: { leaf: 1, register: "edx", bit: 19 },
  vmx: { leaf: 1, register: "ecx", bit: 5 },
  cx16: { leaf: 1, register: "ecx", bit: 13 },
  pcid: { leaf: 1, register: "ecx", bit: 17 },
  movbe: { leaf: 1, register: "ecx", bit: 22 },
  popcnt: { leaf: 1, register: "ecx", bit: 23 },
  tscdeadline: { leaf: 1, register: "ecx", bit: 24 },
  rdrand: { leaf: 1, register: "ecx", bit: 30 },
  fsgsbase: { leaf: 7, register: "ebx", bit: 0 },
  smep: { leaf: 7, register: "ebx", bit: 7 },
  invpcid: { leaf: 7, register: "ebx", bit: 10 },
  rdseed: { leaf: 7, register: "ebx", bit: 18 },
  smap: { leaf: 7, register: "ebx", bit: 20 },
  umip: { leaf: 7, register: "ecx", bit: 2 },
  rdpid: { leaf: 7, register: "ecx", bit: 22 },
  lahf64: { leaf: 0x80000001, register: "ecx", bit: 0 },
  lzcnt: { leaf: 0x80000001, register: "ecx", bit: 5 },
  syscall: { leaf: 0x80000001, register: "edx", bit: 11 },
  nx: { leaf: 0x80000001, register: "edx", bit: 20 },
  "1g": { leaf: 0x80000001, register: "edx", bit: 26 },
  rdtscp: { leaf: 0x80000001, register: "edx", bit: 27 },
  lm: { leaf: 0x80000001, register: "edx", bit: 29 },
  // The time-stamp counter counts instructions.
  invtsc: { leaf: 0x80000007, register: "edx", bit: 8 },
};

/** The default: a current integer core with VMX; no x87, no SSE. */
export const CURRENT_MODEL: CpuModel = {
  name: "current",
  description: "A current 64-bit processor with VMX (the default).",
  vendor: "GenuineIntel",
  brand: "Ringside simulated processor",
  signature: 0x000506e3,
  physicalAddressBits: 40,
  maxBasicLeaf: 0xd,
  maxExtendedLeaf: 0x80000008,
  features: new Set(Object.keys(FEATURE_BITS)),
};

/** Every processor that a machine can have, the default first. */
export const CPU_MODELS: readonly CpuModel[] = [
  CURRENT_MODEL,
  {
    name: "2006",
    description: "A first-generation 64-bit processor of 2006 as sold without VMX.",
    vendor: "GenuineIntel",
    brand: "Ringside simulated processor (2006)",
    signature: 0x000006f2,
    physicalAddressBits: 36,
    maxBasicLeaf: 0xa,
    maxExtendedLeaf: 0x80000008,
    // prettier-ignore
    features: new Set([
      "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "pge", "mca", "cmov", "pat", "pse36", "clfsh", "cx16",
      "lahf64", "syscall", "nx", "lm",
    ]),
  },
  {
    name: "486",
    description: "A late 486SX: 32-bit, with CPUID but without PAE, MSRs, RDTSC and CMOV.",
    vendor: "GenuineIntel",
    brand: "",
    signature: 0x00000420,
    physicalAddressBits: 32,
    maxBasicLeaf: 1,
    maxExtendedLeaf: 0,
    features: new Set(["vme"]),
  },
];

/** The row of a name. */
export function cpuModel(name: string): CpuModel | undefined {
  return CPU_MODELS.find((model) => model.name === name);
}

/** Tests for a row's feature; rows name NASM-like features, an unknown name is absent. */
export function hasFeature(model: CpuModel, feature: string): boolean {
  return model.features.has(feature);
}

export interface CpuidResult {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

const EXTENDED = 0x80000000;
const APIC_FEATURE = 1 << FEATURE_BITS.apic!.bit;

/** A leaf above the highest one gives what the highest basic leaf gives. SDM Vol. 2A, "CPUID". */
function existingLeaf({ maxBasicLeaf, maxExtendedLeaf }: CpuModel, leaf: number): number {
  const last = leaf >= EXTENDED ? maxExtendedLeaf : maxBasicLeaf;
  return leaf <= last ? leaf : maxBasicLeaf;
}

function bitsOf(model: CpuModel, leaf: number, register: FeatureBit["register"]): number {
  let value = 0;
  for (const [name, bit] of Object.entries(FEATURE_BITS)) {
    if (bit.leaf === leaf && bit.register === register && model.features.has(name)) {
      value |= 1 << bit.bit;
    }
  }
  return value >>> 0;
}

function textLeaf(text: string, at: number): CpuidResult {
  const word = (offset: number): number => {
    let value = 0;
    for (let i = 3; i >= 0; i--) value = (value << 8) | (text.charCodeAt(at + offset + i) || 0);
    return value >>> 0;
  };
  return { eax: word(0), ebx: word(4), ecx: word(8), edx: word(12) };
}

/** CPUID as executed on the bare processor. `isApicEnabled`: IA32_APIC_BASE.EN, which leaf 1 follows. */
export function cpuid(
  model: CpuModel,
  leaf: number,
  subleaf: number,
  isApicEnabled: boolean,
): CpuidResult {
  const zero = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  const unsignedLeaf = existingLeaf(model, leaf >>> 0);
  switch (unsignedLeaf) {
    case 0: {
      const vendor = textLeaf(
        `${model.vendor.slice(0, 4)}${model.vendor.slice(8)}${model.vendor.slice(4, 8)}`,
        0,
      );
      return { eax: model.maxBasicLeaf, ebx: vendor.eax, ecx: vendor.ebx, edx: vendor.ecx };
    }
    case 1:
      return {
        eax: model.signature,
        // Initial APIC ID 0; one logical processor; CLFLUSH line of 64 bytes.
        ebx: model.features.has("clfsh") ? 0x00010800 : 0,
        ecx: bitsOf(model, 1, "ecx"),
        edx: (bitsOf(model, 1, "edx") & ~(isApicEnabled ? 0 : APIC_FEATURE)) >>> 0,
      };
    case 7:
      if (subleaf !== 0) return zero;
      return { eax: 0, ebx: bitsOf(model, 7, "ebx"), ecx: bitsOf(model, 7, "ecx"), edx: 0 };
    case 0x80000000:
      return { ...zero, eax: model.maxExtendedLeaf };
    case 0x80000001:
      return {
        ...zero,
        ecx: bitsOf(model, unsignedLeaf, "ecx"),
        edx: bitsOf(model, unsignedLeaf, "edx"),
      };
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
      return textLeaf(model.brand.padEnd(48, "\0"), 16 * (unsignedLeaf - 0x80000002));
    case 0x80000007:
      return { ...zero, edx: bitsOf(model, unsignedLeaf, "edx") };
    case 0x80000008:
      return { ...zero, eax: model.physicalAddressBits | (48 << 8) };
    default:
      return zero;
  }
}
