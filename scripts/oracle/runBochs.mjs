// Runs one guest image on Bochs 2.7 (which has VMX) and returns what it sent over COM1 and how it ended.
//   node scripts/oracle/runBochs.mjs GUEST.asm|IMAGE [--entry E] [--load ADDR] [--memory MB] [--timeout MS] [--log FILE]
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildBootDisk, DEFAULT_LOAD, withTemporaryFolder } from "./buildImage.mjs";
import { runFromCommandLine, runsAsMain } from "./commandLine.mjs";

export const BOCHS = "bochs-bin";
/** The first is in a Debian package of its own, bochsbios. */
export const BIOS = "/usr/share/bochs/BIOS-bochs-latest";
export const VIDEO_BIOS = "/usr/share/bochs/VGABIOS-lgpl-latest";
const CPU_MODEL = "corei7_skylake_x";
const POLL_MS = 100;
/** Bochs has no debug-exit device, but logs writes to ports that nobody claims. */
const EXIT_PATTERN = /unmapped: (?:8|16|32)-bit write to 00f4 = ([0-9a-f]+)/;

/**
 * `exitStatus` as QEMU would give it: `(value << 1) | 1` after a write to port 0xf4, 0 after a
 * triple fault, undefined when the time was up.
 */
export async function runOnBochs({ image, entry, load, timeoutMs = 60000, memoryMb = 64, log }) {
  const address = load ?? DEFAULT_LOAD[entry];
  return withTemporaryFolder(async (folder) => {
    const paths = bochsPaths(folder);
    writeFileSync(paths.disk, buildBootDisk(image, entry, address, folder));
    const args = prepareBochs(paths, memoryMb);
    const result = await watch(args, paths, timeoutMs);
    if (log !== undefined) copyFileSync(paths.log, log);
    return result;
  });
}

/** The files of one run. */
export function bochsPaths(folder) {
  return {
    disk: join(folder, "disk.img"),
    serial: join(folder, "serial.txt"),
    log: join(folder, "bochs.log"),
    configuration: join(folder, "bochsrc.txt"),
    debugger: join(folder, "debugger.txt"),
  };
}

/** Writes what Bochs reads beside the disk; returns its arguments. */
export function prepareBochs(paths, memoryMb) {
  writeFileSync(paths.configuration, configuration(paths, memoryMb));
  writeFileSync(paths.debugger, "continue\n");
  return ["-q", "-f", paths.configuration, "-rc", paths.debugger];
}

function configuration(paths, memoryMb) {
  return `cpu: model=${CPU_MODEL}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=0
memory: guest=${String(memoryMb)}, host=${String(memoryMb)}
romimage: file=${BIOS}
vgaromimage: file=${VIDEO_BIOS}
ata0-master: type=disk, mode=flat, path=${paths.disk}, cylinders=0
boot: disk
display_library: rfb, options="timeout=0"
com1: enabled=1, mode=file, dev=${paths.serial}
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none, time0=1000000000
log: ${paths.log}
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore, unmapped=report
`;
}

async function watch(args, paths, timeoutMs) {
  const child = spawn(BOCHS, args, { stdio: "ignore" });
  const ended = new Promise((resolve, reject) => {
    child.on("close", resolve);
    child.on("error", reject);
  });
  let running = true;
  void ended.finally(() => {
    running = false;
  });
  for (let waitedMs = 0; running && waitedMs < timeoutMs; waitedMs += POLL_MS) {
    if (EXIT_PATTERN.test(read(paths.log))) break;
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
  }
  if (running) child.kill("SIGKILL");
  await ended;
  return outcome(read(paths.serial), read(paths.log));
}

function outcome(serial, log) {
  const exit = EXIT_PATTERN.exec(log);
  if (exit?.[1] !== undefined) return { serial, exitStatus: (parseInt(exit[1], 16) << 1) | 1 };
  // With reset_on_triple_fault=0 Bochs enters the shutdown state and says so.
  const isShutdown = /shutdown/i.test(
    log.split("\n").find((line) => line.includes(">>PANIC<<")) ?? "",
  );
  const isTripleFault = isShutdown || /3rd \(\d+\) exception with no resolution/.test(log);
  return { serial, exitStatus: isTripleFault ? 0 : undefined };
}

function read(file) {
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}

if (runsAsMain(import.meta.url)) void runFromCommandLine(runOnBochs);
