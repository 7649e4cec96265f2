/** What shadow paging remembers outside its tables: plain data of the supervisor. */
export interface ShadowState {
  readonly kind: "shadow";
  /** Root in force. */
  root: number;
  /** Shadow roots by the guest's PCID (0 without CR4.PCIDE) and view; the format is that of the guest's mode when it was made. */
  roots: Record<number, number>;
  format: "pae" | "4-level";
  /** Linear addresses (pages) mapped to the scratch page for one instruction. */
  holes: bigint[];
  /** A fragment of a guest's 1 GiB page was mapped: INVLPG must look further. */
  hasGigabyteFragments: boolean;
}

export function initialShadowState(): ShadowState {
  return { kind: "shadow", root: 0, roots: {}, format: "pae", holes: [], hasGigabyteFragments: false }; // prettier-ignore
}
