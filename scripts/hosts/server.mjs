// VS Code's server (its workbench in a browser, its extension host in Node) out of the npm package code-server: for
// machines without a desktop, or that reach only a package registry.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT, findOnPath, freePort, npm, run, say, stopTree } from "./commands.mjs";

/** The newest code-server for Node 20. */
const CODE_SERVER = "4.100.3";
const HOME = path.join(ROOT, ".vscode-test", "server");
const PACKAGE = path.join(HOME, "node_modules", "code-server");
const VSCODE = path.join(PACKAGE, "lib", "vscode");
const EXTENSIONS = path.join(VSCODE, "extensions");
const DONE = path.join(HOME, `installed-${CODE_SERVER}`);
export const SERVER_ENTRY = path.join(PACKAGE, "out", "node", "entry.js");

/** code-server's own install script refuses root and downloads ripgrep, so each part of it is done here. */
const STEPS = [
  {
    title: `code-server ${CODE_SERVER} (VS Code 1.100) from the npm registry`,
    run: () => npm(["install", "--ignore-scripts", `code-server@${CODE_SERVER}`], HOME),
  },
  {
    title: "compiling argon2",
    run: () => npm(["rebuild", "argon2", "--build-from-source"], HOME),
  },
  {
    title: "VS Code's own packages",
    run: () => npm(["install", "--omit=dev", "--ignore-scripts"], VSCODE),
  },
  {
    title: "compiling spdlog and native-watchdog",
    run: () =>
      npm(["rebuild", "--foreground-scripts", "@vscode/spdlog", "native-watchdog"], VSCODE),
  },
  {
    title: "the packages of VS Code's built-in extensions",
    run: () => npm(["install", "--omit=dev", "--ignore-scripts"], EXTENSIONS),
  },
  { title: "links", run: () => Promise.resolve(makeLinks()) },
];

function makeLinks() {
  link("node_modules", path.join(VSCODE, "node_modules.asar"));
  const ripgrep = findOnPath("rg");
  if (ripgrep === undefined) {
    say("    ripgrep is not installed: everything works but the search of files");
    return;
  }
  const folder = path.join(VSCODE, "node_modules", "@vscode", "ripgrep", "bin");
  mkdirSync(folder, { recursive: true });
  link(ripgrep, path.join(folder, "rg"));
}

/**
 * @param {string} target
 * @param {string} place
 */
function link(target, place) {
  rmSync(place, { force: true });
  symlinkSync(target, place);
}

/** Installs VS Code's server below `.vscode-test/server` if it is not there. Takes about three minutes and 320 MB. */
export async function installServer() {
  if (existsSync(DONE)) return;
  if (process.platform === "win32") {
    throw new Error("VS Code's server does not run on Windows: please install VS Code itself");
  }
  const missing = ["python3", "make", "g++"].filter((name) => findOnPath(name) === undefined);
  if (missing.length > 0) {
    throw new Error(
      `VS Code's server has native parts, and this machine has no ${missing.join(", ")} to compile them. ` +
        "Install them (Debian and Ubuntu: apt-get install -y python3 make g++), or install VS Code itself.",
    );
  }
  mkdirSync(HOME, { recursive: true });
  writeFileSync(path.join(HOME, "package.json"), '{ "private": true }\n');
  say("Installing VS Code's server (once; about three minutes, 320 MB):");
  for (const [index, step] of STEPS.entries()) {
    const start = Date.now();
    say(`  ${index + 1} of ${STEPS.length}  ${step.title}`);
    await step.run();
    say(`          done in ${Math.round((Date.now() - start) / 1000)} s`);
  }
  writeFileSync(DONE, "");
}

/**
 * @param {{ userData: string, extensions: string }} folders
 */
function commonArguments(folders) {
  return ["--user-data-dir", folders.userData, "--extensions-dir", folders.extensions];
}

/** The environment without what makes a child think that it runs inside another VS Code. */
function cleanEnvironment() {
  const ofVsCode = (/** @type {string} */ name) =>
    name.startsWith("VSCODE_") || name === "ELECTRON_RUN_AS_NODE" || name === "PORT";
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofVsCode(name)));
}

/**
 * Installs a packaged extension, as a user would.
 * @param {string} vsix
 * @param {{ userData: string, extensions: string }} folders
 */
export async function installExtension(vsix, folders) {
  mkdirSync(path.join(folders.userData, "User"), { recursive: true });
  mkdirSync(folders.extensions, { recursive: true });
  await run(
    process.execPath,
    [SERVER_ENTRY, ...commonArguments(folders), "--install-extension", vsix, "--force"],
    { env: cleanEnvironment(), timeoutMs: 120_000 },
  );
}

/**
 * Starts the server and waits until it answers.
 * @param {{ userData: string, extensions: string, folder: string, port?: number, settings?: Record<string, unknown> }} options
 * @returns {Promise<{ url: string, port: number, stop: () => void, log: () => string }>}
 */
export async function startServer(options) {
  const port = await freePort(options.port);
  const settings = path.join(options.userData, "User");
  mkdirSync(settings, { recursive: true });
  if (options.settings) {
    writeFileSync(path.join(settings, "settings.json"), JSON.stringify(options.settings, null, 2));
  }
  const child = spawn(
    process.execPath,
    [
      SERVER_ENTRY,
      ...["--auth", "none", "--bind-addr", `127.0.0.1:${port}`],
      ...commonArguments(options),
      "--disable-telemetry",
      "--disable-update-check",
      "--disable-workspace-trust",
      options.folder,
    ],
    { env: cleanEnvironment(), stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  let log = "";
  child.stdout.on("data", (/** @type {Buffer} */ chunk) => (log += chunk.toString()));
  child.stderr.on("data", (/** @type {Buffer} */ chunk) => (log += chunk.toString()));
  const stop = () => stopTree(child);
  process.once("exit", stop);
  const url = `http://127.0.0.1:${port}`;
  await answers(url, child, () => log).catch((/** @type {unknown} */ error) => {
    stop();
    throw error;
  });
  return { url, port, stop, log: () => log };
}

/**
 * @param {string} url
 * @param {import("node:child_process").ChildProcess} child
 * @param {() => string} log
 */
async function answers(url, child, log) {
  const end = Date.now() + 60_000;
  while (Date.now() < end) {
    if (child.exitCode !== null) break;
    const up = await fetch(`${url}/healthz`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`VS Code's server did not start:\n${log()}`);
}
