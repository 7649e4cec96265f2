/** A machine whose time can run backwards: checkpoints, a log of inputs, and replay. Implements the engine's door. */
import { UserError } from "../base/errors";
import { textOfCodes } from "../base/longLists";
import type { Debuggee, StepPlan } from "../machine/debuggee";
import { entryViolation } from "../machine/events";
import { exitCounts } from "../machine/exitView";
import { Machine } from "../machine/machine";
import { readSpace, writeSpace } from "../machine/memoryView";
import { msrView } from "../machine/msrView";
import { pageTable } from "../machine/pageTableView";
import { guestView, hardwareView } from "../machine/processorView";
import { setRegister } from "../machine/registerWrites";
import { SnapshotKeeper, type Snapshot } from "../machine/snapshot";
import { translate } from "../machine/translation";
import type {
  AddressSpace,
  EntryViolation,
  ExitCount,
  MachineConfig,
  MachineEvent,
  PageTableQuery,
  PageTableRow,
  ProcessorView,
  RunControl,
  Stop,
  TimelineEntry,
  Translation,
  VmcsView,
  VmmActivity,
  World,
} from "../machine/types";
import { vmcsOf } from "../machine/vmcsFieldsView";
import { explainEntry } from "../cpu/vmx/entryContext";
import { InputLog, type Input } from "./inputLog";
import { StepOut, StepOver } from "./stepPlans";

const NOTHING: RunControl = { breakpoints: new Set() };

function onlyWatched({ watchPoints, onWatch }: RunControl): RunControl {
  return {
    ...NOTHING,
    ...(watchPoints ? { watchPoints } : {}),
    ...(onWatch ? { onWatch } : {}),
  };
}
/** Positions between checkpoints; grows when there are many. */
const FIRST_INTERVAL = 1_000_000;
const MAX_CHECKPOINTS = 64;
const MAX_TIMELINE = 100_000;
/** Told of also when the timeline is full. */
const ALWAYS_WANTED: ReadonlySet<MachineEvent["kind"]> = new Set([
  "vm-entry-failure",
  "fidelity-lost",
]);

interface Checkpoint {
  readonly snapshot: Snapshot;
  readonly inputs: number;
  readonly timelineLength: number;
}

export class RecordedMachine implements Debuggee {
  onOutput: ((source: "serial" | "debug-console", byte: number) => void) | undefined;
  onNotice: Debuggee["onNotice"];
  private readonly machine: Machine;
  private readonly keeper: SnapshotKeeper;
  private checkpoints: Checkpoint[] = [];
  private interval = FIRST_INTERVAL;
  private readonly inputs = new InputLog();
  private events: TimelineEntry[] = [];
  private farthest = 0;
  /** The last stop stands at the current position: going on must not stop there again. */
  private standing = false;
  private lastEvent: MachineEvent | undefined;
  private readonly lostAt = new Set<bigint>();
  private search: { end: number; index: number } | undefined;

  constructor(readonly config: MachineConfig) {
    this.machine = new Machine(config);
    this.keeper = new SnapshotKeeper(this.machine);
    this.machine.onEvent = (event) => {
      this.note(event);
    };
    this.machine.wantsEvent = (kind) =>
      this.events.length < MAX_TIMELINE || ALWAYS_WANTED.has(kind) || this.isForVmm(kind);
    this.machine.onOutput = (source, byte) => {
      if (this.position >= this.farthest) this.onOutput?.(source, byte);
    };
    this.checkpoint();
  }

  /** The exit that the VMM handles. */
  private isForVmm(kind: MachineEvent["kind"]): boolean {
    return kind === "vm-exit" && this.machine.supervisor !== undefined;
  }

  private note(event: MachineEvent): void {
    if (event.kind === "vm-exit" || event.kind === "vm-entry-failure") this.lastEvent = event;
    if (this.position >= this.farthest) this.tell(event);
    if (this.events.length < MAX_TIMELINE) this.events.push({ position: this.position, event });
  }

  /** What people want to hear of although nothing stops. A place where fidelity is lost is told once. */
  private tell(event: MachineEvent): void {
    if (event.kind === "firmware") this.onNotice?.(event.text);
    if (event.kind !== "fidelity-lost" || this.lostAt.has(event.rip)) return;
    this.lostAt.add(event.rip);
    this.onNotice?.(event.text, event.rip);
  }

  get position(): number {
    return this.machine.position;
  }

  get instructions(): number {
    return this.machine.cpu.ticks - this.machine.idleTicks;
  }

  get cycles(): number {
    return this.machine.supervisor?.cycles ?? this.machine.cpu.ticks;
  }

  get world(): World {
    return this.machine.world;
  }

  get keyWaitTicks(): number | undefined {
    const { clock, pc } = this.machine;
    const since = pc.bios.waitsForKeySince;
    return since === undefined ? undefined : clock.now - since;
  }

