/**
 * What the events of virtualization cost, in cycles. The figures are published measurements, so totals are modelled, never measured here; each
 * number names where it comes from. An instruction costs one cycle in every profile.
 */

export interface Cost {
  readonly cycles: number;
  readonly source: string;
}

export interface CostProfile {
  readonly name: string;
  readonly title: string;
  /** From the guest to the first instruction of the VMM. */
  readonly vmExit: Cost;
  /** VMLAUNCH or VMRESUME, to the first instruction of the guest. */
  readonly vmEntry: Cost;
  readonly vmRead: Cost;
  readonly vmWrite: Cost;
}

const ADAMS_AGESEN =
  "Adams, Agesen: A Comparison of Software and Hardware Techniques for x86 Virtualization, ASPLOS 2006, Table 1, Pentium 4 672";
const BOOK =
  "Bugnion, Nieh, Tsafrir: Hardware and Software Support for Virtualization, 2017, Table 4.3";
const AGESEN_2012 =
  "Agesen, Mattson, Rugina, Sheldon: Software Techniques for Avoiding Hardware Virtualization Exits, ATC 2012";

export const COST_PROFILES: readonly CostProfile[] = [
  {
    name: "P4-2006",
    title: "Pentium 4 672 (2005), the first processor with VMX",
    vmExit: { cycles: 1931, source: `${ADAMS_AGESEN}: page-fault exit` },
    vmEntry: { cycles: 2409, source: `${ADAMS_AGESEN}: VM entry` },
    vmRead: { cycles: 178, source: `${ADAMS_AGESEN}: VMCB read` },
    vmWrite: { cycles: 171, source: `${ADAMS_AGESEN}: VMCB write` },
  },
  {
    name: "Haswell",
    title: "Haswell (2013)",
    vmExit: { cycles: 512, source: `${BOOK}: page-fault exit` },
    vmEntry: {
      cycles: 277,
      source: `derived for the neighbouring Sandy Bridge: round trip 784 (${AGESEN_2012}) less exit 507 (${BOOK})`,
    },
    // No published figure: counted as plain instructions.
    vmRead: { cycles: 1, source: "no published figure; counted as one instruction" },
    vmWrite: { cycles: 1, source: "no published figure; counted as one instruction" },
  },
];

export const DEFAULT_COST_PROFILE = "P4-2006";

export function costProfile(name: string): CostProfile | undefined {
  return COST_PROFILES.find((profile) => profile.name === name);
}
