/** Where in a PC's memory an image can lie. */
import { UserError } from "../base/errors";
import { hex } from "../base/hex";

/** Video memory and the ROM area of a PC: not RAM, so no image can be loaded there. */
export const DEVICE_HOLE = { from: 0xa0000, to: 0x100000 } as const;

/** Throws a UserError for `length` bytes from `from` on that cannot be loaded. */
export function checkPlace(
  name: string,
  from: number,
  length: number,
  memoryBytes: number | undefined,
): void {
  if (length === 0) {
    throw new UserError(
      "image-empty",
      `${name} has no bytes to load.`,
      "Write at least one instruction.",
    );
  }
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new UserError("bad-load-address", `The load address ${from} is not an address.`);
  }
  const to = from + length;
  checkMemory(name, from, to, memoryBytes);
  if (from < DEVICE_HOLE.to && to > DEVICE_HOLE.from) {
    throw new UserError(
      "image-over-devices",
      `${name} takes ${hex(from)} to ${hex(to)}, which overlaps video memory and ROM (${hex(DEVICE_HOLE.from)} to ${hex(DEVICE_HOLE.to)}).`,
      "Load it below or above that area (org, --load, or loadAddress in launch.json).",
    );
  }
}

/** Throws a UserError when the guest's memory ends before `to`. */
export function checkMemory(
  name: string,
  from: number,
  to: number,
  memoryBytes: number | undefined,
): void {
  if (memoryBytes === undefined || to <= memoryBytes) return;
  throw new UserError(
    "image-too-large",
    `${name} takes ${hex(from)} to ${hex(to)}, but the guest has ${hex(memoryBytes)} bytes of memory.`,
    "Give it more memory (--memory, or memory in launch.json) or a lower load address.",
  );
}
