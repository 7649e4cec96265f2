/** The whole machine as plain data, and back. Memory is shared between snapshots page by page. */
import { clonePlain } from "../base/clone";
import type { ClockState } from "../bus/virtualClock";
import { STATE_BYTES } from "../cpu/layout";
import type { SystemState } from "../cpu/systemState";
import type { TlbSnapshot } from "../cpu/tlb";
import type { StandardPcState } from "../devices/standardPc";
import type { Machine, MachineScalars } from "./machine";

/** Raised whenever the meaning of a snapshot changes. */
export const SNAPSHOT_VERSION = 1;

export interface Snapshot {
  readonly version: typeof SNAPSHOT_VERSION;
  readonly position: number;
  readonly ticks: number;
  readonly deliveries: number;
  /** Registers and flags as they lie in the interpreter's memory. */
  readonly state: Uint8Array;
  readonly system: SystemState;
  readonly tlb: TlbSnapshot;
  readonly clock: ClockState;
  readonly pc: StandardPcState;
  readonly supervisor: unknown;
  readonly scalars: MachineScalars;
  /** Contents of every page that ever differed from zero, by HPA page number. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** Takes and restores snapshots of one machine; knows which one the memory was last equal to. */
export class SnapshotKeeper {
  private base: Snapshot | undefined;

  constructor(private readonly machine: Machine) {}

  take(): Snapshot {
    const { machine } = this;
    const { cpu, ram } = machine;
    const pages = new Map(this.base?.pages);
    for (const page of ram.takeDirty()) pages.set(page, ram.readBytes(page * 4096, 4096));
    cpu.tlb.flushL0();
    const snapshot: Snapshot = {
      version: SNAPSHOT_VERSION,
      position: machine.position,
      ticks: cpu.ticks,
      deliveries: cpu.deliveries,
      state: new Uint8Array(cpu.buffer, 0, STATE_BYTES).slice(),
      system: clonePlain(cpu.system),
      tlb: cpu.tlb.save(),
      clock: clonePlain(machine.clock.save()),
      pc: clonePlain(machine.pc.save()),
      supervisor: clonePlain(machine.supervisor?.save()),
      scalars: machine.saveScalars(),
      pages,
    };
    this.base = snapshot;
    return snapshot;
  }

  restore(snapshot: Snapshot): void {
    const { machine } = this;
    const { cpu } = machine;
    this.restoreMemory(snapshot);
    new Uint8Array(cpu.buffer, 0, STATE_BYTES).set(snapshot.state);
    cpu.system = clonePlain(snapshot.system);
    cpu.ticks = snapshot.ticks;
    cpu.deliveries = snapshot.deliveries;
    cpu.pendingAbort = undefined;
    cpu.clearPending();
    machine.clock.load(clonePlain(snapshot.clock));
    machine.pc.load(clonePlain(snapshot.pc));
    // After the devices: the A20M# pin, when it changes, drops translations.
    cpu.tlb.load(snapshot.tlb);
    machine.supervisor?.load(clonePlain(snapshot.supervisor));
    machine.loadScalars(snapshot.scalars);
    machine.executor.blocks.clear();
    cpu.refresh();
    cpu.translationChanged();
    machine.resetModeTracking();
  }

  private restoreMemory(snapshot: Snapshot): void {
    const { ram } = this.machine;
    const changed = new Set(ram.takeDirty());
    const from = this.base?.pages ?? new Map<number, Uint8Array>();
    for (const page of new Set([...from.keys(), ...snapshot.pages.keys()])) {
      if (from.get(page) !== snapshot.pages.get(page)) changed.add(page);
    }
    for (const page of changed) {
      const bytes = snapshot.pages.get(page);
      if (bytes) ram.bytes.set(bytes, page * 4096);
      else ram.bytes.fill(0, page * 4096, page * 4096 + 4096);
    }
    this.base = snapshot;
  }
}
