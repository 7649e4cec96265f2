// Runs the suite in this folder inside a real VS Code that has the packaged extension: a desktop VS Code where one can run
// (RINGSIDE_CODE names its executable), else VS Code's server.   --desktop or --server choose.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { openBrowser } from "../../scripts/hosts/browser.mjs";
import { ROOT, run, say } from "../../scripts/hosts/commands.mjs";
import { downloadCode, hasDisplay } from "../../scripts/hosts/desktop.mjs";
import { installExtension, installServer, startServer } from "../../scripts/hosts/server.mjs";

const HOME = path.join(ROOT, ".vscode-test", "extension");
const FOLDERS = { userData: path.join(HOME, "user"), extensions: path.join(HOME, "extensions") };
const WORKSPACE = path.join(HOME, "workspace");
const TESTS = path.join(HOME, "tests");
const RESULTS = path.join(TESTS, "results.txt");
const LIMIT_MS = 6 * 60_000;

/** The suite, and the nearly empty extension that VS Code wants as the one under development: ours is installed from its package. */
async function prepare() {
  rmSync(HOME, { recursive: true, force: true });
  for (const folder of [WORKSPACE, TESTS]) mkdirSync(folder, { recursive: true });
  cpSync(path.join(ROOT, "test/extension/guests"), WORKSPACE, { recursive: true });
  const manifest = {
    name: "tests",
    publisher: "ringside",
    version: "0.0.1",
    engines: { vscode: "*" },
  };
  writeFileSync(path.join(TESTS, "package.json"), JSON.stringify(manifest));
  await build({
    absWorkingDir: ROOT,
    entryPoints: ["test/extension/index.ts"],
    outfile: path.join(TESTS, "index.js"),
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["vscode", "mocha"],
    logLevel: "warning",
  });
}

/** The newest package; made when there is none. */
async function vsix() {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  const file = path.join(ROOT, `ringside-${version}.vsix`);
  if (!existsSync(file)) await run("npm", ["run", "package"]);
  return file;
}

/** @param {string} executable */
async function runOnDesktop(executable) {
  const electron = await import("@vscode/test-electron");
  const cli = electron.resolveCliArgsFromVSCodeExecutablePath(executable);
  const own = ["--user-data-dir", FOLDERS.userData, "--extensions-dir", FOLDERS.extensions];
  const [command = executable, ...args] = cli;
  await run(command, [...args, ...own, "--install-extension", await vsix(), "--force"]);
  await electron.runTests({
    vscodeExecutablePath: executable,
    extensionDevelopmentPath: TESTS,
    extensionTestsPath: path.join(TESTS, "index"),
    launchArgs: [WORKSPACE, ...own, "--disable-workspace-trust", "--skip-welcome"],
  });
}

async function runOnServer() {
  await installServer();
  await installExtension(await vsix(), FOLDERS);
  const server = await startServer({ ...FOLDERS, folder: WORKSPACE });
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    const exited = new Promise((resolve, reject) => {
      setTimeout(
        () => reject(new Error(`no result in ${LIMIT_MS / 60_000} minutes`)),
        LIMIT_MS,
      ).unref();
      void page.exposeFunction("codeAutomationExit", resolve);
    });
    await page.exposeFunction("codeAutomationLog", () => undefined);
    await page.goto(testAddress(server));
    await exited;
  } finally {
    await browser.close();
    server.stop();
  }
}

/** @param {{ url: string, port: number }} server */
function testAddress(server) {
  const remote = `vscode-remote://127.0.0.1:${server.port}`;
  const address = new URL(server.url);
  address.searchParams.set("folder", WORKSPACE);
  address.searchParams.set(
    "payload",
    JSON.stringify([
      ["extensionDevelopmentPath", `${remote}${TESTS}`],
      ["extensionTestsPath", `${remote}${TESTS}/index`],
      ["skipWelcome", "true"],
    ]),
  );
  return address.href;
}

await prepare();
const wantsServer = process.argv.includes("--server");
const wantsDesktop = process.argv.includes("--desktop");
const executable =
  wantsServer || !(wantsDesktop || hasDisplay())
    ? undefined
    : (process.env.RINGSIDE_CODE ?? (await downloadCode())?.executable);
if (wantsDesktop && executable === undefined) throw new Error("no desktop VS Code can be had here");
say(`Host: ${executable ?? "VS Code's server, driven by Chromium"}`);
try {
  await (executable === undefined ? runOnServer() : runOnDesktop(executable));
} catch (error) {
  // A failing suite also ends here: its results say more than the host does.
  if (!existsSync(RESULTS)) throw error;
}
const results = existsSync(RESULTS) ? readFileSync(RESULTS, "utf8") : "the suite left no results\n";
process.stdout.write(results);
process.exit(/\b0 failed\s*$/.test(results) ? 0 : 1);
