import assert from "node:assert/strict";
import { assemble } from "../../src/engine/asm/assemble";
import { edited, editResults } from "../../src/cli/bench/assemblerBench";
import { benchProgram, editProgram, PORTS_INCLUDE } from "../../src/cli/bench/programs";
import { ringside } from "./support";

const include = { file: PORTS_INCLUDE.name, bytes: new TextEncoder().encode(PORTS_INCLUDE.text) };

function errorsOf(text: string): readonly string[] {
  return assemble({ file: "a.asm", text, readFile: () => include }).diagnostics.map(
    ({ message }) => message,
  );
}

describe("the benchmark's programs", () => {
  it("are the same for the same seed, and others for another", () => {
    assert.equal(benchProgram("forward", 500, 3), benchProgram("forward", 500, 3));
    assert.notEqual(benchProgram("forward", 500, 3), benchProgram("forward", 500, 4));
  });

  it("have the asked number of lines and nothing to complain of", () => {
    for (const text of [
      benchProgram("backward", 1000),
      benchProgram("forward", 1000),
      benchProgram("dense", 1000),
    ]) {
      assert.deepEqual(errorsOf(text), []);
      assert.ok(text.split("\n").length - 1 >= 1000);
    }
    assert.deepEqual(errorsOf(editProgram(2000)), []);
  });

  it("stay right under every edit", () => {
    const lines = editProgram(200).split("\n");
    for (let edit = 0; edit < 30; edit++) assert.deepEqual(errorsOf(edited(lines, edit)), []);
  });
});

describe("ringside bench", () => {
  it("reports the middle and the slow end of what was measured", () => {
    const times = Array.from({ length: 100 }, (_, index) => index + 1);
    assert.deepEqual(
      editResults("x", times).map(({ name, value }) => [name, value]),
      [
        ["x: p50", 51],
        ["x: p95", 96],
      ],
    );
  });

  it("prints what it measured as JSON", async () => {
    const { status, out } = await ringside(["bench", "--only", "edits", "--json"]);
    const { results } = JSON.parse(out) as { results: { name: string; unit: string }[] };
    assert.equal(status, 0);
    assert.deepEqual(
      results.map(({ unit }) => unit),
      ["ms", "ms"],
    );
  }).timeout(60_000);

  it("refuses a part that it does not know", async () => {
    const { status, err } = await ringside(["bench", "--only", "coffee"]);
    assert.equal(status, 64);
    assert.match(err, /There is no part "coffee"/);
  });
});
