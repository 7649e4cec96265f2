/** Observation points of the processor: what happened, as plain data. The machine turns them into MachineEvents. */
import type { VmExit } from "./vmx/vmExit";
import type { Violation } from "./vmx/entryChecks/violation";

export type ObservedEvent =
  | { readonly kind: "vm-exit"; readonly exit: VmExit; readonly rip: bigint }
  | { readonly kind: "vm-entry"; readonly rip: bigint }
  | { readonly kind: "vm-entry-failure"; readonly violations: readonly Violation[] }
  | {
      readonly kind: "interrupt";
      readonly vector: number;
      readonly source: "external" | "nmi" | "software" | "injected";
    }
  | {
      readonly kind: "exception";
      readonly vector: number;
      readonly errorCode?: number | undefined;
      readonly address?: bigint | undefined;
      /** The sentence costs more than the event: it is made when somebody asks. */
      readonly why: () => string;
      readonly rip: bigint;
    }
  | { readonly kind: "ring-change"; readonly from: number; readonly to: number }
  | { readonly kind: "mode-change" }
  | { readonly kind: "cr3-load"; readonly value: number }
  | { readonly kind: "triple-fault"; readonly chain: readonly string[] }
  /** A sensitive instruction of a deprivileged guest ran without a trap and gave something else than the guest's own processor would have. */
  | {
      readonly kind: "fidelity-lost";
      readonly semantics: string;
      readonly rip: bigint;
      /** Made when somebody asks. */
      readonly text: () => string;
    };