  get horizon(): number {
    return Math.max(this.farthest, this.position);
  }

  // ------------------------------------------------------------------ checkpoints

  private checkpoint(): void {
    this.checkpoints.push({
      snapshot: this.keeper.take(),
      inputs: this.inputs.cursor,
      timelineLength: this.events.length,
    });
    if (this.checkpoints.length <= MAX_CHECKPOINTS) return;
    // Thin out: every second one goes, the first and the last stay.
    this.interval *= 2;
    this.checkpoints = this.checkpoints.filter((_, i, all) => i % 2 === 0 || i === all.length - 1);
  }

  private get nextCheckpoint(): number {
    if (!this.config.recording) return Infinity;
    const last = this.checkpoints[this.checkpoints.length - 1];
    return (last?.snapshot.position ?? 0) + this.interval;
  }

  private restore(index: number): void {
    const { snapshot, inputs, timelineLength } = this.checkpoints[index]!;
    this.farthest = this.horizon;
    this.keeper.restore(snapshot);
    this.inputs.rewind(inputs);
    this.events.length = timelineLength;
  }

  /** Index of the last checkpoint at or before a position. */
  private checkpointBefore(position: number): number {
    for (let i = this.checkpoints.length - 1; i > 0; i--) {
      if (this.checkpoints[i]!.snapshot.position <= position) return i;
    }
    return 0;
  }

  /** The present becomes another one than it was: what was recorded after it will not happen. */
  private forkHere(): void {
    this.farthest = this.position;
    this.checkpoints = this.checkpoints.filter(
      ({ snapshot }) => snapshot.position <= this.position,
    );
    this.search = undefined;
  }

  // ------------------------------------------------------------------ running

  /** Applies logged inputs that are due here; the distance to the next one otherwise. */
  private distanceToInput(): number {
    for (let next = this.inputs.next; next; next = this.inputs.next) {
      if (next.position > this.position) return next.position - this.position;
      this.apply(next.input);
      this.inputs.noteApplied();
    }
    return Infinity;
  }

  /** Runs at most `ticks`, cut at inputs and checkpoints. */
  private runPieces(ticks: number, control: RunControl, skipFirst: boolean): Stop | undefined {
    const end = this.position + ticks;
    let skip = skipFirst;
    while (this.position < end) {
      const before = this.position;
      const limit = Math.min(end - before, this.distanceToInput(), this.nextCheckpoint - before);
      const stop = this.machine.run(Math.max(1, limit), control, skip);
      if (this.position !== before) skip = false;
      if (this.position >= this.nextCheckpoint) this.checkpoint();
      if (!stop) continue;
      if (stop.reason === "halt" && stop.wakeable && this.inputs.next?.position === this.position)
        continue;
      return stop;
    }
    return undefined;
  }

  run(maxTicks: number, control: RunControl): Stop | undefined {
    this.search = undefined;
    const stop = this.runPieces(maxTicks, control, this.standing);
    this.standing = stop !== undefined;
    return stop;
  }

  step(control: RunControl = NOTHING): Stop {
    this.search = undefined;
    this.standing = true;
    const { machine } = this;
    if (machine.finalStop) return machine.finalStop;
    const stop =
      machine.idleSince === undefined
        ? this.runPieces(1, onlyWatched(control), true)
        : this.stepOutOfIdle();
    return stop ?? { reason: "step" };
  }

  /** One step while halted: time passes until something wakes the processor. */
  private stepOutOfIdle(): Stop | undefined {
    const stop = this.runPieces(IDLE_STEP_TICKS, { ...NOTHING, onEvent: () => true }, true);
    return stop?.reason === "event" ? undefined : stop;
  }

  beginStepOver(): StepPlan {
    return new StepOver(this);
  }

  beginStepOut(): StepPlan {
    return new StepOut(this);
  }

  stepBack(): Stop {
    if (this.position <= this.start) return { reason: "history-start" };
    const stop = this.travelTo(this.position - 1);
    const idle = this.machine.idleSince;
    // A halted stretch is one step.
    if (idle !== undefined && idle < this.position)
      return this.travelTo(Math.max(idle, this.start));
    return stop;
  }

  private get start(): number {
    return this.checkpoints[0]!.snapshot.position;
  }

  travelTo(position: number): Stop {
    this.search = undefined;
    const target = Math.max(this.start, position);
    if (target < this.position) this.restore(this.checkpointBefore(target));
    this.replayTo(target);
    this.standing = true;
    return { reason: position < this.start ? "history-start" : "step" };
  }

  private replayTo(target: number): void {
    while (this.position < target) {
      const stop = this.runPieces(target - this.position, NOTHING, true);
      if (stop) break;
    }
    this.distanceToInput();
  }

