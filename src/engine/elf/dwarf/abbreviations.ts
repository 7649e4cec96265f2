/** `.debug_abbrev`: the shapes of the entries of `.debug_info`. DWARF 5, section 7.5.3 "Abbreviations Tables". */
import { ByteCursor } from "../byteCursor";
import { FORM_IMPLICIT_CONSTANT } from "./forms";

export interface AttributeShape {
  readonly attribute: number;
  readonly form: number;
  /** The value itself, with FORM_IMPLICIT_CONSTANT. */
  readonly implicit?: number;
}

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly AttributeShape[];
}

export type AbbreviationTable = ReadonlyMap<number, Abbreviation>;

export function readAbbreviations(section: Uint8Array, offset: number): AbbreviationTable {
  const table = new Map<number, Abbreviation>();
  const cursor = new ByteCursor(section, offset);
  for (let code = cursor.uleb(); code !== 0; code = cursor.uleb()) {
    const tag = cursor.uleb();
    const hasChildren = cursor.u8() !== 0;
    table.set(code, { tag, hasChildren, attributes: readShapes(cursor) });
  }
  return table;
}

function readShapes(cursor: ByteCursor): AttributeShape[] {
  const shapes: AttributeShape[] = [];
  while (!cursor.atEnd) {
    const [attribute, form] = [cursor.uleb(), cursor.uleb()];
    const implicit = form === FORM_IMPLICIT_CONSTANT ? cursor.sleb() : undefined;
    if (attribute === 0 && form === 0) break;
    shapes.push({ attribute, form, ...(implicit === undefined ? {} : { implicit }) });
  }
  return shapes;
}
