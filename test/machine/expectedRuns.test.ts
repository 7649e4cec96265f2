import { BARE, HOSTED, describeExpectedRuns } from "../support/expectedRuns";

describeExpectedRuns("examples", [BARE, ...HOSTED]);
describeExpectedRuns("test/guests", [BARE]);
