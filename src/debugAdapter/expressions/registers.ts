/** Every register name that an expression may use, with how to read and where a write goes. */
import {
  fieldMask,
  fieldValue,
  GPR16,
  GPR32,
  GPR64,
  GPR8,
  GPR8_HIGH,
  RFLAGS_LAYOUT,
  SEGMENTS,
} from "../../engine/index";
import type { BitField, ProcessorView } from "../../engine/index";

/** A register name: a slice of an architectural register, or of a segment's parts. */
export interface RegisterName {
  readonly name: string;
  /** Bits. */
  readonly width: number;
  readonly read: (view: ProcessorView) => bigint;
  /** The register that `Debuggee.setRegister` knows, and the value it gets; undefined: cannot be set. */
  readonly write?: (view: ProcessorView, value: bigint) => readonly [string, bigint];
}

type Row = readonly [string, RegisterName];

/** A slice of a 64-bit register. A 32-bit write zeroes the upper half as the processor does; narrower ones keep the rest. */
function slice(name: string, whole: string, low: number, width: number): Row {
  const mask = (1n << BigInt(width)) - 1n;
  const shift = BigInt(low);
  const read = (view: ProcessorView): bigint => ((view.registers[whole] ?? 0n) >> shift) & mask;
  const write = (view: ProcessorView, value: bigint): readonly [string, bigint] => {
    const old = width >= 32 ? 0n : (view.registers[whole] ?? 0n);
    return [whole, (old & ~(mask << shift)) | ((value & mask) << shift)];
  };
  return [name, { name, width, read, write }];
}

function generalRows(): Row[] {
  const rows: Row[] = [];
  GPR64.forEach((whole, index) => {
    rows.push(slice(whole, whole, 0, 64));
    const name = (names: readonly string[]): string => names[index] ?? whole;
    rows.push(slice(name(GPR32), whole, 0, 32), slice(name(GPR16), whole, 0, 16));
    rows.push(slice(name(GPR8), whole, 0, 8));
  });
  GPR8_HIGH.forEach((name, index) => rows.push(slice(name, GPR64[index] ?? "rax", 8, 8)));
  for (const [name, width] of [["rip", 64], ["eip", 32], ["ip", 16]] as const) rows.push(slice(name, "rip", 0, width)); // prettier-ignore
  for (const [name, width] of [
    ["rflags", 64],
    ["eflags", 32],
    ["flags", 16],
  ] as const) {
    rows.push([name, { ...slice(name, "rflags", 0, width)[1], write: flagsWrite(width) }]);
  }
  return rows;
}

/** Flags keep their upper bits whatever the width. */
function flagsWrite(width: number): NonNullable<RegisterName["write"]> {
  const mask = (1n << BigInt(width)) - 1n;
  return (view, value) => ["rflags", ((view.registers.rflags ?? 0n) & ~mask) | (value & mask)];
}

function systemRows(): Row[] {
  const names = ["cr0", "cr2", "cr3", "cr4", "cr8", "efer", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"]; // prettier-ignore
  return names.map((name) => slice(name, name, 0, 64));
}

function segmentRows(): Row[] {
  const rows: Row[] = [];
  for (const name of [...SEGMENTS, "ldtr", "tr"] as const) {
    const set = { write: (_: ProcessorView, value: bigint) => [name, value] as const };
    rows.push([
      name,
      { name, width: 16, read: (view) => BigInt(view.segments[name].selector), ...set },
    ]);
    const part = (suffix: string, width: number, read: RegisterName["read"]): void => {
      const full = `${name}.${suffix}`;
      rows.push([full, { name: full, width, read }]);
    };
    part("base", 64, (view) => view.segments[name].base);
    part("limit", 32, (view) => BigInt(view.segments[name].limit));
    part("rights", 32, (view) => BigInt(view.segments[name].accessRights));
  }
  for (const name of ["gdtr", "idtr"] as const) {
    const base = (view: ProcessorView): bigint => view[name].base;
    rows.push([name, { name, width: 64, read: base }]);
    rows.push([`${name}.base`, { name: `${name}.base`, width: 64, read: base }]);
    const limit = (view: ProcessorView): bigint => BigInt(view[name].limit);
    rows.push([`${name}.limit`, { name: `${name}.limit`, width: 16, read: limit }]);
  }
  rows.push(["cpl", { name: "cpl", width: 8, read: (view) => BigInt(view.cpl) }]);
  return rows;
}

/** Flags by their short names; the rest of RFLAGS stays as it is when one is set. */
function flagRows(): Row[] {
  return RFLAGS_LAYOUT.fields
    .filter((field) => /^[A-Z]+$/.test(field.name))
    .map((field): Row => {
      const name = field.name.toLowerCase();
      return [name, flagRegister(field, name)];
    });
}

function flagRegister(field: BitField, name: string): RegisterName {
  return {
    name,
    width: field.high - field.low + 1,
    read: (view) => fieldValue(field, view.registers.rflags ?? 0n),
    write: (view, value) => [
      "rflags",
      ((view.registers.rflags ?? 0n) & ~fieldMask(field)) |
        ((value << BigInt(field.low)) & fieldMask(field)),
    ],
  };
}

/** Flags are looked up after labels: `if`, `cf` … are good label names. */
export const FLAG_NAMES: ReadonlyMap<string, RegisterName> = new Map(flagRows());

export const REGISTER_NAMES: ReadonlyMap<string, RegisterName> = new Map([
  ...generalRows(),
  ...systemRows(),
  ...segmentRows(),
]);
