/** Random guests under trap-and-emulate, compared with the bare machine state by state. */
import assert from "node:assert/strict";
import type { Debuggee, KernelRing } from "../../src/engine/index";
import { INSTRUCTIONS } from "../../src/engine/isa/table";
import type { Machine } from "../../src/engine/machine/machine";
import { guest } from "./guest";
import { runLockstep, type LockstepEnd } from "./lockstep";
import { GUEST_BYTES, randomGuest, TABLE_RANGE, type Recipe } from "./randomGuest";

const STATES = 3000;
/** A line that no device uses. */
const LINE = 5;
const PERIOD = 37;

const SENSITIVE: ReadonlySet<string | undefined> = new Set(
  INSTRUCTIONS.filter(({ sensitivity }) => sensitivity === "sensitive-unprivileged").map(
    ({ semantics }) => semantics,
  ),
);

/** The machine behind the debugger's door: only there lines can be pulled between two instructions. */
export function innerMachine(debuggee: Debuggee): Machine {
  return Reflect.get(debuggee, "machine") as Machine;
}

function pulse(debuggee: Debuggee): void {
  const machine = innerMachine(debuggee);
  const line = machine.pc.pic.line(LINE);
  line.set(false);
  line.set(true);
  // What a device of the host does: the VMM learns that something has happened.
  if (machine.supervisor) machine.hostInterrupt = true;
}

interface Compared {
  readonly end: LockstepEnd;
  /** Guest memory is the same, but for the guest's page tables: their A flags may come earlier. */
  readonly sameMemory: boolean;
}

function memoryOf(debuggee: Debuggee): Buffer {
  const bytes = Buffer.from(debuggee.readMemory("gpa", 0n, GUEST_BYTES));
  return bytes.fill(0, TABLE_RANGE.from, TABLE_RANGE.to);
}

function compare(recipe: Recipe, kernelRing: KernelRing): Compared {
  const text = randomGuest(recipe);
  const options = { recording: false, memoryBytes: GUEST_BYTES };
  const bare = guest(text, { vmm: "none", ...options });
  const hosted = guest(text, {
    vmm: "trap-and-emulate",
    mmu: "shadow-lazy",
    kernelRing,
    ...options,
  });
  const end = runLockstep(bare, hosted, {
    states: STATES,
    at: (state) => {
      if (state % PERIOD !== recipe.seed % PERIOD) return;
      pulse(bare);
      pulse(hosted);
    },
  });
  return { end, sameMemory: memoryOf(bare).equals(memoryOf(hosted)) };
}

function told({ seed }: Recipe, end: LockstepEnd): string {
  return `seed ${seed}, after ${end.states} states\nlast equal ${end.divergence?.before}\nhosted ${end.divergence?.hosted}\nbare ${end.divergence?.bare}`;
}

function assertSame(recipe: Recipe, { end, sameMemory }: Compared): void {
  assert.equal(end.divergence, undefined, told(recipe, end));
  assert.equal(end.stops.hosted?.reason, end.stops.bare?.reason, told(recipe, end));
  assert.ok(sameMemory, `guest memory: ${told(recipe, end)}`);
}

/** Seeds of a run; another one with RINGSIDE_SEED. */
function seeds(count: number): number[] {
  const first = Number(process.env.RINGSIDE_SEED ?? 1);
  return Array.from({ length: count }, (_, index) => (first + index) * 7919);
}

export function describeRandomGuests(count: number): void {
  for (const kernelRing of [1, 3] as const)
    describe(`random guests under trap-and-emulate, ring ${kernelRing}`, function () {
      this.timeout(count * 10_000);

      it("show at each state what bare metal shows, where they run no silent instruction", () => {
        for (const seed of seeds(count)) {
          const recipe = { seed, kind: "faithful" } as const;
          const compared = compare(recipe, kernelRing);
          assert.equal(compared.end.lost, undefined, compared.end.lost?.text);
          assertSame(recipe, compared);
        }
      });

      it("differ only at sensitive instructions that are not privileged, and each loss is told", () => {
        const lost = new Map<string, number>();
        for (const seed of seeds(count)) {
          const recipe = { seed, kind: "silent" } as const;
          const compared = compare(recipe, kernelRing);
          const { end, sameMemory } = compared;
          if (!end.lost) {
            assertSame(recipe, compared);
            continue;
          }
          const { instruction, text } = end.lost;
          assert.ok(SENSITIVE.has(instruction), text);
          assert.ok(end.divergence !== undefined || !sameMemory, `a false alarm: seed ${seed}, ${text}`); // prettier-ignore
          lost.set(instruction, (lost.get(instruction) ?? 0) + 1);
        }
        assert.ok(lost.size > 0);
        const all = [...lost].map(([name, times]) => `${name} ${times}`).sort();
        console.log(`        fidelity lost at: ${all.join(", ")}`);
      });
    });
}
