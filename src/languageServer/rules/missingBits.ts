/** ASM10: without `bits` NASM's flat binary is 16-bit code. */
import type { Analysis } from "../analysis";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

const MULTIBOOT = [0x1badb002, 0xe85250d6];
/** The headers lie in the first 8 or 32 KiB. */
const SEARCHED = 0x8000;
const ONE_MEBIBYTE = 0x100000;

function hasMultibootHeader({ image }: Analysis["model"]["assembly"]): boolean {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (let at = 0; at + 4 <= Math.min(image.length, SEARCHED); at += 4)
    if (MULTIBOOT.includes(view.getUint32(at, true))) return true;
  return false;
}

function missingBits(analysis: Analysis): Finding[] {
  const { model } = analysis;
  const { origin, originGiven, entryBits } = model.assembly;
  if (entryBits !== 16) return [];
  const isGiven = model.statements.some(
    ({ kind, mnemonic }) =>
      kind === "directive" && /^(bits|use16|use32|use64)$/i.test(mnemonic?.text ?? ""),
  );
  const first = model.statements.find(({ form }) => form !== undefined);
  if (isGiven || first === undefined) return [];
  const isHigh = originGiven && origin >= ONE_MEBIBYTE;
  if (!isHigh && !hasMultibootHeader(model.assembly)) return [];
  const why = isHigh
    ? `this lies at 0x${origin.toString(16)}, where no 16-bit code runs`
    : "a Multiboot loader starts it in 32-bit mode";
  const { range } = first;
  return [
    {
      code: "ASM10",
      severity: "warning",
      message: `Without \`bits\` this is assembled as 16-bit code, and ${why}. Put \`bits 32\` at the top.`,
      range,
      fixes: [
        {
          title: "Put bits 32 at the top",
          edits: [
            {
              range: { file: analysis.root, line: 1, column: 1, endLine: 1, endColumn: 1 },
              newText: "        bits    32\n",
            },
          ],
        },
      ],
    },
  ];
}

export const codeSizeMissing = addressRule("ASM10", "32-bit program without `bits`", missingBits);
