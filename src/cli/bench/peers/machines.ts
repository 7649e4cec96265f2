/** The machines that are compared, and how a benchmark image is run on one. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { MarkerClock, peakMemoryMib, processorSeconds } from "./markerClock";
import type { PartTime } from "./markerClock";

export const IMAGES = ["user32", "user64", "system32", "system64", "vmx"] as const;
export type ImageName = (typeof IMAGES)[number];

export interface Machine {
  readonly name: string;
  readonly images: readonly ImageName[];
  /** Why it cannot be run here. */
  readonly missing: (repository: string) => string | undefined;
  readonly command: (repository: string, file: string) => readonly string[];
}

const WITHOUT_VMX = IMAGES.filter((image) => image !== "vmx");
const WITH_32_BITS: readonly ImageName[] = ["user32", "system32"];
const SEABIOS = "/usr/share/seabios/bios.bin";

function program(name: string, debianPackage: string): () => string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return () =>
    folders.some((folder) => existsSync(join(folder, name)))
      ? undefined
      : `there is no ${name} (Debian: ${debianPackage})`;
}

function missingV86(repository: string): string | undefined {
  if (!existsSync(SEABIOS)) return `there is no ${SEABIOS} (Debian: seabios)`;
  try {
    createRequire(join(repository, "package.json")).resolve("v86");
    return undefined;
  } catch {
    return "the npm package v86 is not installed";
  }
}

function foreign(machine: string): Machine["command"] {
  return (repository, file) => [
    join(repository, "scripts", "oracle", "startMachine.mjs"),
    machine,
    file,
  ];
}

/** In the order of a round. The first is ours, the others are its peers. */
export const MACHINES: readonly Machine[] = [
  {
    name: "ringside",
    images: IMAGES,
    missing: () => undefined,
    command: (repository, file) => [join(repository, "dist", "cli.js"), "run", "--vmm", "none", "--memory", "64M", file], // prettier-ignore
  },
  {
    name: "QEMU",
    images: WITHOUT_VMX,
    missing: program("qemu-system-x86_64", "qemu-system-x86"),
    command: foreign("qemu"),
  },
  { name: "v86", images: WITH_32_BITS, missing: missingV86, command: foreign("v86") },
  {
    name: "v86 without JIT",
    images: WITH_32_BITS,
    missing: missingV86,
    command: foreign("v86-interpreter"),
  },
  {
    name: "Bochs",
    images: IMAGES,
    missing: program("bochs-bin", "bochs"),
    command: foreign("bochs"),
  },
];

/** What one run of an image gave. */
export interface ImageRun {
  readonly parts: readonly PartTime[];
  /** Until the image's first line, by the clock on the wall. */
  readonly startSeconds: number;
  readonly memoryMib: number | undefined;
}

/** The repository that `script` (dist/cli.js) was built in. */
export function repositoryOf(script: string): string {
  return dirname(dirname(resolve(script)));
}

/** Runs an image to its end. Throws if it does not get there in time. */
export async function runImage(
  machine: Machine,
  repository: string,
  file: string,
  timeoutMs: number,
): Promise<ImageRun> {
  const begin = performance.now();
  const child = spawn(process.execPath, machine.command(repository, file), { stdio: ["ignore", "pipe", "ignore"] }); // prettier-ignore
  const ended = new Promise((done) => child.once("close", done));
  const timer = setTimeout(() => child.kill("SIGTERM"), timeoutMs);
  let pid = child.pid ?? 0;
  let startSeconds: number | undefined;
  let memoryMib: number | undefined;
  let last = 0;
  const clock = new MarkerClock(() => {
    const seconds = processorSeconds(pid);
    // Threads that have ended take their time with them: nothing can be said then.
    if (seconds < last) return NaN;
    last = seconds;
    return seconds;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const announced = /^pid (\d+)$/.exec(line)?.[1];
    if (announced !== undefined) {
      pid = Number(announced);
      continue;
    }
    startSeconds ??= (performance.now() - begin) / 1000;
    clock.line(line);
    memoryMib = peakMemoryMib(pid) ?? memoryMib;
    if (clock.isAtEnd) child.kill("SIGTERM");
  }
  clearTimeout(timer);
  await ended;
  if (!clock.isAtEnd) throw new Error(`${machine.name} did not come to the end of ${file}`);
  return { parts: clock.parts, startSeconds: startSeconds ?? NaN, memoryMib };
}
