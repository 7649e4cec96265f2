/**
 * The local APIC of a computer with one processor, in xAPIC mode. SDM Vol. 3A, "Advanced Programmable Interrupt
 * Controller (APIC)". The 8259 pair is on LINT0; LINT1 and the thermal and performance-counter inputs have no source.
 * Interrupt commands arrive at once and only here: no other processor is on the bus.
 */
import type { Clock, Device, InterruptLine, Window } from "../../bus/types";
import { InterruptQueue, type QueueState } from "./interruptQueue";
import {
  BASE_MSR,
  BROADCAST,
  COMMAND,
  DELIVERY,
  ERROR,
  FIRST_LEGAL_VECTOR,
  LVT,
  LVT_WRITABLE,
  REGISTER,
  SHORTHAND,
  SOFTWARE_ENABLE,
  SPURIOUS_WRITABLE,
  TIMER_MODE,
  VERSION,
  type LvtOffset,
} from "./registers";
import { ApicTimer, type TimerState, type TimeStampCounter } from "./timer";

export interface LocalApicConfig {
  readonly clock: Clock;
  /** Prefix of the alarm's name, for several computers on one clock. */
  readonly alarmPrefix?: string;
  /** The processor's interrupt request. */
  readonly intr: InterruptLine;
  /** An NMI for the processor: an edge. */
  readonly nmi: () => void;
  /** The 8259's interrupt acknowledge, for LINT0 as ExtINT. */
  readonly acknowledgeExternal: () => number;
  readonly tsc: TimeStampCounter;
  /** CPUID.1:ECX.TSC_Deadline. */
  readonly hasTscDeadline: boolean;
  /** IA32_APIC_BASE was written: the window lies elsewhere, or is gone. */
  readonly baseChanged?: () => void;
}

/** Registers that are nothing but bits. */
interface PlainRegisters {
  id: number;
  logicalDestination: number;
  destinationFormat: number;
  spuriousVector: number;
  commandLow: number;
  commandHigh: number;
  /** ESR as it reads. */
  errorStatus: number;
  /** Errors since ESR was last written. */
  errors: number;
  lvt: Record<LvtOffset, number>;
}

export interface LocalApicState extends PlainRegisters {
  readonly base: number;
  readonly queue: QueueState;
  readonly timer: TimerState;
  readonly lint0: boolean;
}

const LVT_OFFSETS = Object.keys(LVT_WRITABLE).map(Number) as LvtOffset[];
const ID_BITS = 0xff00_0000;
const FLAT_MODEL = 0xf;

function isLvtOffset(offset: number): offset is LvtOffset {
  return (LVT_OFFSETS as readonly number[]).includes(offset);
}

/** SDM Vol. 3A, "Local APIC State After Power-Up or Reset". */
function resetRegisters(): PlainRegisters {
  return {
    id: 0,
    logicalDestination: 0,
    destinationFormat: 0xffff_ffff,
    spuriousVector: 0xff,
    commandLow: 0,
    commandHigh: 0,
    errorStatus: 0,
    errors: 0,
    lvt: Object.fromEntries(LVT_OFFSETS.map((offset) => [offset, LVT.masked])) as Record<LvtOffset, number>, // prettier-ignore
  };
}

export class LocalApic implements Device<LocalApicState> {
  readonly name = "localApic";
  /** One page. Registers are 32 bits; other widths reach the bytes that they cover. */
  readonly memoryWindow: Window;
  private readonly queue = new InterruptQueue();
  private readonly timer: ApicTimer;
  private registers = resetRegisters();
  private baseMsr: number = BASE_MSR.reset;
  /** Level of the LINT0 pin: the 8259's INTR. */
  private lint0Level = false;

  constructor(private readonly config: LocalApicConfig) {
    this.timer = new ApicTimer({
      clock: config.clock,
      alarmName: `${config.alarmPrefix ?? ""}apic.timer`,
      tsc: config.tsc,
      expired: () => {
        this.localEvent(REGISTER.timer);
        this.update();
      },
    });
    this.memoryWindow = {
      read: (offset, size) => ((this.readAt(offset & ~3) >>> (8 * (offset & 3))) & (2 ** (8 * size) - 1)) >>> 0, // prettier-ignore
      write: (offset, _size, value) => {
        if ((offset & 15) === 0) this.write(offset, value >>> 0);
        this.update();
      },
    };
  }

