/** Flag control, segment registers, descriptor tables, control and debug registers, MSRs, caches and TLBs, identification and time. */
import type { InstructionForm } from "../types";
import { flags, insn, n, op, op0f, op38, r, rw, w, wide } from "../dsl";
import type { OpcodeBuilder, Traits } from "../dsl";

const flagRows = [
  insn("cmc", [], op(0xf5), { flags: flags({ read: "C", written: "C" }) }),
  insn("clc", [], op(0xf8), { flags: flags({ cleared: "C" }) }),
  insn("stc", [], op(0xf9), { flags: flags({ set: "C" }) }),
  insn("cli", [], op(0xfa), {
    flags: flags({ read: "LV", cleared: "I" }),
    sensitivity: "iopl-sensitive",
  }),
  insn("sti", [], op(0xfb), {
    flags: flags({ read: "LV", set: "I" }),
    sensitivity: "iopl-sensitive",
  }),
  insn("cld", [], op(0xfc), { flags: flags({ cleared: "D" }) }),
  insn("std", [], op(0xfd), { flags: flags({ set: "D" }) }),
  insn("clac", [], op0f(0x01).fixed(0xca).np(), {
    flags: flags({ cleared: "K" }),
    feature: "smap",
    cpl: 0,
    sensitivity: "privileged",
  }),
  insn("stac", [], op0f(0x01).fixed(0xcb).np(), {
    flags: flags({ set: "K" }),
    feature: "smap",
    cpl: 0,
    sensitivity: "privileged",
  }),
];

const UNPRIVILEGED: Traits = { sensitivity: "sensitive-unprivileged" };

/** A 16-bit result: a register destination is widened to the operand size, memory always takes 16 bits. */
function storesWord(
  mnemonic: string,
  bytes: OpcodeBuilder,
  operands: (target: ReturnType<typeof w>) => readonly ReturnType<typeof w>[],
  traits: Traits,
): InstructionForm[] {
  return [
    insn(mnemonic, operands(w("m16")), bytes.memory(), traits),
    ...wide((size) =>
      insn(mnemonic, operands(w(`rr${size}`)), bytes.register().size(size), traits),
    ),
  ];
}

const segmentMoves = [
  ...storesWord("mov", op(0x8c).reg(), (target) => [target, r("sreg")], {
    ...UNPRIVILEGED,
    semantics: "mov_from_sreg",
  }),
  insn("mov", [w("sreg"), r("rm16")], op(0x8e).reg(), {
    ...UNPRIVILEGED,
    semantics: "mov_to_sreg",
  }),
];

const TABLE_EXIT = { reason: "GDTR_IDTR_ACCESS", when: "descriptor-table exiting" };
const SELECTOR_EXIT = { reason: "LDTR_TR_ACCESS", when: "descriptor-table exiting" };
const PRIVILEGED: Traits = { cpl: 0, sensitivity: "privileged" };
const TABLES = [
  ["sgdt", 0],
  ["sidt", 1],
  ["lgdt", 2],
  ["lidt", 3],
] as const;

/** The pseudo-descriptor is 6 bytes, 10 in 64-bit mode, whatever the operand size says. */
const tableRows = TABLES.flatMap(([mnemonic, digit]) => {
  const stores = mnemonic.startsWith("s");
  const access = stores ? w : r;
  const traits: Traits = { ...(stores ? UNPRIVILEGED : PRIVILEGED), vmExit: TABLE_EXIT };
  const bytes = op0f(0x01).ext(digit).memory();
  return [
    insn(mnemonic, [access("m16&32")], bytes, { ...traits, modes: "legacy" }),
    insn(mnemonic, [access("m16&64")], bytes.o64().f64(), traits),
  ];
});

const selectorRows = [
  ...storesWord("sldt", op0f(0x00).ext(0), (target) => [target], {
    ...UNPRIVILEGED,
    protectedOnly: true,
    vmExit: SELECTOR_EXIT,
  }),
  ...storesWord("str", op0f(0x00).ext(1), (target) => [target], {
    ...UNPRIVILEGED,
    protectedOnly: true,
    vmExit: SELECTOR_EXIT,
  }),
  insn("lldt", [r("rm16")], op0f(0x00).ext(2), {
    ...PRIVILEGED,
    protectedOnly: true,
    vmExit: SELECTOR_EXIT,
  }),
  insn("ltr", [r("rm16")], op0f(0x00).ext(3), {
    ...PRIVILEGED,
    protectedOnly: true,
    vmExit: SELECTOR_EXIT,
  }),
  insn("verr", [r("rm16")], op0f(0x00).ext(4), {
    ...UNPRIVILEGED,
    protectedOnly: true,
    flags: flags({ written: "Z" }),
  }),
  insn("verw", [r("rm16")], op0f(0x00).ext(5), {
    ...UNPRIVILEGED,
    protectedOnly: true,
    flags: flags({ written: "Z" }),
  }),
  ...wide((size) => {
    const traits: Traits = { ...UNPRIVILEGED, protectedOnly: true, flags: flags({ written: "Z" }) };
    return [
      insn("lar", [rw(`r${size}`), r("rm16")], op0f(0x02).reg().size(size), traits),
      insn("lsl", [rw(`r${size}`), r("rm16")], op0f(0x03).reg().size(size), traits),
    ];
  }),
  insn("arpl", [rw("rm16"), r("r16")], op(0x63).reg(), {
    modes: "legacy",
    protectedOnly: true,
    flags: flags({ written: "Z" }),
    sensitivity: "sensitive-unprivileged",
  }),
];

