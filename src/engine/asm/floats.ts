/** Floating-point constants as bytes, rounded exactly (NASM manual, "Floating-Point Constants"). */

interface FloatFormat {
  readonly bytes: number;
  /** Fraction bits, without the integer bit. */
  readonly fraction: number;
  /** The 80-bit format stores the integer bit. */
  readonly explicit: boolean;
  readonly exponent: number;
}

const FORMATS = {
  8: { bytes: 1, fraction: 3, explicit: false, exponent: 4 },
  16: { bytes: 2, fraction: 10, explicit: false, exponent: 5 },
  b16: { bytes: 2, fraction: 7, explicit: false, exponent: 8 },
  32: { bytes: 4, fraction: 23, explicit: false, exponent: 8 },
  64: { bytes: 8, fraction: 52, explicit: false, exponent: 11 },
  80: { bytes: 10, fraction: 63, explicit: true, exponent: 15 },
  128: { bytes: 16, fraction: 112, explicit: false, exponent: 15 },
} as const satisfies Record<string, FloatFormat>;

/** What `float` sets: the direction of rounding, and whether denormals become zero. */
export class FloatOptions {
  static readonly initial = new FloatOptions("near", false);

  private constructor(
    readonly rounding: "near" | "up" | "down" | "zero",
    readonly denormalsAreZero: boolean,
  ) {}

  get areDefault(): boolean {
    return this.rounding === "near" && !this.denormalsAreZero;
  }

  /** With one option more; undefined if there is none of that name. */
  with(option: string): FloatOptions | undefined {
    switch (option) {
      case "near":
      case "up":
      case "down":
      case "zero":
        return new FloatOptions(option, this.denormalsAreZero);
      case "daz":
      case "nodaz":
        return new FloatOptions(this.rounding, option === "daz");
      case "default":
        return FloatOptions.initial;
      default:
        return undefined;
    }
  }
}

export type FloatResult =
  | {
      readonly bytes: number[];
      readonly warning?: { readonly name: string; readonly message: string };
    }
  | { readonly error: string };

/** The format of `dd` and its kin by the size of an element in bytes. */
export function floatFormatOfSize(bytes: number): FloatFormat | undefined {
  return Object.values(FORMATS).find((format) => format.bytes === bytes);
}

/** `__?float80m?__`: the format and which of its bytes make the number. */
export function floatFormatOfWord(word: string): {
  readonly format: FloatFormat;
  readonly from: number;
  readonly length: number;
} {
  const name = word.replaceAll("_", "").replaceAll("?", "");
  switch (name) {
    case "float80m":
      return { format: FORMATS[80], from: 0, length: 8 };
    case "float80e":
      return { format: FORMATS[80], from: 8, length: 2 };
    case "float128l":
      return { format: FORMATS[128], from: 0, length: 8 };
    case "float128h":
      return { format: FORMATS[128], from: 8, length: 8 };
    case "bfloat16":
      return { format: FORMATS.b16, from: 0, length: 2 };
    default: {
      const format = FORMATS[name.slice("float".length) as "32"];
      return { format, from: 0, length: format.bytes };
    }
  }
}

/** A number as numerator / denominator. */
interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export function floatBytes(
  text: string,
  negative: boolean,
  format: FloatFormat,
  options: FloatOptions,
): FloatResult {
  if (/p$/i.test(text)) return packedDecimal(text.slice(0, -1), negative, format);
  if (/^0p/i.test(text)) return packedDecimal(text.slice(2), negative, format);
  const special = specialValue(text);
  if (special !== undefined) return { bytes: assembleSpecial(special, negative, format) };
  const ratio = parse(text);
  if (typeof ratio === "string") return { error: ratio };
  return rounded(ratio, negative, format, options);
}

function specialValue(text: string): "infinity" | "qnan" | "snan" | undefined {
  if (!text.startsWith("_")) return undefined;
  const letter = text.charAt(3).toLowerCase();
  return letter === "i" ? "infinity" : letter === "s" ? "snan" : "qnan";
}

const RADIX_BITS: Readonly<Record<string, number>> = { x: 4, h: 4, o: 3, q: 3, b: 1, y: 1 };

