/** BIOS interrupts that boot code calls, by vector, and their services by AH. */

interface BiosInterrupt {
  readonly text: string;
  readonly services: Readonly<Record<number, string>>;
}

// prettier-ignore
const BIOS: Readonly<Record<number, BiosInterrupt>> = {
  0x10: {
    text: "BIOS video",
    services: {
      0x00: "set video mode AL", 0x01: "set cursor shape", 0x02: "set cursor position DH, DL", 0x03: "read cursor position", 0x06: "scroll up",
      0x07: "scroll down", 0x08: "read character and attribute", 0x09: "write character AL and attribute BL", 0x0a: "write character AL",
      0x0e: "teletype output of AL", 0x0f: "read video mode", 0x13: "write string ES:BP", 0x4f: "VESA BIOS extensions, function AL",
    },
  },
  0x11: { text: "BIOS equipment list", services: {} },
  0x12: { text: "BIOS size of conventional memory in KiB, to AX", services: {} },
  0x13: {
    text: "BIOS disk, drive DL",
    services: {
      0x00: "reset", 0x01: "status of the last operation", 0x02: "read AL sectors to ES:BX (CHS)", 0x03: "write AL sectors from ES:BX (CHS)", 0x08: "drive parameters",
      0x15: "disk type", 0x41: "are extensions present", 0x42: "extended read, packet DS:SI", 0x43: "extended write, packet DS:SI", 0x48: "extended drive parameters",
    },
  },
  0x14: { text: "BIOS serial port", services: { 0x00: "initialise", 0x01: "send AL", 0x02: "receive", 0x03: "status" } },
  0x15: {
    text: "BIOS system services",
    services: { 0x24: "A20 gate, function AL", 0x86: "wait CX:DX microseconds", 0x87: "copy extended memory", 0x88: "size of extended memory", 0xe8: "memory map (AX = E820h) or sizes (E801h)" },
  },
  0x16: { text: "BIOS keyboard", services: { 0x00: "read a key", 0x01: "is a key there", 0x02: "shift state" } },
  0x18: { text: "BIOS: no bootable disk", services: {} },
  0x19: { text: "BIOS: load the boot sector again", services: {} },
  0x1a: { text: "BIOS clock", services: { 0x00: "read ticks to CX:DX", 0x02: "read the time", 0x04: "read the date" } },
};

export function biosText(vector: number, ah: number | undefined): string | undefined {
  const found = BIOS[vector];
  if (found === undefined) return undefined;
  const service = ah === undefined ? undefined : found.services[ah];
  return service === undefined ? found.text : `${found.text}: ${service}`;
}
