/** The container: header, program headers, sections and symbols of an ELF file. DWARF is read by dwarf/. */
import { ByteCursor, textAt } from "./byteCursor";

/** A part of the file that the loader puts into memory. Addresses as in `ByteCursor`. */
export interface ElfSegment {
  readonly fileOffset: number;
  readonly virtual: number;
  readonly physical: number;
  readonly fileSize: number;
  /** From `fileSize` on the memory is zero. */
  readonly memorySize: number;
}

export interface ElfSection {
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
  /** The bytes in the file; empty for nobits sections. */
  readonly content: Uint8Array;
  /** Whether it takes part in the loaded program (SHF_ALLOC). */
  readonly isLoaded: boolean;
  readonly isExecutable: boolean;
  readonly isNobits: boolean;
  /** Facts for tools, such as the build id: nothing that the program needs. */
  readonly isNote: boolean;
  readonly isCompressed: boolean;
}

export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  readonly sizeBytes: number;
  readonly kind: "function" | "object" | "untyped";
  readonly isGlobal: boolean;
  /** Undefined for absolute symbols. */
  readonly section: ElfSection | undefined;
}

export interface ElfFile {
  readonly bits: 32 | 64;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
}

/** Why a file cannot be loaded, and what its owner can do about it. */
export interface ElfRefusal {
  readonly problem: string;
  readonly wayOut?: string;
}

export type ElfResult =
  | { readonly ok: true; readonly file: ElfFile }
  | { readonly ok: false; readonly refusal: ElfRefusal };

const PROGRAM_LOAD = 1;
const SECTION_SYMBOLS = 2;
const SECTION_NOTE = 7;
const SECTION_NOBITS = 8;
const FLAG_ALLOC = 2;
const FLAG_EXECUTABLE = 4;
const FLAG_COMPRESSED = 0x800;
/** Section indices from here on have a meaning of their own. */
const RESERVED_INDEX = 0xff00;
const INDEX_ABSOLUTE = 0xfff1;
/** A section header's count above this is taken for damage. */
const MAX_SECTIONS = 100_000;

const MACHINE_OF_BITS = { 32: 3, 64: 62 } as const;

/** Object files by e_type, other than executables. */
const NOT_EXECUTABLE: Readonly<Record<number, ElfRefusal>> = {
  1: {
    problem: "it is a relocatable object file, not linked yet",
    wayOut:
      "Link it at a fixed address, for example: ld -m elf_i386 -Ttext 0x100000 -o kernel.elf kernel.o",
  },
  3: {
    problem: "it is position-independent (a shared object or a PIE), not an executable",
    wayOut: "Link it at a fixed address: gcc -static -no-pie, or ld without -pie.",
  },
  4: { problem: "it is a core dump, not an executable" },
};

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

interface Layout {
  readonly bits: 32 | 64;
  readonly wordBytes: number;
}

interface Table {
  readonly offset: number;
  readonly entryBytes: number;
  readonly count: number;
}

interface Header extends Layout {
  readonly entry: number;
  readonly programs: Table;
  readonly sections: Table;
  readonly nameSection: number;
}

/** Never throws, whatever the bytes are. Damaged sections are left out; damaged segments refuse the file. */
export function readElf(bytes: Uint8Array): ElfResult {
  const header = readHeader(bytes);
  if ("problem" in header) return { ok: false, refusal: header };
  const segments = readSegments(bytes, header);
  if ("problem" in segments) return { ok: false, refusal: segments };
  const raw = readSectionHeaders(bytes, header);
  const sections = raw.map(({ section }) => section);
  const symbols = readSymbols(raw, header);
  return {
    ok: true,
    file: { bits: header.bits, entry: header.entry, segments, sections, symbols },
  };
}

