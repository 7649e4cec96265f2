/**
 * The keyboard at the end of the cable: commands and scancodes
 * (IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)", "Commands from the System").
 */
import { UserError } from "../../base/errors";
import { KEY_OF_CHARACTER, LEFT_SHIFT, RELEASE, RELEASE_PREFIX, toSet2 } from "./keys";

const REPLY = { ACK: 0xfa, RESEND: 0xfe, SELF_TEST_PASSED: 0xaa, ECHO: 0xee } as const;
/** Answer to "read ID". */
const IDENTITY = [0xab, 0x83] as const;

const COMMAND = {
  SET_LEDS: 0xed,
  ECHO: 0xee,
  SCANCODE_SET: 0xf0,
  READ_ID: 0xf2,
  TYPEMATIC: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  DEFAULTS: 0xf6,
  RESEND: 0xfe,
  RESET: 0xff,
} as const;

export interface KeyboardState {
  scanning: boolean;
  scancodeSet: 1 | 2;
  leds: number;
  /** Command whose argument comes next; 0 when none is awaited. */
  awaits: number;
  lastByte: number;
  /** Answers to commands; they go before scancodes. */
  replies: readonly number[];
  scancodes: readonly number[];
  /** Keys still to go down or up, as set-1 scancodes: a finger waits until the last key was sent. */
  strokes: readonly number[];
}

export class Keyboard {
  private state: KeyboardState = {
    scanning: true,
    scancodeSet: 2,
    leds: 0,
    awaits: 0,
    lastByte: 0,
    replies: [],
    scancodes: [],
    strokes: [],
  };

  save(): KeyboardState {
    return copy(this.state);
  }

  load(state: KeyboardState): void {
    this.state = copy(state);
  }

  /** Types the text; refused as a whole if a character has no key. */
  press(text: string): void {
    const strokes: number[] = [];
    for (const character of text) {
      const key = KEY_OF_CHARACTER.get(character);
      if (!key)
        throw new UserError(
          "no-such-key",
          `The keyboard has no key for ${JSON.stringify(character)}.`,
          "Type ASCII text; Enter, Tab, Backspace and Escape are \\n, \\t, \\b and \\x1b.",
        );
      const stroke = [key.scancode, key.scancode | RELEASE];
      strokes.push(...(key.shift ? [LEFT_SHIFT, ...stroke, LEFT_SHIFT | RELEASE] : stroke));
    }
    this.state.strokes = [...this.state.strokes, ...strokes];
  }

  /** The next byte on the cable, if there is one. */
  take(): number | undefined {
    const { state } = this;
    const [reply, ...replies] = state.replies;
    if (reply !== undefined) {
      state.replies = replies;
      return this.sent(reply);
    }
    if (!state.scanning) return undefined;
    if (state.scancodes.length === 0) this.nextStroke();
    const [scancode, ...scancodes] = state.scancodes;
    if (scancode === undefined) return undefined;
    state.scancodes = scancodes;
    return this.sent(scancode);
  }

  /** A byte from the system: a command or the argument of the last one. */
  command(byte: number): void {
    const { state } = this;
    const awaited = state.awaits;
    state.awaits = 0;
    if (awaited !== 0 && byte < COMMAND.SET_LEDS) this.argument(awaited, byte);
    else this.start(byte);
  }

  private sent(byte: number): number {
    this.state.lastByte = byte;
    return byte;
  }

  private nextStroke(): void {
    const { state } = this;
    const [stroke, ...strokes] = state.strokes;
    if (stroke === undefined) return;
    state.strokes = strokes;
    if (state.scancodeSet === 1) {
      state.scancodes = [stroke];
      return;
    }
    const scancode = toSet2(stroke & ~RELEASE);
    state.scancodes = stroke & RELEASE ? [RELEASE_PREFIX, scancode] : [scancode];
  }

  private reply(...bytes: number[]): void {
    this.state.replies = [...this.state.replies, ...bytes];
  }

  private start(command: number): void {
    const { state } = this;
    switch (command) {
      case COMMAND.SET_LEDS:
      case COMMAND.SCANCODE_SET:
      case COMMAND.TYPEMATIC:
        state.awaits = command;
        this.reply(REPLY.ACK);
        return;
      case COMMAND.ECHO:
        this.reply(REPLY.ECHO);
        return;
      case COMMAND.READ_ID:
        this.reply(REPLY.ACK, ...IDENTITY);
        return;
      case COMMAND.ENABLE:
        this.clear(true);
        this.reply(REPLY.ACK);
        return;
      case COMMAND.DISABLE:
        this.setDefaults(false);
        this.reply(REPLY.ACK);
        return;
      case COMMAND.DEFAULTS:
        this.setDefaults(true);
        this.reply(REPLY.ACK);
        return;
      case COMMAND.RESEND:
        this.reply(state.lastByte);
        return;
      case COMMAND.RESET:
        this.setDefaults(true);
        state.leds = 0;
        this.reply(REPLY.ACK, REPLY.SELF_TEST_PASSED);
        return;
      default:
        this.reply(REPLY.RESEND);
    }
  }

  private argument(command: number, byte: number): void {
    const { state } = this;
    if (command === COMMAND.SET_LEDS) state.leds = byte & 7;
    if (command === COMMAND.SCANCODE_SET) {
      if (byte === 0) {
        this.reply(REPLY.ACK, state.scancodeSet);
        return;
      }
      if (byte !== 1 && byte !== 2) {
        this.reply(REPLY.RESEND);
        return;
      }
      state.scancodeSet = byte;
    }
    this.reply(REPLY.ACK);
  }

  private setDefaults(scanning: boolean): void {
    this.clear(scanning);
    this.state.scancodeSet = 2;
  }

  /** Empties the keyboard's own buffer; keys not yet pressed stay to be pressed. */
  private clear(scanning: boolean): void {
    this.state.scanning = scanning;
    this.state.replies = [];
    this.state.scancodes = [];
  }
}

function copy(state: KeyboardState): KeyboardState {
  const { replies, scancodes, strokes } = state;
  return { ...state, replies: [...replies], scancodes: [...scancodes], strokes: [...strokes] };
}