const machineStatus = [
  ...storesWord("smsw", op0f(0x01).ext(4), (target) => [target], UNPRIVILEGED),
  insn("lmsw", [r("rm16")], op0f(0x01).ext(6), {
    ...PRIVILEGED,
    vmExit: {
      reason: "CR_ACCESS",
      when: "it would change a host-owned bit 3:0 of CR0 against the read shadow",
    },
  }),
  insn("clts", [], op0f(0x06), {
    ...PRIVILEGED,
    vmExit: { reason: "CR_ACCESS", when: "CR0.TS is host-owned and set in the read shadow" },
  }),
];

const CR_WRITE_EXIT = {
  reason: "CR_ACCESS",
  when: "CR0, CR4: a host-owned bit differs from the read shadow; CR3: CR3-load exiting and not a CR3-target value; CR8: CR8-load exiting",
};
const CR_READ_EXIT = {
  reason: "CR_ACCESS",
  when: "CR3: CR3-store exiting; CR8: CR8-store exiting",
};
const DR_EXIT = { reason: "MOV_DR", when: "MOV-DR exiting" };

/** ModRM.mod is ignored and the operand size is that of the mode: SDM Vol. 2B, "MOV—Move to/from Control Registers". */
const controlRows = ([32, 64] as const).flatMap((size) => {
  const modes = size === 64 ? "long" : "legacy";
  const traits = (vmExit: { reason: string; when: string }, semantics: string): Traits => ({
    ...PRIVILEGED,
    modes,
    vmExit,
    semantics,
    flags: flags({ undefined: "CPAZSO" }),
  });
  const general = `rr${size}` as const;
  const sized = (opcode: number): OpcodeBuilder => {
    const bytes = op0f(opcode).reg().register();
    return size === 64 ? bytes.o64().f64() : bytes;
  };
  return [
    insn("mov", [w(general), r("cr")], sized(0x20), traits(CR_READ_EXIT, "mov_from_cr")),
    insn("mov", [w(general), r("dr")], sized(0x21), traits(DR_EXIT, "mov_from_dr")),
    insn("mov", [w("cr"), r(general)], sized(0x22), traits(CR_WRITE_EXIT, "mov_to_cr")),
    insn("mov", [w("dr"), r(general)], sized(0x23), traits(DR_EXIT, "mov_to_dr")),
  ];
});

const cacheRows = [
  insn("invd", [], op0f(0x08), { ...PRIVILEGED, vmExit: { reason: "INVD", when: "always" } }),
  insn("wbinvd", [], op0f(0x09), {
    ...PRIVILEGED,
    vmExit: { reason: "WBINVD", when: "WBINVD exiting" },
  }),
  insn("wbnoinvd", [], op0f(0x09).f3(), {
    ...PRIVILEGED,
    semantics: "wbinvd",
    vmExit: { reason: "WBINVD", when: "WBINVD exiting" },
  }),
  insn("invlpg", [n("m")], op0f(0x01).ext(7).memory(), {
    ...PRIVILEGED,
    vmExit: { reason: "INVLPG", when: "INVLPG exiting" },
  }),
  ...([32, 64] as const).map((size) =>
    insn("invpcid", [r(`r${size}`), r("m128")], op38(0x82).reg().memory().p66(), {
      ...PRIVILEGED,
      modes: size === 64 ? "long" : "legacy",
      feature: "invpcid",
      vmExit: { reason: "INVPCID", when: "INVLPG exiting (#UD unless enable INVPCID)" },
    }),
  ),
];

