/** A person's first session, with keys and mouse, in VS Code's server with the packaged extension. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../../scripts/hosts/commands.mjs";
import { keepPictureOfFailures, openHost, THEMES, type Host } from "./host";
import type { Workbench } from "./workbench";

const GUEST = "vmExitTour.asm";

describe("a first session in VS Code", function () {
  this.slow(10_000);
  let host: Host | undefined;
  let workbench: Workbench;

  before(async function () {
    this.timeout(600_000);
    host = await openHost({ name: "browser", file: GUEST });
    ({ workbench } = host);
  });

  after(() => host?.close());

  keepPictureOfFailures(() => workbench);

  it("colours assembly", async () => {
    await workbench.page
      .locator(".view-line span[class*='mtk']", { hasText: /^bits$/ })
      .first()
      .waitFor();
    await workbench.page.locator(".statusbar-item", { hasText: "NASM Assembly" }).waitFor();
  });

  it("offers the debugger in the editor's title", async () => {
    await workbench.page
      .locator(".editor-actions [aria-label*='Debug Guest Kernel']")
      .first()
      .waitFor();
    await workbench.screenshot("editor");
  });

  it("starts on F5 with no launch.json, and stops before the first instruction", async () => {
    await workbench.startDebugging();
    await workbench.currentLine.waitFor();
    await workbench.statusBar.filter({ hasText: "64-bit · ring 0" }).waitFor();
    assert.equal(existsSync(path.join(host!.workspace, ".vscode", "launch.json")), false);
  });

  it("unfolds the views at the first stop", async () => {
    await workbench.rows("VCPU and CPU").nth(1).waitFor();
    await workbench.rows("VM Exits").nth(1).waitFor();
    await workbench.screenshot("entry");
  });

  it("breaks on a VM exit that was ticked", async () => {
    await workbench.widenSideBar(560);
    for (const view of ["Variables", "Watch", "Loaded Scripts", "Breakpoints"])
      await workbench.fold(view, true);
    await workbench.tick("VM Exits", "CPUID");
    // A ticked exit moves up, out of the list of those that did not happen: then the session knows it.
    await workbench.row("VM Exits", "Other exits").waitFor();
    await workbench.press("F5");
    await workbench.statusBar.filter({ hasText: "VMM" }).waitFor();
    await workbench.callStack.filter({ hasText: /VM exit 10/ }).waitFor();
  });

  it("fills the views", async () => {
    for (const view of ["VMCS", "Guest Page Tables", "Shadow / Nested Page Tables"])
      await workbench.fold(view, false);
    await workbench.row("VMCS", "VM-exit information").waitFor();
    await workbench.row("Guest Page Tables", "PML4E").waitFor();
    await workbench.row("Shadow / Nested Page Tables", "PML4E").waitFor();
    await workbench.row("VM Exits", /CPUID.*1 ×/).waitFor();
  });

  it("shows both sides of the exit at once: the picture for the README", async () => {
    await workbench.unfoldDown("Guest Page Tables", "PML4E");
    await workbench.unfoldDown("Shadow / Nested Page Tables", "PML4E");
    await workbench.command("View: Split Editor Down");
    await workbench.callStack.locator(".monaco-list-row", { hasText: "[64-bit, ring 0]" }).click();
    await workbench.page.locator(".tab", { hasText: GUEST }).last().waitFor();
    await workbench.page.mouse.move(1200, 1080);
    await workbench.page.waitForTimeout(1500);
    const file = await workbench.screenshot("ringside");
    if (process.env.UPDATE_IMAGES) {
      mkdirSync(path.join(ROOT, "docs/images"), { recursive: true });
      copyFileSync(file, path.join(ROOT, "docs/images/ringside.png"));
    }
  });

  for (const { name, theme, shows } of THEMES) {
    it(`leaves a picture in ${theme}`, async () => {
      await workbench.chooseTheme(theme);
      await workbench.page.locator(`.monaco-workbench${shows}`).first().waitFor();
      await workbench.page.waitForTimeout(1000);
      await workbench.screenshot(`exit-${name}`);
    });
  }

  it("steps back into the guest", async () => {
    await workbench.press("Alt+F7");
    await workbench.statusBar.filter({ hasText: "guest · 64-bit" }).waitFor();
    await workbench.page.waitForTimeout(1000);
    await workbench.screenshot("step-back");
  });

  it("ends with Shift+F5, and says again how to start", async () => {
    await workbench.press("Shift+F5");
    await workbench.toolbar.waitFor({ state: "hidden" });
    await workbench.statusBar.waitFor({ state: "detached" });
  });
});
