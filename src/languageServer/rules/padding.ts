/** ASM5: how little is left before `times N-($-$$)` fails. */
import { readNumber, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

const FILL = /\btimes\s+([\w$]+)\s*-\s*\(\s*\$\s*-\s*\$\$\s*\)\s*(db|dw|nop|resb)\b/i;
/** One part in this many. */
const ALMOST_FULL = 20;
/** Larger ones fill up a disk image. */
const LARGEST = 0x10000;

function fillFinding(analysis: Analysis, statement: Statement): Finding[] {
  const { range, times, prefixes } = statement;
  if (!prefixes.some(({ text }) => text.toLowerCase() === "times")) return [];
  const room = readNumber(FILL.exec(analysis.lineText(range.file, range.line))?.[1] ?? "");
  if (room === undefined || room.value > LARGEST || room.value <= 0n) return [];
  const total = Number(room.value);
  if (times * ALMOST_FULL >= total || statement.bytes.length > 1) return [];
  return [
    {
      code: "ASM5",
      severity: "information",
      message: `${times === 0 ? "No byte is" : times === 1 ? "1 byte is" : `${times} bytes are`} left of ${total} here.`,
      range,
    },
  ];
}

export const paddingAlmostFull = addressRule("ASM5", "Padding almost used up", (analysis) =>
  analysis.model.statements.flatMap((each) => fillFinding(analysis, each)),
);
