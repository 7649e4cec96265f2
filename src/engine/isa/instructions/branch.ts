/** Control transfer: CALL, JMP, RET, Jcc, LOOP, interrupts, SYSCALL and SYSENTER. */
import type { InstructionForm } from "../types";
import { conditional, CONDITIONS, flags, insn, op, op0f, r, stackSized, wide } from "../dsl";
import type { Traits, WideSize } from "../dsl";

const RELATIVE = { 16: ["rel16", "cw"], 32: ["rel32", "cd"], 64: ["rel32", "cd"] } as const;
const FAR_MEMORY = { 16: "m16:16", 32: "m16:32", 64: "m16:64" } as const;

const near = (bytes: ReturnType<typeof op>, size: WideSize): ReturnType<typeof stackSized> =>
  stackSized(bytes, size, true);

const FAR: Traits = {
  sensitivity: "sensitive-unprivileged",
  vmExit: { reason: "TASK_SWITCH", when: "the target is a TSS or a task gate" },
};

function callOrJump(mnemonic: "call" | "jmp"): InstructionForm[] {
  const isCall = mnemonic === "call";
  const nearTraits: Traits = { semantics: `${mnemonic}_near` };
  const farTraits: Traits = { ...FAR, semantics: `${mnemonic}_far` };
  return wide((size) => {
    const [kind, field] = RELATIVE[size];
    const relative = near(op(isCall ? 0xe8 : 0xe9).imm(field), size);
    const short = near(op(0xeb).imm("cb"), size);
    const indirect = near(op(0xff).ext(isCall ? 2 : 4), size);
    const rows = [
      ...(isCall
        ? []
        : [insn("jmp", [r("rel8")], short.bytes, { ...nearTraits, modes: short.modes })]),
      insn(mnemonic, [r(kind)], relative.bytes, { ...nearTraits, modes: relative.modes }),
      insn(mnemonic, [r(`rm${size}`)], indirect.bytes, { ...nearTraits, modes: indirect.modes }),
      insn(
        mnemonic,
        [r(FAR_MEMORY[size])],
        op(0xff)
          .ext(isCall ? 3 : 5)
          .memory()
          .size(size),
        farTraits,
      ),
    ];
    if (size !== 64) {
      const pointer = op(isCall ? 0x9a : 0xea)
        .size(size)
        .imm(size === 16 ? "p16" : "p32");
      rows.push(insn(mnemonic, [r(`ptr16:${size}`)], pointer, { ...farTraits, modes: "legacy" }));
    }
    return rows;
  });
}

const returns = wide((size) => {
  const plain = near(op(0xc3), size);
  const popping = near(op(0xc2).imm("iw"), size);
  const farTraits: Traits = { semantics: "ret_far", sensitivity: "sensitive-unprivileged" };
  return [
    insn("ret", [], plain.bytes, { semantics: "ret_near", modes: plain.modes, aliases: ["retn"] }),
    insn("ret", [r("imm16")], popping.bytes, {
      semantics: "ret_near",
      modes: popping.modes,
      aliases: ["retn"],
    }),
    insn("retf", [], op(0xcb).size(size), farTraits),
    insn("retf", [r("imm16")], op(0xca).size(size).imm("iw"), farTraits),
  ];
});

const conditionalJumps = CONDITIONS.flatMap((_, condition) => {
  const { mnemonic, traits } = conditional("j", condition);
  return wide((size) => {
    const [kind, field] = RELATIVE[size];
    const short = near(op(0x70 + condition).imm("cb"), size);
    const long = near(op0f(0x80 + condition).imm(field), size);
    return [
      insn(mnemonic, [r("rel8")], short.bytes, { ...traits, semantics: "jcc", modes: short.modes }),
      insn(mnemonic, [r(kind)], long.bytes, { ...traits, semantics: "jcc", modes: long.modes }),
    ];
  });
});

/** LOOP and JCXZ count in CX, ECX or RCX by the address size, and cut the target to the operand size. */
const LOOPS = [
  ["loopne", 0xe0, ["loopnz"], "Z"],
  ["loope", 0xe1, ["loopz"], "Z"],
  ["loop", 0xe2, [], ""],
] as const;

const loops = LOOPS.flatMap(([mnemonic, opcode, aliases, read]) =>
  wide((size) => {
    const { bytes, modes } = near(op(opcode).imm("cb"), size);
    return insn(mnemonic, [r("rel8")], bytes, { modes, aliases, flags: flags({ read }) });
  }),
);

