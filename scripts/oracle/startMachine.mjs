// Runs a multiboot image on another machine, for benchmarks. Prints `pid N`, the process that does the work, and then what the
// image sends over COM1, line by line as it comes. Ends when it is told to, or a while after the image's line `# end`: until
// then the reader can ask how much time the process took.
//   node scripts/oracle/startMachine.mjs qemu|bochs|v86|v86-interpreter IMAGE
import { spawn, spawnSync } from "node:child_process";
import { constants, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { buildBootDisk, DEFAULT_LOAD, withTemporaryFolder } from "./buildImage.mjs";
import { BOCHS, bochsPaths, prepareBochs } from "./runBochs.mjs";
import { machineArguments, QEMU } from "./runQemu.mjs";
import { startV86 } from "./v86.mjs";

const MEMORY_MB = 64;
const END = "# end 00000000\n";
const LINGER_MS = 10_000;

const MACHINES = {
  qemu: startQemu,
  bochs: startBochs,
  v86: (file) => startInProcess(file, true),
  "v86-interpreter": (file) => startInProcess(file, false),
};

function say(text) {
  writeSync(1, text);
}

/** Waits for `child`, which is told to end when we are. */
function follow(child, output) {
  say(`pid ${child.pid}\n`);
  let seen = "";
  output.on("data", (chunk) => {
    say(chunk);
    seen = seen.slice(-END.length) + chunk.toString("latin1");
    if (seen.includes(END)) setTimeout(() => child.kill("SIGKILL"), LINGER_MS).unref();
  });
  process.on("SIGTERM", () => child.kill("SIGKILL"));
  return new Promise((resolve) => child.on("close", resolve));
}

function startQemu(file) {
  const args = [...machineArguments(MEMORY_MB), "-kernel", file];
  const child = spawn(QEMU, args, { stdio: ["ignore", "pipe", "ignore"] });
  return follow(child, child.stdout);
}

/** Bochs writes COM1 to a file: here a named pipe. */
function startBochs(file) {
  return withTemporaryFolder(async (folder) => {
    const paths = bochsPaths(folder);
    const image = readFileSync(file);
    writeFileSync(
      paths.disk,
      buildBootDisk(image, "protected32", DEFAULT_LOAD.protected32, folder),
    );
    spawnSync("mkfifo", [paths.serial]);
    const args = prepareBochs(paths, MEMORY_MB);
    // Open for writing as well, so that it does not end before Bochs has opened it.
    const serial = new Socket({ fd: openSync(paths.serial, constants.O_RDWR | constants.O_NONBLOCK) }); // prettier-ignore
    await follow(spawn(BOCHS, args, { stdio: "ignore" }), serial);
    serial.destroy();
  });
}

async function startInProcess(file, hasJit) {
  say(`pid ${process.pid}\n`);
  const onLine = (line) => {
    writeSync(1, line);
    if (Buffer.from(line).includes(END)) setTimeout(() => process.exit(0), LINGER_MS);
  };
  await startV86({ file, memoryMb: MEMORY_MB, hasJit, onLine });
}

const [machine = "", file = ""] = process.argv.slice(2);
const start = MACHINES[machine];
if (start === undefined) throw new Error(`There is no machine "${machine}".`);
await start(file);
