// A Chromium that playwright-core drives.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { findOnPath } from "./commands.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge"];
const COMMON_PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:/Program Files/Google/Chrome/Application/chrome.exe",
];

/** A browser that was installed here; RINGSIDE_CHROMIUM names it when it is somewhere else. */
export function findChromium() {
  const found = NAMES.map((name) => findOnPath(name)).find((file) => file !== undefined);
  return process.env.RINGSIDE_CHROMIUM ?? found ?? COMMON_PLACES.find((place) => existsSync(place));
}

export async function openBrowser() {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new Error(
      "There is no Chromium here (Debian and Ubuntu: apt-get install -y chromium); RINGSIDE_CHROMIUM names one elsewhere.",
    );
  }
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
}
