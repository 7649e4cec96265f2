/**
 * One counter of an 8254, advanced in leaps from one change to the next instead of clock by clock.
 * Intel 8254 datasheet (order 231164), sections "Mode Definitions", "Counter Latch Command",
 * "Read-Back Command" and "Operation Common to All Modes".
 *
 * CR is the count register (what the processor wrote), CE the counting element (what counts).
 * The clock input falls at whole counts; a count written between two falls is loaded at the next one.
 */

export interface CounterState {
  /** Clock count up to which the rest of the state is valid. */
  clock: number;
  /** Control word: RW (1 low byte, 2 high byte, 3 both), mode as written (0 to 7), BCD. */
  access: number;
  mode: number;
  bcd: boolean;
  /** CR as a number of clocks, 1 to 65,536; 0 until a count was written. */
  count: number;
  /** Low byte of a two-byte count whose high byte is still to come. */
  lowByte: number | undefined;
  /** The high byte is read next. */
  readsHigh: boolean;
  /** Count latch: the bytes still to be read, and status latch. */
  latched: readonly number[];
  latchedStatus: number | undefined;
  /** CR holds a count that CE has not taken yet. */
  nullCount: boolean;
  gate: boolean;
  out: boolean;
  /** CE, in clocks, a full count being 65,536 (10,000 in BCD); it wraps past 0 in the modes that do not reload. */
  element: number;
  /** CE takes CR at the next fall of the clock. */
  loads: boolean;
  /** CE counts (gate permitting). */
  counts: boolean;
  /** OUT will still change in this one-shot, delay or strobe. */
  armed: boolean;
}

/** As the PC's reset leaves all three: mode 3, 65,536 clocks a period (8254: undefined until programmed). */
const POWER_ON: CounterState = {
  clock: 0,
  access: 3,
  mode: 3,
  bcd: false,
  count: 0x10000,
  lowByte: undefined,
  readsHigh: false,
  latched: [],
  latchedStatus: undefined,
  nullCount: false,
  gate: true,
  out: true,
  element: 0x10000,
  loads: false,
  counts: true,
  armed: true,
};

export class Counter {
  private state: CounterState;

  constructor(gate: boolean) {
    this.state = { ...POWER_ON, gate, counts: gate };
  }

  get out(): boolean {
    return this.state.out;
  }

  /** Puts the start of the power-on period at the clock count. */
  start(clock: number): void {
    this.state.clock = clock;
  }

  save(): CounterState {
    return { ...this.state, latched: [...this.state.latched] };
  }

  load(state: CounterState): void {
    this.state = { ...state, latched: [...state.latched] };
  }

  /** Brings the state up to the clock count. */
  advanceTo(clock: number): void {
    const { state } = this;
    while (state.clock < clock) {
      const distance = this.distance();
      if (state.clock + distance > clock) {
        this.countDown(clock - state.clock);
        state.clock = clock;
        return;
      }
      state.clock += distance;
      this.change();
      this.skipPeriods(clock);
    }
  }

  /** Clock count of the next load or change of OUT; Infinity when nothing will happen by itself. */
  nextChange(): number {
    return this.state.clock + this.distance();
  }

  writeControl(value: number): void {
    const { state } = this;
    state.access = (value >> 4) & 3;
    state.mode = (value >> 1) & 7;
    state.bcd = (value & 1) !== 0;
    state.lowByte = undefined;
    state.readsHigh = false;
    state.latched = [];
    state.latchedStatus = undefined;
    state.nullCount = true;
    state.count = 0;
    state.loads = false;
    state.counts = false;
    state.armed = false;
    state.out = this.mode !== 0;
  }

  latchCount(): void {
    const { state } = this;
    if (state.latched.length > 0) return;
    const value = this.readElement();
    const low = value & 0xff;
    const high = value >> 8;
    state.latched = state.access === 1 ? [low] : state.access === 2 ? [high] : [low, high];
  }

  latchStatus(): void {
    const { state } = this;
    state.latchedStatus ??=
      (state.out ? 0x80 : 0) |
      (state.nullCount ? 0x40 : 0) |
      (state.access << 4) |
      (state.mode << 1) |
      (state.bcd ? 1 : 0);
  }

  read(): number {
    const { state } = this;
    if (state.latchedStatus !== undefined) {
      const status = state.latchedStatus;
      state.latchedStatus = undefined;
      return status;
    }
    const [first, ...rest] = state.latched;
    if (first !== undefined) {
      state.latched = rest;
      return first;
    }
    const value = this.readElement();
    const high = state.access === 2 || (state.access === 3 && state.readsHigh);
    if (state.access === 3) state.readsHigh = !state.readsHigh;
    return high ? value >> 8 : value & 0xff;
  }

  write(value: number): void {
    const { state } = this;
    if (state.access === 1) this.writeCount(value);
    else if (state.access === 2) this.writeCount(value << 8);
    else if (state.lowByte !== undefined) {
      const low = state.lowByte;
      state.lowByte = undefined;
      this.writeCount((value << 8) | low);
    } else {
      state.lowByte = value;
      // Mode 0: the first byte stops the count and lowers OUT at once.
      if (this.mode === 0) {
        state.counts = false;
        state.loads = false;
        state.armed = false;
        state.out = false;
      }
    }
  }