function parse(text: string): Ratio | string {
  const plain = text.replaceAll("_", "");
  const letter = plain.startsWith("0") ? plain.charAt(1).toLowerCase() : "";
  const bits = RADIX_BITS[letter];
  if (bits !== undefined) return parseBinary(plain.slice(2), bits);
  if (plain.startsWith("$")) return parseBinary(plain.slice(1), 4);
  return parseDecimal(letter === "d" || letter === "t" ? plain.slice(2) : plain);
}

/** NASM keeps a mantissa of this many bits while it converts, and as many digits. Its roundings in the last place come of that. */
const MANTISSA_BITS = 192n;
const MOST_DIGITS = 52;

/** Multiplies two mantissas with their top bit set; `shift` is -1 if the product had to be moved up to have it set. */
function multiply(a: bigint, b: bigint): { readonly product: bigint; readonly shift: number } {
  const whole = a * b;
  const topSet = whole >> (2n * MANTISSA_BITS - 1n) === 1n;
  return topSet
    ? { product: whole >> MANTISSA_BITS, shift: 0 }
    : { product: whole >> (MANTISSA_BITS - 1n), shift: -1 };
}

function parseDecimal(text: string): Ratio | string {
  const match = /^(\d*)\.?(\d*)(?:e([-+]?\d*))?$/i.exec(text);
  if (match === null) return "invalid character in floating-point constant";
  const [, whole = "", fraction = "", power = "0"] = match;
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return { numerator: 0n, denominator: 1n };
  const leadingZeros = (whole + fraction).length - digits.length;
  const written = Math.max(-5000, Math.min(5000, Number(power) || 0));
  // The value is 0.digits times ten to this.
  let tens = whole.length - leadingZeros + written;
  const kept = digits.slice(0, MOST_DIGITS);
  let { mantissa, exponent } = binaryFraction(BigInt(kept), 10n ** BigInt(kept.length));
  exponent += tens;
  let factor = tens < 0 ? ((1n << MANTISSA_BITS) * 4n) / 5n + 1n : 5n << (MANTISSA_BITS - 3n);
  let factorExponent = tens < 0 ? -2 : 3;
  for (tens = Math.abs(tens); tens > 0; tens >>= 1) {
    if ((tens & 1) === 1) {
      const { product, shift } = multiply(mantissa, factor);
      mantissa = product;
      exponent += factorExponent + shift;
    }
    const { product, shift } = multiply(factor, factor);
    factor = product;
    factorExponent = factorExponent * 2 + shift;
  }
  return exponent >= 192
    ? { numerator: mantissa << BigInt(exponent - 192), denominator: 1n }
    : { numerator: mantissa, denominator: 1n << BigInt(192 - exponent) };
}

/** A fraction below 1 as a mantissa with its top bit set, cut off, times two to the exponent. */
function binaryFraction(
  numerator: bigint,
  denominator: bigint,
): { mantissa: bigint; exponent: number } {
  let mantissa = (numerator << (MANTISSA_BITS * 2n)) / denominator;
  const length = mantissa.toString(2).length;
  mantissa >>= BigInt(length) - MANTISSA_BITS;
  return { mantissa, exponent: length - Number(MANTISSA_BITS * 2n) };
}

function parseBinary(text: string, bits: number): Ratio | string {
  const match = /^([\da-f]*)\.?([\da-f]*)(?:p([-+]?\d*))?$/i.exec(text);
  if (match === null) return "floating-point constant: invalid character";
  let mantissa = 0n;
  for (const character of match[1]! + match[2]!) {
    const digit = parseInt(character, 16);
    if (digit >= 1 << bits) return `floating-point constant: \`${character}' is invalid character`;
    mantissa = (mantissa << BigInt(bits)) | BigInt(digit);
  }
  const written = Number(match[3] ?? 0) || 0;
  const exponent = Math.max(-20000, Math.min(20000, written)) - match[2]!.length * bits;
  return exponent >= 0
    ? { numerator: mantissa << BigInt(exponent), denominator: 1n }
    : { numerator: mantissa, denominator: 1n << BigInt(-exponent) };
}

/**
 * Divides and rounds the magnitude; to nearest means ties to even. Away from zero NASM adds half a unit and cuts, so that less than a half stays
 * (docs/quirks.md).
 */
function divideRounded(
  numerator: bigint,
  denominator: bigint,
  mode: "near" | "away" | "cut",
): bigint {
  const quotient = numerator / denominator;
  const rest = numerator % denominator;
  const twice = rest * 2n;
  const isUpper = twice > denominator || (twice === denominator && (quotient & 1n) === 1n);
  const up = mode === "near" ? isUpper : mode === "away" && twice >= denominator;
  return up ? quotient + 1n : quotient;
}

