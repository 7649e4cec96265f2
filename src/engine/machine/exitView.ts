import { exitReasonByKey } from "../isa/vmx/exitReasons";
import type { Supervisor } from "../vmm/supervisor";
import type { ExitCount } from "./types";

/** VM exits so far by reason: the supervisor's counters with their cycles, or the bare count under a hypervisor of the user's. */
export function exitCounts(machine: {
  readonly supervisor: Supervisor | undefined;
  readonly exitCounts: ReadonlyMap<string, number>;
}): ExitCount[] {
  if (machine.supervisor) return machine.supervisor.counters.map((counter) => ({ ...counter }));
  return [...machine.exitCounts].map(([key, count]) => {
    const reason = exitReasonByKey(key);
    return { key, number: reason?.number ?? -1, title: reason?.title ?? key, count, cycles: 0 };
  });
}
