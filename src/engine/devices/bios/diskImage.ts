/** The disk that the BIOS boots from: an image, and the sectors that the guest has written since. The image itself never changes. */

export const SECTOR_BYTES = 512;

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** Formats of diskettes by their size in sectors. */
// prettier-ignore
const DISKETTES: readonly Geometry[] = [
  { cylinders: 40, heads: 1, sectors: 8 },
  { cylinders: 40, heads: 1, sectors: 9 },
  { cylinders: 40, heads: 2, sectors: 8 },
  { cylinders: 40, heads: 2, sectors: 9 },
  { cylinders: 80, heads: 2, sectors: 9 },
  { cylinders: 80, heads: 2, sectors: 15 },
  { cylinders: 80, heads: 2, sectors: 18 },
  { cylinders: 80, heads: 2, sectors: 36 },
];
const HIGH_DENSITY: Geometry = { cylinders: 80, heads: 2, sectors: 18 };
const HARD_DISK = { heads: 16, sectors: 63 } as const;
/** What 10 bits of a cylinder number can tell. */
const MAX_CYLINDERS = 1024;

export const sectorsOf = ({ cylinders, heads, sectors }: Geometry): number =>
  cylinders * heads * sectors;

/** A FAT boot sector says what it counts with (BIOS parameter block: sectors per track at 18h, heads at 1Ah). */
function geometryOfParameterBlock(bytes: Uint8Array): Omit<Geometry, "cylinders"> | undefined {
  if (bytes.length < SECTOR_BYTES) return undefined;
  const word = (offset: number): number => bytes[offset]! | (bytes[offset + 1]! << 8);
  const [sectors, heads] = [word(0x18), word(0x1a)];
  const startsWithJump = bytes[0] === 0xeb || bytes[0] === 0xe9;
  const isPlausible = sectors >= 1 && sectors <= 63 && heads >= 1 && heads <= 255;
  return startsWithJump && word(0x0b) === SECTOR_BYTES && isPlausible ? { heads, sectors } : undefined; // prettier-ignore
}

/** One geometry for both views of the disk, drive 00h and drive 80h, so that a loader made for either finds its sectors. */
export function geometryOf(bytes: Uint8Array): Geometry {
  const count = Math.ceil(bytes.length / SECTOR_BYTES);
  const exact = DISKETTES.find((format) => sectorsOf(format) === count);
  if (exact) return exact;
  const told = geometryOfParameterBlock(bytes);
  if (!told && count <= sectorsOf(HIGH_DENSITY)) return HIGH_DENSITY;
  const { heads, sectors } = told ?? HARD_DISK;
  const cylinders = Math.min(Math.max(1, Math.ceil(count / (heads * sectors))), MAX_CYLINDERS);
  return { cylinders, heads, sectors };
}

/** Written sectors by number, lowest first. */
export type DiskState = readonly (readonly [sector: number, bytes: Uint8Array])[];

export class DiskImage {
  readonly geometry: Geometry;
  /** Sectors that can be read: those of the image, and up to the end of the geometry. */
  readonly sectorCount: number;
  private written = new Map<number, Uint8Array>();

  constructor(private readonly image: Uint8Array) {
    this.geometry = geometryOf(image);
    this.sectorCount = Math.max(Math.ceil(image.length / SECTOR_BYTES), sectorsOf(this.geometry));
  }

  /** Beyond the end of a short image a disk holds zeros. */
  read(sector: number): Uint8Array {
    const written = this.written.get(sector);
    if (written) return written;
    const bytes = new Uint8Array(SECTOR_BYTES);
    bytes.set(this.image.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES));
    return bytes;
  }

  /** Kept in the machine's memory; the file stays as it is. */
  write(sector: number, bytes: Uint8Array): void {
    this.written.set(sector, bytes.slice());
  }

  save(): DiskState {
    return [...this.written].sort(([a], [b]) => a - b).map(([at, bytes]) => [at, bytes.slice()]);
  }

  load(state: DiskState): void {
    this.written = new Map(state.map(([at, bytes]) => [at, bytes.slice()]));
  }
}
