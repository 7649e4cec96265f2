/** Writing a kernel: what the language server shows in VS Code, as a person meets it. */
import assert from "node:assert/strict";
import { keepPictureOfFailures, openHost, THEMES, type Host } from "./host";
import type { Workbench } from "./workbench";

const SOURCE = `; ringside: vmm=trap-and-emulate
bits 32
org 0x100000

%macro print 1
        mov     al, %1
        out     0xe9, al
%endmacro

start:
        pushfd
        cli
        call    greet
        popfd
        mov     eax, cr4
        or      eax, 1 << 5
        mov     cr4, eax
        halt

; Says who is there.
greet:
        print   'R'
        mov     eax, [ready]
        shl     eax, byte 1
        ret

ready:  db      1
count:  db 0
`;

describe("writing a kernel in VS Code", function () {
  this.slow(10_000);
  let host: Host | undefined;
  let workbench: Workbench;

  before(async function () {
    this.timeout(600_000);
    host = await openHost({
      name: "browser-writing",
      file: "kernel.asm",
      files: { "kernel.asm": SOURCE },
      settings: { "ringside.inlayHints.bytes": true, "ringside.inlayHints.sizes": true },
    });
    ({ workbench } = host);
  });

  after(() => host?.close());

  keepPictureOfFailures(() => workbench);

  it("marks what breaks under the technique in force, and lists it", async () => {
    await workbench.page.locator(".squiggly-error").first().waitFor();
    await workbench.command("Problems: Focus on Problems View");
    const problems = workbench.page.locator(".markers-panel .monaco-list-row");
    await problems.filter({ hasText: /POPFD under trap-and-emulate/ }).waitFor();
    await problems.filter({ hasText: /Did you mean "hlt"/ }).waitFor();
    await workbench.screenshot("writing-problems");
  });

  it("explains a finding and an instruction where the mouse rests", async () => {
    await workbench.page
      .locator(".view-line span", { hasText: /^popfd$/ })
      .first()
      .hover();
    const hover = workbench.page.locator(".monaco-hover:visible");
    await hover.filter({ hasText: /VMM1/ }).first().waitFor();
    await workbench.page.waitForTimeout(500);
    await workbench.screenshot("writing-hover");
  });

  it("opens the page of the rule from the finding's code", async () => {
    await workbench.page.locator(".markers-panel a", { hasText: /VMM1/ }).first().click();
    await workbench.page.locator(".tab", { hasText: /pushf/ }).waitFor();
    await workbench.page.waitForTimeout(1500);
    await workbench.screenshot("writing-page");
    await workbench.page.locator(".editor-instance .view-lines").first().click();
    await workbench.command("View: Close Editors in Other Groups");
  });

  it("shows the listing beside the source, and keeps it up to date", async () => {
    await workbench.command("Ringside: Show the Listing");
    const listing = workbench.page.locator(".editor-group-container").last();
    await listing.locator(".view-line", { hasText: /9C/ }).first().waitFor();
    await workbench.page.waitForTimeout(500);
    await workbench.screenshot("writing-listing");
    assert.ok((await listing.locator(".view-line").count()) > 10);
    await workbench.page.locator(".editor-instance .view-lines").first().click();
    await workbench.command("View: Close Editors in Other Groups");
  });

  for (const { name, theme, shows } of THEMES) {
    it(`leaves a picture of the source in ${theme}`, async () => {
      await workbench.chooseTheme(theme);
      await workbench.page.locator(`.monaco-workbench${shows}`).first().waitFor();
      await workbench.page.waitForTimeout(800);
      await workbench.screenshot(`writing-${name}`);
    });
  }

  it("puts the source into columns with Format Document", async () => {
    await workbench.page.locator(".editor-instance .view-lines").first().click();
    await workbench.command("Format Document");
    await workbench.page.locator(".view-line", { hasText: /count:\s{2}db\s{6}0/ }).waitFor();
  });
});
