// Writes the derived parts of package.json (`contributes`, `activationEvents`, `ringside`) from the tables in
// src/extension/contributions and the engine's table of exit reasons.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { tsImport } from "tsx/esm/api";

const ROOT = path.resolve(import.meta.dirname, "..");
const PACKAGE = path.join(ROOT, "package.json");

const load = (/** @type {string} */ file) => tsImport(`../src/${file}`, import.meta.url);
const tables = await load("extension/contributions/contributes.ts");
const { exitCatalogue } = await load("extension/contributions/exits.ts");
const { EXIT_REASONS } = await load("engine/isa/vmx/exitReasons.ts");

const manifest = JSON.parse(readFileSync(PACKAGE, "utf8"));
manifest.activationEvents = [...tables.ACTIVATION_EVENTS];
const exits = exitCatalogue(EXIT_REASONS);
manifest.ringside = { exits };
manifest.contributes = tables.contributes(exits);
writeFileSync(PACKAGE, `${JSON.stringify(manifest, null, 2)}\n`);
