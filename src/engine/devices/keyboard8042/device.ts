/**
 * The 8042 keyboard controller (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary
 * Device Controller": status register, commands 20h to FFh). No auxiliary device is connected: what is
 * sent to it times out.
 */
import { byteWindow } from "../../bus/byteWindow";
import type { Alarm, Clock, Device, DeviceOutput, InterruptLine, Window } from "../../bus/types";
import type { A20Gate } from "../a20/gate";
import { Keyboard, type KeyboardState } from "./keyboard";
import { RELEASE, RELEASE_PREFIX, toSet1 } from "./keys";

export const PORTS = {
  data: { base: 0x60, length: 1 },
  command: { base: 0x64, length: 1 },
} as const;

/** Status register. Bit 1, input buffer full, is never seen: bytes are taken at once. */
const STATUS = {
  OUTPUT_FULL: 0x01,
  SYSTEM_FLAG: 0x04,
  COMMAND_LAST: 0x08,
  NOT_INHIBITED: 0x10,
  AUXILIARY_FULL: 0x20,
  TIMEOUT: 0x40,
} as const;

/** Controller configuration byte ("command byte"), byte 0 of the controller's RAM. */
const CONFIG = {
  KEYBOARD_INTERRUPT: 0x01,
  AUXILIARY_INTERRUPT: 0x02,
  SYSTEM_FLAG: 0x04,
  KEYBOARD_DISABLED: 0x10,
  AUXILIARY_DISABLED: 0x20,
  TRANSLATE: 0x40,
} as const;

/** Output port. */
const OUTPUT = {
  /** Low resets the processor. */
  NOT_RESET: 0x01,
  A20: 0x02,
  KEYBOARD_FULL: 0x10,
  AUXILIARY_FULL: 0x20,
  /** Clock and data of the two cables idle high. */
  LINES: 0xcc,
} as const;

const SELF_TEST_PASSED = 0x55;
const INTERFACE_TEST_PASSED = 0x00;
const NO_PASSWORD = 0xf1;
/** Keyboard not locked. */
const INPUT_PORT = 0x80;
const RESEND = 0xfe;

/** Pause on the cable between two bytes: 10 µs, a hundredth of the real one, so that queues drain quickly. */
const BYTE_TICKS = 1000;

const RAM_BYTES = 32;

/** A byte in or before the output buffer. */
interface OutputByte {
  readonly byte: number;
  readonly isAuxiliary: boolean;
  readonly isTimeout: boolean;
}

export interface ControllerState {
  ram: readonly number[];
  /** The last byte stays readable after it was read. */
  output: OutputByte;
  isFull: boolean;
  /** Answers of the controller itself; they go before the keyboard's bytes. */
  answers: readonly OutputByte[];
  commandLast: boolean;
  /** Command whose data byte comes next at port 60h; 0 when none. */
  awaits: number;
  /** The release prefix was swallowed; the next translated byte gets the release bit. */
  released: boolean;
}

export interface Keyboard8042State {
  readonly controller: ControllerState;
  readonly keyboard: KeyboardState;
}

export interface Keyboard8042Config {
  readonly clock: Clock;
  /** IRQ1. */
  readonly irq: InterruptLine;
  /** IRQ12. */
  readonly auxiliaryIrq: InterruptLine;
  readonly gate: A20Gate;
  readonly output: Pick<DeviceOutput, "reset">;
  /** Prefix of the alarm's name, for several keyboards on one clock. */
  readonly alarmPrefix?: string;
}

export class Keyboard8042 implements Device<Keyboard8042State> {
  readonly name = "keyboard8042";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  private readonly keyboard = new Keyboard();
  private readonly cable: Alarm;
  private state: ControllerState = {
    ram: Array.from({ length: RAM_BYTES }, () => 0),
    output: { byte: 0, isAuxiliary: false, isTimeout: false },
    isFull: false,
    answers: [],
    commandLast: true,
    awaits: 0,
    released: false,
  };

