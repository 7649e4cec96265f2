// A desktop VS Code: the one that is installed here, or one that @vscode/test-electron downloads.
import { existsSync } from "node:fs";
import path from "node:path";
import { ROOT, findOnPath, say } from "./commands.mjs";

const HOME = process.env.HOME ?? "";
const LOCAL = process.env.LOCALAPPDATA ?? "";

/** Where installers put the command line of VS Code. */
const COMMON_PLACES = [
  "/usr/share/code/bin/code",
  "/usr/bin/code",
  "/snap/bin/code",
  "/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code",
  path.join(HOME, "Applications/Visual Studio Code.app/Contents/Resources/app/bin/code"),
  path.join(LOCAL, "Programs/Microsoft VS Code/bin/code.cmd"),
  "C:/Program Files/Microsoft VS Code/bin/code.cmd",
];

/** Whether a window could appear at all. */
export function hasDisplay() {
  if (process.platform !== "linux") return true;
  return Boolean(process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY);
}

/** The `code` command of an installed VS Code; RINGSIDE_CODE names it when it is somewhere else. */
export function findCode() {
  const named = process.env.RINGSIDE_CODE;
  if (named !== undefined) return named;
  return findOnPath("code") ?? COMMON_PLACES.find((place) => existsSync(place));
}

/**
 * The command line of a VS Code that @vscode/test-electron downloads into `.vscode-test` (kept between runs), or undefined when
 * that cannot be reached.
 * @returns {Promise<{ cli: string, executable: string } | undefined>}
 */
export async function downloadCode() {
  const electron = await import("@vscode/test-electron");
  say("Downloading VS Code (once)…");
  try {
    const executable = await withTimeout(
      electron.downloadAndUnzipVSCode({
        cachePath: path.join(ROOT, ".vscode-test"),
        reporter: new electron.SilentReporter(),
        timeout: 15_000,
      }),
      5 * 60_000,
    );
    const cli = electron.resolveCliPathFromVSCodeExecutablePath(executable);
    return { cli, executable };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    say(`  not reachable from here (${reason})`);
    return undefined;
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} timeoutMs
 * @returns {Promise<T>}
 */
function withTimeout(promise, timeoutMs) {
  return Promise.race([
    promise,
    new Promise((_, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
      timer.unref();
    }),
  ]);
}
