/** One unit of `.debug_info`: its header, its entries as attribute values, and what those values mean. */
import { ByteCursor, textAt } from "../byteCursor";
import { readAbbreviations } from "./abbreviations";
import type { Abbreviation, AbbreviationTable } from "./abbreviations";
import { readForm, readUnitLength } from "./forms";
import type { Encoding, FormValue } from "./forms";
import type { DwarfSections } from "./sections";

/** The attributes that are asked for. DWARF 5, section 7.5.4 "Attribute Encodings". */
export const AT = {
  name: 0x03,
  lineTable: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  directory: 0x1b,
  abstractOrigin: 0x31,
  specification: 0x47,
  ranges: 0x55,
  textOffsetsBase: 0x72,
  addressBase: 0x73,
  rangeListsBase: 0x74,
  linkageName: 0x6e,
} as const;

export const TAG = { inlinedSubroutine: 0x1d, subprogram: 0x2e } as const;

const UNIT_TYPE = 2;
const UNIT_SKELETON = 4;
const UNIT_SPLIT_COMPILE = 5;
const UNIT_SPLIT_TYPE = 6;

export type Attributes = ReadonlyMap<number, FormValue>;

/** A debugging information entry. */
export interface Entry {
  /** Offset in .debug_info. */
  readonly offset: number;
  readonly tag: number;
  readonly attributes: Attributes;
}

export interface AddressRange {
  readonly from: number;
  /** The first address after it. */
  readonly to: number;
}

/** `entries` walks them in file order; `isDamaged` says afterwards whether all could be read. */
export class Unit {
  isDamaged = false;
  private root: Attributes | undefined;

  constructor(
    /** Offset of its header. */
    readonly offset: number,
    readonly encoding: Encoding,
    private readonly body: ByteCursor,
    private readonly abbreviations: AbbreviationTable,
    private readonly sections: DwarfSections,
  ) {}

  *entries(): Generator<Entry, undefined> {
    const { body } = this;
    while (!body.atEnd) {
      const offset = body.offset;
      const code = body.uleb();
      // The end of a list of children.
      if (code === 0) continue;
      const shape = this.abbreviations.get(code);
      const attributes = shape && this.readAttributes(shape);
      if (!shape || !attributes || body.overrun) {
        this.isDamaged = true;
        return undefined;
      }
      this.root ??= attributes;
      yield { offset, tag: shape.tag, attributes };
    }
    return undefined;
  }

  text(attributes: Attributes, attribute: number): string | undefined {
    const value = attributes.get(attribute);
    if (value?.kind === "text") return value.text;
    return value?.kind === "textIndex" ? this.indexedText(value.value) : undefined;
  }

  /** The entry that an attribute refers to, as an offset in .debug_info. */
  reference(attributes: Attributes, attribute: number): number | undefined {
    const value = attributes.get(attribute);
    if (value?.kind === "globalReference") return value.value;
    return value?.kind === "reference" ? this.offset + value.value : undefined;
  }

  /** An offset into another section; DWARF 2 and 3 write it as a plain number. */
  sectionOffset(attributes: Attributes, attribute: number): number | undefined {
    const value = attributes.get(attribute);
    return value?.kind === "offset" || value?.kind === "constant" ? value.value : undefined;
  }

  /** The code that an entry stands for; empty for declarations and for what was removed. */
  codeRanges(attributes: Attributes): readonly AddressRange[] {
    const from = this.address(attributes, AT.lowPc);
    const high = attributes.get(AT.highPc);
    if (from !== undefined && high !== undefined) {
      const to = high.kind === "constant" ? from + high.value : this.address(attributes, AT.highPc);
      return to !== undefined && to > from ? [{ from, to }] : [];
    }
    const ranges = attributes.get(AT.ranges);
    if (ranges?.kind === "rangeIndex") return this.rangeList(this.rangeListOffset(ranges.value));
    if (ranges?.kind !== "offset" && ranges?.kind !== "constant") return [];
    return this.encoding.version >= 5 ? this.rangeList(ranges.value) : this.oldRanges(ranges.value);
  }

  private readAttributes({ attributes }: Abbreviation): Attributes | undefined {
    const values = new Map<number, FormValue>();
    for (const { attribute, form, implicit } of attributes) {
      const value: FormValue | undefined =
        implicit === undefined
          ? readForm(form, this.body, this.encoding, this.sections)
          : { kind: "constant", value: implicit };
      if (!value) return undefined;
      values.set(attribute, value);
    }
    return values;
  }

  private address(attributes: Attributes, attribute: number): number | undefined {
    const value = attributes.get(attribute);
    if (value?.kind === "address") return value.value;
    return value?.kind === "addressIndex" ? this.indexedAddress(value.value) : undefined;
  }

