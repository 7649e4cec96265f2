import { HOSTED, describeExpectedRuns } from "../support/expectedRuns";

// Fidelity: what a guest can see under a technique equals the bare machine.
describeExpectedRuns("test/guests", HOSTED);