  // ------------------------------------------------------------------ the processor's side

  /** IA32_APIC_BASE. */
  get base(): number {
    return this.baseMsr;
  }

  /** Without EN the APIC is as if it were not there, and comes back as after reset. */
  set base(value: number) {
    const wasEnabled = this.isEnabled;
    this.baseMsr = value;
    if (wasEnabled && !this.isEnabled) this.reset();
    this.update();
    this.config.baseChanged?.();
  }

  get isEnabled(): boolean {
    return (this.baseMsr & BASE_MSR.enable) !== 0;
  }

  /** Physical address of the page. */
  get address(): number {
    return this.baseMsr - (this.baseMsr % 0x1000);
  }

  get taskPriority(): number {
    return this.queue.taskPriority;
  }

  set taskPriority(value: number) {
    this.queue.taskPriority = value & 0xff;
    this.update();
  }

  get tscDeadline(): bigint {
    return this.timer.tscDeadline;
  }

  set tscDeadline(value: bigint) {
    this.timer.tscDeadline = value;
  }

  tscChanged(): void {
    this.timer.tscChanged();
  }

  /** INTA: the vector. */
  acknowledge(): number {
    const vector = this.isEnabled ? this.queue.deliverable : -1;
    if (vector >= 0) {
      this.queue.serve(vector);
      this.update();
      return vector;
    }
    if (this.passesExternal) return this.config.acknowledgeExternal();
    return this.registers.spuriousVector & LVT.vector;
  }

  /** True if an interrupt of the 8259 could come as an NMI. */
  get turnsInterruptsIntoNmi(): boolean {
    return this.isEnabled && this.lint0Mode === DELIVERY.nmi;
  }

  /** The LINT0 pin. */
  setLint0(level: boolean): void {
    const rises = level && !this.lint0Level;
    this.lint0Level = level;
    if (this.isEnabled) {
      const entry = this.registers.lvt[REGISTER.lint0];
      const isLevel = (entry & LVT.levelTriggered) !== 0;
      if (rises || (level && isLevel)) this.localEvent(REGISTER.lint0);
    }
    this.update();
  }

  /** What firmware leaves: switched on, the 8259 on LINT0, NMI on LINT1. Intel MultiProcessor Specification, "Virtual Wire Mode". */
  enterVirtualWireMode(): void {
    const { registers } = this;
    registers.spuriousVector = 0xff | SOFTWARE_ENABLE;
    registers.lvt[REGISTER.lint0] = LVT.levelTriggered | DELIVERY.external;
    registers.lvt[REGISTER.lint1] = LVT.levelTriggered | DELIVERY.nmi;
    this.update();
  }

  /** A byte of the page, read without effect, for display. */
  peek(offset: number): number {
    const value = offset & 12 ? 0 : (this.read(offset & ~15) ?? 0);
    return (value >>> (8 * (offset & 3))) & 0xff;
  }

  save(): LocalApicState {
    return {
      ...this.registers,
      lvt: { ...this.registers.lvt },
      base: this.baseMsr,
      queue: this.queue.save(),
      timer: this.timer.save(),
      lint0: this.lint0Level,
    };
  }

  load(state: LocalApicState): void {
    const { base, queue, timer, lint0, ...registers } = state;
    this.registers = { ...registers, lvt: { ...registers.lvt } };
    this.baseMsr = base;
    this.queue.load(queue);
    this.timer.load(timer);
    this.lint0Level = lint0;
    this.update();
    this.config.baseChanged?.();
  }

  // ------------------------------------------------------------------ interrupts

  private reset(): void {
    // The local APIC ID is that of the processor, and software cannot lose it by switching off and on.
    this.registers = resetRegisters();
    this.queue.reset();
    this.timer.reset();
  }

  private get isSoftwareEnabled(): boolean {
    return (this.registers.spuriousVector & SOFTWARE_ENABLE) !== 0;
  }

  /** Delivery mode of LINT0 while it is open. */
  private get lint0Mode(): number | undefined {
    const entry = this.registers.lvt[REGISTER.lint0];
    return entry & LVT.masked ? undefined : entry & LVT.deliveryMode;
  }

