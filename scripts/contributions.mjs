// Writes `contributes` and `activationEvents` of package.json from the tables in src/extension/contributions.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { tsImport } from "tsx/esm/api";

const ROOT = path.resolve(import.meta.dirname, "..");
const PACKAGE = path.join(ROOT, "package.json");

const tables = await tsImport("../src/extension/contributions/contributes.ts", import.meta.url);
const manifest = JSON.parse(readFileSync(PACKAGE, "utf8"));
manifest.activationEvents = [...tables.ACTIVATION_EVENTS];
manifest.contributes = tables.contributes();
writeFileSync(PACKAGE, `${JSON.stringify(manifest, null, 2)}\n`);
