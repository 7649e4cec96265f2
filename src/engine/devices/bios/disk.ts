/** INT 13h: sectors of the disk (IBM BIOS Interface Technical Reference, "INT 13h"; Enhanced Disk Drive Specification 3.0, "Extensions"). */
import type { BiosCall, Service, ServiceTable } from "./service";
import { SECTOR_BYTES } from "./diskImage";
import { linear } from "./memory";

const STATUS = { OK: 0x00, BAD_PARAMETER: 0x01, NOT_FOUND: 0x04 } as const;
const FIRST_HARD_DISK = 0x80;
/** A transfer of more would pass a segment's end. */
const MAX_SECTORS = 128;
/** Diskette drive for 1.44 MB media. */
const DRIVE_TYPE = 4;
/** The parameter table that vector 1Eh points to. */
const DISKETTE_VECTOR = 0x1e;
const EDD_VERSION = 0x30;
/** Subsets of the extensions that are here: extended access, and EDD parameters. */
const EDD_SUBSETS = 0x05;

const isHardDisk = ({ frame }: BiosCall): boolean => frame.dl >= FIRST_HARD_DISK;

/** Status in AH and in the data area, carry for errors. */
function finish(call: BiosCall, status: number): void {
  call.frame.ah = status;
  call.frame.carry = status !== STATUS.OK;
  call.data.set(isHardDisk(call) ? "diskStatus" : "disketteStatus", status);
}

/** Only the two views of the one disk exist. */
function onDrive(service: Service): Service {
  return (call) => {
    const { dl } = call.frame;
    if (dl === 0 || dl === FIRST_HARD_DISK) service(call);
    else finish(call, STATUS.BAD_PARAMETER);
  };
}

/** The first sector of CHS in CX and DH; undefined where the disk has none. */
function sectorOfChs({ frame, disk }: BiosCall): number | undefined {
  const { cylinders, heads, sectors } = disk.geometry;
  const cylinder = frame.ch | ((frame.cl & 0xc0) << 2);
  const sector = frame.cl & 0x3f;
  if (sector === 0 || sector > sectors || frame.dh >= heads || cylinder >= cylinders) return undefined; // prettier-ignore
  return (cylinder * heads + frame.dh) * sectors + sector - 1;
}

type Transfer = (call: BiosCall, sector: number, address: number) => void;

const readSector: Transfer = ({ memory, disk }, sector, address) => {
  memory.write(address, disk.read(sector));
};
const writeSector: Transfer = ({ memory, disk }, sector, address) => {
  disk.write(sector, memory.read(address, SECTOR_BYTES));
};
const verifySector: Transfer = () => undefined;

/** Sectors transferred before the end of the disk. */
function transfer(
  call: BiosCall,
  first: number,
  count: number,
  address: number,
  each: Transfer,
): number {
  const present = Math.max(0, Math.min(count, call.disk.sectorCount - first));
  for (let index = 0; index < present; index++)
    each(call, first + index, address + index * SECTOR_BYTES);
  return present;
}

function byChs(each: Transfer): Service {
  return onDrive((call) => {
    const { frame } = call;
    const count = frame.al;
    const first = sectorOfChs(call);
    if (first === undefined || count === 0 || count > MAX_SECTORS) {
      finish(call, STATUS.BAD_PARAMETER);
      return;
    }
    const done = transfer(call, first, count, linear(frame.get16("es"), frame.bx), each);
    frame.al = done;
    finish(call, done === count ? STATUS.OK : STATUS.NOT_FOUND);
  });
}

/** The extensions are those of hard disks. */
function onHardDisk(service: Service): Service {
  return onDrive((call) => {
    if (isHardDisk(call)) service(call);
    else finish(call, STATUS.BAD_PARAMETER);
  });
}

