import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Disks of test/guests/disks, and what QEMU with SeaBIOS prints when it starts them. */
export interface BootDisk {
  readonly drive: "diskette" | "disk";
  readonly serial: string;
  readonly exit: number;
}

export const DISKS_FOLDER = join(import.meta.dirname, "..", "guests", "disks");

export function bootDisks(): readonly (readonly [name: string, disk: BootDisk])[] {
  const text = readFileSync(join(DISKS_FOLDER, "expected.json"), "utf8");
  return Object.entries(JSON.parse(text) as Record<string, BootDisk>);
}