  constructor(private readonly config: Keyboard8042Config) {
    this.cable = config.clock.alarm(`${config.alarmPrefix ?? ""}keyboard.cable`, () => this.pump());
    this.windows = {
      data: byteWindow({
        read: () => this.readData(),
        write: (_offset, value) => this.writeData(value),
      }),
      command: byteWindow({
        read: () => this.readStatus(),
        write: (_offset, value) => this.writeCommand(value),
      }),
    };
  }

  /** Types the text on the keyboard: each character goes down and up, as fast as the guest takes it. */
  press(text: string): void {
    this.keyboard.press(text);
    this.pump();
  }

  save(): Keyboard8042State {
    return { controller: copy(this.state), keyboard: this.keyboard.save() };
  }

  load(state: Keyboard8042State): void {
    this.state = copy(state.controller);
    this.keyboard.load(state.keyboard);
  }

  private get configuration(): number {
    return this.state.ram[0]!;
  }

  private setRam(address: number, value: number): void {
    this.state.ram = this.state.ram.with(address, value);
    this.update();
  }

  /** Fills an empty output buffer from what waits. */
  private pump(): void {
    const { state } = this;
    if (state.isFull) return;
    const [answer, ...answers] = state.answers;
    if (answer) {
      state.answers = answers;
      this.fill(answer);
      return;
    }
    if (this.cable.due !== undefined) return;
    while (!state.isFull && !(this.configuration & CONFIG.KEYBOARD_DISABLED)) {
      const byte = this.keyboard.take();
      if (byte === undefined) return;
      this.fromKeyboard(byte);
    }
  }

  private fromKeyboard(byte: number): void {
    const { state } = this;
    if (!(this.configuration & CONFIG.TRANSLATE)) {
      this.fill({ byte, isAuxiliary: false, isTimeout: false });
    } else if (byte === RELEASE_PREFIX) {
      state.released = true;
    } else {
      const release = state.released ? RELEASE : 0;
      state.released = false;
      this.fill({ byte: toSet1(byte) | release, isAuxiliary: false, isTimeout: false });
    }
  }

  private fill(output: OutputByte): void {
    this.state.output = output;
    this.state.isFull = true;
    this.update();
  }

  private answer(byte: number, isAuxiliary = false, isTimeout = false): void {
    this.state.answers = [...this.state.answers, { byte, isAuxiliary, isTimeout }];
    this.pump();
  }

  private update(): void {
    const { state, config, configuration } = this;
    const { isAuxiliary } = state.output;
    // As on QEMU, a disabled keyboard interface raises no interrupt, not even for the controller's answers.
    const keyboardAsks =
      configuration & CONFIG.KEYBOARD_INTERRUPT && !(configuration & CONFIG.KEYBOARD_DISABLED);
    config.irq.set(state.isFull && !isAuxiliary && Boolean(keyboardAsks));
    const auxiliaryAsks = configuration & CONFIG.AUXILIARY_INTERRUPT;
    config.auxiliaryIrq.set(state.isFull && isAuxiliary && Boolean(auxiliaryAsks));
  }

  private readStatus(): number {
    const { state } = this;
    let status = STATUS.NOT_INHIBITED | (this.configuration & CONFIG.SYSTEM_FLAG);
    if (state.isFull) status |= STATUS.OUTPUT_FULL;
    if (state.isFull && state.output.isAuxiliary) status |= STATUS.AUXILIARY_FULL;
    if (state.isFull && state.output.isTimeout) status |= STATUS.TIMEOUT;
    if (state.commandLast) status |= STATUS.COMMAND_LAST;
    return status;
  }

  private readData(): number {
    const { state, config } = this;
    const { byte } = state.output;
    if (!state.isFull) return byte;
    state.isFull = false;
    this.update();
    this.cable.set(config.clock.now + BYTE_TICKS);
    this.pump();
    return byte;
  }