  runBackSlice(control: RunControl): Stop | undefined {
    if (this.position <= this.start && !this.search) return { reason: "history-start" };
    this.search ??= { end: this.position, index: this.checkpointBefore(this.position - 1) };
    const { end, index } = this.search;
    const found = this.lastStopBetween(index, end, control);
    const search = this.search as { end: number; index: number } | undefined;
    if (found) {
      this.travelTo(found.position);
      return found.stop;
    }
    if (index === 0) {
      this.travelTo(this.start);
      return { reason: "history-start" };
    }
    this.search = search
      ? { end: this.checkpoints[index]!.snapshot.position, index: index - 1 }
      : undefined;
    return undefined;
  }

  /** Replays from a checkpoint and notes the last place before `end` where `control` would have stopped. */
  private lastStopBetween(
    index: number,
    end: number,
    control: RunControl,
  ): { position: number; stop: Stop } | undefined {
    const { search } = this;
    this.restore(index);
    let found: { position: number; stop: Stop } | undefined;
    let skip = index !== 0;
    while (this.position < end) {
      const stop = this.runPieces(end - this.position, control, skip);
      if (!stop) break;
      if (this.position < end) found = { position: this.position, stop };
      if (this.machine.finalStop) break;
      skip = true;
    }
    this.search = search;
    return found;
  }

  // ------------------------------------------------------------------ looking

  vcpu(): ProcessorView {
    return guestView(this.machine);
  }

  cpu(): ProcessorView {
    return hardwareView(this.machine);
  }

  vmm(): VmmActivity | undefined {
    const position = this.machine.supervisor?.position;
    if (!position) return undefined;
    const { handler, step } = position;
    const event = this.lastEvent ?? { kind: "vm-entry", rip: 0n, text: "power-on" };
    return { handler: handler.key, title: handler.title, steps: handler.steps, step, event };
  }

  vmmHandlers(): {
    handler: string;
    title: string;
    steps: readonly { name: string; text: string }[];
  }[] {
    const handlers = this.machine.supervisor?.handlers ?? [];
    return handlers.map(({ key, title, steps }) => ({ handler: key, title, steps }));
  }

  entryViolations(): readonly EntryViolation[] {
    const { cpu } = this.machine;
    return cpu.system.vmx.current < 0 ? [] : explainEntry(cpu).map(entryViolation);
  }

  msrs(): readonly { readonly name: string; readonly number: number; readonly value: bigint }[] {
    return msrView(this.machine);
  }

  vmcs(): VmcsView | undefined {
    return vmcsOf(this.machine);
  }

  exits(): readonly ExitCount[] {
    return exitCounts(this.machine);
  }

  timeline(): readonly TimelineEntry[] {
    return this.events;
  }

  translate(space: AddressSpace, address: bigint): Translation {
    return translate(this.machine, space, address);
  }

  pageTable(query: PageTableQuery): {
    readonly rows: readonly PageTableRow[];
    readonly note?: string;
  } {
    return pageTable(this.machine, query);
  }

  readMemory(space: AddressSpace, address: bigint, length: number): Uint8Array {
    return readSpace(this.machine, space, address, length);
  }

  serialText(): string {
    return textOfCodes(this.machine.serialBytes.slice(-200_000));
  }

  screenText(): string {
    return this.machine.screenText();
  }

  // ------------------------------------------------------------------ changing

  private apply(input: Input): void {
    const { machine } = this;
    switch (input.kind) {
      case "serial":
        machine.sendSerial(input.bytes);
        break;
      case "keys":
        machine.sendKeys(input.text);
        break;
      case "memory":
        writeSpace(machine, input.space, input.address, input.bytes);
        break;
      case "register":
        setRegister(machine, input.name, input.value);
    }
  }

  /** Something from outside happens now. It is tried first: what is refused is not logged. */
  private takeInput(input: Input): void {
    this.apply(input);
    this.forkHere();
    this.inputs.append(this.position, input);
  }

  writeMemory(space: AddressSpace, address: bigint, bytes: Uint8Array): number {
    const writable = readSpace(this.machine, space, address, bytes.length).length;
    if (writable > 0)
      this.takeInput({ kind: "memory", space, address, bytes: bytes.slice(0, writable) });
    return writable;
  }

  setRegister(name: string, value: bigint): void {
    if (this.world === "vmm" && this.machine.supervisor?.changeGuest === undefined) {
      throw new UserError(
        "registers-in-vmcs",
        "The guest's registers lie in the VMCS while the VMM runs.",
        "Step to the VM entry first.",
      );
    }
    this.takeInput({ kind: "register", name, value });
  }

  sendSerial(bytes: Uint8Array): void {
    this.takeInput({ kind: "serial", bytes });
  }

  sendKeys(text: string): void {
    this.takeInput({ kind: "keys", text });
  }
}

/** A halted guest that nothing wakes for this long comes back from a step anyway. */
const IDLE_STEP_TICKS = 50_000_000;
