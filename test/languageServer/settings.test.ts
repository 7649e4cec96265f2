import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { readSettings, SETTINGS } from "../../src/languageServer/settings";

const MANUAL = path.resolve(import.meta.dirname, "../../docs/LANGUAGE_SERVER.md");

describe("settings", () => {
  it("are in the manual with their defaults, and no others are", () => {
    const rows = readFileSync(MANUAL, "utf8").matchAll(
      /^\| `(ringside\.[\w.]+)` \| `([^`]*)` \|/gm,
    );
    const documented = Object.fromEntries([...rows].map(([, name, value]) => [name, value]));
    const own = Object.fromEntries(
      Object.entries(SETTINGS).map(([name, { default: value }]) => [
        name,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    );
    assert.deepEqual(documented, own);
  });

  it("fall back to their defaults where a value is of the wrong kind or out of range", () => {
    const { format } = readSettings({
      format: { mnemonicColumn: "8", operandColumn: 1000, case: "Upper" },
    });
    assert.deepEqual(format, readSettings(undefined).format);
    assert.equal(readSettings({ "format.commentColumn": 50 }).format.commentColumn, 50);
  });
});
