import assert from "node:assert/strict";
import { join } from "node:path";
import { assembleGuest, isInstalled } from "../../scripts/oracle/buildImage.mjs";
import { runOnQemu } from "../../scripts/oracle/runQemu.mjs";
import { bootDisks, DISKS_FOLDER } from "../support/bootDisks";

describe("boot disks on QEMU with SeaBIOS", function () {
  before(function () {
    if (isInstalled("qemu-system-x86_64") && isInstalled("nasm", ["-v"])) return;
    console.log("      skipped: qemu-system-x86_64 or nasm is not installed");
    this.skip();
  });

  for (const [name, { drive, serial, exit }] of bootDisks()) {
    it(name, async () => {
      const image = assembleGuest(join(DISKS_FOLDER, name));
      const result = await runOnQemu({ image, entry: "real16", drive, timeoutMs: 60_000 });
      assert.deepEqual(
        { serial: result.serial, exit: result.exitStatus },
        { serial, exit: (exit << 1) | 1 },
      );
    });
  }
});
