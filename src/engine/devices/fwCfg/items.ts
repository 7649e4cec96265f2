/**
 * What the firmware configuration interface tells, by key (QEMU documentation, "QEMU Firmware Configuration (fw_cfg) Device").
 * Numbers are little-endian; the file directory alone is big-endian.
 */

export interface PlatformFacts {
  readonly memorySizeBytes: number;
  readonly processorCount: number;
}

interface Item {
  readonly key: number;
  readonly bytes: (facts: PlatformFacts) => readonly number[];
}

function littleEndian(value: number, sizeBytes: number): number[] {
  return Array.from({ length: sizeBytes }, (_, index) => Math.floor(value / 256 ** index) % 256);
}

/** "QEMU". */
const SIGNATURE = [0x51, 0x45, 0x4d, 0x55];
/** Feature bit 0: the traditional interface by ports. Bit 1, DMA, does not exist here. */
const FEATURES = 0x01;
/** A directory that counts no files. */
const NO_FILES = [0, 0, 0, 0];

export const ITEMS: Readonly<Record<string, Item>> = {
  signature: { key: 0x00, bytes: () => SIGNATURE },
  features: { key: 0x01, bytes: () => littleEndian(FEATURES, 4) },
  ramSize: { key: 0x03, bytes: (facts) => littleEndian(facts.memorySizeBytes, 8) },
  processorCount: { key: 0x05, bytes: (facts) => littleEndian(facts.processorCount, 2) },
  maximumProcessorCount: { key: 0x0f, bytes: (facts) => littleEndian(facts.processorCount, 2) },
  fileDirectory: { key: 0x19, bytes: () => NO_FILES },
};
