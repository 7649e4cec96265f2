/** Times the parts of a benchmark image by the lines that it sends (images/image.inc). */
import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface PartTime {
  readonly name: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly checksum: string;
}

interface OpenPart {
  readonly name: string;
  readonly rounds: number;
  readonly start: number;
}

/** `@ name rounds`, `= name checksum`, `# end 0`; numbers are hexadecimal. */
const MARKER = /^([@=#]) (\w+) ([0-9a-f]{8})$/;

/** Feed it lines as they come; `now` gives seconds. */
export class MarkerClock {
  readonly parts: PartTime[] = [];
  isAtEnd = false;
  private open: OpenPart | undefined;

  constructor(private readonly now: () => number) {}

  line(text: string): void {
    const time = this.now();
    const [, kind, name = "", value = ""] = MARKER.exec(text.trim()) ?? [];
    if (kind === "@") this.open = { name, rounds: parseInt(value, 16), start: time };
    if (kind === "=" && this.open?.name === name) {
      const { rounds, start } = this.open;
      this.parts.push({ name, rounds, seconds: time - start, checksum: value });
    }
    if (kind === "#") this.isAtEnd = true;
  }
}

/** Processor time of all threads of a process, in seconds; where the system has no such figure, the time on the wall. NaN for a process that is gone. */
export function processorSeconds(pid: number): number {
  if (!existsSync("/proc/self/schedstat")) return performance.now() / 1000;
  try {
    const folder = `/proc/${pid}/task`;
    const times = readdirSync(folder).map((thread) => Number(readFileSync(`${folder}/${thread}/schedstat`, "utf8").split(" ")[0])); // prettier-ignore
    return times.reduce((sum, time) => sum + time, 0) / 1e9;
  } catch {
    return NaN;
  }
}

/** Most memory that a process had, in MiB; undefined where the system does not say it. */
export function peakMemoryMib(pid: number): number | undefined {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}
