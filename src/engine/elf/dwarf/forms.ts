/** How attribute values are written. DWARF 5, section 7.5.6 "Form Encodings", with GNU's extensions. */
import type { ByteCursor } from "../byteCursor";
import { textAt } from "../byteCursor";
import type { DwarfSections } from "./sections";

/** What reading a value needs to know of the unit that it is in. */
export interface Encoding {
  readonly version: number;
  readonly addressBytes: number;
  /** 4, or 8 in the 64-bit format. */
  readonly offsetBytes: number;
}

/**
 * A value as written. `index`es are resolved by the unit, which knows the bases; a `reference` is relative to the unit, an `offset` to a section;
 * `other` is a value that nothing here asks for.
 */
export type FormValue =
  | { readonly kind: "constant" | "address" | "reference" | "offset"; readonly value: number }
  | { readonly kind: "globalReference"; readonly value: number }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "addressIndex" | "textIndex" | "rangeIndex"; readonly value: number }
  | { readonly kind: "other" };

type Read = (cursor: ByteCursor, encoding: Encoding, sections: DwarfSections) => FormValue;

const OTHER: FormValue = { kind: "other" };

type NumberKind = Exclude<FormValue["kind"], "text" | "other">;

function number(kind: NumberKind, read: (cursor: ByteCursor, encoding: Encoding) => number): Read {
  return (cursor, encoding) => ({ kind, value: read(cursor, encoding) });
}

function skipped(length: (cursor: ByteCursor, encoding: Encoding) => number): Read {
  return (cursor, encoding) => {
    cursor.skip(length(cursor, encoding));
    return OTHER;
  };
}

function textIn(section: "str" | "lineStr"): Read {
  return (cursor, { offsetBytes }, sections) => ({
    kind: "text",
    text: textAt(sections[section], cursor.word(offsetBytes)),
  });
}

const offset = (cursor: ByteCursor, { offsetBytes }: Encoding): number => cursor.word(offsetBytes);

const FORMS: ReadonlyMap<number, Read> = new Map<number, Read>([
  [0x01, number("address", (cursor, { addressBytes }) => cursor.word(addressBytes))],
  [0x03, skipped((cursor) => cursor.u16())], // block2
  [0x04, skipped((cursor) => cursor.u32())], // block4
  [0x05, number("constant", (cursor) => cursor.u16())], // data2
  // In DWARF 2 and 3 data4 and data8 are also how offsets into sections are written.
  [0x06, number("constant", (cursor) => cursor.u32())], // data4
  [0x07, number("constant", (cursor) => cursor.word64())], // data8
  [0x08, (cursor) => ({ kind: "text", text: cursor.text() })], // string
  [0x09, skipped((cursor) => cursor.uleb())], // block
  [0x0a, skipped((cursor) => cursor.u8())], // block1
  [0x0b, number("constant", (cursor) => cursor.u8())], // data1
  [0x0c, skipped(() => 1)], // flag
  [0x0d, number("constant", (cursor) => cursor.sleb())], // sdata
  [0x0e, textIn("str")], // strp
  [0x0f, number("constant", (cursor) => cursor.uleb())], // udata
  // In DWARF 2 as wide as an address.
  [0x10, number("globalReference", (cursor, { version, addressBytes, offsetBytes }) => cursor.word(version === 2 ? addressBytes : offsetBytes))], // prettier-ignore
  [0x11, number("reference", (cursor) => cursor.u8())],
  [0x12, number("reference", (cursor) => cursor.u16())],
  [0x13, number("reference", (cursor) => cursor.u32())],
  [0x14, number("reference", (cursor) => cursor.word64())],
  [0x15, number("reference", (cursor) => cursor.uleb())],
  [0x17, number("offset", offset)], // sec_offset
  [0x18, skipped((cursor) => cursor.uleb())], // exprloc
  [0x19, () => OTHER], // flag_present
  [0x1a, number("textIndex", (cursor) => cursor.uleb())], // strx
  [0x1b, number("addressIndex", (cursor) => cursor.uleb())], // addrx
  [0x1c, skipped(() => 4)], // ref_sup4
  [0x1d, skipped((_, { offsetBytes }) => offsetBytes)], // strp_sup
  [0x1e, skipped(() => 16)], // data16
  [0x1f, textIn("lineStr")], // line_strp
  [0x20, skipped(() => 8)], // ref_sig8
  [0x22, skipped((cursor) => (cursor.uleb(), 0))], // loclistx
  [0x23, number("rangeIndex", (cursor) => cursor.uleb())], // rnglistx
  [0x24, skipped(() => 8)], // ref_sup8
  [0x25, number("textIndex", (cursor) => cursor.u8())],
  [0x26, number("textIndex", (cursor) => cursor.u16())],
  [0x27, number("textIndex", (cursor) => cursor.u24())],
  [0x28, number("textIndex", (cursor) => cursor.u32())],
  [0x29, number("addressIndex", (cursor) => cursor.u8())],
  [0x2a, number("addressIndex", (cursor) => cursor.u16())],
  [0x2b, number("addressIndex", (cursor) => cursor.u24())],
  [0x2c, number("addressIndex", (cursor) => cursor.u32())],
  [0x1f01, number("addressIndex", (cursor) => cursor.uleb())], // GNU_addr_index
  [0x1f02, number("textIndex", (cursor) => cursor.uleb())], // GNU_str_index
  [0x1f20, skipped((_, { offsetBytes }) => offsetBytes)], // GNU_ref_alt
  [0x1f21, skipped((_, { offsetBytes }) => offsetBytes)], // GNU_strp_alt
]);

const FORM_INDIRECT = 0x16;
export const FORM_IMPLICIT_CONSTANT = 0x21;

/** Undefined: a form that is not known, after which nothing of the unit can be read. */
export function readForm(
  form: number,
  cursor: ByteCursor,
  encoding: Encoding,
  sections: DwarfSections,
): FormValue | undefined {
  // The form itself is in the data; a form that names itself again is damage.
  const actual = form === FORM_INDIRECT ? cursor.uleb() : form;
  return FORMS.get(actual)?.(cursor, encoding, sections);
}

/** A unit's length: the 64-bit format has an escape before it. DWARF 5, section 7.4 "32-Bit and 64-Bit DWARF Formats". */
export function readUnitLength(cursor: ByteCursor): {
  readonly length: number;
  readonly offsetBytes: number;
} {
  const length = cursor.u32();
  return length === 0xffffffff
    ? { length: cursor.word64(), offsetBytes: 8 }
    : { length, offsetBytes: 4 };
}