  private writeData(value: number): void {
    const { state } = this;
    const { awaits } = state;
    state.commandLast = false;
    state.awaits = 0;
    if (awaits === 0) {
      // A byte for the keyboard opens its interface.
      this.setRam(0, this.configuration & ~CONFIG.KEYBOARD_DISABLED);
      this.keyboard.command(value);
      this.pump();
    } else if (awaits >= 0x60 && awaits <= 0x7f) {
      this.setRam(awaits - 0x60, value);
      this.pump();
    } else if (awaits === 0xd1) this.writeOutputPort(value);
    else if (awaits === 0xd2) this.answer(value);
    else if (awaits === 0xd3) this.answer(value, true);
    else this.answer(RESEND, true, true); // 0xd4: nobody is there to answer.
  }

  private writeCommand(command: number): void {
    const { state } = this;
    state.commandLast = true;
    state.awaits = 0;
    if (command >= 0x20 && command <= 0x3f) this.answer(state.ram[command - 0x20]!);
    else if (command >= 0x60 && command <= 0x7f) state.awaits = command;
    else if (command >= 0xd1 && command <= 0xd4) state.awaits = command;
    else if (command >= 0xf0) this.pulse(command);
    else this.simpleCommand(command);
  }

  /** Commands without data; what the datasheet does not know is ignored, as by the chip. */
  private simpleCommand(command: number): void {
    const { configuration, config } = this;
    switch (command) {
      case 0xa4: {
        this.answer(NO_PASSWORD);
        return;
      }
      case 0xa7: {
        this.setRam(0, configuration | CONFIG.AUXILIARY_DISABLED);
        return;
      }
      case 0xa8: {
        this.setRam(0, configuration & ~CONFIG.AUXILIARY_DISABLED);
        return;
      }
      case 0xa9: {
        this.answer(INTERFACE_TEST_PASSED);
        return;
      }
      case 0xaa:
        this.setRam(0, configuration | CONFIG.SYSTEM_FLAG);
        {
          this.answer(SELF_TEST_PASSED);
          return;
        }
      case 0xab: {
        this.answer(INTERFACE_TEST_PASSED);
        return;
      }
      case 0xad: {
        this.setRam(0, configuration | CONFIG.KEYBOARD_DISABLED);
        return;
      }
      case 0xae:
        this.setRam(0, configuration & ~CONFIG.KEYBOARD_DISABLED);
        {
          this.pump();
          return;
        }
      case 0xc0: {
        this.answer(INPUT_PORT);
        return;
      }
      case 0xd0: {
        this.answer(this.readOutputPort());
        return;
      }
      case 0xdd: {
        config.gate.set(false);
        return;
      }
      case 0xdf: {
        config.gate.set(true);
        return;
      }
      case 0xe0: {
        this.answer(0);
        return;
      }
      default:
    }
  }

  private readOutputPort(): number {
    const { state, config } = this;
    const full = state.output.isAuxiliary ? OUTPUT.AUXILIARY_FULL : OUTPUT.KEYBOARD_FULL;
    return (
      OUTPUT.NOT_RESET |
      OUTPUT.LINES |
      (config.gate.isOpen ? OUTPUT.A20 : 0) |
      (state.isFull ? full : 0)
    );
  }

  private writeOutputPort(value: number): void {
    this.config.gate.set((value & OUTPUT.A20) !== 0);
    if (!(value & OUTPUT.NOT_RESET)) this.config.output.reset();
  }

  /** Commands F0h to FFh pulse the low output-port bits whose command bits are 0; bit 0 is the reset line. */
  private pulse(command: number): void {
    if (!(command & OUTPUT.NOT_RESET)) this.config.output.reset();
  }
}

function copy(state: ControllerState): ControllerState {
  return {
    ...state,
    ram: [...state.ram],
    output: { ...state.output },
    answers: state.answers.map((answer) => ({ ...answer })),
  };
}