function readHeader(bytes: Uint8Array): Header | ElfRefusal {
  const bits = bytes[4] === 2 ? 64 : 32;
  const wordBytes = bits / 8;
  const cursor = new ByteCursor(bytes, 16);
  const type = cursor.u16();
  const machine = cursor.u16();
  cursor.skip(4);
  const entry = cursor.word(wordBytes);
  const programsAt = cursor.word(wordBytes);
  const sectionsAt = cursor.word(wordBytes);
  cursor.skip(6);
  const programs = { offset: programsAt, entryBytes: cursor.u16(), count: cursor.u16() };
  const sections = { offset: sectionsAt, entryBytes: cursor.u16(), count: cursor.u16() };
  const nameSection = cursor.u16();
  if (cursor.overrun) return { problem: "the ELF header is cut off" };
  if (bytes[5] !== 1) return { problem: "it is big-endian" };
  if (machine !== MACHINE_OF_BITS[bits]) {
    return { problem: `it is for another machine (e_machine ${machine})`, wayOut: "Build it for i386 or x86-64." }; // prettier-ignore
  }
  if (type !== 2) {
    return NOT_EXECUTABLE[type] ?? { problem: `it is not an executable (e_type ${type})` };
  }
  return { bits, wordBytes, entry, programs, sections, nameSection };
}

function readSegments(bytes: Uint8Array, header: Header): readonly ElfSegment[] | ElfRefusal {
  const { offset, entryBytes, count } = header.programs;
  const least = header.bits === 64 ? 56 : 32;
  if (
    count > 0 &&
    (entryBytes < least || offset < 0 || offset + entryBytes * count > bytes.length)
  ) {
    return { problem: "its program headers are cut off" };
  }
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const segment = readSegment(new ByteCursor(bytes, offset + index * entryBytes), header);
    if (!segment) continue;
    const { fileOffset, fileSize } = segment;
    if (fileOffset < 0 || fileSize < 0 || fileOffset + fileSize > bytes.length) {
      return { problem: `loadable segment ${index} is cut off` };
    }
    segments.push(segment);
  }
  const isAnyLoaded = segments.some(({ fileSize }) => fileSize > 0);
  return isAnyLoaded ? segments : { problem: "it has no loadable segment" };
}

/** ELF-64 Object File Format, "Program header table"; the 32-bit one has its flags elsewhere. */
function readSegment(cursor: ByteCursor, { bits, wordBytes }: Layout): ElfSegment | undefined {
  if (cursor.u32() !== PROGRAM_LOAD) return undefined;
  if (bits === 64) cursor.skip(4);
  const word = (): number => cursor.word(wordBytes);
  const segment = { fileOffset: word(), virtual: word(), physical: word(), fileSize: word() };
  // Never less than the file's part, whatever a careless tool wrote.
  return { ...segment, memorySize: Math.max(segment.fileSize, word()) };
}

interface RawSection {
  readonly section: ElfSection;
  readonly type: number;
  /** Index of the section that belongs to it (the strings of a symbol table). */
  readonly link: number;
}

interface SectionHeader {
  readonly name: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link: number;
}

function readSectionHeaders(bytes: Uint8Array, header: Header): readonly RawSection[] {
  const { offset, entryBytes } = header.sections;
  const least = header.bits === 64 ? 64 : 40;
  if (offset <= 0 || entryBytes < least) return [];
  const at = (index: number): SectionHeader | undefined =>
    readSectionHeader(new ByteCursor(bytes, offset + index * entryBytes), header);
  // With 0xff00 sections or more the first header holds the numbers. ELF specification, "Section header".
  const first = at(0);
  const count = header.sections.count === 0 ? (first?.sizeBytes ?? 0) : header.sections.count;
  const nameSection = header.nameSection === 0xffff ? (first?.link ?? 0) : header.nameSection;
  const headers: SectionHeader[] = [];
  for (let index = 0; index < Math.min(count, MAX_SECTIONS); index++) {
    const one = at(index);
    if (!one) break;
    headers.push(one);
  }
  const names = headers[nameSection];
  const nameBytes = names ? contentOf(bytes, names) : new Uint8Array(0);
  return headers.map((one) => ({
    section: sectionOf(one, contentOf(bytes, one), textAt(nameBytes, one.name)),
    type: one.type,
    link: one.link,
  }));
}

