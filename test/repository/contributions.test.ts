import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { EXIT_REASONS } from "../../src/engine/isa/vmx/exitReasons";
import { COMMANDS } from "../../src/extension/contributions/commands";
import { ACTIVATION_EVENTS, contributes } from "../../src/extension/contributions/contributes";
import { exitCatalogue } from "../../src/extension/contributions/exits";

interface Manifest {
  readonly contributes: object;
  readonly activationEvents: readonly string[];
  readonly ringside: object;
}

const exits = exitCatalogue(EXIT_REASONS);
const manifest = JSON.parse(readFileSync(path.resolve("package.json"), "utf8")) as Manifest;

/** Every file that a contribution names. */
function filesIn(value: unknown): string[] {
  if (typeof value === "string") {
    return /^([.][/])?(media|syntaxes|language-configuration)\b/.test(value) ? [value] : [];
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(filesIn) : [];
}

describe("package.json", () => {
  it("has the contributions of the tables (else: npm run contributions)", () => {
    assert.deepEqual(manifest.contributes, JSON.parse(JSON.stringify(contributes(exits))));
    assert.deepEqual(manifest.activationEvents, ACTIVATION_EVENTS);
    assert.deepEqual(manifest.ringside, { exits });
  });

  it("names only files that exist", () => {
    const missing = filesIn(manifest.contributes).filter((file) => !existsSync(path.resolve(file)));
    assert.deepEqual(missing, []);
  });

  it("has each command once", () => {
    const ids = COMMANDS.map((row) => row.id);
    assert.deepEqual(ids, [...new Set(ids)]);
  });
});
