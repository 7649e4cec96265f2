/** What a step did beyond the next instruction: it crossed into another world, ring or mode. */
import type { CpuMode, World } from "../../engine/index";
import { eventSentence } from "../running/stopText";
import type { Target } from "./target";

/** A step that crossed no border: the client's own words say it best. */
export const PLAIN_STEP = "Step";

export interface Standing {
  readonly world: World;
  readonly cpl: number;
  readonly mode: CpuMode;
}

function snapshot({ debuggee }: Target): Standing {
  const { cpl, mode } = debuggee.vcpu();
  return { world: debuggee.world, cpl, mode };
}

/** "Step", or the border that was crossed. */
function since(before: Standing, target: Target): string {
  const after = snapshot(target);
  const activity = target.debuggee.vmm();
  if (after.world === "vmm" && before.world !== "vmm" && activity) {
    return eventSentence(activity.event, target.debuggee.exits());
  }
  if (after.world === "guest" && before.world !== "guest") return "VM entry";
  if (after.world === "root" && before.world === "guest") return "VM exit";
  if (after.mode !== before.mode) return `Mode change: ${before.mode} to ${after.mode}`;
  if (after.cpl !== before.cpl) return `Ring ${before.cpl} to ring ${after.cpl}`;
  return PLAIN_STEP;
}

export const stepText = { snapshot, since };
