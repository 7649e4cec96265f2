/** The set flags of a paging-structure entry, by their manual names. */
export type EntryFormat = "guest" | "32-bit" | "ept";

const GUEST_BITS: readonly (readonly [bigint, string])[] = [
  [1n, "P"],
  [2n, "W"],
  [4n, "U"],
  [8n, "PWT"],
  [0x10n, "PCD"],
  [0x20n, "A"],
];
const EPT_BITS: readonly (readonly [bigint, string])[] = [
  [1n, "R"],
  [2n, "W"],
  [4n, "X"],
  [0x100n, "A"],
  [0x200n, "D"],
];

/** `level` 0 is the page table. SDM Vol. 3A, "Paging"; Vol. 3C, "EPT Translation Mechanism". */
export function decodeEntryFlags(value: bigint, format: EntryFormat, level: number): string[] {
  const large = level > 0 && (value & 0x80n) !== 0n;
  if (format === "ept") {
    const flags = EPT_BITS.filter(([bit]) => value & bit).map(([, name]) => name);
    return large ? [...flags, "large"] : flags;
  }
  const flags = GUEST_BITS.filter(([bit]) => value & bit).map(([, name]) => name);
  const leaf = level === 0 || large;
  if (leaf && value & 0x40n) flags.push("D");
  if (large) flags.push("PS");
  if (leaf && value & 0x100n) flags.push("G");
  if (format === "guest" && value >> 63n) flags.push("NX");
  return flags;
}
