import assert from "node:assert/strict";
import { HitRecord, parseHitCondition } from "../../src/debugAdapter/breakpoints/hitCondition";

function hitsThatStop(text: string): number[] {
  const condition = parseHitCondition(text);
  assert.equal(typeof condition, "function", text);
  if (typeof condition !== "function") return [];
  return [1, 2, 3, 4, 5, 6].filter((hit) => condition(hit));
}

describe("hit conditions", () => {
  it("know every operator", () => {
    assert.deepEqual(hitsThatStop("3"), [3]);
    assert.deepEqual(hitsThatStop("= 3"), [3]);
    assert.deepEqual(hitsThatStop("== 3"), [3]);
    assert.deepEqual(hitsThatStop(">= 5"), [5, 6]);
    assert.deepEqual(hitsThatStop(">5"), [6]);
    assert.deepEqual(hitsThatStop("<= 2"), [1, 2]);
    assert.deepEqual(hitsThatStop("< 2"), [1]);
    assert.deepEqual(hitsThatStop("% 2"), [2, 4, 6]);
  });

  it("are absent when empty and explain themselves when wrong", () => {
    assert.equal(parseHitCondition(" "), undefined);
    assert.match(String(parseHitCondition("often")), /not a hit count/);
    assert.match(String(parseHitCondition("% 0")), /not a hit count/);
  });
});

describe("hit records", () => {
  it("count by position in time, however often a stretch is run", () => {
    const record = new HitRecord();
    assert.deepEqual([10, 20, 30, 20, 10, 40].map((at) => record.hit(at)), [1, 2, 3, 2, 1, 4]); // prettier-ignore
  });

  it("forget a future that will not happen", () => {
    const record = new HitRecord();
    for (const at of [10, 20, 30]) record.hit(at);
    record.forgetAfter(10);
    assert.equal(record.hit(15), 2);
  });
});
