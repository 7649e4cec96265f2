import assert from "node:assert/strict";
import { layOut, type Edge } from "../../src/engine/execution/regions/regionLayout";

const edge = (from: number, to: number): Edge => ({ from, to });

describe("the layout of a region", () => {
  it("makes a loop of an interval that is entered at its head only", () => {
    const items = layOut(4, [edge(0, 1), edge(1, 2), edge(2, 1), edge(2, 3)], new Set([0]));
    assert.deepEqual(items, [
      { first: 0, last: 0, isLoop: false },
      { first: 1, last: 2, isLoop: true },
      { first: 3, last: 3, isLoop: false },
    ]);
  });

  it("leaves a loop to the dispatcher if a return leads into its middle", () => {
    const items = layOut(3, [edge(0, 1), edge(1, 2), edge(2, 0)], new Set([0, 1]));
    assert.ok(items.every(({ isLoop }) => !isLoop));
    assert.equal(items.length, 3);
  });

  it("leaves a loop to the dispatcher if a jump from outside leads into its middle", () => {
    const items = layOut(4, [edge(0, 2), edge(1, 2), edge(2, 1), edge(3, 1)], new Set([0]));
    assert.ok(items.every(({ isLoop }) => !isLoop));
  });

  it("makes loops of the innermost ones only", () => {
    const edges = [edge(0, 1), edge(1, 1), edge(1, 2), edge(2, 0)];
    assert.deepEqual(layOut(3, edges, new Set([0])), [
      { first: 0, last: 0, isLoop: false },
      { first: 1, last: 1, isLoop: true },
      { first: 2, last: 2, isLoop: false },
    ]);
  });
});
