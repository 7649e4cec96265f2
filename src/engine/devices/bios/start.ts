/** INT 19h, which starts the disk's boot sector again, and INT 18h, when there is none. */
import { SECTOR_BYTES } from "./diskImage";
import type { BiosCall, Service } from "./service";
import { printText } from "./video";

const BOOT_SECTOR = 0x7c00;
const SIGNATURE = 0xaa55;
const NO_BOOT_VECTOR = 0x18;
const ALL_REGISTERS = ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"] as const;

function goTo({ frame }: BiosCall, segment: number, offset: number): void {
  frame.set16("cs", segment);
  frame.set16("ip", offset);
}

export const bootstrap: Service = (call) => {
  const { frame, memory, disk } = call;
  const sector = disk.read(0);
  const signature = sector[SECTOR_BYTES - 2]! | (sector[SECTOR_BYTES - 1]! << 8);
  if (signature !== SIGNATURE) {
    goTo(call, memory.read16(NO_BOOT_VECTOR * 4 + 2), memory.read16(NO_BOOT_VECTOR * 4));
    return;
  }
  memory.write(BOOT_SECTOR, sector);
  for (const register of ALL_REGISTERS) frame.set32(register, 0);
  frame.set16("ds", 0);
  frame.set16("es", 0);
  frame.dl = call.bootDrive;
  goTo(call, 0, BOOT_SECTOR);
};

export const noBootDevice: Service = (call) => {
  printText(call, "No bootable device.\r\n");
};
