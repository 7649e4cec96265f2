import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assembleWithNasm, isInstalled } from "../../../scripts/oracle/buildImage.mjs";
import { BIOS, runOnBochs, VIDEO_BIOS } from "../../../scripts/oracle/runBochs.mjs";
import { createDebuggee, loadImage } from "../../../src/engine/index";
import { exitRows } from "./exitRows";
import { allProvocations, provocationsText, type Provocation } from "./provocations";

/** Change it, or set RINGSIDE_SEED, for other random cases. */
const SEED = Number(process.env.RINGSIDE_SEED ?? 1);
const CASES_AN_IMAGE = 400;
const MEMORY_BYTES = 64 << 20;
const MAX_SLICES = 200;
const TIMEOUT_MS = 120_000;
const EXAMPLES = join(import.meta.dirname, "..", "..", "..", "examples");

function imageOf(cases: readonly Provocation[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "ringside-provocations-"));
  try {
    writeFileSync(join(folder, "provocations.inc"), provocationsText(cases));
    const file = join(import.meta.dirname, "provoker.asm");
    return assembleWithNasm(file, { includes: [EXAMPLES, folder] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runHere(bytes: Uint8Array): string {
  const image = loadImage({ name: "provoker", bytes, entry: "long64", memoryBytes: MEMORY_BYTES });
  const machine = createDebuggee({
    image,
    vmm: "none",
    mmu: "nested",
    memoryBytes: MEMORY_BYTES,
    recording: false,
  });
  for (let i = 0; i < MAX_SLICES; i++)
    if (machine.run(1_000_000, { breakpoints: new Set() })) break;
  return machine.serialText();
}

/** Cases that Bochs 2.7 does not run as the manual says, and why; each is a row of docs/quirks.md. */
function whyNotComparable({ fields = {}, code, memory = {} }: Provocation): string | undefined {
  const primary = fields.PRIMARY_PROCESSOR_BASED_CONTROLS;
  const injected = fields.VM_ENTRY_INTERRUPTION_INFORMATION;
  const pending = fields.GUEST_PENDING_DEBUG_EXCEPTIONS;
  const blocking = fields.GUEST_INTERRUPTIBILITY_STATE;
  if (typeof primary === "bigint" && primary & (1n << 27n)) return "no monitor trap flag";
  if (fields.GUEST_ACTIVITY_STATE === 1 && injected !== undefined)
    return "any event may be injected into a halted guest";
  if (fields.GUEST_ACTIVITY_STATE === 1 && typeof primary === "bigint")
    return "a halted guest has no interrupt window";
  if (pending !== undefined && (blocking !== undefined || fields.GUEST_ACTIVITY_STATE === 1))
    return "BS pending is not checked against RFLAGS.TF; blocking by STI and #DB; POP SS and INT";
  if (typeof primary === "bigint" && primary & (1n << 22n) && blocking === 2)
    return "the NMI window is lost behind MOV SS";
  const stack = fields.GUEST_SS_ACCESS_RIGHTS;
  if (typeof stack === "bigint" && stack & 0x10000n)
    return "the DPL of an unusable SS is not checked";
  if (code === "nop" && memory.PAGE_TABLES !== undefined)
    return "accessed flags are written where EPT forbids writes";
  return undefined;
}

function describeCase({ mode, code, fields, memory }: Provocation): string {
  const value = (_key: string, each: unknown): unknown =>
    typeof each === "bigint" ? `0x${each.toString(16)}` : each;
  return `${mode} ${JSON.stringify({ code, fields, memory }, value)}`;
}

const missing =
  ["bochs-bin", "nasm"].find((command) => !isInstalled(command)) ??
  [BIOS, VIDEO_BIOS].find((file) => !existsSync(file));

describe(`VM exits and entries on Bochs (seed ${SEED})`, () => {
  if (missing !== undefined) {
    it.skip(`${missing} is not here`);
    return;
  }
  const cases = allProvocations(SEED).filter((each) => whyNotComparable(each) === undefined);
  for (let from = 0; from < cases.length; from += CASES_AN_IMAGE) {
    const some = cases.slice(from, from + CASES_AN_IMAGE);
    it(`cases ${from} to ${from + some.length - 1} say the same`, async function () {
      this.timeout(2 * TIMEOUT_MS);
      const image = imageOf(some);
      const run = await runOnBochs({ image, entry: "long64", timeoutMs: TIMEOUT_MS });
      const theirs = exitRows(run.serial, some);
      const ours = exitRows(runHere(image), some);
      const different = some.flatMap((each, i) =>
        JSON.stringify(ours[i]) === JSON.stringify(theirs[i]) && ours[i] !== undefined
          ? []
          : [{ case: describeCase(each), ours: ours[i], theirs: theirs[i] }],
      );
      assert.deepEqual(different, []);
    });
  }
});
