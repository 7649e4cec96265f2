import type { SingleLineMacro, SlotSpec, Token } from "../tokens";

/** Cuts arguments at commas, minding parentheses and braces. */
export class ArgumentCutter {
  readonly args: Token[][] = [[]];
  private parens = 1;
  private braces = 0;
  private bracketed = false;

  constructor(private readonly macro: SingleLineMacro) {}

  take(token: Token): void {
    const slot = slotAt(this.macro, this.args.length - 1);
    const current = this.args[this.args.length - 1]!;
    if (token.kind === "op" && this.structural(token.text, slot, current)) return;
    if (this.parens > 0) {
      const first = current.length === 0 && !slot.verbatim;
      current.push(first ? token.spaced(false) : token);
    }
  }

  /** Whether the token only separates. */
  private structural(text: string, slot: SlotSpec, current: readonly Token[]): boolean {
    switch (text) {
      case ",":
        if (this.braces > 0 || this.parens !== 1 || slot.greedy) return false;
        this.args.push([]);
        this.bracketed = false;
        return true;
      case "{": {
        const opens = !this.bracketed && current.length === 0 && !slot.verbatim;
        if (!this.bracketed) this.bracketed = opens;
        this.braces++;
        return opens;
      }
      case "}":
        if (this.braces === 0) return false;
        return --this.braces === 0 && this.bracketed;
      case "(":
        if (this.braces === 0) this.parens++;
        return false;
      case ")":
        return this.braces === 0 && --this.parens === 0;
      default:
        return false;
    }
  }
}

export function slotAt(macro: SingleLineMacro, index: number): SlotSpec {
  return macro.slots[Math.min(index, macro.slots.length - 1)]!;
}
