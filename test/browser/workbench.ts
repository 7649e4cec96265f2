/** VS Code's workbench as a person at the keyboard uses it. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Locator, Page } from "playwright-core";
import { ROOT } from "../../scripts/hosts/commands.mjs";

const ARTIFACTS = path.join(ROOT, "artifacts");

export class Workbench {
  constructor(readonly page: Page) {}

  async open(address: string): Promise<void> {
    await this.page.goto(address);
    await this.page.waitForSelector(".monaco-workbench");
    await this.page.waitForSelector(".editor-instance .view-lines .view-line");
  }

  async press(key: string): Promise<void> {
    await this.page.keyboard.press(key);
  }

  /** Runs a command through the palette. */
  async command(name: string): Promise<void> {
    await this.press("F1");
    await this.pick(`>${name}`, name);
  }

  /** Types into the open quick pick and takes the entry of that name. */
  private async pick(typed: string, name: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget input.input");
    await input.waitFor();
    await input.fill(typed);
    await this.page
      .locator(`.quick-input-list .monaco-list-row[aria-label^="${name}"]`)
      .first()
      .click();
  }

  /** Presses a key that does nothing until the extension host is up, until what it makes is there. */
  async pressUntil(
    key: string,
    made: Locator,
    before = (): Promise<void> => Promise.resolve(),
  ): Promise<void> {
    for (let attempt = 0; attempt < 6; attempt += 1) {
      await before();
      await this.press(key);
      const isThere = await made.waitFor({ timeout: 5000 }).then(
        () => true,
        () => false,
      );
      if (isThere) return;
    }
    throw new Error(`${key} does nothing`);
  }

  /** Until the extension host is up, F5 opens the Run view instead. */
  async startDebugging(): Promise<void> {
    const editor = this.page.locator(".editor-instance .view-lines").first();
    await this.pressUntil("F5", this.toolbar, () => editor.click());
  }

  async chooseTheme(name: string): Promise<void> {
    await this.command("Preferences: Color Theme");
    await this.pick(name, name);
  }

  /** The header of a view in the side bar. */
  private header(view: string): Locator {
    return this.page.locator(".sidebar .pane-header", {
      has: this.page.locator(`.title:text-is("${view}")`),
    });
  }

  async fold(view: string, folded: boolean): Promise<void> {
    const header = this.header(view);
    await header.waitFor();
    const unfolded = (await header.getAttribute("aria-expanded")) === "true";
    if (unfolded === folded) await header.click({ position: { x: 40, y: 10 } });
  }

  /** The rows of a view that are on the screen. */
  rows(view: string): Locator {
    return this.page
      .locator(".sidebar .pane", {
        has: this.page.locator(`.pane-header .title:text-is("${view}")`),
      })
      .locator(".pane-body .monaco-list-row");
  }

  row(view: string, text: string | RegExp): Locator {
    return this.rows(view).filter({ hasText: text }).first();
  }

  /** Unfolds a row and its first descendants with the keyboard. */
  async unfoldDown(view: string, text: string): Promise<void> {
    await this.row(view, text).click();
    for (let press = 0; press < 6; press += 1) {
      await this.press("ArrowRight");
      await this.page.waitForTimeout(300);
    }
  }

  /** Finds a row by typing its name, as in any list of VS Code, and ticks it. */
  async tick(view: string, text: string): Promise<void> {
    await this.rows(view).first().click();
    await this.page.keyboard.type(text);
    const row = this.row(view, text);
    await row.waitFor();
    await row.locator(".custom-view-tree-node-item-checkbox").click();
  }

  get callStack(): Locator {
    return this.page.locator(".debug-call-stack");
  }

  get statusBar(): Locator {
    return this.page.locator(".statusbar-item[id*='ringside']");
  }

  get toolbar(): Locator {
    return this.page.locator(".debug-toolbar");
  }

  /** The line with the yellow arrow. */
  get currentLine(): Locator {
    return this.page.locator(".debug-top-stack-frame-line, .debug-top-stack-frame").first();
  }

  async widenSideBar(width: number): Promise<void> {
    const box = await this.page.locator(".part.sidebar").boundingBox();
    if (box === null) throw new Error("no side bar");
    const { mouse } = this.page;
    await mouse.move(box.x + box.width, box.y + box.height / 2);
    await mouse.down();
    await mouse.move(box.x + width, box.y + box.height / 2, { steps: 8 });
    await mouse.up();
    await mouse.move(900, 500);
  }

  /** Leaves a picture in artifacts/. */
  async screenshot(name: string): Promise<string> {
    mkdirSync(ARTIFACTS, { recursive: true });
    const file = path.join(ARTIFACTS, `${name}.png`);
    await this.page.screenshot({ path: file });
    return file;
  }
}
