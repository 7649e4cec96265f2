/** A deprivileged kernel in VS Code: where it loses fidelity, and what the views show then. */
import { keepPictureOfFailures, openHost, type Host } from "./host";
import type { Workbench } from "./workbench";

const LAUNCH = {
  version: "0.2.0",
  configurations: [
    {
      type: "ringside",
      request: "launch",
      name: "At ring 1",
      program: "${workspaceFolder}/silentPopf.asm",
      vmm: "trap-and-emulate",
      stopOnEntry: true,
    },
  ],
};

describe("a deprivileged kernel in VS Code", function () {
  this.slow(10_000);
  let host: Host | undefined;
  let workbench: Workbench;

  before(async function () {
    this.timeout(600_000);
    host = await openHost({
      name: "browser-fidelity",
      file: "silentPopf.asm",
      files: { ".vscode/launch.json": JSON.stringify(LAUNCH) },
    });
    ({ workbench } = host);
  });

  after(() => host?.close());

  keepPictureOfFailures(() => workbench);

  it("starts at ring 1, which the guest believes to be ring 0", async () => {
    await workbench.startDebugging();
    await workbench.currentLine.waitFor();
    await workbench.widenSideBar(560);
    await workbench.row("VCPU and CPU", "CPU: 32-bit, ring 1").waitFor();
    await workbench.screenshot("fidelity-entry");
  });

  it("runs to the instruction that loses fidelity, and says what was lost", async () => {
    await workbench.command("Ringside: Run to Next Loss of Fidelity");
    await workbench.page
      .locator(".exception-widget", { hasText: "guest asked IF=0, hardware kept IF=1" })
      .waitFor();
    // The head of the call stack says why the program stands still.
    await workbench.page
      .locator(".sidebar .pane-header", { hasText: /Call Stack.*Fidelity lost/s })
      .waitFor();
    await workbench.screenshot("fidelity-lost");
  });
});
