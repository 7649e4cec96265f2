import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assembleGuest, isInstalled } from "../../scripts/oracle/buildImage.mjs";

/** One entry of examples/expected.json or test/guests/expected.json: what a guest must do anywhere. */
export interface ExpectedRun {
  readonly entry: "real16" | "protected32" | "long64";
  readonly serial: string;
  /** "input": the guest waits for someone who types and is not run by machines. */
  readonly stop: "debug-exit" | "shutdown" | "input";
  /** What the guest writes to port 0xf4, with stop "debug-exit". */
  readonly exit?: number;
  readonly qemu: boolean;
  readonly bochs: boolean;
  readonly whyNot?: { readonly qemu?: string; readonly bochs?: string };
  /** The techniques under which the guest gives this very result. */
  readonly vmm: readonly string[];
  /** Techniques under which it runs and shows something else, and what. */
  readonly differs?: Readonly<Record<string, string>>;
  /** The same for machines: the families of the instructions at which fidelity is lost; "trap-and-emulate, ring 3" where those are others. */
  readonly silent?: Readonly<Record<string, readonly string[]>>;
  /** Serial output under such techniques, where it is worth keeping. */
  readonly shows?: Readonly<Record<string, string>>;
  /** At least so many exits by key, under hardware-assisted virtualization with nested paging. */
  readonly exits?: Readonly<Record<string, number>>;
  readonly teaches?: string;
  readonly load?: number;
}

const REPOSITORY = join(import.meta.dirname, "..", "..");

export function readExpectedRuns(folder: string): Readonly<Record<string, ExpectedRun>> {
  const text = readFileSync(join(REPOSITORY, folder, "expected.json"), "utf8");
  return JSON.parse(text) as Readonly<Record<string, ExpectedRun>>;
}

interface Oracle {
  readonly name: "qemu" | "bochs";
  readonly command: string;
  /** Other files that it cannot do without. */
  readonly needs?: readonly string[];
  readonly run: (guest: OracleGuest) => Promise<OracleResult>;
}

/** One test per guest of the folder; those an oracle is known to run wrongly are skipped with the reason in the title. */
export function compareWithOracle(folder: string, oracle: Oracle): void {
  const missing =
    [oracle.command, "nasm"].find((command) => !isInstalled(command)) ??
    oracle.needs?.find((file) => !existsSync(file));
  for (const [name, expected] of Object.entries(readExpectedRuns(folder))) {
    const reason =
      missing === undefined ? reasonToSkip(expected, oracle) : `${missing} is not here`;
    if (reason !== undefined) {
      it.skip(`${name} (${reason})`);
      continue;
    }
    it(name, async function () {
      this.timeout(60_000);
      const image = assembleGuest(join(REPOSITORY, folder, name));
      const load = expected.load === undefined ? {} : { load: expected.load };
      const guest = { image, entry: expected.entry, timeoutMs: 45_000, ...load };
      const { serial, exitStatus } = await oracle.run(guest);
      const wanted = { serial: expected.serial, exitStatus: exitStatusOf(expected) };
      assert.deepEqual({ serial, exitStatus }, wanted);
    });
  }
}

function reasonToSkip(expected: ExpectedRun, { name }: Oracle): string | undefined {
  return expected[name] ? undefined : (expected.whyNot?.[name] ?? "no reason given");
}

function exitStatusOf({ stop, exit }: ExpectedRun): number {
  return stop === "shutdown" ? 0 : ((exit ?? 0) << 1) | 1;
}
