// Runs the guests of a folder on QEMU and on Bochs and keeps FOLDER/expected.json.
//   node scripts/oracle/record.mjs FOLDER [GUEST.asm …]     record serial output and exit
//   node scripts/oracle/record.mjs FOLDER --check [GUEST.asm …]   only compare
// An entry says by hand what cannot be measured: where the guest is wrong on one emulator (`qemu` or `bochs`
// false, the reason in `whyNot`), which techniques run it, the least exits. A guest that ends differently on two
// emulators that should both be right is an error.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assembleGuest } from "./buildImage.mjs";
import { entryOfSource } from "./commandLine.mjs";
import { runOnBochs } from "./runBochs.mjs";
import { runOnQemu } from "./runQemu.mjs";

const RUNNERS = { qemu: runOnQemu, bochs: runOnBochs };
const DEFAULT_TECHNIQUES = ["none", "hardware-assisted"];
const TIMEOUT_MS = 60000;

/** What a run says, in the words of expected.json; undefined when it did not end in time. */
function outcome({ serial, exitStatus }) {
  if (exitStatus === undefined) return undefined;
  if (exitStatus === 0) return { serial, stop: "shutdown" };
  return { serial, stop: "debug-exit", exit: exitStatus >> 1 };
}

async function measure(file, known) {
  const entry = known.entry ?? entryOfSource(readFileSync(file, "utf8"));
  const image = assembleGuest(file);
  const results = {};
  for (const [name, run] of Object.entries(RUNNERS)) {
    if (known[name] === false) continue;
    results[name] = outcome(await run({ image, entry, load: known.load, timeoutMs: TIMEOUT_MS }));
    if (results[name] === undefined) throw new Error(`${file}: no end on ${name}`);
  }
  const [first, second] = Object.values(results);
  if (first === undefined) throw new Error(`${file}: no emulator is said to run it`);
  if (second !== undefined && JSON.stringify(first) !== JSON.stringify(second)) {
    throw new Error(`${file}: QEMU and Bochs differ`);
  }
  return { entry, ...first };
}

/** The measured fields first, then those written by hand, in their order. */
function completeEntry(known, measured) {
  const { entry, serial, stop, exit } = measured;
  const result = { entry, serial, stop, ...(exit === undefined ? {} : { exit }) };
  const { qemu = true, bochs = true, vmm = DEFAULT_TECHNIQUES } = known;
  const byHand = Object.entries({ qemu, bochs, vmm, ...known });
  const kept = byHand.filter(([name]) => !["entry", "serial", "stop", "exit"].includes(name));
  return { ...result, ...Object.fromEntries(kept) };
}

async function main(args) {
  const isCheck = args.includes("--check");
  const [folder, ...names] = args.filter((argument) => !argument.startsWith("--"));
  const table = join(folder, "expected.json");
  const expected = existsSync(table) ? JSON.parse(readFileSync(table, "utf8")) : {};
  const guests = readdirSync(folder).filter((name) => name.endsWith(".asm"));
  let failures = 0;
  for (const name of guests.filter((guest) => names.length === 0 || names.includes(guest))) {
    const known = expected[name] ?? {};
    if (known.qemu === false && known.bochs === false) continue;
    try {
      const entry = completeEntry(known, await measure(join(folder, name), known));
      const isSame = JSON.stringify(entry) === JSON.stringify(known);
      if (isCheck && !isSame) throw new Error(`${name}: not as recorded`);
      process.stdout.write(`${isSame ? "same    " : "recorded"} ${name}\n`);
      expected[name] = entry;
    } catch (error) {
      failures += 1;
      process.stdout.write(`FAILED   ${name}: ${error.message}\n`);
    }
  }
  if (!isCheck) {
    const sorted = Object.fromEntries(
      Object.entries(expected)
        .filter(([name]) => guests.includes(name))
        .sort(([a], [b]) => a.localeCompare(b)),
    );
    writeFileSync(table, `${JSON.stringify(sorted, null, 2)}\n`);
  }
  process.exitCode = failures === 0 ? 0 : 1;
}

void main(process.argv.slice(2));
