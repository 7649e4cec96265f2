/** Operands as text for NASM and as the encoder's input: the material of the comparison with NASM. */
import { GPR16, GPR32, GPR64, GPR8, GPR8_HIGH, SEGMENTS } from "../../src/engine/isa/registers";
import type { OperandSize } from "../../src/engine/isa/types";
import type { AsmOperand, AsmRegister } from "../../src/engine/codec/types";

export interface Shape {
  readonly text: string;
  readonly operand: AsmOperand;
}

const NAMES = new Map<string, AsmRegister>();
const addAll = (names: readonly string[], size: OperandSize, high = false): void => {
  names.forEach((name, number) => NAMES.set(name, { class: "gpr", size, number, high }));
};
addAll(GPR8, 8);
addAll(GPR8_HIGH, 8, true);
addAll(GPR16, 16);
addAll(GPR32, 32);
addAll(GPR64, 64);
SEGMENTS.forEach((name, number) => NAMES.set(name, { class: "sreg", number }));
for (let number = 0; number < 16; number++) {
  for (const kind of ["cr", "dr", "xmm", "ymm"] as const)
    NAMES.set(`${kind}${number}`, { class: kind, number });
  if (number < 8)
    for (const kind of ["st", "mm"] as const)
      NAMES.set(`${kind}${number}`, { class: kind, number });
}

export function registerNamed(name: string): AsmRegister {
  const register = NAMES.get(name);
  if (register === undefined) throw new Error(`no register ${name}`);
  return register;
}

export function reg(name: string): Shape {
  return { text: name, operand: { kind: "reg", register: registerNamed(name) } };
}

/** `to st1`. */
export function toRegister(name: string): Shape {
  return { text: `to ${name}`, operand: { kind: "reg", register: registerNamed(name), to: true } };
}

const SIZE_WORDS: Readonly<Record<number, string>> = {
  8: "byte",
  16: "word",
  32: "dword",
  64: "qword",
  80: "tword",
  128: "oword",
  256: "yword",
  512: "zword",
};

export interface ImmediateOptions {
  readonly size?: OperandSize;
  readonly strict?: boolean;
  readonly distance?: "short" | "near" | "far";
}

function words(options: ImmediateOptions): string {
  return [
    options.strict === true ? "strict" : "",
    options.distance ?? "",
    options.size === undefined ? "" : SIZE_WORDS[options.size]!,
  ]
    .filter((word) => word !== "")
    .map((word) => `${word} `)
    .join("");
}

function immediate(
  text: string,
  value: bigint,
  isAddress: boolean,
  options: ImmediateOptions,
): Shape {
  return {
    text: words(options) + text,
    operand: {
      kind: "imm",
      value,
      known: true,
      isAddress,
      strict: options.strict ?? false,
      ...(options.size === undefined ? {} : { size: options.size }),
      ...(options.distance === undefined ? {} : { distance: options.distance }),
    },
  };
}

export function imm(value: bigint, options: ImmediateOptions = {}): Shape {
  return immediate(
    value < 0n ? value.toString() : `0x${value.toString(16)}`,
    value,
    false,
    options,
  );
}

/** An address at a distance from the instruction; the comparison moves it to where NASM put the line. */
export function here(distance: number, options: ImmediateOptions = {}): Shape {
  const text = distance < 0 ? `$${distance}` : `$+${distance}`;
  return immediate(text, BigInt(distance), true, options);
}

export function far(selector: number, offset: number, size?: OperandSize): Shape {
  return {
    text: `${size === undefined ? "" : `${SIZE_WORDS[size]} `}${selector}:${offset}`,
    operand: {
      kind: "far",
      selector: BigInt(selector),
      offset: BigInt(offset),
      known: true,
      ...(size === undefined ? {} : { size }),
    },
  };
}

export interface MemoryOptions {
  readonly size?: number;
  readonly far?: boolean;
  readonly base?: string;
  readonly index?: string;
  readonly scale?: number;
  readonly displacement?: bigint;
  readonly displacementSize?: OperandSize;
  readonly segment?: number;
  readonly relative?: "rel" | "abs";
  readonly noSplit?: boolean;
  /** The displacement is `$` plus the value. */
  readonly here?: boolean;
}

function addressText(options: MemoryOptions): string {
  const terms: string[] = [];
  if (options.base !== undefined) terms.push(options.base);
  if (options.index !== undefined) terms.push(`${options.index}*${options.scale ?? 1}`);
  const { displacement } = options;
  if (options.here === true) terms.push("$");
  if (displacement !== undefined)
    terms.push(displacement < 0n ? `(${displacement})` : `0x${displacement.toString(16)}`);
  return terms.join("+");
}

export function mem(options: MemoryOptions): Shape {
  const inside = [
    options.noSplit === true ? "nosplit " : "",
    options.displacementSize === undefined ? "" : `${SIZE_WORDS[options.displacementSize]} `,
    options.relative === undefined ? "" : `${options.relative} `,
    options.segment === undefined ? "" : `${SEGMENTS[options.segment]}:`,
    addressText(options),
  ].join("");
  const outside = [
    options.size === undefined ? "" : `${SIZE_WORDS[options.size]} `,
    options.far === true ? "far " : "",
  ].join("");
  let base = options.base === undefined ? undefined : registerNamed(options.base);
  let index = options.index === undefined ? undefined : registerNamed(options.index);
  // NASM's parser takes a lone register times one as a base that was not meant to be one.
  const lone =
    base === undefined && options.scale === 1 && index?.class === "gpr" ? index : undefined;
  if (lone !== undefined) [base, index] = [lone, undefined];
  return {
    text: `${outside}[${inside}]`,
    operand: {
      kind: "mem",
      far: options.far ?? false,
      scale: options.scale ?? 1,
      noSplit: options.noSplit ?? false,
      displacement: options.displacement ?? 0n,
      displacementKnown: true,
      hasDisplacement: options.displacement !== undefined,
      displacementIsAddress: options.here ?? false,
      strict: false,
      ...(options.size === undefined ? {} : { size: options.size }),
      ...(base === undefined ? {} : { base }),
      ...(index === undefined ? {} : { index }),
      ...(options.displacementSize === undefined
        ? {}
        : { displacementSize: options.displacementSize }),
      ...(options.segment === undefined ? {} : { segment: options.segment as 0 }),
      ...(options.relative === undefined ? {} : { relative: options.relative }),
      ...(lone === undefined ? {} : { hint: { kind: "notBase" as const, register: lone } }),
    },
  };
}
