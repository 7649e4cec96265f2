import { BIOS, runOnBochs, VIDEO_BIOS } from "../../scripts/oracle/runBochs.mjs";
import { compareWithOracle } from "./expectedRuns";

for (const folder of ["examples", "test/guests"]) {
  describe(`${folder} on Bochs`, () => {
    compareWithOracle(folder, {
      name: "bochs",
      command: "bochs-bin",
      needs: [BIOS, VIDEO_BIOS],
      run: runOnBochs,
    });
  });
}
