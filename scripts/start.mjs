// `npm start`: builds and packages the extension, and opens a VS Code that has it, with an example ready for F5.
//   npm start -- --server     VS Code's server in a browser, even where a desktop VS Code could run
//   npm start -- --port N     the server's port (default 8080, or any free one)
import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { ROOT, run, say } from "./hosts/commands.mjs";
import { downloadCode, findCode, hasDisplay } from "./hosts/desktop.mjs";
import { installExtension, installServer, startServer } from "./hosts/server.mjs";

const EXAMPLES = path.join(ROOT, "examples");
const FIRST_EXAMPLE = "hello32.asm";
const HOME = path.join(ROOT, ".vscode-test", "start");
const FOLDERS = { userData: path.join(HOME, "user"), extensions: path.join(HOME, "extensions") };

const SETTINGS = {
  "workbench.startupEditor": "none",
  "telemetry.telemetryLevel": "off",
  "security.workspace.trust.enabled": false,
  "remote.autoForwardPorts": false,
  "git.openRepositoryInParentFolders": "never",
};

function exampleFile() {
  const first = path.join(EXAMPLES, FIRST_EXAMPLE);
  if (existsSync(first)) return first;
  const other = readdirSync(EXAMPLES).find((name) => name.endsWith(".asm"));
  return other === undefined ? undefined : path.join(EXAMPLES, other);
}

async function makeVsix() {
  const { name, version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  const vsix = path.join(ROOT, `${name}-${version}.vsix`);
  say("Building and packaging the extension…");
  const vsce = path.join(ROOT, "node_modules", "@vscode", "vsce", "vsce");
  if (!existsSync(vsce)) throw new Error("Please run `npm ci` first.");
  await run(process.execPath, [vsce, "package", "--no-dependencies", "--out", vsix]);
  say(`  ${path.basename(vsix)}`);
  return vsix;
}

/**
 * Opens a desktop VS Code with folders of its own, so that the person's own settings and extensions stay as they are.
 * @param {string} code
 * @param {string} vsix
 */
async function openDesktop(code, vsix) {
  const own = ["--user-data-dir", FOLDERS.userData, "--extensions-dir", FOLDERS.extensions];
  say(`Opening ${code}`);
  await run(code, [...own, "--install-extension", vsix, "--force"], { timeoutMs: 120_000 });
  const file = exampleFile();
  const window = [...own, "--disable-workspace-trust", "--new-window", EXAMPLES];
  const child = spawn(code, file === undefined ? window : [...window, file], {
    stdio: "ignore",
    detached: true,
    shell: process.platform === "win32",
  });
  child.unref();
  say("VS Code opens with an example. Press F5.");
}

/**
 * @param {string} vsix
 * @param {number} port
 */
async function openServer(vsix, port) {
  await installServer();
  say("Installing the extension…");
  await installExtension(vsix, FOLDERS);
  say("Starting VS Code's server…");
  const server = await startServer({ ...FOLDERS, folder: EXAMPLES, port, settings: SETTINGS });
  const file = exampleFile();
  const address = new URL(server.url);
  address.searchParams.set("folder", EXAMPLES);
  if (file !== undefined) {
    const uri = `vscode-remote://${address.host}${file}`;
    address.searchParams.set("payload", JSON.stringify([["openFile", uri]]));
  }
  say("");
  say("Ringside is ready. Open this address in a browser, then press F5:");
  say(`  ${address.href}`);
  say("");
  say("Ctrl+C ends it.");
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.on(signal, () => {
      server.stop();
      process.exit(0);
    });
  }
}

/** @param {readonly string[]} args */
async function main(args) {
  const wantsServer = args.includes("--server");
  const port = args.includes("--port") ? Number(args[args.indexOf("--port") + 1]) : 8080;
  const vsix = await makeVsix();
  if (!wantsServer && hasDisplay()) {
    const code = findCode() ?? (await downloadCode())?.cli;
    if (code !== undefined) return openDesktop(code, vsix);
  }
  if (!wantsServer) say("No desktop VS Code can run here: using VS Code's server in a browser.");
  return openServer(vsix, port);
}

await main(process.argv.slice(2)).catch((/** @type {unknown} */ error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
