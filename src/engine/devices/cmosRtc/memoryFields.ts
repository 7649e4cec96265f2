/** The CMOS bytes by which firmware tells the size of memory (IBM PC AT layout, as extended by QEMU and Bochs). */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const EQUIPMENT = { offset: 0x14, withCoprocessor: 0x02 } as const;
const CHECKSUM = { first: 0x10, last: 0x2d, high: 0x2e, low: 0x2f } as const;

/** Fields of `length` bytes, low byte first: what they hold for `size` bytes of memory. */
const FIELDS: readonly { offset: number; length: number; value: (size: number) => number }[] = [
  /** Kilobytes below 1 MiB, up to 640. */
  { offset: 0x15, length: 2, value: (size) => Math.min(size / KIB, 640) },
  /** Kilobytes above 1 MiB, up to 65,535; at two places. */
  { offset: 0x17, length: 2, value: (size) => Math.min((size - MIB) / KIB, 0xffff) },
  { offset: 0x30, length: 2, value: (size) => Math.min((size - MIB) / KIB, 0xffff) },
  /** Units of 64 KiB from 16 MiB up to the hole below 4 GiB. */
  { offset: 0x34, length: 2, value: (size) => Math.min((size - 16 * MIB) / (64 * KIB), 0xffff) },
  /** Units of 64 KiB above 4 GiB. */
  { offset: 0x5b, length: 3, value: (size) => (size - 4 * GIB) / (64 * KIB) },
];

export function writeMemoryFields(ram: number[], memorySizeBytes: number): void {
  for (const { offset, length, value } of FIELDS) {
    const number = Math.floor(Math.max(0, value(memorySizeBytes)));
    for (let index = 0; index < length; index++)
      ram[offset + index] = Math.floor(number / 2 ** (8 * index)) & 0xff;
  }
  ram[EQUIPMENT.offset] = EQUIPMENT.withCoprocessor;
  let sum = 0;
  for (let index = CHECKSUM.first; index <= CHECKSUM.last; index++) sum += ram[index] ?? 0;
  ram[CHECKSUM.high] = (sum >> 8) & 0xff;
  ram[CHECKSUM.low] = sum & 0xff;
}
