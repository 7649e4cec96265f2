// Writes docs/sensitive from the instruction table and the sensitivity facts.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { tsImport } from "tsx/esm/api";

const FOLDER = path.resolve(import.meta.dirname, "../docs/sensitive");
const { sensitivityPages } = await tsImport(
  "../src/languageServer/knowledge/sensitivityPages.ts",
  import.meta.url,
);

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
for (const [name, text] of sensitivityPages()) writeFileSync(path.join(FOLDER, name), text);
