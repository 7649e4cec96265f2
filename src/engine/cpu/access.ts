/** Bits of a memory access. */
export const ACCESS = {
  read: 0,
  write: 1,
  fetch: 2,
  /** CPL 3 access (never for implicit supervisor accesses). */
  user: 4,
  /** Implicit supervisor access (descriptor tables): SMAP ignores AC. */
  implicit: 8,
} as const;
