/** The recorded ELF files of test/fixtures/elf, and the sources that they were built from. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readDwarfLines } from "../../src/engine/elf/dwarf/lineSpans";
import type { DwarfLines } from "../../src/engine/elf/dwarf/lineSpans";
import { readElf } from "../../src/engine/elf/elfFile";
import type { ElfFile } from "../../src/engine/elf/elfFile";

export const FIXTURES = join(import.meta.dirname, "../fixtures/elf");

export const ELF_NAMES = readdirSync(FIXTURES).filter((name) => name.endsWith(".elf"));

export function fixture(name: string): string {
  return join(FIXTURES, name);
}

export function elfBytes(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(fixture(name)));
}

export function parsed(bytes: Uint8Array): ElfFile {
  const result = readElf(bytes);
  if (!result.ok) throw new Error(result.refusal.problem);
  return result.file;
}

export function dwarfOf(name: string): DwarfLines {
  return readDwarfLines(parsed(elfBytes(name)));
}

/** Line (from 1) of a source that is marked `@name` in a comment. */
export function markedLine(source: string, mark: string): number {
  const lines = readFileSync(fixture(source), "utf8").split("\n");
  const index = lines.findIndex((line) => new RegExp(`@${mark}\\b`).test(line));
  if (index < 0) throw new Error(`no line of ${source} is marked @${mark}`);
  return index + 1;
}
