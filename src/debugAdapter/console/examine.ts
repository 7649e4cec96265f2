/** The console command `x`: memory in gdb's formats. */
import { hex } from "../../engine/index";
import { littleEndian } from "../expressions/evaluator";
import { hexOf, printable } from "../expressions/formatValue";
import { parsePlace } from "../memoryReference";
import { RequestError } from "../session/requestError";
import type { CodeView, Target } from "../session/target";
import { symbolText } from "../sources/program";
import type { CodeRow } from "../code/codeReader";

type RowsFrom = (view: CodeView, base: bigint, skip: number, count: number) => readonly CodeRow[];

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };
const MAX_COUNT = 1000;
const FORM = /^(?:\/(\d*)([xduocis]?)([bhwg]?)\s*)?(.+)$/s;

/** `rest` is what follows the `x`: "/16i rip". */
export function examine(
  target: Target,
  rest: string,
  frameId: number | undefined,
  rowsFrom: RowsFrom,
): string {
  const match = FORM.exec(rest);
  if (!match?.[4]) throw new RequestError("x/COUNT FORMAT SIZE ADDRESS, such as x/16i rip or x/8xg rsp"); // prettier-ignore
  const [, countText, format = "", sizeLetter = "", place] = match;
  const count = Math.min(MAX_COUNT, countText ? Number(countText) : 1);
  const { space, address } = parsePlace(place, (text) => target.address(text, frameId));
  if (format === "i") {
    const view = target.codeIn(space);
    const current = space === "gva" ? target.currentAddress() : undefined;
    return instructions(view, rowsFrom(view, address, 0, count), current);
  }
  const read = (at: bigint, length: number): Uint8Array => target.debuggee.readMemory(space, at, length); // prettier-ignore
  if (format === "s") return strings(read, address, count);
  const size = SIZES[sizeLetter] ?? (format === "c" ? 1 : target.scope(frameId).defaultSize);
  return values(read, address, count, size, format);
}

/** `current`: address of the instruction that is next, which gets an arrow. */
function instructions(
  { program }: CodeView,
  rows: readonly CodeRow[],
  current: bigint | undefined,
): string {
  return rows
    .map((row) => {
      const arrow = row.address === current ? "=>" : "  ";
      const symbol = program.covers(row.address) ? symbolText(program.symbolAt(row.address)) : undefined; // prettier-ignore
      const place = `${hex(row.address, 8)}${symbol === undefined ? "" : ` <${symbol}>`}`;
      return `${arrow} ${place}: ${row.text}`;
    })
    .join("\n");
}

type Read = (address: bigint, length: number) => Uint8Array;

const PER_LINE = 16;

function values(read: Read, address: bigint, count: number, size: number, format: string): string {
  const perLine = PER_LINE / size;
  const lines: string[] = [];
  for (let done = 0; done < count; done += perLine) {
    const at = BigInt.asUintN(64, address + BigInt(done * size));
    const cells: string[] = [];
    for (let index = 0; index < Math.min(perLine, count - done); index++) {
      const bytes = read(BigInt.asUintN(64, at + BigInt(index * size)), size);
      cells.push(bytes.length < size ? "(unreadable)" : cell(littleEndian(bytes), size, format));
    }
    lines.push(`${hex(at, 8)}: ${cells.join(" ")}`);
  }
  return lines.join("\n");
}

function cell(value: bigint, size: number, format: string): string {
  switch (format) {
    case "d":
      return BigInt.asIntN(size * 8, value).toString();
    case "u":
      return value.toString();
    case "o":
      return `0o${value.toString(8)}`;
    case "c":
      return `'${printable(Number(value & 0xffn))}'`;
    default:
      return hexOf(value, size * 8);
  }
}

function strings(read: Read, address: bigint, count: number): string {
  const lines: string[] = [];
  let at = address;
  for (let index = 0; index < count; index++) {
    const bytes = read(at, 1024);
    if (bytes.length === 0) return [...lines, `${hex(at, 8)}: (unreadable)`].join("\n");
    const end = bytes.indexOf(0);
    const text = Array.from(end < 0 ? bytes : bytes.subarray(0, end), printable).join("");
    lines.push(`${hex(at, 8)}: "${text}"${end < 0 ? "…" : ""}`);
    at += BigInt(end < 0 ? bytes.length : end + 1);
  }
  return lines.join("\n");
}
