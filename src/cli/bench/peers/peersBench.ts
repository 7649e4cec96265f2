/** Our machine beside others, on the same images: one interleaved run, medians, ratios. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Measurement } from "../measurement";
import { compareRuns } from "./comparison";
import { IMAGES, MACHINES, repositoryOf, runImage } from "./machines";
import type { ImageName, ImageRun, Machine } from "./machines";

const TIMEOUT_MS = 600_000;

/** The programs lie in the repository, not in what is shipped. */
const imageFolder = (repository: string): string =>
  join(repository, "src", "cli", "bench", "images");

function assembleImage(repository: string, image: ImageName, folder: string): string {
  const output = join(folder, `${image}.bin`);
  const source = join(imageFolder(repository), `${image}.asm`);
  const includes = ["-I", `${imageFolder(repository)}/`, "-I", `${join(repository, "examples")}/`];
  const args = [join(repository, "dist", "cli.js"), "asm", source, "-o", output, ...includes];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return output;
}

function installed(repository: string, say: (line: string) => void): Machine[] {
  return MACHINES.filter(({ name, missing }) => {
    const reason = missing(repository);
    if (reason !== undefined) say(`${name} is left out: ${reason}`);
    return reason === undefined;
  });
}

/** Each round runs the image once on each machine, in the same order: what else the host does meets all alike. */
async function runRounds(
  machines: readonly Machine[],
  repository: string,
  file: string,
  rounds: number,
): Promise<Map<string, ImageRun[]>> {
  const runs = new Map<string, ImageRun[]>(machines.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const machine of machines)
      runs.get(machine.name)?.push(await runImage(machine, repository, file, TIMEOUT_MS));
  return runs;
}

/** `script` is this command's own; `say` is told what is left out. */
export async function measurePeers(
  script: string,
  rounds: number,
  say: (line: string) => void,
): Promise<Measurement[]> {
  const repository = repositoryOf(script);
  if (!existsSync(imageFolder(repository))) {
    say(`peers is left out: ${imageFolder(repository)} is only in the repository`);
    return [];
  }
  const machines = installed(repository, say);
  const folder = mkdtempSync(join(tmpdir(), "ringside-bench-"));
  try {
    const results: Measurement[] = [];
    for (const image of IMAGES) {
      const file = assembleImage(repository, image, folder);
      const able = machines.filter(({ images }) => images.includes(image));
      results.push(...compareRuns(image, await runRounds(able, repository, file, rounds)));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
