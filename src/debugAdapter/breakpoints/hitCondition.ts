/** Hit counts: `5`, `= 5`, `>= 5`, `< 5`, `<= 5`, `> 5`, `% 5` (every fifth time). */

export type HitCondition = (hits: number) => boolean;

const FORM = /^(<=|>=|==|=|<|>|%)?\s*(\d+)$/;

/** The condition, undefined for an empty text, or a message that says what is wrong. */
export function parseHitCondition(text: string | undefined): HitCondition | undefined | string {
  if (text === undefined || text.trim() === "") return undefined;
  const match = FORM.exec(text.trim());
  const count = Number(match?.[2]);
  if (!match || (match[1] === "%" && count === 0)) {
    return `"${text}" is not a hit count. Write a number, or one of < <= = >= > % with a number.`;
  }
  return conditionOf(match[1], count);
}

function conditionOf(operator: string | undefined, count: number): HitCondition {
  switch (operator) {
    case "<":
      return (hits) => hits < count;
    case "<=":
      return (hits) => hits <= count;
    case ">":
      return (hits) => hits > count;
    case ">=":
      return (hits) => hits >= count;
    case "%":
      return (hits) => hits % count === 0;
    default:
      return (hits) => hits === count;
  }
}

/**
 * Positions in time at which a breakpoint was reached. Counting by position makes hit counts right in both directions of
 * time: the hits "so far" are those at or before now, however often the same stretch is run.
 */
export class HitRecord {
  private readonly positions: number[] = [];

  /** Notes a hit and returns which one it is, from 1. */
  hit(position: number): number {
    const index = this.indexOf(position);
    if (this.positions[index] !== position) this.positions.splice(index, 0, position);
    return index + 1;
  }

  /** The future changed: what was recorded after now will not happen. */
  forgetAfter(position: number): void {
    this.positions.length = this.indexOf(position + 1);
  }

  private indexOf(position: number): number {
    const last = this.positions[this.positions.length - 1];
    if (last === undefined || last < position) return this.positions.length;
    let low = 0;
    let high = this.positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.positions[middle] ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
