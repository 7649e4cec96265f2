/** Shifts, rotates, bit tests and scans, byte swaps. */
import type { InstructionForm } from "../types";
import { flags, insn, op, op0f, op38, r, rw, w, wide } from "../dsl";
import type { AnySize, Traits } from "../dsl";

const SIZES: readonly AnySize[] = [8, 16, 32, 64];
const SHIFT = flags({ written: "CPZSO", undefined: "A" });
const ROTATE = flags({ written: "CO" });
const ROTATE_CARRY = flags({ read: "C", written: "CO" });

/** In the order of the opcode extension. /6 is an alias of SHL that the manuals leave out. A count of zero leaves the flags alone. */
const SHIFTS = [
  ["rol", ROTATE],
  ["ror", ROTATE],
  ["rcl", ROTATE_CARRY],
  ["rcr", ROTATE_CARRY],
  ["shl", SHIFT],
  ["shr", SHIFT],
  ["shl", SHIFT],
  ["sar", SHIFT],
] as const;

const shiftRows = SHIFTS.flatMap(([mnemonic, effects], digit) =>
  SIZES.flatMap((size) => {
    const odd = size === 8 ? 0 : 1;
    const traits: Traits = { flags: effects, aliases: mnemonic === "shl" ? ["sal"] : [] };
    const target = rw(`rm${size}`);
    return [
      insn(
        mnemonic,
        [target, r("one")],
        op(0xd0 + odd)
          .ext(digit)
          .size(size),
        traits,
      ),
      insn(
        mnemonic,
        [target, r("cl")],
        op(0xd2 + odd)
          .ext(digit)
          .size(size),
        traits,
      ),
      insn(
        mnemonic,
        [target, r("imm8")],
        op(0xc0 + odd)
          .ext(digit)
          .size(size)
          .imm("ib"),
        traits,
      ),
    ];
  }),
);

const DOUBLE_SHIFT: Traits = { flags: flags({ written: "CPZSO", undefined: "A" }) };
const doubleShift = (mnemonic: string, opcode: number): InstructionForm[] =>
  wide((size) => {
    const operands = [rw(`rm${size}`), r(`r${size}`)];
    return [
      insn(
        mnemonic,
        [...operands, r("imm8")],
        op0f(opcode).reg().size(size).imm("ib"),
        DOUBLE_SHIFT,
      ),
      insn(
        mnemonic,
        [...operands, r("cl")],
        op0f(opcode + 1)
          .reg()
          .size(size),
        DOUBLE_SHIFT,
      ),
    ];
  });

const BIT_TEST = flags({ written: "C", undefined: "PASO" });
/** Opcode extension of 0F BA; the register form is 0F 83 + 8 * extension. */
const BIT_TESTS = [
  ["bt", 4],
  ["bts", 5],
  ["btr", 6],
  ["btc", 7],
] as const;

const bitTests = BIT_TESTS.flatMap(([mnemonic, digit]) =>
  wide((size) => {
    const writes = mnemonic !== "bt";
    const target = (writes ? rw : r)(`rm${size}`);
    const traits: Traits = { flags: BIT_TEST, lock: writes };
    return [
      insn(
        mnemonic,
        [target, r(`r${size}`)],
        op0f(0x83 + 8 * digit)
          .reg()
          .size(size),
        traits,
      ),
      insn(mnemonic, [target, r("imm8")], op0f(0xba).ext(digit).size(size).imm("ib"), traits),
    ];
  }),
);

const SCAN = flags({ written: "Z", undefined: "CPASO" });
const COUNT_ZEROS = flags({ written: "CZ", undefined: "PASO" });
const POPULATION = flags({ written: "Z", cleared: "CPASO" });

export const BIT_ROWS: readonly InstructionForm[] = [
  ...shiftRows,
  ...doubleShift("shld", 0xa4),
  ...doubleShift("shrd", 0xac),
  ...bitTests,
  ...wide((size) => {
    const operands = [w(`r${size}`), r(`rm${size}`)];
    // BSF and BSR leave the destination alone when the source is zero.
    const scanned = [rw(`r${size}`), r(`rm${size}`)];
    return [
      insn("bsf", scanned, op0f(0xbc).reg().size(size), { flags: SCAN }),
      insn("bsr", scanned, op0f(0xbd).reg().size(size), { flags: SCAN }),
      insn("tzcnt", operands, op0f(0xbc).reg().f3().size(size), {
        flags: COUNT_ZEROS,
        feature: "bmi1",
      }),
      insn("lzcnt", operands, op0f(0xbd).reg().f3().size(size), {
        flags: COUNT_ZEROS,
        feature: "lzcnt",
      }),
      insn("popcnt", operands, op0f(0xb8).reg().f3().size(size), {
        flags: POPULATION,
        feature: "popcnt",
      }),
      insn("movbe", [w(`r${size}`), r(`m${size}`)], op38(0xf0).reg().memory().np().size(size), {
        feature: "movbe",
      }),
      insn("movbe", [w(`m${size}`), r(`r${size}`)], op38(0xf1).reg().memory().np().size(size), {
        feature: "movbe",
      }),
      // The 16-bit form's result is undefined; processors give zero.
      insn("bswap", [rw(`r${size}`)], op0f(0xc8).plus().size(size)),
    ];
  }),
];
