/** The sections that DWARF is spread over, by what they hold. Missing ones are empty. */
import type { ElfFile } from "../elfFile";

export interface DwarfSections {
  readonly info: Uint8Array;
  readonly abbrev: Uint8Array;
  readonly line: Uint8Array;
  readonly str: Uint8Array;
  readonly lineStr: Uint8Array;
  readonly strOffsets: Uint8Array;
  readonly addr: Uint8Array;
  readonly ranges: Uint8Array;
  readonly rnglists: Uint8Array;
}

const SECTION_NAMES: Readonly<Record<keyof DwarfSections, string>> = {
  info: ".debug_info",
  abbrev: ".debug_abbrev",
  line: ".debug_line",
  str: ".debug_str",
  lineStr: ".debug_line_str",
  strOffsets: ".debug_str_offsets",
  addr: ".debug_addr",
  ranges: ".debug_ranges",
  rnglists: ".debug_rnglists",
};

export function dwarfSections({ sections }: ElfFile): DwarfSections {
  const content = (name: string): Uint8Array =>
    sections.find((section) => section.name === name)?.content ?? new Uint8Array(0);
  const { info, abbrev, line, str, lineStr, strOffsets, addr, ranges, rnglists } = SECTION_NAMES;
  return {
    info: content(info),
    abbrev: content(abbrev),
    line: content(line),
    str: content(str),
    lineStr: content(lineStr),
    strOffsets: content(strOffsets),
    addr: content(addr),
    ranges: content(ranges),
    rnglists: content(rnglists),
  };
}

/** Whether a section that DWARF is read from is compressed. */
export function isCompressed({ sections }: ElfFile): boolean {
  const names = new Set(Object.values(SECTION_NAMES));
  return sections.some((section) => section.isCompressed && names.has(section.name.replace(/^\.z/, "."))); // prettier-ignore
}