  setGate(level: boolean): void {
    const { state } = this;
    if (state.gate === level) return;
    state.gate = level;
    const { mode } = this;
    if (mode === 2 || mode === 3) {
      if (!level) {
        state.out = true;
        state.counts = false;
        state.loads = false;
      } else if (state.count > 0) state.loads = true;
    } else if (level && (mode === 1 || mode === 5) && state.count > 0) state.loads = true;
  }

  /** Modes 6 and 7 are 2 and 3 again. */
  private get mode(): number {
    return this.state.mode > 5 ? this.state.mode - 4 : this.state.mode;
  }

  private get modulus(): number {
    return this.state.bcd ? 10000 : 0x10000;
  }

  /** What a reload puts into CE. A count of 1 is illegal in the periodic modes (8254: undefined); it acts as 2. */
  private get reload(): number {
    const { count } = this.state;
    const periodic = this.mode === 2 || this.mode === 3;
    return periodic && count === 1 ? 2 : count;
  }

  private get isCounting(): boolean {
    const { state, mode } = this;
    return state.counts && (state.gate || mode === 1 || mode === 5);
  }

  private readElement(): number {
    const { state } = this;
    // CE of a full count is the modulus itself, which reads as 0; mode 3 counts even numbers only.
    const value = (this.mode === 3 ? state.element & ~1 : state.element) % this.modulus;
    return state.bcd ? toBcd(value) : value;
  }

  private writeCount(raw: number): void {
    const { state, mode } = this;
    const value = state.bcd ? fromBcd(raw) : raw;
    const first = state.count === 0;
    state.count = value === 0 ? this.modulus : value;
    state.nullCount = true;
    if (mode === 0 || mode === 4) {
      state.loads = true;
      if (mode === 0) state.out = false;
    } else if (first && state.gate && (mode === 2 || mode === 3)) state.loads = true;
  }

  /** Clocks to the next load or change of OUT, at least 1. */
  private distance(): number {
    const { state, mode } = this;
    if (state.loads) return 1;
    if (!this.isCounting) return Infinity;
    switch (mode) {
      case 2: // OUT falls when CE reaches 1 and rises with the reload one clock later.
        return state.out && state.element > 1 ? state.element - 1 : 1;
      case 3: // By twos; an odd count has one clock more in the high half.
        return Math.max(1, Math.ceil(state.element / 2));
      case 4:
      case 5: // The strobe is one clock long.
        if (!state.out) return 1;
        return state.armed ? state.element : Infinity;
      default:
        return state.armed ? state.element : Infinity;
    }
  }

  /** Lets CE count without anything else happening. */
  private countDown(clocks: number): void {
    const { state, modulus } = this;
    if (clocks === 0 || !this.isCounting || state.loads) return;
    const step = this.mode === 3 ? 2 * clocks : clocks;
    state.element = (((state.element - step) % modulus) + modulus) % modulus;
  }

  /** The load or change of OUT at the clock that has just come. */
  private change(): void {
    const { state, mode } = this;
    if (state.loads) {
      this.loadElement(true);
      return;
    }
    switch (mode) {
      case 2:
        if (state.out && state.element > 1) {
          state.element = 1;
          state.out = false;
        } else this.loadElement(true);
        return;
      case 3:
        this.loadElement(!state.out);
        return;
      case 4:
      case 5:
        // CE goes on past 0 during and after the strobe.
        if (state.out) state.element = 0;
        else state.element = this.modulus - 1;
        state.out = !state.out;
        state.armed = false;
        return;
      default:
        state.element = 0;
        state.out = true;
        state.armed = false;
    }
  }

  /** CE takes CR. `high` is OUT afterwards in the periodic modes. */
  private loadElement(high: boolean): void {
    const { state, mode } = this;
    state.loads = false;
    state.counts = true;
    state.armed = true;
    state.nullCount = false;
    state.element = this.reload;
    if (mode === 2 || mode === 3) state.out = high;
    else state.out = mode >= 4;
    // Mode 3, odd count: the low half starts from the count less one.
    if (mode === 3 && !high) state.element &= ~1;
  }

  /** Leaves out whole periods right after a reload: they end where they began. */
  private skipPeriods(clock: number): void {
    const { state, mode } = this;
    if ((mode !== 2 && mode !== 3) || !state.out || !this.isCounting || state.loads) return;
    const period = this.reload;
    if (state.element !== period) return;
    state.clock += Math.floor((clock - state.clock) / period) * period;
  }
}

function toBcd(value: number): number {
  let result = 0;
  for (let digit = 0, rest = value; digit < 4; digit++, rest = Math.floor(rest / 10))
    result |= (rest % 10) << (4 * digit);
  return result;
}

/** Digits above 9 are illegal and count for what they weigh. */
function fromBcd(raw: number): number {
  let result = 0;
  for (let digit = 3; digit >= 0; digit--) result = result * 10 + ((raw >> (4 * digit)) & 15);
  return result;
}
