/** PUSH, POP and their families, ENTER and LEAVE. */
import type { InstructionForm, OperandKind } from "../types";
import { flags, IMMEDIATE, insn, op, op0f, r, stackSized, w, wide } from "../dsl";
import type { OpcodeBuilder, Traits, WideSize } from "../dsl";

type StackRow = (bytes: OpcodeBuilder, traits: Traits) => InstructionForm;

/** The three sizes of a stack instruction. */
const stackRows = (bytes: OpcodeBuilder, row: (size: WideSize) => StackRow): InstructionForm[] =>
  wide((size) => {
    const sized = stackSized(bytes, size);
    return row(size)(sized.bytes, { modes: sized.modes });
  });

const pushRows = [
  ...stackRows(
    op(0x50).plus(),
    (size) => (bytes, traits) => insn("push", [r(`r${size}`)], bytes, traits),
  ),
  ...stackRows(
    op(0xff).ext(6),
    (size) => (bytes, traits) => insn("push", [r(`rm${size}`)], bytes, traits),
  ),
  ...stackRows(
    op(0x6a).imm("ib"),
    () => (bytes, traits) => insn("push", [r("sx8")], bytes, traits),
  ),
  ...stackRows(
    op(0x68),
    (size) => (bytes, traits) =>
      insn("push", [r(IMMEDIATE[size].kind)], bytes.imm(IMMEDIATE[size].field), traits),
  ),
];

const popRows = [
  ...stackRows(
    op(0x58).plus(),
    (size) => (bytes, traits) => insn("pop", [w(`r${size}`)], bytes, traits),
  ),
  ...stackRows(
    op(0x8f).ext(0),
    (size) => (bytes, traits) => insn("pop", [w(`rm${size}`)], bytes, traits),
  ),
];

/** Segment register, PUSH and POP opcodes; the FS and GS pairs are in the 0F map. */
const SEGMENT_STACK: readonly (readonly [OperandKind, OpcodeBuilder, OpcodeBuilder | undefined])[] =
  [
    ["es", op(0x06), op(0x07)],
    ["cs", op(0x0e), undefined],
    ["ss", op(0x16), op(0x17)],
    ["ds", op(0x1e), op(0x1f)],
    ["fs", op0f(0xa0), op0f(0xa1)],
    ["gs", op0f(0xa8), op0f(0xa9)],
  ];

const segmentRows = SEGMENT_STACK.flatMap(([kind, push, pop]) => {
  const everywhere = kind === "fs" || kind === "gs";
  const row = (
    mnemonic: string,
    access: typeof r,
    opcode: OpcodeBuilder,
    semantics: string,
  ): InstructionForm[] =>
    stackRows(
      opcode,
      () => (bytes, traits) =>
        insn(mnemonic, [access(kind)], bytes, {
          ...traits,
          semantics,
          sensitivity: "sensitive-unprivileged",
        }),
    ).flatMap((form) => {
      if (everywhere) return [form];
      return form.modes === "long" ? [] : [{ ...form, modes: "legacy" as const }];
    });
  return [
    ...row("push", r, push, "push_sreg"),
    ...(pop === undefined ? [] : row("pop", w, pop, "pop_sreg")),
  ];
});

const NAMES = {
  pusha: { 16: "pushaw", 32: "pushad" },
  popa: { 16: "popaw", 32: "popad" },
  pushf: { 16: "pushfw", 32: "pushfd", 64: "pushfq" },
  popf: { 16: "popfw", 32: "popfd", 64: "popfq" },
} as const;

const allRegisters = ([16, 32] as const).flatMap((size) => [
  insn(NAMES.pusha[size], [], op(0x60).size(size), {
    aliases: ["pusha"],
    semantics: "pusha",
    modes: "legacy",
  }),
  insn(NAMES.popa[size], [], op(0x61).size(size), {
    aliases: ["popa"],
    semantics: "popa",
    modes: "legacy",
  }),
]);

const FLAGS_IMAGE = "CPAZSTIDOLNRVK";

const flagRows = [
  ...stackRows(
    op(0x9c),
    (size) => (bytes, traits) =>
      insn(NAMES.pushf[size], [], bytes, {
        ...traits,
        aliases: ["pushf"],
        semantics: "pushf",
        flags: flags({ read: "CPAZSTIDOLNVK" }),
        sensitivity: "sensitive-unprivileged",
      }),
  ),
  ...stackRows(
    op(0x9d),
    (size) => (bytes, traits) =>
      insn(NAMES.popf[size], [], bytes, {
        ...traits,
        aliases: ["popf"],
        semantics: "popf",
        flags: flags({ read: "LV", written: FLAGS_IMAGE }),
        sensitivity: "sensitive-unprivileged",
      }),
  ),
];

export const STACK_ROWS: readonly InstructionForm[] = [
  ...pushRows,
  ...popRows,
  ...segmentRows,
  ...allRegisters,
  ...flagRows,
  ...stackRows(
    op(0xc8).imm("iw", "ib"),
    () => (bytes, traits) => insn("enter", [r("imm16"), r("imm8")], bytes, traits),
  ),
  ...stackRows(op(0xc9), () => (bytes, traits) => insn("leave", [], bytes, traits)),
];
