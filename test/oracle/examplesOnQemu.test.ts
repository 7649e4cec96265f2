import { runOnQemu } from "../../scripts/oracle/runQemu.mjs";
import { compareWithOracle } from "./expectedRuns";

describe("examples on QEMU", () => {
  compareWithOracle("examples", { name: "qemu", command: "qemu-system-x86_64", run: runOnQemu });
});
