/** `ringside disasm`: bytes to text, one row after another. */
import { UserError } from "../../engine/index";
import { decode, format, hexBytes } from "../../engine/language";
import type { Bits } from "../../engine/language";
import { parseAddress } from "../../debugAdapter/launch/machineSettings";
import { readProgram } from "../../debugAdapter/launch/sourceFile";
import { batchLines } from "../batch";
import { onlyFile, parseOptions, UsageError } from "../command";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";

const OPTIONS = {
  bits: { type: "string", short: "b" },
  origin: { type: "string" },
  json: { type: "boolean" },
  batch: { type: "boolean" },
} as const;

export interface DisasmRow {
  readonly offset: number;
  readonly hex: string;
  readonly text: string;
}

/** Every byte of the input is in exactly one row; what does not decode is a `db` row of one byte. */
export function* disassembleBytes(
  bytes: Uint8Array,
  bits: Bits,
  origin: bigint,
): Generator<DisasmRow> {
  let offset = 0;
  while (offset < bytes.length) {
    const result = decode(bytes, offset, bits);
    const failed = "failure" in result;
    const length = failed ? 1 : result.length;
    const hex = hexBytes(bytes.subarray(offset, offset + length));
    const text = failed ? `db 0x${hex}` : format(result, origin + BigInt(offset));
    yield { offset, hex, text };
    offset += length;
  }
}

function parseBits(text: string | number | undefined): Bits {
  const bits = Number(text);
  if (bits === 16 || bits === 32 || bits === 64) return bits;
  throw new UsageError("--bits must be 16, 32 or 64.");
}

function run(args: readonly string[], streams: Streams): number {
  const options = parseOptions(args, OPTIONS);
  if (options.flag("batch")) return batch(options.text("bits"), streams);
  const bits = parseBits(options.text("bits"));
  const origin = BigInt(parseAddress("origin", options.text("origin") ?? 0));
  const bytes = readProgram(onlyFile(options));
  const json = options.flag("json");
  let buffer = "";
  for (const row of disassembleBytes(bytes, bits, origin)) {
    buffer += json ? `${JSON.stringify(row)}\n` : textLine(row, origin);
    if (buffer.length > 1 << 16) {
      streams.out(buffer);
      buffer = "";
    }
  }
  streams.out(buffer);
  return EXIT.ok;
}

/** ndisasm's columns: address, bytes, text. */
function textLine({ offset, hex, text }: DisasmRow, origin: bigint): string {
  const address = (origin + BigInt(offset)).toString(16).toUpperCase().padStart(8, "0");
  return `${address}  ${hex.toUpperCase().padEnd(16)}  ${text}\n`;
}

/** {"id": any, "hex": "0f01c190", "bits": 64, "origin": 0} -> {"id": any, "text": "vmcall", "length": 3}: the first instruction */
interface Snippet {
  readonly id?: unknown;
  readonly hex?: unknown;
  readonly bits?: number;
  readonly origin?: number | string;
  /** All instructions are wanted in the answer. */
  readonly rows?: unknown;
}

function batch(defaultBits: string | undefined, streams: Streams): number {
  const answer = (snippet: Snippet): object => {
    const bits = snippet.bits ?? Number(defaultBits ?? NaN);
    if (bits !== 16 && bits !== 32 && bits !== 64) throw new UserError("bad-bits", '"bits" must be 16, 32 or 64.'); // prettier-ignore
    const origin = BigInt(parseAddress("origin", snippet.origin ?? 0));
    const bytes = parseHex(snippet.hex);
    const rows = disassembleBytes(bytes, bits, origin);
    const all = snippet.rows === true ? [...rows] : undefined;
    const first = all ? all[0] : firstOf(rows);
    if (first === undefined) throw new UserError("bad-hex", '"hex" has no bytes.');
    return { text: first.text, length: first.hex.length / 2, ...(all ? { rows: all } : {}) };
  };
  return batchLines(streams, answer, { text: null, length: 0 });
}

function firstOf(rows: Iterable<DisasmRow>): DisasmRow | undefined {
  for (const row of rows) return row;
  return undefined;
}

function parseHex(text: unknown): Uint8Array {
  const digits = typeof text === "string" ? text.replace(/\s+/g, "") : "";
  if (typeof text !== "string" || digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new UserError("bad-hex", '"hex" must be pairs of hexadecimal digits.');
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export const disasmCommand: Command = {
  name: "disasm",
  usage: "ringside disasm FILE --bits 16|32|64 [options]   |   ringside disasm --batch",
  summary: "Disassembles a flat image",
  options: [
    "-b, --bits 16|32|64  code size",
    "--origin ADDR        address of the first byte (default 0)",
    "--json               one JSON object a row",
    '--batch              JSON lines from standard input: {"hex":"0f01c1","bits":64}, one answer each',
  ],
  run,
};
