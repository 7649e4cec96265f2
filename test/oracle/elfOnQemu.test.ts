/** Kernels of gcc and GAS end on our machine as on QEMU, whose multiboot loader reads the same ELF files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInstalled } from "../../scripts/oracle/buildImage.mjs";
import { runOnQemu } from "../../scripts/oracle/runQemu.mjs";
import { ringside } from "../cli/support";
import { elfBytes, fixture } from "../elf/fixtures";

/** The commands of docs/EXAMPLES.md, "A kernel built elsewhere". */
function documentedCommands(): string[] {
  const text = readFileSync(join(import.meta.dirname, "../../docs/EXAMPLES.md"), "utf8");
  const block = /## A kernel built elsewhere[^]*?```\n([^]*?)```/.exec(text)?.[1] ?? "";
  return block.split("\n").filter((line) => /^(gcc|ld) /.test(line));
}

describe("ELF kernels on QEMU", function () {
  this.timeout(60_000);

  before(function () {
    if (isInstalled("qemu-system-x86_64")) return;
    console.log("      skipped: qemu-system-x86_64 is not installed");
    this.skip();
  });

  async function compare(image: Uint8Array, file: string): Promise<void> {
    const qemu = await runOnQemu({ image, entry: "protected32" });
    const ours = await ringside(["run", file]);
    assert.deepEqual([ours.status, ours.out], [qemu.exitStatus, qemu.serial]);
    assert.match(ours.out, /\n$/);
  }

  for (const name of [
    "c32-dwarf5.elf",
    "c32-optimized.elf",
    "c32-stripped.elf",
    "higher-half.elf",
  ]) {
    it(`${name} does the same`, () => compare(elfBytes(name), fixture(name)));
  }

  it("the example does the same, built by the documented commands", async function () {
    if (!isInstalled("gcc", ["--version"])) {
      console.log("      skipped: gcc is not installed");
      this.skip();
    }
    const folder = mkdtempSync(join(tmpdir(), "ringside-oracle-example-"));
    try {
      cpSync(join(import.meta.dirname, "../../examples/cKernel"), folder, { recursive: true });
      const commands = documentedCommands();
      assert.equal(commands.length, 2);
      for (const command of commands) {
        execFileSync("sh", ["-c", command], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
      }
      const file = join(folder, "kernel.elf");
      await compare(readFileSync(file), file);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