const identification = [
  insn("cpuid", [], op0f(0xa2), {
    sensitivity: "conditional",
    vmExit: { reason: "CPUID", when: "always" },
  }),
  insn("rdtsc", [], op0f(0x31), {
    feature: "tsc",
    sensitivity: "conditional",
    vmExit: { reason: "RDTSC", when: "RDTSC exiting" },
  }),
  insn("rdtscp", [], op0f(0x01).fixed(0xf9), {
    feature: "rdtscp",
    sensitivity: "conditional",
    vmExit: { reason: "RDTSCP", when: "RDTSC exiting (#UD unless enable RDTSCP)" },
  }),
  insn("rdpmc", [], op0f(0x33), {
    sensitivity: "conditional",
    vmExit: { reason: "RDPMC", when: "RDPMC exiting" },
  }),
  insn("rdmsr", [], op0f(0x32), {
    ...PRIVILEGED,
    feature: "msr",
    vmExit: {
      reason: "RDMSR",
      when: "no MSR bitmaps, an MSR outside their ranges, or its read bit is set",
    },
  }),
  insn("wrmsr", [], op0f(0x30), {
    ...PRIVILEGED,
    feature: "msr",
    vmExit: {
      reason: "WRMSR",
      when: "no MSR bitmaps, an MSR outside their ranges, or its write bit is set",
    },
  }),
  ...wide((size) => {
    const random = flags({ written: "C", cleared: "PAZSO" });
    return [
      insn("rdrand", [w(`rr${size}`)], op0f(0xc7).ext(6).register().np().size(size), {
        feature: "rdrand",
        sensitivity: "conditional",
        flags: random,
        vmExit: { reason: "RDRAND", when: "RDRAND exiting" },
      }),
      insn("rdseed", [w(`rr${size}`)], op0f(0xc7).ext(7).register().np().size(size), {
        feature: "rdseed",
        sensitivity: "conditional",
        flags: random,
        vmExit: { reason: "RDSEED", when: "RDSEED exiting" },
      }),
    ];
  }),
  ...([32, 64] as const).map((size) =>
    insn("rdpid", [w(`rr${size}`)], op0f(0xc7).ext(7).register().f3(), {
      modes: size === 64 ? "long" : "legacy",
      feature: "rdpid",
      sensitivity: "conditional",
    }),
  ),
];

const baseRows = (
  [
    ["rdfsbase", 0, w],
    ["rdgsbase", 1, w],
    ["wrfsbase", 2, r],
    ["wrgsbase", 3, r],
  ] as const
).flatMap(([mnemonic, digit, access]) =>
  ([32, 64] as const).map((size) =>
    insn(mnemonic, [access(`rr${size}`)], op0f(0xae).ext(digit).register().f3().size(size), {
      modes: "long",
      feature: "fsgsbase",
      sensitivity: "conditional",
    }),
  ),
);

const stateRows = [
  insn("swapgs", [], op0f(0x01).fixed(0xf8), { ...PRIVILEGED, modes: "long" }),
  insn("hlt", [], op(0xf4), { ...PRIVILEGED, vmExit: { reason: "HLT", when: "HLT exiting" } }),
  insn("xgetbv", [], op0f(0x01).fixed(0xd0).np(), { feature: "xsave", sensitivity: "conditional" }),
  insn("xsetbv", [], op0f(0x01).fixed(0xd1).np(), {
    ...PRIVILEGED,
    feature: "xsave",
    vmExit: { reason: "XSETBV", when: "always" },
  }),
  insn("monitor", [], op0f(0x01).fixed(0xc8).np(), {
    ...PRIVILEGED,
    feature: "monitor",
    vmExit: { reason: "MONITOR", when: "MONITOR exiting" },
  }),
  insn("mwait", [], op0f(0x01).fixed(0xc9).np(), {
    ...PRIVILEGED,
    feature: "monitor",
    vmExit: { reason: "MWAIT", when: "MWAIT exiting" },
  }),
  insn("rsm", [], op0f(0xaa), {
    ...PRIVILEGED,
    flags: flags({ written: "CPAZSTIDOLNRVK" }),
    vmExit: { reason: "RSM", when: "in SMM under dual-monitor treatment" },
  }),
  insn("rdpkru", [], op0f(0x01).fixed(0xee).np(), {
    feature: "pku",
    sensitivity: "conditional",
    semantics: null,
  }),
  insn("wrpkru", [], op0f(0x01).fixed(0xef).np(), {
    feature: "pku",
    sensitivity: "conditional",
    semantics: null,
  }),
];

export const SYSTEM_ROWS: readonly InstructionForm[] = [
  ...flagRows,
  ...segmentMoves,
  ...tableRows,
  ...selectorRows,
  ...machineStatus,
  ...controlRows,
  ...cacheRows,
  ...identification,
  ...baseRows,
  ...stateRows,
];
