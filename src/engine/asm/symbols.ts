/** The symbols of one program, with NASM's scopes: `.x` belongs to the last ordinary label, `..@x` to nobody. */
import type { Frame, Token } from "./tokens";

/** Segment numbers: sections have even ones, NO_SEGMENT is a plain number, SEGMENT_ABSOLUTE + paragraph a far absolute (`x equ 8:5`). */
export const NO_SEGMENT = -1;
export const SEGMENT_ABSOLUTE = 0x40000000;

export type Declaration =
  "local" | "static" | "global" | "extern" | "required" | "common" | "special";

export class SymbolEntry {
  /** The pass that last defined it (from 1), 0 if none did. */
  definedPass = 0;
  segment = NO_SEGMENT;
  /** The offset where it is exact, else NaN. Passes that only move labels compute with it; the 64-bit value is made when someone asks. */
  offsetNumber = 0;
  declaration: Declaration = "local";
  /** `global x:function`: flat binaries have no such kinds. */
  hasSpecialType = false;
  /** How it was defined last. */
  kind: "label" | "equ" | "struc-field" | "extern" | "common" | undefined;
  definition: Token | undefined;
  definitionFrame: Frame | undefined;
  /** The value that another definition in the same pass gave it: it is only compared with. */
  again: { readonly pass: number; readonly segment: number; readonly offset: bigint } | undefined;
  /** When its value changed last, in the layout's count of changes. */
  changedAt = 0;

  private value: bigint | undefined = 0n;

  constructor(readonly name: string) {}

  get offset(): bigint {
    return (this.value ??= BigInt(this.offsetNumber));
  }

  set offset(offset: bigint) {
    const number = Number(offset);
    this.value = offset;
    this.offsetNumber = Number.isSafeInteger(number) ? number : NaN;
  }

  /** The same as setting `offset`, without making the 64-bit value yet. */
  moveTo(offset: number): void {
    this.value = undefined;
    this.offsetNumber = offset;
  }
}

/** `..start` and other names that mean something to an output format: none of them to this one. `..@x` is an ordinary name without a scope. */
export function isSpecialName(name: string): boolean {
  return name.startsWith("..") && name.charCodeAt(2) !== 64;
}

/** `.x`, but not `..x`. */
export function isLocalName(name: string): boolean {
  return name.charCodeAt(0) === 46 && name.charCodeAt(1) !== 46;
}

export class SymbolTable {
  private readonly entries = new Map<string, SymbolEntry>();
  /** The ordinary label that `.x` belongs to. */
  scope = "";

  fullName(name: string): string {
    return isLocalName(name) ? this.scope + name : name;
  }

  /** Found or made; `name` without its `$`. */
  entry(name: string): SymbolEntry {
    const full = this.fullName(name);
    let entry = this.entries.get(full);
    if (entry === undefined) {
      entry = new SymbolEntry(full);
      this.entries.set(full, entry);
    }
    return entry;
  }

  find(full: string): SymbolEntry | undefined {
    return this.entries.get(full);
  }

  all(): IterableIterator<SymbolEntry> {
    return this.entries.values();
  }
}
