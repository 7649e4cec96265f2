/** Video memory and the ROM area of a PC: not RAM, so no image can be loaded there. */
export const DEVICE_HOLE = { from: 0xa0000, to: 0x100000 } as const;
