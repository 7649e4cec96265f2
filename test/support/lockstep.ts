/** A guest on the bare machine beside the same guest under a technique, state by state. */
import type { Debuggee, MachineEvent, Stop } from "../../src/engine/index";

/** What a guest can see of its processor, as text. */
export function guestState(machine: Debuggee): string {
  const { registers, segments, gdtr, idtr, cpl, mode } = machine.vcpu();
  return JSON.stringify({ cpl, mode, registers, segments, gdtr, idtr }, (_key, value: unknown) =>
    typeof value === "bigint" ? value.toString(16) : value,
  );
}

type FidelityLost = MachineEvent & { readonly kind: "fidelity-lost" };

export interface Divergence {
  /** The last state that was equal. */
  readonly before: string;
  readonly hosted: string;
  readonly bare: string;
}

export interface LockstepEnd {
  readonly states: number;
  /** The first sensitive instruction that did not trap and gave something else: the comparison ends behind it. */
  readonly lost: FidelityLost | undefined;
  readonly divergence: Divergence | undefined;
  readonly stops: { readonly bare: Stop | undefined; readonly hosted: Stop | undefined };
}

export interface LockstepOptions {
  readonly states: number;
  /** Called with the number of equal states so far: may put input into both machines. */
  readonly at?: (state: number) => void;
}

/** An event of the VMM's that the guest does not see takes a few of its handlers; more is an endless loop. */
const MOST_VMM_STEPS = 10_000;
/** One step under the VMM can be several of the bare machine: an emulated instruction and the interrupt behind it. */
const MOST_AHEAD = 6;

class Hosted {
  isLost = false;

  constructor(readonly machine: Debuggee) {
    machine.onNotice = (text) => {
      this.isLost ||= text.startsWith("fidelity lost");
    };
  }

  /** The instruction at which fidelity was lost first. */
  get lost(): FidelityLost | undefined {
    if (!this.isLost) return undefined;
    return this.machine
      .timeline()
      .map(({ event }) => event)
      .find((event) => event.kind === "fidelity-lost");
  }

  /** To the next moment at which the guest is to run. */
  advance(): Stop | undefined {
    for (let i = 0; i < MOST_VMM_STEPS; i++) {
      const stop = this.machine.step();
      if (stop.reason !== "step") return stop;
      if (this.machine.world === "guest") return undefined;
    }
    throw new Error("the VMM does not come back to its guest");
  }
}

/** How the bare machine goes on from a state. */
class Bare {
  stop: Stop | undefined;
  state: string;

  constructor(readonly machine: Debuggee) {
    this.state = guestState(machine);
  }

  /** To a state; false if it does not come soon. */
  reach(wanted: string): boolean {
    for (let i = 0; this.state !== wanted && i < MOST_AHEAD && !this.stop; i++) this.step();
    return this.state === wanted;
  }

  toEnd(): void {
    for (let i = 0; i < MOST_AHEAD && !this.stop; i++) this.step();
  }

  private step(): void {
    const stop = this.machine.step();
    if (stop.reason !== "step") this.stop = stop;
    this.state = guestState(this.machine);
  }
}

/** Runs both until something ends them. The states of the technique must be among those of the bare machine, in their order. */
export function runLockstep(
  bareMachine: Debuggee,
  hostedMachine: Debuggee,
  { states, at }: LockstepOptions,
): LockstepEnd {
  const hosted = new Hosted(hostedMachine);
  const bare = new Bare(bareMachine);
  for (let count = 0; count < states; count++) {
    at?.(count);
    const before = bare.state;
    const stop = hosted.advance();
    const wanted = guestState(hostedMachine);
    if (stop) bare.toEnd();
    const isEqual = stop !== undefined || bare.reach(wanted);
    if (stop || !isEqual || hosted.isLost)
      return {
        states: count,
        lost: hosted.lost,
        divergence: isEqual ? undefined : { before, hosted: wanted, bare: bare.state },
        stops: { bare: bare.stop, hosted: stop },
      };
  }
  return { states, lost: undefined, divergence: undefined, stops: { bare: undefined, hosted: undefined } }; // prettier-ignore
}
