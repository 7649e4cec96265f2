/** Values at this stop and at the one before, so that views can mark what changed. */
import type { Debuggee, ProcessorView } from "../../engine/index";

export interface StopSnapshot {
  readonly vcpu: ProcessorView;
  readonly cpu: ProcessorView;
  readonly vmcs: ReadonlyMap<string, bigint>;
  readonly exits: ReadonlyMap<string, number>;
}

export function takeSnapshot(debuggee: Debuggee): StopSnapshot {
  return {
    vcpu: debuggee.vcpu(),
    cpu: debuggee.cpu(),
    vmcs: new Map(debuggee.vmcs()?.fields.map(({ name, value }) => [name, value])),
    exits: new Map(debuggee.exits().map(({ key, count }) => [key, count])),
  };
}

export class StopHistory {
  private current: StopSnapshot | undefined;
  /** The stop before the present one; undefined at the first. */
  previous: StopSnapshot | undefined;
  /** Page-table entries as they were read, by table: in the present generation and before it. */
  private entries = new Map<string, ReadonlyMap<number, bigint>>();
  private olderEntries = new Map<string, ReadonlyMap<number, bigint>>();

  stopped(debuggee: Debuggee): void {
    this.previous = this.current;
    this.current = takeSnapshot(debuggee);
    this.olderEntries = new Map([...this.olderEntries, ...this.entries]);
    this.entries = new Map();
  }

  /** Notes a page table as it is read; returns what it held in an earlier generation. */
  tableRead(
    table: string,
    rows: ReadonlyMap<number, bigint>,
  ): ReadonlyMap<number, bigint> | undefined {
    this.entries.set(table, rows);
    return this.olderEntries.get(table);
  }
}
