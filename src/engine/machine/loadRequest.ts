/** What loading a program asks for. */
import type { Assembly } from "../asm/types";
import type { EntryKind } from "./types";

export interface LoadRequest {
  /** Name for messages. */
  readonly name: string;
  /** The file's bytes; or `assembly`. */
  readonly bytes?: Uint8Array;
  readonly assembly?: Assembly;
  readonly entry?: EntryKind;
  readonly loadAddress?: number;
  /** The disk that the BIOS of `real16` boots from; without it, the image. */
  readonly disk?: Uint8Array;
  /** The BIOS's number of that disk: 0 for a diskette, 80h for a hard disk. */
  readonly bootDrive?: number;
  /** Arguments for a kernel, on the multiboot command line. */
  readonly append?: string;
  /** Checked against the image when given. */
  readonly memoryBytes?: number;
  /** Where a source file is on this computer, by the path that a compiler wrote into the file. */
  readonly locateSource?: (path: string) => string;
}
