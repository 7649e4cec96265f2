/**
 * One 8259A. Names and behaviour: Intel 8259A datasheet (order 231468), sections "Initialization Command
 * Words", "Operation Command Words", "End of Interrupt", "Automatic Rotation", "Special Mask Mode",
 * "Poll Command", "Edge and Level Triggered Modes", and "The Special Fully Nested Mode".
 * The MCS-80/85 call sequence (ICW4.uPM = 0) has no meaning for an x86 processor: the vector is always one byte.
 */
import type { InterruptLine } from "../../bus/types";

/** Everything a chip remembers. Masks have bit n for input IRn. */
export interface PicChipState {
  /** Interrupt request register: requests seen and not yet acknowledged. */
  irr: number;
  /** In-service register. */
  isr: number;
  /** Interrupt mask register (OCW1). */
  imr: number;
  /** Levels on the inputs. */
  inputs: number;
  /** Edge/level control register of the chipset: inputs that are level-triggered. */
  elcr: number;
  /** High five bits of the vector (ICW2). */
  vectorBase: number;
  /** The initialization word expected next at the data port; 0 when none is. */
  nextIcw: 0 | 2 | 3 | 4;
  /** ICW1: ICW4 follows; single chip (no ICW3); all inputs level-triggered (LTIM). */
  icw4Follows: boolean;
  single: boolean;
  levelTriggered: boolean;
  /** ICW3: inputs that carry slaves (master), or the own identity (slave). */
  icw3: number;
  /** ICW4: automatic end of interrupt, special fully nested mode. */
  autoEoi: boolean;
  specialFullyNested: boolean;
  /** OCW2: rotate on automatic end of interrupt. */
  rotateOnAutoEoi: boolean;
  /** Input that has the lowest priority; the one after it has the highest. */
  lowestPriority: number;
  /** OCW3: special mask mode, register read at the command port, and a pending poll. */
  specialMask: boolean;
  readsIsr: boolean;
  poll: boolean;
}

const POWER_ON: PicChipState = {
  irr: 0,
  isr: 0,
  imr: 0,
  inputs: 0,
  elcr: 0,
  vectorBase: 0,
  nextIcw: 0,
  icw4Follows: false,
  single: false,
  levelTriggered: false,
  icw3: 0,
  autoEoi: false,
  specialFullyNested: false,
  rotateOnAutoEoi: false,
  lowestPriority: 7,
  specialMask: false,
  readsIsr: false,
  poll: false,
};

/** Bits that tell the three kinds of words at the command port apart. */
const ICW1 = 0x10;
const OCW3 = 0x08;

export class Pic8259Chip {
  private state: PicChipState = { ...POWER_ON };

  constructor(
    private readonly output: InterruptLine,
    /** Inputs that the board keeps edge-triggered whatever the ELCR is told. */
    private readonly edgeOnly: number,
    private readonly isMaster: boolean,
  ) {}

  save(): PicChipState {
    return { ...this.state };
  }

  load(state: PicChipState): void {
    this.state = { ...state };
  }

  /** Drives the INT pin from the state. */
  update(): void {
    this.output.set(this.pending() !== undefined);
  }

  /** Sets the level on input IRn. In edge mode a request that goes away before its acknowledge is forgotten. */
  setInput(input: number, level: boolean): void {
    const { state } = this;
    const bit = 1 << input;
    const rose = level && (state.inputs & bit) === 0;
    if (!level) {
      state.inputs &= ~bit;
      state.irr &= ~bit;
    } else {
      state.inputs |= bit;
      if (rose || this.isLevel(bit)) state.irr |= bit;
    }
    this.update();
  }

  /** INTA: puts the winning request in service and returns its input; undefined for a spurious one. */
  acknowledge(): number | undefined {
    const { state } = this;
    const input = this.pending();
    if (input === undefined) return undefined;
    const bit = 1 << input;
    if (!this.isLevel(bit)) state.irr &= ~bit;
    if (!state.autoEoi) state.isr |= bit;
    else if (state.rotateOnAutoEoi) state.lowestPriority = input;
    // INT falls with the acknowledge even when another request waits: a cascaded master needs the edge.
    this.output.set(false);
    this.update();
    return input;
  }

  vector(input: number): number {
    return this.state.vectorBase | input;
  }

  carriesSlave(input: number): boolean {
    return !this.state.single && (this.state.icw3 & (1 << input)) !== 0;
  }

