/** Facts about page walks that several places show. */
import type { AddressSpace, WalkStep } from "../engine/index";

/** Space of an entry's address: the guest's tables lie in its physical memory, the VMM's in the host's. */
export function entrySpaceOf(stage: WalkStep["stage"]): AddressSpace {
  return stage === "guest" ? "gpa" : "hpa";
}

/** Space of what a leaf entry points to. */
export function targetSpaceOf(which: WalkStep["stage"]): AddressSpace {
  return which === "guest" ? "gpa" : "hpa";
}
