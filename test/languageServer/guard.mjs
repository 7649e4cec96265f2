// Loaded into the language server before it starts: ends it at the first attempt to write a file or to start a process.
import childProcess from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const WRITES =
  /^(write|append|mkdir|mkdtemp|rm|rmdir|unlink|rename|copyFile|cp|truncate|ftruncate|link|symlink|chmod|chown|utimes|createWriteStream)/;
const STREAMS = new Set([1, 2]);

function forbid(owner, name) {
  const original = owner[name];
  owner[name] = (...args) => {
    // Standard output and error are written to by their numbers.
    if (STREAMS.has(args[0])) return original.apply(owner, args);
    process.stderr.write(`forbidden: ${name} ${String(args[0])}\n`);
    process.exit(99);
  };
}

for (const owner of [fs, fs.promises])
  for (const name of Object.keys(owner))
    if (typeof owner[name] === "function" && WRITES.test(name)) forbid(owner, name);
for (const [owner, name] of [
  [fs, "openSync"],
  [fs, "open"],
  [fs.promises, "open"],
]) {
  const original = owner[name];
  owner[name] = (file, flags, ...rest) => {
    if (flags !== undefined && typeof flags !== "function" && !["r", "rs", 0].includes(flags)) {
      process.stderr.write(`forbidden: ${name} ${String(file)} ${String(flags)}\n`);
      process.exit(99);
    }
    return original.call(owner, file, flags, ...rest);
  };
}
for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"])
  forbid(childProcess, name);
syncBuiltinESMExports();
