/** INT 09h, what a scan code means, and INT 16h, the keys that wait (IBM BIOS Interface Technical Reference, "Keyboard"). */
import { isLetterKey, KEY_WORDS, KEYPAD } from "./keyCodes";
import { unchanged, type BiosCall, type Service, type ServiceTable } from "./service";

const PREFIX = 0xe0;
const RELEASE = 0x80;
/** Bits of the shift flags at 40:17. */
const SHIFT = { RIGHT: 0x01, LEFT: 0x02, CONTROL: 0x04, ALT: 0x08, NUM_LOCK: 0x20, CAPS_LOCK: 0x40 } as const; // prettier-ignore
/** Of the flags at 40:96. */
const LAST_WAS_PREFIX = 0x02;
const RIGHT_KEYS = { CONTROL: 0x04, ALT: 0x08 } as const;

/** Keys that hold a bit of 40:17 while they are down. */
const HELD: Readonly<Record<number, number>> = {
  0x36: SHIFT.RIGHT,
  0x2a: SHIFT.LEFT,
  0x1d: SHIFT.CONTROL,
  0x38: SHIFT.ALT,
};
/** Keys that turn a bit of it over: Caps Lock, Num Lock, Scroll Lock. */
const TOGGLED: Readonly<Record<number, number>> = { 0x3a: 0x40, 0x45: 0x20, 0x46: 0x10 };

/** The entry code has read the scan code into AL. */
export const keyArrived: Service = (call) => {
  const { frame, data } = call;
  const code = frame.al;
  const flags = data.get("keyboardFlags");
  if (code === PREFIX) {
    data.set("keyboardFlags", flags | LAST_WAS_PREFIX);
    return;
  }
  data.set("keyboardFlags", flags & ~LAST_WAS_PREFIX);
  const isExtended = (flags & LAST_WAS_PREFIX) !== 0;
  const key = code & ~RELEASE;
  const isDown = !(code & RELEASE);
  if (HELD[key] !== undefined) hold(call, key, isDown, isExtended);
  else if (!isDown) return;
  else if (TOGGLED[key] !== undefined)
    data.set("shiftFlags", data.get("shiftFlags") ^ TOGGLED[key]);
  else press(call, key, isExtended);
};

function hold({ data }: BiosCall, key: number, isDown: boolean, isExtended: boolean): void {
  const bit = HELD[key]!;
  const isShift = (bit & (SHIFT.LEFT | SHIFT.RIGHT)) !== 0;
  // E0 2A and E0 36 are not keys: the keyboard sends them around cursor keys.
  if (isShift && isExtended) return;
  const set = (flags: number, mask: number): number => (isDown ? flags | mask : flags & ~mask);
  data.set("shiftFlags", set(data.get("shiftFlags"), bit));
  if (isShift) return;
  const isControl = bit === SHIFT.CONTROL;
  if (isExtended) {
    const mask = isControl ? RIGHT_KEYS.CONTROL : RIGHT_KEYS.ALT;
    data.set("keyboardFlags", set(data.get("keyboardFlags"), mask));
  } else data.set("shiftFlags2", set(data.get("shiftFlags2"), isControl ? 1 : 2));
}

function press({ data }: BiosCall, key: number, isExtended: boolean): void {
  const words = KEY_WORDS.get(key);
  if (!words) return;
  const flags = data.get("shiftFlags");
  let isShifted = (flags & (SHIFT.LEFT | SHIFT.RIGHT)) !== 0;
  const isKeypad = key >= KEYPAD.first && key <= KEYPAD.last;
  const turns = isKeypad ? SHIFT.NUM_LOCK : isLetterKey(words) ? SHIFT.CAPS_LOCK : 0;
  if (flags & turns) isShifted = !isShifted;
  const [plain, shifted, control, alt] = words;
  let word = isShifted ? shifted : plain;
  if (flags & SHIFT.ALT) word = alt;
  else if (flags & SHIFT.CONTROL) word = control;
  else if (isExtended) word = extendedWord(key, plain);
  if (word !== 0) data.pushKey(word);
}

/** Keys of the grey block have the character E0h; Enter and / of the keypad the scan code. */
function extendedWord(key: number, plain: number): number {
  if (key === 0x1c) return 0xe00d;
  if (key === 0x35) return 0xe02f;
  return (plain & 0xff00) | PREFIX;
}

// ------------------------------------------------------------------------------------------------- INT 16h

/** The older functions do not know the additional keys: E0h as character is 0, as scan code that of the main key. */
function oldWord(word: number): number {
  if (word >> 8 === PREFIX) return ((word & 0xff) === 0x0d ? 0x1c00 : 0x3500) | (word & 0xff);
  return (word & 0xff) === PREFIX ? word & 0xff00 : word;
}
const sameWord = (word: number): number => word;

function readKey(convert: (word: number) => number): Service {
  return (call) => {
    const word = call.data.peekKey();
    if (word === undefined) {
      if (call.wait?.for !== "key") call.wait = { for: "key", since: call.clock.now };
      call.callAgain();
      return;
    }
    call.wait = undefined;
    call.data.dropKey();
    call.frame.ax = convert(word);
  };
}

function checkKey(convert: (word: number) => number): Service {
  return ({ frame, data }) => {
    const word = data.peekKey();
    frame.zero = word === undefined;
    if (word !== undefined) frame.ax = convert(word);
  };
}

const shiftFlags: Service = ({ frame, data }) => {
  frame.al = data.get("shiftFlags");
};

const extendedShiftFlags: Service = ({ frame, data }) => {
  const right = data.get("keyboardFlags") & (RIGHT_KEYS.CONTROL | RIGHT_KEYS.ALT);
  frame.al = data.get("shiftFlags");
  frame.ah = (data.get("shiftFlags2") & 0x73) | right;
};

/** CX as if it had been typed. */
const storeKey: Service = ({ frame, data }) => {
  frame.al = data.pushKey(frame.cx) ? 0 : 1;
};

export const KEYBOARD: ServiceTable = {
  functions: {
    0x00: readKey(oldWord),
    0x01: checkKey(oldWord),
    0x02: shiftFlags,
    // Nobody holds a key down here: the rate of repetition shows nowhere.
    0x03: unchanged,
    0x05: storeKey,
    0x10: readKey(sameWord),
    0x11: checkKey(sameWord),
    0x12: extendedShiftFlags,
  },
  otherwise: unchanged,
};
