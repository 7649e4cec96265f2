// Types of the plain JavaScript in scripts/oracle.

interface OracleGuest {
  readonly image: Uint8Array;
  readonly entry: "real16" | "protected32" | "long64";
  readonly load?: number;
  /** The image is the disk that the BIOS starts. */
  readonly drive?: "diskette" | "disk";
  readonly timeoutMs?: number;
  readonly memoryMb?: number;
}

interface OracleResult {
  readonly serial: string;
  /** `(value << 1) | 1` after a write to port 0xf4, 0 after a triple fault, undefined when the time was up. */
  readonly exitStatus: number | undefined;
}

declare module "*/oracle/runQemu.mjs" {
  export function runOnQemu(guest: OracleGuest): Promise<OracleResult>;
}

declare module "*/oracle/runBochs.mjs" {
  /** `log`: where to copy Bochs' own log. */
  export const BIOS: string;
  export const VIDEO_BIOS: string;
  export function runOnBochs(guest: OracleGuest & { readonly log?: string }): Promise<OracleResult>;
}

declare module "*/oracle/buildImage.mjs" {
  export function isInstalled(command: string, args?: readonly string[]): boolean;
  /** `nasm -f bin` with further include folders. Throws with NASM's messages. */
  export function assembleWithNasm(
    file: string,
    options?: { readonly includes?: readonly string[] },
  ): Buffer;
  /** Assembles a guest of this repository with NASM. Throws with NASM's messages. */
  export function assembleGuest(file: string): Buffer;
}
