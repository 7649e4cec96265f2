/** Later extensions for kernels and their users. Recognised, not executed: the simulated processor has none of them. */
import type { InstructionForm, OperandSpec } from "../types";
import {
  CONDITION_FLAGS,
  CONDITIONS,
  flags,
  insn,
  n,
  op,
  op0f,
  op38,
  op3a,
  opXop,
  r,
  recognised,
  rw,
  stackSized,
  w,
  wide,
} from "../dsl";
import type { OpcodeBuilder, Traits } from "../dsl";

/** 0F 01 and a whole ModRM byte. */
const in01 = (modrm: number): OpcodeBuilder => op0f(0x01).fixed(modrm);

/** Instructions without operands; those of 64-bit mode only are marked. */
const PLAIN: readonly (readonly [string, OpcodeBuilder, string, boolean?])[] = [
  ["monitorx", in01(0xfa).np(), "monitorx"],
  ["mwaitx", in01(0xfb).np(), "monitorx"],
  ["clzero", in01(0xfc).np(), "clzero"],
  ["serialize", in01(0xe8).np(), "serialize"],
  ["xend", in01(0xd5).np(), "rtm"],
  ["xtest", in01(0xd6).np(), "rtm"],
  ["encls", in01(0xcf).np(), "sgx"],
  ["enclu", in01(0xd7).np(), "sgx"],
  ["enclv", in01(0xc0).np(), "sgx"],
  ["pconfig", in01(0xc5).np(), "pconfig"],
  ["xsusldtrk", in01(0xe8).f2(), "tsxldtrk"],
  ["xresldtrk", in01(0xe9).f2(), "tsxldtrk"],
  ["setssbsy", in01(0xe8).f3(), "cet_ss"],
  ["saveprevssp", in01(0xea).f3(), "cet_ss"],
  ["uiret", in01(0xec).f3(), "uintr", true],
  ["testui", in01(0xed).f3(), "uintr", true],
  ["clui", in01(0xee).f3(), "uintr", true],
  ["stui", in01(0xef).f3(), "uintr", true],
  ["wrmsrns", in01(0xc6).np(), "wrmsrns", true],
  ["rdmsrlist", in01(0xc6).f2(), "msrlist", true],
  ["wrmsrlist", in01(0xc6).f3(), "msrlist", true],
  ["pvalidate", in01(0xff).f2(), "snp"],
  ["rmpadjust", in01(0xfe).f3(), "snp", true],
];

const CET = recognised("cet_ss");
/** Without shadow stacks it runs as one of the hint NOPs. */
const SHADOW_HINT: Traits = { semantics: "nop", feature: "cet_ss" };
const CARRY = recognised("adx", { flags: flags({ read: "C", written: "C" }) });
const OVERFLOW = recognised("adx", { flags: flags({ read: "O", written: "O" }) });

/** A register that holds an address is as wide as addresses are. */
function addressed(
  mnemonic: string,
  operands: (size: 16 | 32 | 64) => readonly OperandSpec[],
  bytes: OpcodeBuilder,
  feature: string,
  more: Traits = {},
): InstructionForm[] {
  return wide((size) => {
    const traits = recognised(feature, size === 16 ? { modes: "legacy", ...more } : more);
    return insn(mnemonic, operands(size), bytes.address(size), traits);
  });
}

const QUEUED = flags({ written: "Z", cleared: "CPASO" });
const toLine = (size: 16 | 32 | 64): OperandSpec[] => [r(`r${size}`), r("m512")];

/** RAO-INT: memory changes, no flag does. */
function remote(mnemonic: string, bytes: OpcodeBuilder): InstructionForm[] {
  const has = recognised("raoint");
  return [
    insn(mnemonic, [rw("m32"), r("r32")], bytes.reg().memory(), has),
    insn(mnemonic, [rw("m64"), r("r64")], bytes.reg().memory().o64(), has),
  ];
}

/** Compare, and add if the condition holds: the flags are those of the comparison. */
const CONDITIONAL_ADDS = CONDITIONS.flatMap((names, condition) => {
  const [first, ...others] = names.map((name) => `cmp${name}xadd`);
  const has = recognised("cmpccxadd", {
    aliases: others,
    modes: "long",
    flags: flags({ read: CONDITION_FLAGS[condition] ?? "", written: "CPAZSO" }),
  });
  return ([32, 64] as const).map((size) =>
    insn(
      first!,
      [rw(`m${size}`), rw(`r${size}`), r(`vr${size}`)],
      op38(0xe0 | condition)
        .reg()
        .memory()
        .p66()
        .underVex(0, size === 64 ? 1 : 0),
      has,
    ),
  );
});

