import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createDebuggee,
  type Debuggee,
  loadImage,
  type KernelRing,
  type MachineConfig,
  type MmuKind,
  type RunControl,
  type Stop,
  type VmmKind,
} from "../../src/engine/index";
import { INSTRUCTIONS } from "../../src/engine/isa/table";
import { assembleFile } from "./sourceFiles";

/** What test/oracle has recorded from QEMU and Bochs. */
interface ExpectedRun {
  readonly entry: MachineConfig["image"]["entry"];
  readonly serial: string;
  readonly stop: "debug-exit" | "shutdown" | "input";
  readonly exit?: number;
  readonly vmm: readonly string[];
  readonly exits?: Readonly<Record<string, number>>;
  /** Techniques under which the guest shows something else, by the families of the instructions that did not trap; "trap-and-emulate, ring 3" where those are others. */
  readonly silent?: Readonly<Record<string, readonly string[]>>;
  /** Serial output under such techniques, where it is worth keeping. */
  readonly shows?: Readonly<Record<string, string>>;
  readonly load?: number;
}

const REPOSITORY = join(import.meta.dirname, "..", "..");
/** A technique, its memory virtualization, and where it puts the guest's kernel if there is a choice. */
export type Technique = readonly [VmmKind, MmuKind, KernelRing?];
export const BARE: Technique = ["none", "nested"];
export const HOSTED: readonly Technique[] = [
  ["hardware-assisted", "nested"],
  ["hardware-assisted", "shadow-lazy"],
  ["trap-and-emulate", "shadow-lazy", 1],
  ["trap-and-emulate", "shadow-lazy", 3],
];
const MAX_SLICES = 100;

function run(
  folder: string,
  name: string,
  expected: ExpectedRun,
  [vmm, mmu, kernelRing]: Technique,
  hotAfter: number | undefined,
): { machine: Debuggee; stop: Stop | undefined; lost: readonly string[] } {
  const assembly = assembleFile(join(REPOSITORY, folder, name));
  const image = loadImage({
    name,
    assembly,
    entry: expected.entry,
    ...(expected.load === undefined ? {} : { loadAddress: expected.load }),
  });
  const machine = createDebuggee({
    image,
    vmm,
    mmu,
    memoryBytes: 32 << 20,
    recording: false,
    ...(kernelRing === undefined ? {} : { kernelRing }),
    ...(hotAfter === undefined ? {} : { hotAfter }),
  });
  const lost = new Set<string>();
  const control: RunControl = {
    breakpoints: new Set(),
    onEvent: (event) => {
      if (event.kind === "fidelity-lost") lost.add(event.instruction);
      return false;
    },
  };
  let stop: Stop | undefined;
  for (let i = 0; i < MAX_SLICES && !stop; i++) stop = machine.run(1_000_000, control);
  return { machine, stop, lost: [...lost].sort() };
}

function shown(stop: Stop | undefined): object {
  if (!stop) return { reason: "no end" };
  return stop.reason === "debug-exit" ? stop : { reason: stop.reason };
}

const SENSITIVE: ReadonlySet<string | undefined> = new Set(
  INSTRUCTIONS.filter(({ sensitivity }) => sensitivity === "sensitive-unprivileged").map(
    ({ semantics }) => semantics,
  ),
);

/** The guest runs and shows something else, because of just these instructions: sensitive ones that are not privileged. */
function differsAt(
  folder: string,
  name: string,
  expected: ExpectedRun,
  technique: Technique,
  silent: readonly string[],
): void {
  it(`${name} differs, at ${silent.join(", ")}`, () => {
    const { machine, stop, lost } = run(folder, name, expected, technique, undefined);
    assert.deepEqual(lost, silent);
    assert.deepEqual(silent.filter((family) => !SENSITIVE.has(family)), []); // prettier-ignore
    assert.equal(stop?.reason, expected.stop);
    const shows = expected.shows?.[technique[0]];
    if (shows === undefined) assert.notEqual(machine.serialText(), expected.serial);
    else assert.equal(machine.serialText(), shows);
  });
}

function techniqueText([vmm, mmu, kernelRing]: Technique): string {
  if (vmm === "none") return vmm;
  return `${vmm}, ${mmu}${kernelRing === undefined ? "" : `, ring ${kernelRing}`}`;
}

/** One test per guest of a folder and technique: the same serial output and the same end as on QEMU and Bochs. */
export function describeExpectedRuns(
  folder: string,
  techniques: readonly Technique[],
  hotAfter?: number,
): void {
  const text = readFileSync(join(REPOSITORY, folder, "expected.json"), "utf8");
  const all = JSON.parse(text) as Record<string, ExpectedRun>;
  for (const technique of techniques) {
    const [vmm, mmu, kernelRing] = technique;
    const tier = hotAfter === undefined ? "" : `, regions after ${hotAfter}`;
    describe(`${folder} under ${techniqueText(technique)}${tier}`, function () {
      this.timeout(120_000);
      for (const [name, expected] of Object.entries(all)) {
        if (expected.stop === "input") continue;
        const silent = expected.silent?.[`${vmm}, ring ${kernelRing}`] ?? expected.silent?.[vmm];
        if (silent) differsAt(folder, name, expected, technique, silent);
        if (!expected.vmm.includes(vmm)) continue;
        // Without EPT there is no unrestricted guest: real mode cannot run in VMX non-root operation.
        if (mmu === "shadow-lazy" && expected.entry === "real16") continue;
        it(name, () => {
          const { machine, stop } = run(folder, name, expected, technique, hotAfter);
          const wanted =
            expected.stop === "debug-exit"
              ? { reason: "debug-exit", code: expected.exit }
              : { reason: expected.stop };
          assert.deepEqual(
            { serial: machine.serialText(), ...shown(stop) },
            { serial: expected.serial, ...wanted },
          );
          if (vmm === "none" || mmu !== "nested") return;
          for (const [key, least] of Object.entries(expected.exits ?? {})) {
            const count = machine.exits().find((exit) => exit.key === key)?.count ?? 0;
            assert.ok(count >= least, `${key}: ${count} exits, at least ${least} expected`);
          }
        });
      }
    });
  }
}
