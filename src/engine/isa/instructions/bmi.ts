/** Bit manipulation under VEX, and AMD's under XOP. Recognised, not executed: the simulated processor has no VEX. */
import type { InstructionForm, OperandSpec } from "../types";
import { family, flags, op38, op3a, opXop, r, w } from "../dsl";
import type { OpcodeBuilder, Traits } from "../dsl";

const has = (feature: string, effects = flags({})): Traits => ({
  semantics: null,
  feature,
  flags: effects,
});
const LOGIC = has("bmi1", flags({ written: "ZS", cleared: "CO", undefined: "AP" }));
const EXTRACT = has("bmi1", flags({ written: "Z", cleared: "CO", undefined: "APS" }));
const LOWEST = has("bmi1", flags({ written: "CZS", cleared: "O", undefined: "AP" }));
const ZERO_HIGH = has("bmi2", flags({ written: "CZS", cleared: "O", undefined: "AP" }));
/** APM Vol. 3, "BLCFILL" and those like it. */
const TRAILING = has("tbm", flags({ written: "CZS", cleared: "O", undefined: "AP" }));
/** No flags change. */
const PLAIN = has("bmi2");

type Size = 32 | 64;

/** Rows for both sizes, which VEX.W tells apart. */
function sized(
  names: string,
  operands: (size: Size) => readonly OperandSpec[],
  bytes: OpcodeBuilder,
  traits: Traits,
): InstructionForm[] {
  return [
    ...family(names, operands(32), bytes.underVex(0, 0), traits),
    ...family(names, operands(64), bytes.underVex(0, 1), traits),
  ];
}

const first = (size: Size): OperandSpec[] => [w(`r${size}`), r(`vr${size}`), r(`rm${size}`)];
const last = (size: Size): OperandSpec[] => [w(`r${size}`), r(`rm${size}`), r(`vr${size}`)];

const unary = (size: Size): OperandSpec[] => [w(`vr${size}`), r(`rm${size}`)];

export const BMI_ROWS: readonly InstructionForm[] = [
  ...sized("andn f2", first, op38(0).reg().np(), LOGIC),
  ...sized("bextr f7", last, op38(0).reg().np(), EXTRACT),
  ...sized("blsr f3/1 blsmsk f3/2 blsi f3/3", unary, op38(0).ext(0).np(), LOWEST),
  ...sized(
    "bextr 10",
    (size) => [w(`r${size}`), r(`rm${size}`), r("imm32")],
    opXop(10, 0).reg().imm("id"),
    has("tbm", flags({ written: "Z", cleared: "CO", undefined: "APS" })),
  ),
  ...sized(
    "blcfill 01/1 blsfill 01/2 blcs 01/3 tzmsk 01/4 blcic 01/5 blsic 01/6 t1mskc 01/7 blcmsk 02/1 blci 02/6",
    unary,
    opXop(9, 0).ext(0),
    TRAILING,
  ),
  ...sized("bzhi f5", last, op38(0).reg().np(), ZERO_HIGH),
  ...sized(
    "mulx f6",
    (size) => [w(`r${size}`), w(`vr${size}`), r(`rm${size}`)],
    op38(0).reg().f2(),
    PLAIN,
  ),
  ...sized("pdep f5", first, op38(0).reg().f2(), PLAIN),
  ...sized("pext f5", first, op38(0).reg().f3(), PLAIN),
  ...sized(
    "rorx f0",
    (size) => [w(`r${size}`), r(`rm${size}`), r("imm8")],
    op3a(0).reg().f2().imm("ib"),
    PLAIN,
  ),
  ...sized("sarx f7", last, op38(0).reg().f3(), PLAIN),
  ...sized("shlx f7", last, op38(0).reg().p66(), PLAIN),
  ...sized("shrx f7", last, op38(0).reg().f2(), PLAIN),
];