  /** The 8259's request reaches the processor: without an APIC it is the INTR pin itself. */
  private get passesExternal(): boolean {
    return this.lint0Level && (!this.isEnabled || this.lint0Mode === DELIVERY.external);
  }

  private update(): void {
    const isRequested = this.isEnabled && this.queue.deliverable >= 0;
    this.config.intr.set(isRequested || this.passesExternal);
  }

  /** A fixed interrupt arrives. SDM Vol. 3A, "Local APIC State After It Has Been Software Disabled". */
  private accept(vector: number, isLevel: boolean): void {
    if (vector < FIRST_LEGAL_VECTOR) this.error(ERROR.receivedIllegalVector);
    else if (this.isSoftwareEnabled) this.queue.accept(vector, isLevel);
  }

  /** An event of the local vector table. */
  private localEvent(source: LvtOffset): void {
    const entry = this.registers.lvt[source];
    if (entry & LVT.masked) return;
    const isFixedOnly = source === REGISTER.timer || source === REGISTER.error;
    switch (isFixedOnly ? DELIVERY.fixed : entry & LVT.deliveryMode) {
      case DELIVERY.fixed: {
        const isLevel = source === REGISTER.lint0 && (entry & LVT.levelTriggered) !== 0;
        if (entry & LVT.remoteIrr) return;
        if (isLevel) this.registers.lvt[source] = entry | LVT.remoteIrr;
        this.accept(entry & LVT.vector, isLevel);
        return;
      }
      case DELIVERY.nmi:
        this.config.nmi();
        return;
      // ExtINT is a level that `passesExternal` looks at; there is no system-management mode, and INIT has no meaning here.
    }
  }

  private error(bit: number): void {
    const isNew = (this.registers.errors & bit) === 0;
    this.registers.errors |= bit;
    const entry = this.registers.lvt[REGISTER.error];
    // An illegal vector in the error entry itself must not lead here again.
    if (isNew && (entry & LVT.vector) >= FIRST_LEGAL_VECTOR) this.localEvent(REGISTER.error);
  }

  private endOfInterrupt(): void {
    const vector = this.queue.endHighest();
    if (vector < 0 || !this.queue.triggerMode.has(vector)) return;
    const entry = this.registers.lvt[REGISTER.lint0];
    if ((entry & LVT.vector) !== vector || !(entry & LVT.remoteIrr)) return;
    this.registers.lvt[REGISTER.lint0] = entry & ~LVT.remoteIrr;
    if (this.lint0Level) this.localEvent(REGISTER.lint0);
  }

  // ------------------------------------------------------------------ interrupt commands

  private sendCommand(): void {
    const { commandLow } = this.registers;
    const vector = commandLow & COMMAND.vector;
    if (!this.isAddressed(commandLow)) return;
    switch (commandLow & COMMAND.deliveryMode) {
      case DELIVERY.fixed:
      case DELIVERY.lowestPriority:
        if (vector < FIRST_LEGAL_VECTOR) this.error(ERROR.sendIllegalVector);
        this.accept(vector, false);
        return;
      case DELIVERY.nmi:
        this.config.nmi();
        return;
      // SMI: no system-management mode. INIT and SIPI are for other processors: to itself a processor cannot send them sensibly.
    }
  }

  private isAddressed(command: number): boolean {
    switch (command & COMMAND.shorthand) {
      case SHORTHAND.self:
      case SHORTHAND.all:
        return true;
      case SHORTHAND.others:
        return false;
    }
    const destination = this.registers.commandHigh >>> 24;
    if (destination === BROADCAST) return true;
    if (command & COMMAND.logicalDestination) return this.matchesLogical(destination);
    return destination === this.registers.id >>> 24;
  }

  /** SDM Vol. 3A, "Logical Destination Mode": flat model, or clusters of four. */
  private matchesLogical(destination: number): boolean {
    const own = this.registers.logicalDestination >>> 24;
    const isFlat = this.registers.destinationFormat >>> 28 === FLAT_MODEL;
    if (isFlat) return (own & destination) !== 0;
    const isCluster = own >> 4 === destination >> 4 || destination >> 4 === 0xf;
    return isCluster && (own & destination & 0xf) !== 0;
  }

  // ------------------------------------------------------------------ registers

