/** Handlers as lists of named steps, for the virtual machine of any technique, and who runs them one step at a time. */
import { InvariantError } from "../base/errors";
import type { VmExit } from "../cpu/vmx/vmExit";
import type { GuestMemory } from "./guestMemory";
import type { GuestStart } from "./guestStart";
import type { SupervisorStop, VmmPosition, VmmStep } from "./supervisor";

/** One step as it runs. */
export interface StepOf<Vm> extends VmmStep {
  readonly run: (vm: Vm) => void;
}

export interface HandlerOf<Vm> {
  readonly key: string;
  readonly title: string;
  readonly steps: readonly StepOf<Vm>[];
}

/** The part of a virtual machine's state that says what the VMM does. */
interface Stepped {
  readonly state: {
    /** The step that runs next; undefined while the guest runs. */
    position: { readonly key: string; readonly step: number } | undefined;
    readonly stopped: SupervisorStop | undefined;
  };
}

export class HandlerTable<Vm extends Stepped> {
  private readonly byKey: ReadonlyMap<string, HandlerOf<Vm>>;

  constructor(handlers: readonly HandlerOf<Vm>[]) {
    this.byKey = new Map(handlers.map((handler) => [handler.key, handler]));
  }

  has(key: string): boolean {
    return this.byKey.has(key);
  }

  private handler(key: string): HandlerOf<Vm> {
    const handler = this.byKey.get(key);
    if (!handler) throw new InvariantError(`there is no handler ${key}`);
    return handler;
  }

  runStep(vm: Vm): void {
    const { position } = vm.state;
    if (!position) throw new InvariantError("the guest is running: the VMM has no step to run");
    const handler = this.handler(position.key);
    const step = handler.steps[position.step]!;
    const next = position.step + 1;
    const isLast = next === handler.steps.length;
    // The last step enters the guest, whose first event may come back at once: then there is a new position.
    if (isLast) vm.state.position = undefined;
    step.run(vm);
    if (vm.state.stopped) vm.state.position ??= position;
    else if (!isLast) vm.state.position = { key: position.key, step: next };
  }

  /** `exit`: the VM exit that the handler answers. */
  position({ state }: Vm, exit: VmExit | undefined): VmmPosition | undefined {
    const { position } = state;
    if (!position) return undefined;
    return { handler: this.handler(position.key), step: position.step, exit };
  }
}

/** The first thing that a VMM does at power-on. */
export function placeImage<Vm extends { readonly parts: { readonly guest: GuestMemory } }>(
  start: GuestStart,
): StepOf<Vm> {
  return {
    name: "Put the guest's image into its memory",
    text: "Guest-physical memory is the host's memory behind the VMM's own, in 2 MiB chunks in an order of their own.",
    run: (vm) => {
      for (const { gpa, bytes } of start.memory) vm.parts.guest.writeBytes(gpa, bytes);
    },
  };
}
