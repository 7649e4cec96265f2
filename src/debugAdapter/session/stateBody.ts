/** ringside/state and the body of ringside/stateChanged. */
import type { StateBody } from "../protocol";
import type { Target } from "./target";

export interface SessionStanding {
  readonly generation: number;
  readonly ended: boolean;
  readonly running: boolean;
}

export function stateBody(target: Target, standing: SessionStanding): StateBody {
  const { debuggee, lastStop } = target;
  const view = debuggee.world === "root" ? debuggee.cpu() : debuggee.vcpu();
  return {
    ...standing,
    program: target.programPath,
    vmm: debuggee.config.vmm,
    mmu: debuggee.config.mmu,
    recording: debuggee.config.recording,
    world: debuggee.world,
    mode: view.mode,
    cpl: view.cpl,
    position: debuggee.position,
    horizon: debuggee.horizon,
    instructions: debuggee.instructions,
    cycles: debuggee.cycles,
    place: target.place(target.currentAddress()),
    ...(standing.running || !lastStop
      ? {}
      : {
          stop: {
            reason: lastStop.reason,
            text: lastStop.text,
            final: lastStop.final,
            ...(lastStop.exitKey === undefined ? {} : { exitKey: lastStop.exitKey }),
          },
        }),
  };
}