/** What becomes of the magnitude. */
function modeOf({ rounding }: FloatOptions, negative: boolean): "near" | "away" | "cut" {
  if (rounding === "near") return "near";
  return rounding === (negative ? "down" : "up") ? "away" : "cut";
}

function rounded(
  { numerator, denominator }: Ratio,
  negative: boolean,
  format: FloatFormat,
  options: FloatOptions,
): FloatResult {
  if (numerator === 0n) return { bytes: pack(0n, 0n, negative, format) };
  const bias = (1 << (format.exponent - 1)) - 1;
  let exponent = numerator.toString(2).length - denominator.toString(2).length;
  const scaledLess = (e: number): boolean =>
    e >= 0 ? numerator < denominator << BigInt(e) : numerator << BigInt(-e) < denominator;
  if (scaledLess(exponent)) exponent--;
  // Below the least normal exponent the fraction loses bits: a denormal.
  const least = 1 - bias;
  const used = Math.max(exponent, least);
  const shift = format.fraction - used;
  const mode = modeOf(options, negative);
  let mantissa =
    shift >= 0
      ? divideRounded(numerator << BigInt(shift), denominator, mode)
      : divideRounded(numerator, denominator << BigInt(-shift), mode);
  let stored = used + bias;
  const carries = mantissa >= 1n << BigInt(format.fraction + 1);
  if (carries) {
    mantissa >>= 1n;
    stored++;
  }
  if (mantissa < 1n << BigInt(format.fraction)) {
    stored = 0;
    if (options.denormalsAreZero) mantissa = 0n;
  }
  // NASM lets one exponent too many pass, unless rounding has led to it: the value gets the pattern of a NaN.
  if (stored > 2 * bias + 1 || (carries && stored === 2 * bias + 1)) {
    const warning = { name: "float-overflow", message: "overflow in floating-point constant" };
    return { bytes: assembleSpecial("infinity", negative, format), warning };
  }
  const bytes = pack(BigInt(stored), mantissa, negative, format);
  if (stored !== 0) return { bytes };
  const warning =
    mantissa === 0n
      ? { name: "float-underflow", message: "underflow in floating-point constant" }
      : { name: "float-denorm", message: "denormal floating-point constant" };
  return { bytes, warning };
}

function pack(
  exponent: bigint,
  mantissa: bigint,
  negative: boolean,
  format: FloatFormat,
): number[] {
  const fraction = BigInt(format.fraction);
  const kept = format.explicit ? mantissa : mantissa & ((1n << fraction) - 1n);
  const mantissaBits = fraction + (format.explicit ? 1n : 0n);
  const sign = negative ? 1n << BigInt(format.bytes * 8 - 1) : 0n;
  let value = sign | (exponent << mantissaBits) | kept;
  const bytes: number[] = [];
  for (let i = 0; i < format.bytes; i++) {
    bytes.push(Number(value & 0xffn));
    value >>= 8n;
  }
  return bytes;
}

function assembleSpecial(
  kind: "infinity" | "qnan" | "snan",
  negative: boolean,
  format: FloatFormat,
): number[] {
  const fraction = BigInt(format.fraction);
  const integer = format.explicit ? 1n << fraction : 0n;
  const payload = kind === "infinity" ? 0n : kind === "qnan" ? 1n << (fraction - 1n) : 1n;
  return pack((1n << BigInt(format.exponent)) - 1n, integer | payload, negative, format);
}

/** `0p12345` or `12345p`: 18 decimal digits, two in a byte, for FBLD. */
function packedDecimal(text: string, negative: boolean, format: FloatFormat): FloatResult {
  if (format.bytes !== 10) return { error: "packed BCD requires an 80-bit format" };
  const digits = text.replaceAll("_", "");
  const wrong = /\D/.exec(digits);
  if (wrong) return { error: `invalid character \`${wrong[0]}' in packed BCD constant` };
  const padded = digits.slice(-18).padStart(18, "0");
  const bytes: number[] = [];
  for (let i = 16; i >= 0; i -= 2) bytes.push(parseInt(padded.slice(i, i + 2), 16));
  bytes.push(negative ? 0x80 : 0);
  if (digits.length <= 18) return { bytes };
  return { bytes, warning: { name: "other", message: "packed BCD truncated to 18 digits" } };
}