  /** An attribute of the unit's own entry that says where its part of a table of offsets begins. */
  private base(attribute: number, otherwise: number): number {
    return (this.root && this.sectionOffset(this.root, attribute)) ?? otherwise;
  }

  private indexedText(index: number): string | undefined {
    const { offsetBytes } = this.encoding;
    const base = this.base(AT.textOffsetsBase, offsetBytes === 8 ? 16 : 8);
    const entry = new ByteCursor(this.sections.strOffsets, base + index * offsetBytes);
    const offset = entry.word(offsetBytes);
    return entry.overrun ? undefined : textAt(this.sections.str, offset);
  }

  private indexedAddress(index: number): number | undefined {
    const { addressBytes } = this.encoding;
    const base = this.base(AT.addressBase, 8);
    const entry = new ByteCursor(this.sections.addr, base + index * addressBytes);
    const address = entry.word(addressBytes);
    return entry.overrun ? undefined : address;
  }

  private unitStart(): number {
    return (this.root && this.address(this.root, AT.lowPc)) ?? 0;
  }

  /** `.debug_ranges`: DWARF 4, section 2.17.3 "Non-Contiguous Address Ranges". */
  private oldRanges(offset: number): AddressRange[] {
    const { addressBytes } = this.encoding;
    const cursor = new ByteCursor(this.sections.ranges, offset);
    const selectsBase = addressBytes === 8 ? -1 : 0xffffffff;
    const ranges: AddressRange[] = [];
    let base = this.unitStart();
    while (!cursor.atEnd) {
      const [from, to] = [cursor.word(addressBytes), cursor.word(addressBytes)];
      if (cursor.overrun || (from === 0 && to === 0)) break;
      if (from === selectsBase) base = to;
      else if (to > from) ranges.push({ from: base + from, to: base + to });
    }
    return ranges;
  }

  private rangeListOffset(index: number): number {
    const { offsetBytes } = this.encoding;
    const base = this.base(AT.rangeListsBase, offsetBytes === 8 ? 20 : 12);
    return (
      base + new ByteCursor(this.sections.rnglists, base + index * offsetBytes).word(offsetBytes)
    );
  }

  /** `.debug_rnglists`: DWARF 5, section 7.25 "Non-contiguous Range Lists". */
  private rangeList(offset: number): AddressRange[] {
    const { addressBytes } = this.encoding;
    const cursor = new ByteCursor(this.sections.rnglists, offset);
    const word = (): number => cursor.word(addressBytes);
    const indexed = (): number => this.indexedAddress(cursor.uleb()) ?? 0;
    const ranges: AddressRange[] = [];
    let base = this.unitStart();
    const add = (from: number, to: number): void => {
      if (to > from && !cursor.overrun) ranges.push({ from, to });
    };
    const withLength = (from: number): void => add(from, from + cursor.uleb());
    const kinds: Readonly<Record<number, () => void>> = {
      1: () => (base = indexed()), // base_addressx
      2: () => add(indexed(), indexed()), // startx_endx
      3: () => withLength(indexed()), // startx_length
      4: () => add(base + cursor.uleb(), base + cursor.uleb()), // offset_pair
      5: () => (base = word()), // base_address
      6: () => add(word(), word()), // start_end
      7: () => withLength(word()), // start_length
    };
    for (let read = kinds[cursor.u8()]; read && !cursor.overrun; read = kinds[cursor.u8()]) read();
    return ranges;
  }
}

export type UnitResult = { readonly unit: Unit } | { readonly problem: string };

/** The next unit; `undefined` for those that hold no code of this file (types, split units). */
export function readUnit(all: ByteCursor, sections: DwarfSections): UnitResult | undefined {
  const offset = all.offset;
  const { length, offsetBytes } = readUnitLength(all);
  if (length === 0) return undefined;
  const body = all.part(length);
  const version = body.u16();
  if (version < 2 || version > 5) {
    return { problem: body.overrun ? "is cut off" : `is of version ${version}` };
  }
  const type = version >= 5 ? body.u8() : 1;
  let addressBytes = version >= 5 ? body.u8() : 0;
  const abbreviationOffset = body.word(offsetBytes);
  if (version < 5) addressBytes = body.u8();
  if (type === UNIT_TYPE || type === UNIT_SPLIT_TYPE) return undefined;
  if (type === UNIT_SKELETON || type === UNIT_SPLIT_COMPILE) body.skip(8);
  if (body.overrun) return { problem: "is cut off" };
  const abbreviations = readAbbreviations(sections.abbrev, abbreviationOffset);
  return { unit: new Unit(offset, { version, addressBytes, offsetBytes }, body, abbreviations, sections) }; // prettier-ignore
}
