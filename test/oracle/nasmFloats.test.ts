/** Floating-point constants under every `float` option against the installed NASM. */
import assert from "node:assert/strict";
import { skipWithoutPinnedNasm } from "./nasm";
import { NasmFolder, ourOutcome } from "./nasmProgram";

const SEED = Number(process.env.NASM_SEED ?? 1);
const ROUNDINGS = ["near", "up", "down", "zero"];
/** Decimal exponents around which a format underflows and overflows. */
const FORMATS = [
  { directive: "dw", edge: 5 },
  { directive: "dd", edge: 39 },
  { directive: "dq", edge: 309 },
  { directive: "dt", edge: 4940 },
  { directive: "do", edge: 4940 },
];

/** A linear congruential generator. */
function randomBelow(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function constants(seed: number): string {
  const below = randomBelow(seed);
  const lines: string[] = [];
  for (const { directive, edge } of FORMATS) {
    for (let i = 0; i < 60; i++) {
      const sign = below(2) === 0 ? "" : "-";
      const near = [0, -edge, edge][below(3)]!;
      const exponent = near + below(13) - 6;
      const number = `${below(10)}.${below(1e9)}${below(1e9)}e${exponent}`;
      const binary = `0x1.${below(2 ** 31).toString(16)}p${below(60) - 30}`;
      lines.push(`${directive} ${sign}${below(4) === 0 ? binary : number}`);
    }
  }
  for (let i = 0; i < 10; i++) lines.push(`mov eax, __?float32?__(-0.${below(1e9)})`);
  return lines.join("\n");
}

describe("floating-point options, against the installed NASM", function () {
  this.timeout(120_000);
  let folder: NasmFolder | undefined;

  before(function () {
    skipWithoutPinnedNasm(this);
    folder = new NasmFolder();
  });

  after(() => folder?.remove());

  function isTheSame(source: string): void {
    const theirs = folder!.outcome(source);
    const ours = ourOutcome(source);
    assert.equal(theirs.refused, false, theirs.diagnostics.join("\n"));
    assert.equal(ours.image, theirs.image, `seed ${SEED}\n${source}`);
  }

  for (const rounding of ROUNDINGS) {
    for (const denormals of ["nodaz", "daz"]) {
      it(`rounds as NASM does: ${rounding}, ${denormals}, seed ${SEED}`, () => {
        isTheSame(`bits 32\nfloat ${rounding}, ${denormals}\n${constants(SEED)}\n`);
      });
    }
  }

  it("begins each pass with what the last one ended with", () => {
    isTheSame("dd 1.0e-45\nfloat daz\ndd 1.0e-45\n");
    isTheSame("dd 0.3\nfloat down\ndd 0.3\nfloat near\ndd 0.3\n");
    isTheSame("dd 0.3\nfloat down\nfloat daz\nfloat default\ndd 1.0e-45\n");
  });

  it("rounds in each expansion of a macro as is set there", () => {
    const macro = "bits 32\n%macro m 0\nmov eax, __float32__(0.1)\n%endmacro\n";
    isTheSame(`${macro}m\n[float up]\nm\n[float down]\nm\n[float zero]\nm\n[float near]\nm\n`);
  });
});
