/** Watchpoints: pages that hold one keep all accesses off the fast path; the hit is reported after the instruction. */
import { linearToBigInt, type Linear } from "../cpu/linear";
import { readPhysical } from "../cpu/dataAccess";
import { PAGE } from "../cpu/physicalMemory";
import type { PhysicalMemory } from "../cpu/physicalMemory";
import type { DataWatcher, Processor } from "../cpu/processor";
import type { AddressSpace, RunControl, Stop, WatchPoint } from "./types";

/** What watching needs of a machine. */
export interface WatchedMachine {
  readonly cpu: Processor;
  readonly ram: PhysicalMemory;
  readonly executor: { requestStop(): void };
  hostAddress(space: AddressSpace, address: bigint): number | undefined;
}

type DataStop = Stop & { reason: "data-breakpoint" };

export class Watcher implements DataWatcher {
  hit: DataStop | undefined;
  private points: readonly WatchPoint[] = [];
  private pages: number[] = [];
  private onWatch: RunControl["onWatch"];

  constructor(private readonly machine: WatchedMachine) {}

  /** Takes a run's watchpoints. */
  arm(control: RunControl): void {
    this.hit = undefined;
    this.onWatch = control.onWatch;
    const points = control.watchPoints ?? [];
    if (points.length === 0 && this.points.length === 0) return;
    this.points = points;
    this.guard();
  }

  private guard(): void {
    const { cpu, ram } = this.machine;
    for (const page of this.pages) ram.guards[page] = ram.guards[page]! & ~PAGE.watched;
    this.pages = [];
    for (const point of this.points) {
      for (const hpa of this.placesOf(point)) {
        const page = Math.floor(hpa / 4096);
        this.pages.push(page);
        ram.guards[page] = ram.guards[page]! | PAGE.watched;
      }
    }
    // A linear address that is not mapped yet may be mapped anywhere later: then every access is looked at.
    cpu.watchEverything = this.points.some((point) => this.placesOf(point).length < 2);
    cpu.refresh();
    cpu.dataWatcher = this.points.length > 0 ? this : undefined;
    cpu.tlb.flushL0();
  }

  /** HPAs of the first and last byte. */
  private placesOf(point: WatchPoint): number[] {
    const last = point.address + BigInt(point.length - 1);
    return [point.address, last].flatMap((address) => {
      const hpa = this.machine.hostAddress(point.space, address);
      return hpa === undefined ? [] : [hpa];
    });
  }

  access(
    linear: Linear,
    hpa: number | undefined,
    bytes: number,
    write: boolean,
    value?: bigint,
  ): void {
    for (const point of this.points) {
      if (point.access !== "readWrite" && (point.access === "write") !== write) continue;
      if (this.covers(point, linear, hpa, bytes))
        this.report(point, write, linear, hpa, bytes, value);
    }
  }

  private covers(
    point: WatchPoint,
    linear: Linear,
    hpa: number | undefined,
    bytes: number,
  ): boolean {
    const overlaps = (from: bigint, at: bigint): boolean =>
      at < from + BigInt(point.length) && from < at + BigInt(bytes);
    if (point.space === "gva") return overlaps(point.address, linearToBigInt(linear));
    if (hpa === undefined) return false;
    const start = this.machine.hostAddress(point.space, point.address);
    return start !== undefined && overlaps(BigInt(start), BigInt(hpa));
  }

  private report(
    point: WatchPoint,
    write: boolean,
    linear: Linear,
    hpa: number | undefined,
    bytes: number,
    value: bigint | undefined,
  ): void {
    if (this.hit) return;
    const stop: DataStop = {
      reason: "data-breakpoint",
      id: point.id,
      access: write ? "write" : "read",
      address: linearToBigInt(linear),
      ...(hpa === undefined ? {} : { oldValue: readPhysical(this.machine.cpu, hpa, bytes) }),
      ...(value === undefined ? {} : { newValue: value }),
    };
    if (this.onWatch && !this.onWatch(stop)) return;
    this.hit = stop;
    this.machine.executor.requestStop();
  }

  take(): DataStop | undefined {
    const { hit } = this;
    this.hit = undefined;
    return hit;
  }
}
