/** Named bits of a register or memory word, as data: one table serves decoding, hover text, masks and checks. */

export interface BitField {
  /** Short name as the manual prints it: "PE", "IOPL". Unique within its layout. */
  readonly name: string;
  readonly title: string;
  /** Highest and lowest bit position, inclusive. */
  readonly high: number;
  readonly low: number;
  /** What a value means, where a number alone says little. */
  readonly values?: Readonly<Record<number, string>>;
  /** False: defined by the architecture but reserved on this processor. */
  readonly supported: boolean;
}

export interface BitLayout<Name extends string = string> {
  readonly name: string;
  readonly width: 16 | 32 | 64;
  readonly fields: readonly (BitField & { readonly name: Name })[];
}

export interface DecodedField {
  readonly name: string;
  readonly title: string;
  /** "7" or "11:8". */
  readonly bits: string;
  readonly value: bigint;
  readonly meaning: string;
}

type Values = Readonly<Record<number, string>>;

/** One bit. */
export function bit<const Name extends string>(
  position: number,
  name: Name,
  title: string,
  values?: Values,
): BitField & { readonly name: Name } {
  return bits(position, position, name, title, values);
}

/** A run of bits, `high` and `low` inclusive. */
export function bits<const Name extends string>(
  high: number,
  low: number,
  name: Name,
  title: string,
  values?: Values,
): BitField & { readonly name: Name } {
  const base = { name, title, high, low, supported: true };
  return values === undefined ? base : { ...base, values };
}

/** Marks a field as defined by the architecture but reserved here. */
export function unsupported<Field extends BitField>(field: Field): Field {
  return { ...field, supported: false };
}

export function layout<const Name extends string>(
  name: string,
  width: 16 | 32 | 64,
  fields: readonly (BitField & { readonly name: Name })[],
): BitLayout<Name> {
  return { name, width, fields };
}

export function fieldMask(field: BitField): bigint {
  return ((1n << BigInt(field.high - field.low + 1)) - 1n) << BigInt(field.low);
}

export function fieldValue(field: BitField, value: bigint): bigint {
  return (value & fieldMask(field)) >> BigInt(field.low);
}

/** "7" or "11:8", the manual's way. */
export function bitRange(field: { readonly high: number; readonly low: number }): string {
  return field.high === field.low ? String(field.low) : `${field.high}:${field.low}`;
}

/** Bits that are defined and exist on this processor. */
export function supportedMask(of: BitLayout): bigint {
  return of.fields
    .filter((field) => field.supported)
    .reduce((mask, field) => mask | fieldMask(field), 0n);
}

/** Bits that must be zero on this processor. */
export function reservedMask(of: BitLayout): bigint {
  return BigInt.asUintN(of.width, ~supportedMask(of));
}

/** Masks by field name: `masksOf(CR0_LAYOUT).PE`. */
export function masksOf<Name extends string>(of: BitLayout<Name>): Readonly<Record<Name, bigint>> {
  return Object.fromEntries(of.fields.map((field) => [field.name, fieldMask(field)])) as Record<
    Name,
    bigint
  >;
}

/** The same for 32-bit registers, as unsigned numbers. */
export function masks32Of<Name extends string>(
  of: BitLayout<Name>,
): Readonly<Record<Name, number>> {
  return Object.fromEntries(
    of.fields
      .filter((field) => field.high < 32)
      .map((field) => [field.name, Number(fieldMask(field))]),
  ) as Record<Name, number>;
}

/** Positions of set bits, ascending. */
export function setBits(value: bigint): number[] {
  const positions: number[] = [];
  for (let rest = value, position = 0; rest !== 0n; rest >>= 1n, position++) {
    if (rest & 1n) positions.push(position);
  }
  return positions;
}

/** Every field with its value; set bits without a name follow as "reserved" rows. */
export function decodeBits(of: BitLayout, value: bigint): DecodedField[] {
  const rows = of.fields.map((field): DecodedField => {
    const part = fieldValue(field, value);
    return {
      name: field.name,
      title: field.title,
      bits: bitRange(field),
      value: part,
      meaning: meaningOf(field, part),
    };
  });
  const named = of.fields.reduce((mask, field) => mask | fieldMask(field), 0n);
  for (const position of setBits(BigInt.asUintN(of.width, value) & ~named)) {
    rows.push({
      name: `bit ${position}`,
      title: "reserved",
      bits: String(position),
      value: 1n,
      meaning: "reserved bit is set",
    });
  }
  return rows;
}

function meaningOf(field: BitField, value: bigint): string {
  const named = field.values?.[Number(value)];
  if (named !== undefined) return named;
  if (field.high === field.low) return value === 0n ? "clear" : "set";
  return field.values === undefined ? `0x${value.toString(16)}` : `undefined (${value})`;
}

/** "PE NE PG": set bits by name, wider fields as name=value when not zero, set reserved bits by position. */
export function summarizeBits(of: BitLayout, value: bigint): string {
  const parts: string[] = [];
  let named = 0n;
  for (const field of of.fields) {
    named |= fieldMask(field);
    const part = fieldValue(field, value);
    if (part === 0n) continue;
    parts.push(field.high === field.low ? field.name : `${field.name}=${part}`);
  }
  const unnamed = setBits(BigInt.asUintN(of.width, value) & ~named);
  if (unnamed.length > 0) parts.push(`reserved ${unnamed.join(",")}`);
  return parts.join(" ");
}
