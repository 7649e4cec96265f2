import assert from "node:assert/strict";
import { assembled, messages } from "./support";

/** More than a JavaScript call takes as arguments. */
const MANY = 150_000;

describe("input that is longer than anyone writes by hand", () => {
  it("may be a string of any length up to 1 MiB", () => {
    const text = "%strcat x 'a'\n%rep 18\n%strcat x x,x\n%endrep\ndb x\n";
    assert.equal(assembled(text).image.length, 1 << 18);
    const growing = text.replace("18", "40");
    assert.match(messages(assembled(growing), "error")[0] ?? "", /^3: the string is too long/);
  });

  it("may be one line of data", () => {
    const numbers = Array.from({ length: MANY }, () => "7").join(",");
    assert.equal(assembled(`db ${numbers}`).image.length, MANY);
  });

  it("may be the arguments of one macro", () => {
    const numbers = Array.from({ length: MANY }, () => "7").join(",");
    const text = `%macro put 1+\ndb %1\n%endmacro\nput ${numbers}`;
    assert.equal(assembled(text).image.length, MANY);
  }).timeout(60000);

  it("may be sections with bytes in each", () => {
    const text = `%assign n 0\n%rep ${MANY}\nsection s%[n]\ndb 1\n%assign n n+1\n%endrep`;
    assert.equal(assembled(text).image.length, 4 * MANY - 3);
  }).timeout(60000);
});