  read(offset: number): number {
    const { state } = this;
    if (state.poll) return this.readPoll();
    if (offset === 1) return state.imr;
    return state.readsIsr ? state.isr : state.irr;
  }

  write(offset: number, value: number): void {
    if (offset === 1) this.writeData(value);
    else if (value & ICW1) this.writeIcw1(value);
    else if (value & OCW3) this.writeOcw3(value);
    else this.writeOcw2(value);
    this.update();
  }

  readElcr(): number {
    return this.state.elcr;
  }

  writeElcr(value: number): void {
    const { state } = this;
    state.elcr = value & ~this.edgeOnly & 0xff;
    // A level input requests for as long as it is high.
    state.irr |= state.inputs & state.elcr;
    this.update();
  }

  private isLevel(bit: number): boolean {
    return this.state.levelTriggered || (this.state.elcr & bit) !== 0;
  }

  /** The request that INT is raised for: unmasked, and above what is in service. */
  private pending(): number | undefined {
    const { state } = this;
    const requests = state.irr & ~state.imr;
    if (requests === 0) return undefined;
    // Special mask mode: a masked level in service holds back no other.
    const inService = state.specialMask ? state.isr & ~state.imr : state.isr;
    for (let rank = 1; rank <= 8; rank++) {
      const input = (state.lowestPriority + rank) & 7;
      const bit = 1 << input;
      const nests = this.isMaster && state.specialFullyNested && this.carriesSlave(input);
      if (requests & bit && (nests || (inService & bit) === 0)) return input;
      if (inService & bit) return undefined;
    }
    return undefined;
  }

  private readPoll(): number {
    this.state.poll = false;
    const input = this.acknowledge();
    return input === undefined ? 0 : 0x80 | input;
  }

  private writeIcw1(value: number): void {
    const { state } = this;
    const levelTriggered = (value & 0x08) !== 0;
    this.state = {
      ...POWER_ON,
      inputs: state.inputs,
      elcr: state.elcr,
      vectorBase: state.vectorBase,
      icw3: state.icw3,
      nextIcw: 2,
      icw4Follows: (value & 0x01) !== 0,
      single: (value & 0x02) !== 0,
      levelTriggered,
      // The edge sense is reset: an edge input must fall and rise again. Level inputs still ask.
      irr: state.inputs & (levelTriggered ? 0xff : state.elcr),
    };
  }

  private writeData(value: number): void {
    const { state } = this;
    switch (state.nextIcw) {
      case 0:
        state.imr = value;
        return;
      case 2:
        state.vectorBase = value & 0xf8;
        state.nextIcw = state.single ? (state.icw4Follows ? 4 : 0) : 3;
        return;
      case 3:
        state.icw3 = value;
        state.nextIcw = state.icw4Follows ? 4 : 0;
        return;
      case 4:
        state.autoEoi = (value & 0x02) !== 0;
        state.specialFullyNested = (value & 0x10) !== 0;
        state.nextIcw = 0;
        return;
    }
  }

  /** OCW2: R, SL, EOI in bits 7 to 5, the level in bits 2 to 0. */
  private writeOcw2(value: number): void {
    const { state } = this;
    const level = value & 7;
    switch (value >> 5) {
      case 0b000:
        state.rotateOnAutoEoi = false;
        break;
      case 0b100:
        state.rotateOnAutoEoi = true;
        break;
      case 0b001:
      case 0b101:
        this.endHighest(value >> 5 === 0b101);
        break;
      case 0b011:
        state.isr &= ~(1 << level);
        break;
      case 0b110:
        state.lowestPriority = level;
        break;
      case 0b111:
        state.isr &= ~(1 << level);
        state.lowestPriority = level;
        break;
      default: // 0b010 is no operation.
    }
  }

  /** Non-specific end of interrupt. In special mask mode a masked level in service is passed over. */
  private endHighest(rotate: boolean): void {
    const { state } = this;
    const inService = state.specialMask ? state.isr & ~state.imr : state.isr;
    for (let rank = 1; rank <= 8; rank++) {
      const input = (state.lowestPriority + rank) & 7;
      if ((inService & (1 << input)) === 0) continue;
      state.isr &= ~(1 << input);
      if (rotate) state.lowestPriority = input;
      return;
    }
  }

  private writeOcw3(value: number): void {
    const { state } = this;
    if (value & 0x40) state.specialMask = (value & 0x20) !== 0;
    if (value & 0x04) state.poll = true;
    else if (value & 0x02) state.readsIsr = (value & 0x01) !== 0;
  }
}