/** AMD's lightweight profiling: APM Vol. 3. */
const PROFILING = ([32, 64] as const).flatMap((size) => {
  const has = recognised("lwp");
  const wideBit = size === 64 ? 1 : 0;
  const control = opXop(9, 0x12).register().underVex(0, wideBit);
  const record = opXop(10, 0x12).imm("id").underVex(0, wideBit);
  const data = [r(`vr${size}`), r("rm32"), r("imm32")] as const;
  return [
    insn("llwpcb", [r(`rr${size}`)], control.ext(0), has),
    insn("slwpcb", [w(`rr${size}`)], control.ext(1), has),
    insn("lwpins", data, record.ext(0), recognised("lwp", { flags: flags({ written: "C" }) })),
    insn("lwpval", data, record.ext(1), has),
  ];
});

export const EXTENSION_ROWS: readonly InstructionForm[] = [
  ...PLAIN.map(([mnemonic, bytes, feature, isLong]) =>
    insn(mnemonic, [], bytes, recognised(feature, isLong === true ? { modes: "long" } : {})),
  ),
  insn("adcx", [rw("r32"), r("rm32")], op38(0xf6).reg().p66(), CARRY),
  insn("adcx", [rw("r64"), r("rm64")], op38(0xf6).reg().p66().o64(), CARRY),
  insn("adox", [rw("r32"), r("rm32")], op38(0xf6).reg().f3(), OVERFLOW),
  insn("adox", [rw("r64"), r("rm64")], op38(0xf6).reg().f3().o64(), OVERFLOW),
  insn("movdiri", [w("m32"), r("r32")], op38(0xf9).reg().np().memory(), recognised("movdiri")),
  insn(
    "movdiri",
    [w("m64"), r("r64")],
    op38(0xf9).reg().np().memory().o64(),
    recognised("movdiri"),
  ),
  ...addressed("movdir64b", toLine, op38(0xf8).reg().memory().p66(), "movdir64b"),
  ...addressed("enqcmd", toLine, op38(0xf8).reg().memory().f2(), "enqcmd", { flags: QUEUED }),
  ...addressed("enqcmds", toLine, op38(0xf8).reg().memory().f3(), "enqcmd", {
    flags: QUEUED,
    cpl: 0,
  }),
  ...addressed(
    "umonitor",
    (size) => [r(`rr${size}`)],
    op0f(0xae).ext(6).f3().register(),
    "waitpkg",
  ),
  insn("ptwrite", [r("rm32")], op0f(0xae).ext(4).f3(), recognised("ptwrite")),
  insn("ptwrite", [r("rm64")], op0f(0xae).ext(4).f3().o64(), recognised("ptwrite")),
  ...remote("aadd", op38(0xfc).np()),
  ...remote("aand", op38(0xfc).p66()),
  ...remote("axor", op38(0xfc).f3()),
  ...CONDITIONAL_ADDS,
  ...PROFILING,
  insn("tpause", [r("rr32")], op0f(0xae).ext(6).p66().register(), recognised("waitpkg")),
  insn("umwait", [r("rr32")], op0f(0xae).ext(6).f2().register(), recognised("waitpkg")),
  insn(
    "senduipi",
    [r("rr64")],
    op0f(0xc7).ext(6).f3().register(),
    recognised("uintr", { modes: "long" }),
  ),
  insn("hreset", [r("imm8")], op3a(0xf0).fixed(0xc0).f3().imm("ib"), recognised("hreset")),
  ...wide((size) => {
    const distance = op(0xc7)
      .fixed(0xf8)
      .imm(size === 16 ? "cw" : "cd");
    const { bytes, modes } = stackSized(distance, size);
    const kind = size === 16 ? "rel16" : "rel32";
    return [insn("xbegin", [r(kind)], bytes, recognised("rtm", { modes }))];
  }),
  insn("xabort", [r("imm8")], op(0xc6).fixed(0xf8).imm("ib"), recognised("rtm")),
  insn("rdsspd", [n("rr32")], op0f(0x1e).ext(1).f3().register().o32(), SHADOW_HINT),
  insn("rdsspq", [n("rr64")], op0f(0x1e).ext(1).f3().register().o64(), SHADOW_HINT),
  insn("incsspd", [r("rr32")], op0f(0xae).ext(5).f3().register(), CET),
  insn("incsspq", [r("rr64")], op0f(0xae).ext(5).f3().register().o64(), CET),
  insn("rstorssp", [rw("m64")], op0f(0x01).ext(5).f3().memory(), CET),
  insn("clrssbsy", [rw("m64")], op0f(0xae).ext(6).f3().memory(), CET),
  insn("wrssd", [w("m32"), r("r32")], op38(0xf6).reg().np().memory(), CET),
  insn("wrssq", [w("m64"), r("r64")], op38(0xf6).reg().np().memory().o64(), CET),
  insn("wrussd", [w("m32"), r("r32")], op38(0xf5).reg().p66().memory(), CET),
  insn("wrussq", [w("m64"), r("r64")], op38(0xf5).reg().p66().memory().o64(), CET),
];
