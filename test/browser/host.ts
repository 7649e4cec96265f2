/** VS Code's server with the packaged extension, and a browser that looks at one of its files. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openBrowser } from "../../scripts/hosts/browser.mjs";
import { ROOT, run } from "../../scripts/hosts/commands.mjs";
import { installExtension, installServer, startServer } from "../../scripts/hosts/server.mjs";
import { Workbench } from "./workbench";

const SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.colorTheme": "Default Dark Modern",
  "telemetry.telemetryLevel": "off",
  "git.enabled": false,
  "remote.autoForwardPorts": false,
  "workbench.tips.enabled": false,
  "window.autoDetectHighContrast": false,
  "editor.minimap.enabled": false,
};

/** Theme as the picker names it -> the class that the workbench then has. */
export const THEMES = [
  { name: "dark", theme: "Dark Modern", shows: ".vs-dark" },
  { name: "light", theme: "Light Modern", shows: ".vs" },
  { name: "high-contrast", theme: "Dark High Contrast", shows: ".hc-black" },
  { name: "high-contrast-light", theme: "Light High Contrast", shows: ".hc-light" },
] as const;

export interface Host {
  readonly workbench: Workbench;
  /** The folder that is open. */
  readonly workspace: string;
  close(): Promise<void>;
}

export interface HostOptions {
  /** Names the folder in which all of it lies. */
  readonly name: string;
  /** Opened at the start; a path in the workspace. */
  readonly file: string;
  readonly settings?: object;
  /** More files of the workspace, which else holds the examples. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

async function vsix(): Promise<string> {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  const file = path.join(ROOT, `ringside-${version}.vsix`);
  if (!existsSync(file)) await run("npm", ["run", "package"]);
  return file;
}

export async function openHost({ name, file, settings, files }: HostOptions): Promise<Host> {
  const home = path.join(ROOT, ".vscode-test", name);
  const folders = { userData: path.join(home, "user"), extensions: path.join(home, "extensions") };
  const workspace = path.join(home, "examples");
  await installServer();
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  cpSync(path.join(ROOT, "examples"), workspace, { recursive: true });
  for (const [other, content] of Object.entries(files ?? {})) {
    const place = path.join(workspace, other);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, content);
  }
  await installExtension(await vsix(), folders);
  const all = { ...SETTINGS, ...settings };
  const server = await startServer({ ...folders, folder: workspace, settings: all });
  const browser = await openBrowser();
  const page = await browser.newPage({ viewport: { width: 1680, height: 1200 } });
  page.setDefaultTimeout(30_000);
  const workbench = new Workbench(page);
  const address = new URL(server.url);
  const opened = `vscode-remote://${address.host}${path.join(workspace, file)}`;
  address.searchParams.set("folder", workspace);
  address.searchParams.set("payload", JSON.stringify([["openFile", opened]]));
  await workbench.open(address.href);
  const close = async (): Promise<void> => {
    await browser.close();
    server.stop();
  };
  return { workbench, workspace, close };
}

/** After each failed test of a suite: how the workbench looked then, in artifacts/. */
export function keepPictureOfFailures(workbench: () => Workbench): void {
  afterEach(async function () {
    if (this.currentTest?.state === "failed")
      await workbench().screenshot(`failed-${this.currentTest.title.replace(/\W+/g, "-")}`);
  });
}
