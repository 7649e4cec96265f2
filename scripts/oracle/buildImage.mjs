// Assembles guests with NASM and wraps images so that other emulators start them in the
// states of Ringside's three entries. NASM here is the foreign assembler: an oracle too.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ORACLE_FOLDER = dirname(fileURLToPath(import.meta.url));
const REPOSITORY = dirname(dirname(ORACLE_FOLDER));
const SECTOR_BYTES = 512;
/** One cylinder of 16 heads and 63 sectors: Bochs wants a whole number of them. */
const CYLINDER_BYTES = 16 * 63 * SECTOR_BYTES;
const BOOT_DISK_CYLINDERS = 4;

export const DEFAULT_LOAD = { real16: 0x7c00, protected32: 0x100000, long64: 0x100000 };

/** Whether a program can be started here. */
export function isInstalled(command, args = ["--version"]) {
  const result = spawnSync(command, args, { stdio: "ignore" });
  return result.error === undefined;
}

/** Runs `body` with a temporary folder that is removed afterwards. */
export async function withTemporaryFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), "ringside-oracle-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `nasm -f bin file`, as bytes. Throws with NASM's own messages. */
export function assembleWithNasm(file, { defines = {}, includes = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "ringside-nasm-"));
  try {
    const output = join(folder, "image.bin");
    const args = ["-f", "bin", file, "-o", output, "-I", `${dirname(file)}/`];
    for (const include of includes) args.push("-I", `${include}/`);
    for (const [name, value] of Object.entries(defines)) args.push("-D", `${name}=${value}`);
    const result = spawnSync("nasm", args, { encoding: "utf8" });
    if (result.error !== undefined) throw result.error;
    if (result.status !== 0) throw new Error(result.stderr);
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Assembles a guest of this repository; `%include` also finds examples/include. */
export function assembleGuest(file) {
  return assembleWithNasm(file, { includes: [join(REPOSITORY, "examples")] });
}

/** The multiboot kernel that enters a `long64` image given as its first module. */
export function buildTrampoline(load) {
  return assembleWithNasm(join(ORACLE_FOLDER, "trampoline.asm"), { defines: { LOAD: load } });
}

/** A bootable hard-disk image that starts `image` in the state of `entry`. */
export function buildBootDisk(image, entry, load, folder) {
  const file = join(folder, "guest.bin");
  writeFileSync(file, image);
  const bits = { real16: 16, protected32: 32, long64: 64 }[entry];
  const loader = assembleWithNasm(join(ORACLE_FOLDER, "bootDisk.asm"), {
    defines: { ENTRY: bits, LOAD: load, IMAGE: `"${file}"` },
  });
  const disk = Buffer.alloc(BOOT_DISK_CYLINDERS * CYLINDER_BYTES);
  if (loader.length > disk.length) throw new Error("the image is too large for the boot disk");
  loader.copy(disk);
  return disk;
}
