import type { AddressSpace } from "../machine/types";

/** Everything that reaches the machine from outside, at the position where it arrived. Replay applies it there again. */
export type Input =
  | { readonly kind: "serial"; readonly bytes: Uint8Array }
  | { readonly kind: "keys"; readonly text: string }
  | {
      readonly kind: "memory";
      readonly space: AddressSpace;
      readonly address: bigint;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "register"; readonly name: string; readonly value: bigint };

export interface LoggedInput {
  readonly position: number;
  readonly input: Input;
}

/** Inputs in the order of their arrival. */
export class InputLog {
  private entries: LoggedInput[] = [];
  /** Number of entries already applied at the current position. */
  private applied = 0;

  /** Adds an input that is applied now; later ones, of a future that will not happen, are dropped. */
  append(position: number, input: Input): void {
    this.entries.length = this.applied;
    this.entries.push({ position, input });
    this.applied++;
  }

  /** The next input to apply, if any. */
  get next(): LoggedInput | undefined {
    return this.entries[this.applied];
  }

  noteApplied(): void {
    this.applied++;
  }

  /** How many inputs had been applied: part of a checkpoint. */
  get cursor(): number {
    return this.applied;
  }

  rewind(cursor: number): void {
    this.applied = cursor;
  }
}