  private readAt(offset: number): number {
    // Only the first four bytes of a slot are a register.
    if (offset & 15) return 0;
    const value = this.read(offset);
    if (value !== undefined) return value >>> 0;
    this.error(ERROR.illegalRegister);
    this.update();
    return 0;
  }

  private read(offset: number): number | undefined {
    const { registers, queue, timer } = this;
    if (isLvtOffset(offset)) return registers.lvt[offset];
    const index = (offset & 0x7f) >> 4;
    switch (offset & ~0x7f) {
      case REGISTER.inService:
        return queue.inService.word(index);
      case REGISTER.triggerMode:
        return queue.triggerMode.word(index);
      case REGISTER.request:
        return queue.request.word(index);
    }
    switch (offset) {
      case REGISTER.id:
        return registers.id;
      case REGISTER.version:
        return VERSION;
      case REGISTER.taskPriority:
        return queue.taskPriority;
      case REGISTER.processorPriority:
        return queue.processorPriority;
      case REGISTER.endOfInterrupt:
        return 0;
      case REGISTER.logicalDestination:
        return registers.logicalDestination;
      case REGISTER.destinationFormat:
        return registers.destinationFormat;
      case REGISTER.spuriousVector:
        return registers.spuriousVector;
      case REGISTER.errorStatus:
        return registers.errorStatus;
      case REGISTER.commandLow:
        return registers.commandLow;
      case REGISTER.commandHigh:
        return registers.commandHigh;
      case REGISTER.initialCount:
        return timer.initialCount;
      case REGISTER.currentCount:
        return timer.currentCount();
      case REGISTER.divideConfiguration:
        return timer.divideConfiguration;
    }
    return undefined;
  }

  private write(offset: number, value: number): void {
    const { registers, timer } = this;
    if (isLvtOffset(offset)) {
      this.writeLvt(offset, value);
      return;
    }
    switch (offset) {
      case REGISTER.id:
        registers.id = (value & ID_BITS) >>> 0;
        return;
      case REGISTER.taskPriority:
        this.queue.taskPriority = value & 0xff;
        return;
      case REGISTER.endOfInterrupt:
        this.endOfInterrupt();
        return;
      case REGISTER.logicalDestination:
        registers.logicalDestination = (value & ID_BITS) >>> 0;
        return;
      case REGISTER.destinationFormat:
        registers.destinationFormat = (value | 0x0fff_ffff) >>> 0;
        return;
      case REGISTER.spuriousVector:
        this.writeSpuriousVector(value);
        return;
      case REGISTER.errorStatus:
        registers.errorStatus = registers.errors;
        registers.errors = 0;
        return;
      case REGISTER.commandLow:
        registers.commandLow = value & COMMAND.writable;
        this.sendCommand();
        return;
      case REGISTER.commandHigh:
        registers.commandHigh = (value & ID_BITS) >>> 0;
        return;
      case REGISTER.initialCount:
        timer.setInitialCount(value);
        return;
      case REGISTER.divideConfiguration:
        timer.setDivideConfiguration(value);
        return;
      default:
        // Read-only registers take the write and keep their value; where there is none, that is an error.
        if (this.read(offset) === undefined) this.error(ERROR.illegalRegister);
    }
  }

  private writeLvt(offset: LvtOffset, value: number): void {
    const { lvt } = this.registers;
    const isTimer = offset === REGISTER.timer;
    const extra = isTimer && this.config.hasTscDeadline ? TIMER_MODE.tscDeadline : 0;
    const kept = lvt[offset] & LVT.remoteIrr;
    const masked = this.isSoftwareEnabled ? 0 : LVT.masked;
    lvt[offset] = (value & (LVT_WRITABLE[offset] | extra)) | kept | masked;
    if (isTimer) this.timer.setMode(lvt[offset] & LVT.timerMode);
    if (offset === REGISTER.lint0 && this.lint0Level && value & LVT.levelTriggered) this.localEvent(offset); // prettier-ignore
  }

  /** Switched off, every entry of the local vector table is masked. */
  private writeSpuriousVector(value: number): void {
    const { registers } = this;
    registers.spuriousVector = value & SPURIOUS_WRITABLE;
    if (this.isSoftwareEnabled) return;
    for (const offset of LVT_OFFSETS) registers.lvt[offset] |= LVT.masked;
  }
}
