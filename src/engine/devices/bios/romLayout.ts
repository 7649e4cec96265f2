/** Places of the BIOS that software and the firmware know by number. */

export const ROM_SEGMENT = 0xf000;

/** Offsets in segment F000h of tables, where the PC/AT has them. */
export const BIOS_TABLES = {
  /** INT 15h C0h: system configuration. */
  configuration: 0xe6f5,
  /** Vector 1Eh: diskette parameters. */
  diskette: 0xefc7,
} as const;
