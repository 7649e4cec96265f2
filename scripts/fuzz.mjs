// The fuzz tests for longer than the quick suite, with another seed each time: FUZZ_SECONDS (120), FUZZ_SEED. The seed is printed.
import { spawnSync } from "node:child_process";

const seed = process.env.FUZZ_SEED ?? String(1 + Math.floor(Math.random() * 0x7ffffffe));
const seconds = process.env.FUZZ_SECONDS ?? "120";
console.log(`FUZZ_SEED=${seed} FUZZ_SECONDS=${seconds}`);
const files = ["test/languageServer/fuzz.test.ts"];
const { status } = spawnSync(
  process.execPath,
  [
    "node_modules/mocha/bin/mocha.js",
    "--no-config",
    "--require",
    "tsx",
    "--extension",
    "ts",
    ...files,
  ],
  { stdio: "inherit", env: { ...process.env, FUZZ_SEED: seed, FUZZ_SECONDS: seconds } },
);
process.exitCode = status ?? 1;
