/** Golden files: text that must not change by accident. A missing one fails; UPDATE_GOLDEN=1 writes them. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const FOLDER = join(__dirname, "..", "golden");

export function assertGolden(name: string, actual: string): void {
  const file = join(FOLDER, name);
  if (process.env.UPDATE_GOLDEN === "1") {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, actual);
    return;
  }
  assert.ok(
    existsSync(file),
    `there is no golden file ${file}: run with UPDATE_GOLDEN=1 and look at it`,
  );
  assert.equal(actual, readFileSync(file, "utf8"));
}
