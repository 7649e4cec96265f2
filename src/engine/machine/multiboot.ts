/** What a multiboot loader leaves in memory for the kernel. Multiboot Specification 0.6.96, "Boot information format". */
import { UserError } from "../base/errors";

/** In EAX. */
export const MULTIBOOT_MAGIC = 0x2badb002n;

/** Bits of the flags word: which fields are valid. */
const VALID = {
  memory: 1,
  commandLine: 4,
  modules: 8,
  memoryMap: 0x40,
  loaderName: 0x200,
} as const;
/** Indexes of the fields that are filled, in 32-bit words. */
const FIELD = { flags: 0, memoryLower: 1, memoryUpper: 2, commandLine: 4, mapLength: 11, mapAddress: 12, loaderName: 16 } as const; // prettier-ignore
const INFORMATION_WORDS = 29;

/** Offsets from the start of the information. */
const PLACE = { map: 0x100, loaderName: 0x180, commandLine: 0x200, end: 0x1000 } as const;
const LOADER_NAME = "Ringside";
const RAM = 1;
const RESERVED = 2;

export interface MultibootFacts {
  /** GPA of the information. */
  readonly address: number;
  readonly memoryBytes: number;
  /** The kernel's name and its arguments. */
  readonly commandLine: string;
}

function words(values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** UTF-8 with a zero byte behind it. */
function text(value: string): Uint8Array {
  const bytes = encodeURIComponent(`${value}\0`).replace(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))); // prettier-ignore
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

/** The text of `--append` behind the file's name, without its folder. */
export function commandLine(path: string, append: string | undefined): string {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return append === undefined ? name : `${name} ${append}`;
}

/** mem_*, cmdline, no modules, mmap and the loader's name. */
export function multibootInformation(facts: MultibootFacts): Uint8Array {
  const { address, memoryBytes } = facts;
  const regions: [number, number, number][] = [
    [0, 0xa0000, RAM],
    [0xa0000, 0x60000, RESERVED],
    [0x100000, memoryBytes - 0x100000, RAM],
  ];
  const map = regions.flatMap(([base, length, type]) => [20, base, 0, length, 0, type]);
  const line = text(facts.commandLine);
  if (PLACE.commandLine + line.length > PLACE.end) {
    throw new UserError("long-command-line", `The command line has ${line.length - 1} bytes.`, `Keep it below ${PLACE.end - PLACE.commandLine}.`); // prettier-ignore
  }
  const info = new Array<number>(INFORMATION_WORDS).fill(0);
  info[FIELD.flags] = VALID.memory | VALID.commandLine | VALID.modules | VALID.memoryMap | VALID.loaderName; // prettier-ignore
  info[FIELD.memoryLower] = 640;
  info[FIELD.memoryUpper] = memoryBytes / 1024 - 1024;
  info[FIELD.commandLine] = address + PLACE.commandLine;
  info[FIELD.mapLength] = map.length * 4;
  info[FIELD.mapAddress] = address + PLACE.map;
  info[FIELD.loaderName] = address + PLACE.loaderName;
  const bytes = new Uint8Array(PLACE.commandLine + line.length);
  bytes.set(words(info));
  bytes.set(words(map), PLACE.map);
  bytes.set(text(LOADER_NAME), PLACE.loaderName);
  bytes.set(line, PLACE.commandLine);
  return bytes;
}
