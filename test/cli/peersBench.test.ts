import assert from "node:assert/strict";
import { compareRuns } from "../../src/cli/bench/peers/comparison";
import type { ImageRun } from "../../src/cli/bench/peers/machines";
import { MarkerClock } from "../../src/cli/bench/peers/markerClock";

function runOf(seconds: number, checksum = "00000007"): ImageRun {
  return {
    parts: [{ name: "int80", rounds: 100, seconds, checksum }],
    startSeconds: 1,
    memoryMib: 50,
  };
}

describe("the comparison with other machines", () => {
  it("times each part from its first to its last line", () => {
    let now = 10;
    const clock = new MarkerClock(() => now++);
    for (const line of ["SeaBIOS", "@ alu 00000010", "= alu 0000beef", "# end 00000000"])
      clock.line(line);
    assert.deepEqual(clock.parts, [{ name: "alu", rounds: 16, seconds: 1, checksum: "0000beef" }]);
    assert.equal(clock.isAtEnd, true);
  });

  it("divides the medians of all runs, our machine's by the other's", () => {
    const runs = new Map([
      ["ours", [runOf(1), runOf(2), runOf(9)]],
      ["peer", [runOf(4), runOf(8), runOf(5)]],
    ]);
    const [int80] = compareRuns("system32", runs);
    assert.deepEqual([int80?.value, int80?.ratios], [50, { peer: 2.5 }]);
  });

  it("leaves out a machine whose time is not known", () => {
    const runs = new Map([
      ["ours", [runOf(1)]],
      ["slow", [runOf(4)]],
      ["gone", [runOf(NaN)]],
    ]);
    const [int80] = compareRuns("system32", runs);
    assert.deepEqual(int80?.ratios, { slow: 4 });
    assert.equal(int80.note, "speed 4 × slow");
  });

  it("refuses machines that computed something else", () => {
    const runs = new Map([
      ["ours", [runOf(1)]],
      ["peer", [runOf(1, "00000008")]],
    ]);
    assert.throws(() => compareRuns("system32", runs), /peer has 00000008, not 00000007/);
  });
});
