import { runOnQemu } from "../../scripts/oracle/runQemu.mjs";
import { compareWithOracle } from "./expectedRuns";

describe("conformance guests on QEMU", () => {
  compareWithOracle("test/guests", { name: "qemu", command: "qemu-system-x86_64", run: runOnQemu });
});
