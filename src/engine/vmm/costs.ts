/**
 * What the events of virtualization cost, in cycles. The figures are published measurements, so totals are modelled, never measured here; each
 * number names where it comes from. An instruction costs one cycle in every profile.
 */

import { UserError } from "../base/errors";

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
  /** An exception or interrupt through the IDT to ring 0, and the IRET that answers it: what brings a deprivileged guest into the VMM and back. */
  readonly trap: Cost;
  readonly pageFault: Cost;
}

const ADAMS_AGESEN =
  "Adams, Agesen: A Comparison of Software and Hardware Techniques for x86 Virtualization, ASPLOS 2006, Table 1, Pentium 4 672";
const BOOK =
  "Bugnion, Nieh, Tsafrir: Hardware and Software Support for Virtualization, 2017, Table 4.3";
const AGESEN_2012 =
  "Agesen, Mattson, Rugina, Sheldon: Software Techniques for Avoiding Hardware Virtualization Exits, ATC 2012";

const NANOBENCHMARKS =
  "Adams, Agesen: A Comparison of Software and Hardware Techniques for x86 Virtualization, ASPLOS 2006, native nanobenchmarks, Pentium 4 672";

export const COST_PROFILES: readonly CostProfile[] = [
  {
    name: "P4-2006",
    title: "Pentium 4 672 (2005), the first processor with VMX",
    vmExit: { cycles: 1931, source: `${ADAMS_AGESEN}: page-fault exit` },
    vmEntry: { cycles: 2409, source: `${ADAMS_AGESEN}: VM entry` },
    vmRead: { cycles: 178, source: `${ADAMS_AGESEN}: VMCB read` },
    vmWrite: { cycles: 171, source: `${ADAMS_AGESEN}: VMCB write` },
    trap: { cycles: 889, source: `${NANOBENCHMARKS}: divzero` },
    pageFault: { cycles: 1093, source: `${NANOBENCHMARKS}: pgfault` },
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
    trap: { cycles: 889, source: `no published figure; that of an older processor (${NANOBENCHMARKS}: divzero)` }, // prettier-ignore
    pageFault: { cycles: 1093, source: `no published figure; that of an older processor (${NANOBENCHMARKS}: pgfault)` }, // prettier-ignore
  },
];

export const DEFAULT_COST_PROFILE = "P4-2006";

/** The profile of a name, the default without one. */
export function costProfileOf(name = DEFAULT_COST_PROFILE): CostProfile {
  const found = costProfile(name);
  if (found) return found;
  const names = COST_PROFILES.map((each) => each.name).join(", ");
  throw new UserError("unknown-cost-profile", `There is no cost profile ${name}.`, `Use one of ${names}.`); // prettier-ignore
}

export function costProfile(name: string): CostProfile | undefined {
  return COST_PROFILES.find((profile) => profile.name === name);
}
