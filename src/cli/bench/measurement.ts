/** What a benchmark reports, and how it takes the time. */

export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** How it compares, in words. */
  readonly note?: string;
  /** How many times the value of each other machine it is. */
  readonly ratios?: Readonly<Record<string, number>>;
}

export function milliseconds(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

export function seconds(action: () => void): number {
  return milliseconds(action) / 1000;
}

/** The value that a part of all are below: 0.5 is the median. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

export function rounded(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
