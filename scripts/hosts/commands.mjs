// Running other programs, and saying what is happening meanwhile.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";

/** The repository's root folder. */
export const ROOT = path.resolve(import.meta.dirname, "../..");

/**
 * Says one line to the person at the terminal.
 * @param {string} text
 */
export function say(text) {
  process.stdout.write(`${text}\n`);
}

/**
 * Finds a program on PATH.
 * @param {string} name
 * @returns {string | undefined}
 */
export function findOnPath(name) {
  const endings = process.platform === "win32" ? [".cmd", ".exe", ""] : [""];
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const ending of endings) {
      const file = path.join(folder, name + ending);
      if (folder !== "" && existsSync(file)) return file;
    }
  }
  return undefined;
}

/**
 * Runs a program to its end. Its output is kept and becomes part of the error when it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, show?: boolean }} [options]
 * @returns {Promise<string>} what it wrote
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32" && command.endsWith(".cmd"),
      timeout: options.timeoutMs ?? 15 * 60_000,
    });
    let output = "";
    const take = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
      if (options.show) process.stdout.write(chunk);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) {
        resolve(output);
        return;
      }
      const last = output.trimEnd().split("\n").slice(-25).join("\n");
      reject(new Error(`${command} ${args.join(" ")} ended with ${code ?? signal}:\n${last}`));
    });
  });
}

/**
 * Runs npm with the Node that runs us.
 * @param {readonly string[]} args
 * @param {string} cwd
 */
export function npm(args, cwd) {
  const name = process.platform === "win32" ? "npm.cmd" : "npm";
  return run(findOnPath(name) ?? name, [...args, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd,
  });
}

/**
 * A TCP port of this machine that is free now.
 * @param {number} [wanted] taken when it is free
 * @returns {Promise<number>}
 */
export function freePort(wanted = 0) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", () => {
      if (wanted === 0) reject(new Error("no free port"));
      else freePort().then(resolve, reject);
    });
    server.listen(wanted, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : wanted);
      });
    });
  });
}

/**
 * Ends a program that we started, with its children.
 * @param {import("node:child_process").ChildProcess} child started with `detached` except on Windows
 */
export function stopTree(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  if (process.platform === "win32") {
    spawnSync("taskkill", ["/pid", String(child.pid), "/t", "/f"]);
    return;
  }
  try {
    process.kill(-child.pid, "SIGTERM");
  } catch {
    child.kill("SIGTERM");
  }
}
