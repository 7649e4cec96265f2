import { BARE, HOSTED, describeExpectedRuns } from "../support/expectedRuns";

// Fidelity: what a guest can see under a technique equals the bare machine.
describeExpectedRuns("test/guests", HOSTED);
// Every block that is executed twice becomes a region: tier 1 must do what QEMU and Bochs have done.
describeExpectedRuns("test/guests", [BARE, ...HOSTED], 1);