function readSectionHeader(cursor: ByteCursor, { wordBytes }: Layout): SectionHeader | undefined {
  const word = (): number => cursor.word(wordBytes);
  const [name, type] = [cursor.u32(), cursor.u32()];
  const header = { name, type, flags: word(), address: word(), offset: word(), sizeBytes: word(), link: cursor.u32() }; // prettier-ignore
  return cursor.overrun ? undefined : header;
}

/** Empty where the header points outside of the file. */
function contentOf(bytes: Uint8Array, { type, offset, sizeBytes }: SectionHeader): Uint8Array {
  const isThere = offset >= 0 && sizeBytes >= 0 && offset + sizeBytes <= bytes.length;
  return type === SECTION_NOBITS || !isThere
    ? new Uint8Array(0)
    : bytes.subarray(offset, offset + sizeBytes);
}

function sectionOf(header: SectionHeader, content: Uint8Array, name: string): ElfSection {
  // Flags above 2^31 are the operating system's: the low word says all that is asked.
  const has = (flag: number): boolean => (header.flags & flag) !== 0;
  return {
    name,
    address: header.address,
    sizeBytes: Math.max(0, header.sizeBytes),
    content,
    isLoaded: has(FLAG_ALLOC),
    isExecutable: has(FLAG_EXECUTABLE),
    isNobits: header.type === SECTION_NOBITS,
    isNote: header.type === SECTION_NOTE,
    isCompressed: has(FLAG_COMPRESSED) || name.startsWith(".zdebug_"),
  };
}

function readSymbols(sections: readonly RawSection[], layout: Layout): readonly ElfSymbol[] {
  const table = sections.find(({ type }) => type === SECTION_SYMBOLS);
  const strings = table && sections[table.link]?.section.content;
  if (!table || !strings) return [];
  const entryBytes = layout.bits === 64 ? 24 : 16;
  const { content } = table.section;
  const symbols: ElfSymbol[] = [];
  for (let at = entryBytes; at + entryBytes <= content.length; at += entryBytes) {
    const raw = readSymbol(new ByteCursor(content, at, at + entryBytes), layout);
    const symbol = symbolOf(raw, sections, strings);
    if (symbol) symbols.push(symbol);
  }
  return symbols;
}

interface RawSymbol {
  readonly name: number;
  readonly value: number;
  readonly sizeBytes: number;
  readonly info: number;
  readonly sectionIndex: number;
}

/** ELF specification, "Symbol Table": the same fields in another order. */
function readSymbol(cursor: ByteCursor, { bits }: Layout): RawSymbol {
  const name = cursor.u32();
  if (bits === 64) {
    const info = cursor.u8();
    cursor.skip(1);
    return { name, info, sectionIndex: cursor.u16(), value: cursor.word64(), sizeBytes: cursor.word64() }; // prettier-ignore
  }
  const [value, sizeBytes, info] = [cursor.u32(), cursor.u32(), cursor.u8()];
  cursor.skip(1);
  return { name, value, sizeBytes, info, sectionIndex: cursor.u16() };
}

/** By st_info's low half; sections, files and thread-local symbols name no place in memory. */
const SYMBOL_KINDS: Readonly<Record<number, ElfSymbol["kind"]>> = {
  0: "untyped",
  1: "object",
  2: "function",
};

function symbolOf(
  raw: RawSymbol,
  sections: readonly RawSection[],
  strings: Uint8Array,
): ElfSymbol | undefined {
  const kind = SYMBOL_KINDS[raw.info & 15];
  const name = textAt(strings, raw.name);
  const isAbsolute = raw.sectionIndex === INDEX_ABSOLUTE;
  const isReserved = raw.sectionIndex >= RESERVED_INDEX && !isAbsolute;
  const isUndefined = raw.sectionIndex === 0;
  if (kind === undefined || name === "" || isReserved || isUndefined) return undefined;
  const section = isAbsolute ? undefined : sections[raw.sectionIndex]?.section;
  if (!isAbsolute && !section?.isLoaded) return undefined;
  const { value, sizeBytes } = raw;
  return { name, value, sizeBytes, kind, isGlobal: raw.info >> 4 !== 0, section };
}