/** Disk address packet at DS:SI: size, 0, count, offset, segment, sector number in 8 bytes. */
function byPacket(each: Transfer): Service {
  return onHardDisk((call) => {
    const { frame, memory } = call;
    const packet = linear(frame.get16("ds"), frame.get16("esi"));
    const count = memory.read16(packet + 2);
    const buffer = linear(memory.read16(packet + 6), memory.read16(packet + 4));
    const first = memory.read32(packet + 8) + memory.read32(packet + 12) * 2 ** 32;
    const done = transfer(call, first, count, buffer, each);
    memory.write16(packet + 2, done);
    finish(call, done === count ? STATUS.OK : STATUS.BAD_PARAMETER);
  });
}

const done = onDrive((call) => {
  finish(call, STATUS.OK);
});

const status: Service = (call) => {
  const last = call.data.get(isHardDisk(call) ? "diskStatus" : "disketteStatus");
  finish(call, last);
};

const parameters = onDrive((call) => {
  const { frame, memory } = call;
  const { cylinders, heads, sectors } = call.disk.geometry;
  const last = cylinders - 1;
  if (!isHardDisk(call)) {
    frame.bx = DRIVE_TYPE;
    frame.set16("edi", memory.read16(DISKETTE_VECTOR * 4));
    frame.set16("es", memory.read16(DISKETTE_VECTOR * 4 + 2));
  }
  frame.al = 0;
  frame.cx = ((last & 0xff) << 8) | ((last >> 2) & 0xc0) | sectors;
  frame.dh = heads - 1;
  finish(call, STATUS.OK);
  frame.dl = 1;
});

const driveType = onDrive((call) => {
  const { frame, disk } = call;
  const isFixed = isHardDisk(call);
  finish(call, STATUS.OK);
  // 1: a diskette drive without change line; 3: a fixed disk with its size.
  frame.ah = isFixed ? 3 : 1;
  if (!isFixed) return;
  frame.cx = disk.sectorCount >>> 16;
  frame.dx = disk.sectorCount;
});

const extensions = onHardDisk((call) => {
  const { frame } = call;
  if (frame.bx !== 0x55aa) {
    finish(call, STATUS.BAD_PARAMETER);
    return;
  }
  finish(call, STATUS.OK);
  frame.ah = EDD_VERSION;
  frame.bx = 0xaa55;
  frame.cx = EDD_SUBSETS;
});

const SHORT_RESULT = 26;
const LONG_RESULT = 30;

const extendedParameters = onHardDisk((call) => {
  const { frame, memory, disk } = call;
  const { cylinders, heads, sectors } = disk.geometry;
  const buffer = linear(frame.get16("ds"), frame.get16("esi"));
  const room = memory.read16(buffer);
  if (room < SHORT_RESULT) {
    finish(call, STATUS.BAD_PARAMETER);
    return;
  }
  memory.write16(buffer, room < LONG_RESULT ? SHORT_RESULT : LONG_RESULT);
  memory.write16(buffer + 2, 2); // Cylinders, heads and sectors are valid.
  [cylinders, heads, sectors].forEach((value, index) => {
    memory.write32(buffer + 4 + 4 * index, value);
  });
  memory.write64(buffer + 16, disk.sectorCount);
  memory.write16(buffer + 24, SECTOR_BYTES);
  // No device parameter table extension.
  if (room >= LONG_RESULT) memory.write32(buffer + 26, 0xffffffff);
  finish(call, STATUS.OK);
});

export const DISK: ServiceTable = {
  functions: {
    0x00: done,
    0x01: status,
    0x02: byChs(readSector),
    0x03: byChs(writeSector),
    0x04: byChs(verifySector),
    0x08: parameters,
    0x0c: done,
    0x0d: done,
    0x10: done,
    0x11: done,
    0x14: done,
    0x15: driveType,
    0x41: extensions,
    0x42: byPacket(readSector),
    0x43: byPacket(writeSector),
    0x44: byPacket(verifySector),
    0x47: onHardDisk(done),
    0x48: extendedParameters,
  },
  otherwise: (call) => {
    finish(call, STATUS.BAD_PARAMETER);
  },
};
