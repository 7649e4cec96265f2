// Runs one guest image on QEMU (TCG) and returns what it sent over COM1 and how it ended.
//   node scripts/oracle/runQemu.mjs GUEST.asm|IMAGE [--entry E] [--load ADDR] [--memory MB] [--timeout MS]
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  buildBootDisk,
  buildTrampoline,
  DEFAULT_LOAD,
  withTemporaryFolder,
} from "./buildImage.mjs";
import { runFromCommandLine, runsAsMain } from "./commandLine.mjs";

export const QEMU = "qemu-system-x86_64";
/** `max` is all that TCG implements; its vendor decides about SYSENTER in 64-bit mode and about null selectors. */
const CPU_MODEL = "max,vendor=GenuineIntel";

/**
 * `exitStatus` is QEMU's: `(value << 1) | 1` after a write to port 0xf4, 0 after a triple fault
 * (with -no-reboot), undefined when the time was up.
 */
export async function runOnQemu({ image, entry, load, drive, timeoutMs = 10000, memoryMb = 64 }) {
  const address = load ?? DEFAULT_LOAD[entry];
  return withTemporaryFolder(async (folder) => {
    const args = machineArguments(memoryMb);
    args.push(
      ...(drive
        ? bootDiskArguments(image, drive, folder)
        : bootArguments(image, entry, address, folder)),
    );
    return collect(spawn(QEMU, args, { stdio: ["pipe", "pipe", "pipe"] }), timeoutMs);
  });
}

/** The computer without what it boots. */
export function machineArguments(memoryMb) {
  const args = ["-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "none"];
  args.push("-cpu", CPU_MODEL, "-m", String(memoryMb), "-accel", "tcg", "-nic", "none");
  args.push("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04");
  return args;
}

/** The image is the disk that the BIOS starts: a diskette is drive 00h, a hard disk 80h. */
function bootDiskArguments(image, drive, folder) {
  const file = join(folder, "disk.img");
  writeFileSync(file, image);
  const isDiskette = drive === "diskette";
  const device = `file=${file},format=raw,if=${isDiskette ? "floppy" : "ide"},snapshot=on`;
  return ["-drive", device, "-boot", isDiskette ? "a" : "c"];
}

function bootArguments(image, entry, load, folder) {
  const file = join(folder, "image.bin");
  if (entry === "real16") {
    writeFileSync(file, buildBootDisk(image, entry, load, folder));
    return ["-drive", `file=${file},format=raw,if=ide,snapshot=on`];
  }
  writeFileSync(file, image);
  if (entry === "protected32") return ["-kernel", file];
  const trampoline = join(folder, "trampoline.bin");
  writeFileSync(trampoline, buildTrampoline(load));
  return ["-kernel", trampoline, "-initrd", file];
}

function collect(child, timeoutMs) {
  return new Promise((resolve, reject) => {
    const output = [];
    const errors = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.stdin.on("error", () => undefined);
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      const serial = Buffer.concat(output).toString("latin1");
      const messages = Buffer.concat(errors).toString("utf8");
      resolve({ serial, exitStatus: timedOut ? undefined : (code ?? undefined), messages });
    });
  });
}

if (runsAsMain(import.meta.url)) void runFromCommandLine(runOnQemu);
