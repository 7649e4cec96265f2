/** A kernel that gcc built, debugged in VS Code at its own lines: test/fixtures/elf. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../../scripts/hosts/commands.mjs";
import { keepPictureOfFailures, openHost, type Host } from "./host";
import type { Workbench } from "./workbench";

const FIXTURES = path.join(ROOT, "test", "fixtures", "elf");
const LAUNCH = {
  version: "0.2.0",
  configurations: [
    {
      type: "ringside",
      request: "launch",
      name: "C kernel",
      program: "${workspaceFolder}/kernel.elf",
      stopOnEntry: false,
    },
  ],
};

describe("a compiled kernel in VS Code", function () {
  this.slow(10_000);
  let host: Host | undefined;
  let workbench: Workbench;
  const source = readFileSync(path.join(FIXTURES, "kernel.c"), "utf8");
  const line = source.split("\n").findIndex((text) => text.includes("/* @sum */")) + 1;

  before(async function () {
    this.timeout(600_000);
    host = await openHost({
      name: "browser-compiled",
      file: "kernel.c",
      files: {
        "kernel.c": source,
        "boot32.S": readFileSync(path.join(FIXTURES, "boot32.S")),
        "kernel.elf": readFileSync(path.join(FIXTURES, "c32-dwarf4.elf")),
        ".vscode/launch.json": JSON.stringify(LAUNCH),
      },
    });
    ({ workbench } = host);
  });

  after(() => host?.close());

  keepPictureOfFailures(() => workbench);

  it("takes a breakpoint in a C file", async () => {
    await workbench.page.locator(".editor-instance .view-lines").first().click();
    await workbench.press("Control+g");
    await workbench.page.keyboard.type(String(line));
    await workbench.press("Enter");
    // Until the workbench knows of a debugger, F9 does nothing.
    await workbench.pressUntil("F9", workbench.page.locator(".codicon-debug-breakpoint").first());
  });

  it("stops there on F5, with the functions that called", async () => {
    await workbench.startDebugging();
    await workbench.currentLine.waitFor();
    for (const name of ["add", "total", "kmain"])
      await workbench.callStack.locator(".monaco-list-row", { hasText: name }).first().waitFor();
    await workbench.page.waitForTimeout(1500);
    await workbench.screenshot("compiled-kernel");
  });

  it("steps over a line of C", async () => {
    await workbench.press("F10");
    await workbench.page
      .locator(".statusbar-item", { hasText: `Ln ${line + 1}` })
      .first()
      .waitFor();
  });
});
