/**
 * The PC's pair of interrupt controllers: the slave's INT drives IR2 of the master; the chipset's
 * edge/level registers (Intel 82371SB (PIIX3) datasheet, "ELCR1, ELCR2") sit beside them.
 */
import { byteWindow } from "../../bus/byteWindow";
import type { Device, InterruptLine, Window } from "../../bus/types";
import { Pic8259Chip, type PicChipState } from "./chip";

export const PORTS = {
  master: { base: 0x20, length: 2 },
  slave: { base: 0xa0, length: 2 },
  elcr: { base: 0x4d0, length: 2 },
} as const;

export interface PicState {
  readonly master: PicChipState;
  readonly slave: PicChipState;
}

export interface PicConfig {
  /** The processor's INTR pin. */
  readonly intr: InterruptLine;
}

const CASCADE_INPUT = 2;
/** The timer, the keyboard and the cascade on the master, the clock and the coprocessor on the slave. */
const MASTER_EDGE_ONLY = 0b0000_0111;
const SLAVE_EDGE_ONLY = 0b0010_0001;

export class Pic8259 implements Device<PicState> {
  readonly name = "pic8259";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  private readonly master: Pic8259Chip;
  private readonly slave: Pic8259Chip;

  constructor(config: PicConfig) {
    this.master = new Pic8259Chip(config.intr, MASTER_EDGE_ONLY, true);
    const cascade = { set: (level: boolean) => this.master.setInput(CASCADE_INPUT, level) };
    this.slave = new Pic8259Chip(cascade, SLAVE_EDGE_ONLY, false);
    this.windows = {
      master: byteWindow(this.master),
      slave: byteWindow(this.slave),
      elcr: byteWindow({
        read: (offset) => this.chip(offset).readElcr(),
        write: (offset, value) => this.chip(offset).writeElcr(value),
      }),
    };
  }

  /** Interrupt line IRQn, 0 to 15. IRQ2 is the cascade: what is on the bus there arrives as IRQ9, as on the AT. */
  line(n: number): InterruptLine {
    const irq = n === CASCADE_INPUT ? 9 : n;
    const chip = this.chip(irq >> 3);
    return { set: (level) => chip.setInput(irq & 7, level) };
  }

  /** The processor's interrupt acknowledge: the vector. With nothing left to ask, IR7's (spurious) vector. */
  acknowledge(): number {
    const input = this.master.acknowledge();
    if (input === undefined) return this.master.vector(7);
    if (!this.master.carriesSlave(input)) return this.master.vector(input);
    // Only IR2 has a chip behind it; another input declared in ICW3 finds an empty bus.
    if (input !== CASCADE_INPUT) return 0xff;
    return this.slave.vector(this.slave.acknowledge() ?? 7);
  }

  save(): PicState {
    return { master: this.master.save(), slave: this.slave.save() };
  }

  load(state: PicState): void {
    this.master.load(state.master);
    this.slave.load(state.slave);
    this.master.update();
  }

  private chip(index: number): Pic8259Chip {
    return index === 0 ? this.master : this.slave;
  }
}
