/** From the times of many runs to rates and ratios. */
import { quantile, rounded, type Measurement } from "../measurement";
import type { ImageRun } from "./machines";

export interface Part {
  readonly unit: string;
  /** Units in a round. */
  readonly perRound: number;
}

const ROUND: Part = { unit: "rounds/s", perRound: 1 };

/** What is counted in a part; in the others, rounds. */
const PARTS: Readonly<Record<string, Part>> = {
  cold: { unit: "cold instructions/s", perRound: 120 },
  chain: { unit: "indirect calls/s", perRound: 64 },
  movs: { unit: "bytes/s", perRound: 1 << 20 },
  int80: { unit: "round trips/s", perRound: 1 },
  syscall: { unit: "round trips/s", perRound: 1 },
  fault: { unit: "page faults/s", perRound: 256 },
  invlpg: { unit: "changes/s", perRound: 1 },
  cr3: { unit: "switches/s", perRound: 1 },
  out: { unit: "writes/s", perRound: 1 },
  exit: { unit: "VM exits/s", perRound: 1 },
};

/** The kernels of user code, whose geometric mean is reported. */
const KERNELS = ["alu", "crc", "sieve", "fib", "quicksort", "sha256"];

/** Runs of one image, by machine; ours comes first. */
export type ImageRuns = ReadonlyMap<string, readonly ImageRun[]>;

/** Throws unless all machines computed the same. */
function checkChecksums(image: string, runs: ImageRuns): void {
  const seen = new Map<string, string>();
  for (const [machine, results] of runs)
    for (const { parts } of results)
      for (const { name, checksum } of parts) {
        const expected = seen.get(name) ?? checksum;
        seen.set(name, expected);
        if (checksum !== expected) throw new Error(`${image} ${name}: ${machine} has ${checksum}, not ${expected}`); // prettier-ignore
      }
}

function median(values: readonly number[]): number {
  return quantile(values.filter(Number.isFinite), 0.5);
}

/** Median rate of a part on each machine. */
function ratesOf(part: string, runs: ImageRuns): Map<string, number> {
  const { perRound } = PARTS[part] ?? ROUND;
  const rates = new Map<string, number>();
  for (const [machine, results] of runs) {
    const each = results.flatMap(({ parts }) => parts.filter(({ name }) => name === part));
    rates.set(machine, median(each.map(({ rounds, seconds }) => (rounds * perRound) / seconds)));
  }
  return rates;
}

/** How many times a peer's value ours is; without the peers of which nothing can be said. */
function ratiosOf(values: ReadonlyMap<string, number>): Record<string, number> {
  const [[, ours] = ["", NaN], ...peers] = values;
  const ratios = peers.map(([name, value]) => [name, rounded(ours / value, 2)] as const);
  return Object.fromEntries(ratios.filter(([, ratio]) => Number.isFinite(ratio)));
}

function significant(value: number): number {
  return Number(value.toPrecision(3));
}

function measurement(
  name: string,
  values: ReadonlyMap<string, number>,
  unit: string,
  words: string,
): Measurement {
  const ratios = ratiosOf(values);
  const note = Object.entries(ratios).map(([peer, ratio]) => `${ratio} × ${peer}`);
  const ours = significant([...values.values()][0] ?? NaN);
  return note.length === 0
    ? { name, value: ours, unit }
    : { name, value: ours, unit, ratios, note: `${words} ${note.join(", ")}` };
}

function geometricMean(image: string, rates: readonly ReadonlyMap<string, number>[]): Measurement {
  const means = new Map<string, number>();
  for (const machine of rates[0]?.keys() ?? []) {
    const logarithms = rates.map((rate) => Math.log(rate.get(machine) ?? NaN));
    means.set(machine, Math.exp(logarithms.reduce((sum, each) => sum + each, 0) / rates.length));
  }
  return measurement(`${image} geometric mean of ${rates.length} kernels`, means, "rounds/s", "speed"); // prettier-ignore
}

/** All results of one image; the first machine of `runs` is ours. */
export function compareRuns(image: string, runs: ImageRuns): Measurement[] {
  checkChecksums(image, runs);
  const names = [...runs.values()][0]?.[0]?.parts.map(({ name }) => name) ?? [];
  const results = names.map((part) =>
    measurement(`${image} ${part}`, ratesOf(part, runs), (PARTS[part] ?? ROUND).unit, "speed"),
  );
  const kernels = names.filter((name) => KERNELS.includes(name)).map((name) => ratesOf(name, runs));
  if (kernels.length > 0) results.push(geometricMean(image, kernels));
  return [...results, ...costs(image, runs)];
}

/** Start and memory of the whole process. */
function costs(image: string, runs: ImageRuns): Measurement[] {
  const start = new Map<string, number>();
  const memory = new Map<string, number>();
  for (const [machine, results] of runs) {
    start.set(machine, median(results.map(({ startSeconds }) => startSeconds * 1000)));
    memory.set(machine, median(results.map(({ memoryMib }) => memoryMib ?? NaN)));
  }
  return [
    measurement(`${image} process start to first line`, start, "ms", "time"),
    measurement(`${image} memory of the process`, memory, "MiB", "memory"),
  ];
}
