/** Text of the formatter, assembled by the installed NASM, must decode to the same meaning. */
import assert from "node:assert/strict";
import { decode } from "../../src/engine/codec/decode";
import { format } from "../../src/engine/codec/format";
import type { DecodedOperand, Instruction } from "../../src/engine/codec/types";
import { hexBytes } from "../../src/engine/base/hex";
import type { Bits } from "../../src/engine/isa/types";
import { assembleLines, skipWithoutPinnedNasm } from "./nasm";
import { sampleInstructions } from "../codec/samples";

const ADDRESS = 0x4000n;

/** Targets become distances from `$`, so that a line means the same wherever NASM puts it. */
function text(instruction: Instruction): string {
  const relative = instruction.operands.some(
    (operand) => operand.kind === "rel" || (operand.kind === "mem" && operand.ripRelative),
  );
  if (!relative) return format(instruction, ADDRESS);
  return format(instruction, ADDRESS, (address) => {
    const short = instruction.operandSize === 16 && instruction.bits !== 64;
    const distance = BigInt.asIntN(short ? 16 : 32, address - ADDRESS);
    return distance < 0n ? `$${distance}` : `$+${distance}`;
  });
}

function operandMeaning(operand: DecodedOperand): unknown {
  if (operand.kind !== "mem") return operand;
  const rest = { ...operand, displacementBytes: 0, segmentOverride: false };
  // [eax+eax*2] and the like come back split in another way, [eax*1] as a base.
  const terms: Record<number, number> = {};
  if (rest.base >= 0) terms[rest.base] = 1;
  if (rest.index >= 0) terms[rest.index] = (terms[rest.index] ?? 0) + rest.scale;
  return { ...rest, base: 0, index: 0, scale: 0, terms };
}

/** Everything that execution depends on. A branch counts from its end, so its distance is taken from its start. */
function meaning(instruction: Instruction): unknown {
  const { form, operandSize, addressSize, lock, operands, length } = instruction;
  const shown = operands.map((operand) => {
    if (operand.kind === "rel") {
      const start = operand.displacement + length;
      return { kind: "rel", start: operandSize === 16 ? (start << 16) >> 16 : start | 0 };
    }
    if (operand.kind === "mem" && operand.ripRelative)
      return operandMeaning({
        ...operand,
        displacement: (operand.displacement + length) | 0,
        displacementHigh: 0,
      });
    return operandMeaning(operand);
  });
  if (form.mnemonic === "xchg" || form.mnemonic === "test")
    shown.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const addresses = operands.some((operand) => operand.kind === "mem");
  const repeat = form.repeat === "none" ? 0 : instruction.repeat;
  // Zero-extending moves of a constant: B8 id for 48 B8 or C7.
  return {
    semantics: form.semantics ?? form.mnemonic,
    condition: form.condition,
    operandSize: form.encoding.operandSize === 0 ? 0 : operandSize,
    addressSize: addresses ? addressSize : 0,
    lock,
    repeat,
    shown,
  };
}

/** Rows that NASM has no word for, or whose operand size it cannot be told. */
function cannotBeWritten(instruction: Instruction): boolean {
  const { form, operandSize, bits, operands } = instruction;
  if (/^(skinit|rdpkru|wrpkru)$/.test(form.mnemonic)) return bits !== 64;
  if (form.mnemonic === "bswap" || /^(movzx|movsx)_r16_rm16$/.test(form.id))
    return operandSize === 16;
  // NASM writes four bytes of distance behind 66 in 64-bit code.
  if (form.id === "xbegin_rel16" && bits === 64) return true;
  // NASM leaves out its F3, and takes 16-bit addresses for the first form that fits.
  if (form.mnemonic === "ptwrite" || (form.mnemonic.startsWith("enqcmd") && bits === 32))
    return true;
  // NASM puts 66 before it in 16-bit code, which makes it another instruction.
  if (form.mnemonic === "wrssd" && bits === 16) return true;
  // NASM moves a quadword from memory without REX.W.
  if (/^movq_(x?mm_rm64|rm64_x?mm)/.test(form.id) && operands.some(({ kind }) => kind === "mem"))
    return true;
  // NASM leaves REX.W out of stores of a selector to a register: the result is the same.
  if (/^(sldt_rr64|mov_rr64_sreg)$/.test(form.id)) return true;
  return form.mnemonic === "movsxd" && operandSize !== 64;
}

function differencesFor(bits: Bits): { count: number; exact: number; differences: string[] } {
  const samples = sampleInstructions(bits, 4).filter(
    ({ instruction }) => !cannotBeWritten(instruction),
  );
  const lines = samples.map(({ instruction }) => text(instruction));
  const results = assembleLines(lines, bits);
  const differences: string[] = [];
  let exact = 0;
  samples.forEach(({ instruction, bytes }, index) => {
    const result = results[index]!;
    const shown = `${bits}: ${hexBytes(bytes)} "${lines[index]!}"`;
    if ("error" in result) {
      differences.push(`${shown}: ${result.error}`);
      return;
    }
    if (hexBytes(result.bytes) === hexBytes(bytes)) exact++;
    const again = decode(result.bytes, 0, bits);
    const same =
      !("failure" in again) &&
      JSON.stringify(meaning(again)) === JSON.stringify(meaning(instruction));
    if (!same) differences.push(`${shown}: became ${hexBytes(result.bytes)}`);
  });
  return { count: samples.length, exact, differences };
}

describe("the formatter's text in the installed NASM", function () {
  this.timeout(300_000);
  before(function () {
    skipWithoutPinnedNasm(this);
  });
  for (const bits of [16, 32, 64] as const)
    it(`keeps its meaning in ${bits}-bit code`, () => {
      const { count, exact, differences } = differencesFor(bits);
      console.log(
        `      ${count} instructions: ${exact} with the very same bytes, ${differences.length} with another meaning`,
      );
      if (process.env.NASM_DIFFERENCES !== undefined) console.log(differences.join("\n"));
      assert.deepEqual(differences.slice(0, 20), []);
    });
});