const COUNT_ZERO = [
  ["jcxz", 16],
  ["jecxz", 32],
  ["jrcxz", 64],
] as const;

const countZeroJumps = COUNT_ZERO.flatMap(([mnemonic, addressSize]) =>
  wide((size) => {
    if ((addressSize === 64 && size !== 64) || (addressSize === 16 && size === 64)) return [];
    const { bytes, modes } = near(op(0xe3).imm("cb").address(addressSize), size);
    return insn(mnemonic, [r("rel8")], bytes, { modes, semantics: "jcxz" });
  }),
);

const DELIVERY = flags({ read: "CPAZSTIDOLNRVK", written: "I", cleared: "TNRV" });
const ALL_FLAGS = "CPAZSTIDOLNRVK";
const IRET_NAMES = { 16: "iretw", 32: "iretd", 64: "iretq" } as const;

const interrupts: InstructionForm[] = [
  insn("int3", [], op(0xcc), {
    flags: DELIVERY,
    sensitivity: "transfer",
    vmExit: { reason: "EXCEPTION_NMI", when: "exception bitmap bit 3" },
  }),
  insn("int", [r("imm8")], op(0xcd).imm("ib"), {
    flags: DELIVERY,
    sensitivity: "sensitive-unprivileged",
  }),
  insn("into", [], op(0xce), {
    modes: "legacy",
    flags: DELIVERY,
    sensitivity: "transfer",
    vmExit: { reason: "EXCEPTION_NMI", when: "exception bitmap bit 4" },
  }),
  insn("int1", [], op(0xf1), {
    aliases: ["icebp", "int01"],
    flags: DELIVERY,
    sensitivity: "transfer",
    vmExit: { reason: "EXCEPTION_NMI", when: "exception bitmap bit 1" },
  }),
  ...wide((size) =>
    insn(IRET_NAMES[size], [], op(0xcf).size(size), {
      aliases: ["iret"],
      semantics: "iret",
      flags: flags({ read: "NV", written: ALL_FLAGS }),
      sensitivity: "sensitive-unprivileged",
      vmExit: { reason: "TASK_SWITCH", when: "EFLAGS.NT is 1 outside IA-32e mode (task return)" },
    }),
  ),
  ...([16, 32] as const).map((size) =>
    insn(
      "bound",
      [r(`r${size}`), r(size === 16 ? "m16&16" : "m32&32")],
      op(0x62).reg().memory().size(size),
      {
        modes: "legacy",
        sensitivity: "transfer",
        vmExit: { reason: "EXCEPTION_NMI", when: "out of bounds with exception bitmap bit 5" },
      },
    ),
  ),
];

const UNDEFINED: Traits = {
  semantics: "ud",
  sensitivity: "transfer",
  vmExit: { reason: "EXCEPTION_NMI", when: "exception bitmap bit 6" },
};

const undefinedRows = [
  insn("ud2", [], op0f(0x0b), UNDEFINED),
  ...wide((size) => [
    insn("ud0", [r(`r${size}`), r(`rm${size}`)], op0f(0xff).reg().size(size), UNDEFINED),
    insn("ud1", [r(`r${size}`), r(`rm${size}`)], op0f(0xb9).reg().size(size), UNDEFINED),
  ]),
];

const systemCalls = [
  insn("syscall", [], op0f(0x05), {
    feature: "syscall",
    sensitivity: "transfer",
    flags: flags({ read: ALL_FLAGS, written: "CPAZSTIDOLNK", cleared: "RV" }),
  }),
  ...[op0f(0x07), op0f(0x07).o64()].map((bytes) =>
    insn("sysret", [], bytes, {
      feature: "syscall",
      cpl: 0,
      protectedOnly: true,
      sensitivity: "privileged",
      flags: flags({ written: "CPAZSTIDOLNK", cleared: "RV" }),
    }),
  ),
  insn("sysenter", [], op0f(0x34), {
    feature: "sep",
    protectedOnly: true,
    sensitivity: "transfer",
    flags: flags({ cleared: "IRV" }),
  }),
  ...[op0f(0x35), op0f(0x35).o64()].map((bytes) =>
    insn("sysexit", [], bytes, {
      feature: "sep",
      cpl: 0,
      protectedOnly: true,
      sensitivity: "privileged",
    }),
  ),
];

export const BRANCH_ROWS: readonly InstructionForm[] = [
  ...callOrJump("call"),
  ...callOrJump("jmp"),
  ...returns,
  ...conditionalJumps,
  ...loops,
  ...countZeroJumps,
  ...interrupts,
  ...undefinedRows,
  ...systemCalls,
];
