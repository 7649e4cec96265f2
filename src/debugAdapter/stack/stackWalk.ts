/**
 * Finds the callers of the current instruction. Guest kernels seldom keep frame pointers, so the stack is scanned for return addresses:
 * a word is one if a CALL ends exactly there and, for a direct call, leads into the function that is being returned from. The
 * frame-pointer chain is believed where it is one. Words that an interrupt pushed (RIP, CS, RFLAGS) are recognised too.
 */
import type { CpuMode, ProcessorView } from "../../engine/index";
import type { Bits } from "../../engine/language";
import { littleEndian } from "../expressions/evaluator";

export interface WalkedFrame {
  /** Linear address of the instruction: current for the top frame, after the CALL for callers. */
  readonly address: bigint;
  /** RIP as the processor would hold it (offset in CS). */
  readonly rip: bigint;
  /** RSP in that frame. */
  readonly rsp: bigint;
  readonly mode: CpuMode;
  readonly cpl: number;
  /** How control left this frame for the one above it. */
  readonly left: "top" | "call" | "interrupt";
}

/** What the walk needs to know of code and memory. */
export interface WalkEnvironment {
  read(address: bigint, length: number): Uint8Array;
  /** Whether an address can be code of the program. */
  isCode(address: bigint): boolean;
  /** A CALL that ends at `address`: its target if it is a direct one. */
  callEndingAt(address: bigint, bits: Bits): { readonly target: bigint | undefined } | undefined;
  /** Start of the function that an address is in. */
  functionStart(address: bigint): bigint | undefined;
}

const MAX_FRAMES = 64;
/** How far up the stack is searched for the next caller, in words. */
const SCAN_WORDS = 512;
/** A frame pointer may point at most so far above the stack pointer. */
const MAX_FRAME_BYTES = 0x10000n;

interface Cursor {
  readonly address: bigint;
  /** Next stack byte (offset in SS). */
  sp: bigint;
  bp: bigint;
  readonly bits: Bits;
  readonly mode: CpuMode;
  readonly cpl: number;
}

/** Frames, innermost first. */
export function walkStack(view: ProcessorView, environment: WalkEnvironment): WalkedFrame[] {
  const walker = new Walker(view, environment);
  return walker.walk();
}

class Walker {
  private readonly csBase: bigint;
  private readonly ssBase: bigint;
  private readonly stackMask: bigint;

  constructor(
    private readonly view: ProcessorView,
    private readonly environment: WalkEnvironment,
  ) {
    this.csBase = view.segments.cs.base;
    this.ssBase = view.segments.ss.base;
    this.stackMask = stackMask(view);
  }

  walk(): WalkedFrame[] {
    const { view } = this;
    const register = (name: string): bigint => view.registers[name] ?? 0n;
    const address = BigInt.asUintN(64, this.csBase + register("rip"));
    let cursor: Cursor | undefined = {
      address,
      sp: register("rsp") & this.stackMask,
      bp: register("rbp") & this.stackMask,
      bits: view.bits,
      mode: view.mode,
      cpl: view.cpl,
    };
    const frames = [this.frame(cursor, "top")];
    while (frames.length < MAX_FRAMES) {
      const next: { readonly cursor: Cursor; readonly left: WalkedFrame["left"] } | undefined =
        this.callerOf(cursor);
      if (!next) break;
      frames.push(this.frame(next.cursor, next.left));
      cursor = next.cursor;
    }
    return frames;
  }

  private frame(cursor: Cursor, left: WalkedFrame["left"]): WalkedFrame {
    const rip = BigInt.asUintN(64, cursor.address - this.csBase);
    return { address: cursor.address, rip, rsp: cursor.sp, mode: cursor.mode, cpl: cursor.cpl, left }; // prettier-ignore
  }

  private callerOf(
    cursor: Cursor,
  ): { readonly cursor: Cursor; readonly left: WalkedFrame["left"] } | undefined {
    const word = cursor.bits / 8;
    const scanned = this.environment.read(this.linear(cursor.sp), SCAN_WORDS * word);
    const chained = this.chainedReturn(cursor, word);
    const start = this.environment.functionStart(cursor.address);
    for (let offset = 0; offset + word <= scanned.length; offset += word) {
      const sp = (cursor.sp + BigInt(offset)) & this.stackMask;
      if (chained?.at === sp) {
        return { left: "call", cursor: this.after(cursor, chained.to, sp, word, chained.bp) };
      }
      const interrupted = this.interruptFrame(cursor, scanned.subarray(offset), sp, word);
      if (interrupted) return { left: "interrupt", cursor: interrupted };
      const value = littleEndian(scanned.subarray(offset, offset + word));
      const to = BigInt.asUintN(64, this.csBase + value);
      if (this.returnsTo(to, start, cursor.bits, chained !== undefined)) {
        return { left: "call", cursor: this.after(cursor, to, sp, word, cursor.bp) };
      }
    }
    return undefined;
  }

  private after(cursor: Cursor, to: bigint, sp: bigint, word: number, bp: bigint): Cursor {
    return { ...cursor, address: to, sp: (sp + BigInt(word)) & this.stackMask, bp };
  }

  /** Between here and a frame pointer only an exact match counts: locals may hold stale addresses. */
  private returnsTo(to: bigint, start: bigint | undefined, bits: Bits, strict: boolean): boolean {
    if (!this.environment.isCode(to)) return false;
    const call = this.environment.callEndingAt(to, bits);
    if (!call) return false;
    if (call.target === undefined) return !strict;
    return start === undefined ? !strict : call.target === start;
  }

  /** Return address by the frame pointer: [bp] is the caller's frame pointer, above it the return address. */
  private chainedReturn(
    cursor: Cursor,
    word: number,
  ): { readonly at: bigint; readonly to: bigint; readonly bp: bigint } | undefined {
    const distance = cursor.bp - cursor.sp;
    if (distance < 0n || distance > MAX_FRAME_BYTES || distance % BigInt(word) !== 0n) {
      return undefined;
    }
    const pair = this.environment.read(this.linear(cursor.bp), word * 2);
    if (pair.length < word * 2) return undefined;
    const to = BigInt.asUintN(64, this.csBase + littleEndian(pair.subarray(word)));
    if (!this.environment.isCode(to)) return undefined;
    if (!this.environment.callEndingAt(to, cursor.bits)) return undefined;
    return { at: cursor.bp + BigInt(word), to, bp: littleEndian(pair.subarray(0, word)) };
  }

  /** RIP, CS, RFLAGS and, on a stack switch (always in 64-bit mode), RSP, SS. SDM Vol. 3A, "Exception- or Interrupt-Handler Procedures". */
  private interruptFrame(
    cursor: Cursor,
    bytes: Uint8Array,
    sp: bigint,
    word: number,
  ): Cursor | undefined {
    const read = (index: number): bigint => littleEndian(bytes.subarray(index * word, (index + 1) * word)); // prettier-ignore
    // Handlers of interrupts run at ring 0, 1 or 2: what looks like a frame on a ring-3 stack is left over from something else.
    if (bytes.length < 5 * word || cursor.cpl === 3) return undefined;
    const [selector, flags] = [read(1), read(2)];
    if (!plausibleFlags(flags, word) || !this.plausibleSelector(selector, cursor)) return undefined;
    const real = cursor.mode === "real16";
    const base = real ? selector << 4n : 0n;
    const address = BigInt.asUintN(64, base + read(0));
    if (!this.environment.isCode(address)) return undefined;
    const cpl = real ? 0 : Number(selector & 3n);
    const switched = cursor.bits === 64 || (!real && cpl !== cursor.cpl);
    const below = switched ? read(3) : sp + BigInt(3 * word);
    return { ...cursor, address, cpl, sp: below & this.stackMask };
  }

  private plausibleSelector(selector: bigint, cursor: Cursor): boolean {
    const current = BigInt(this.view.segments.cs.selector);
    if (cursor.mode === "real16") return selector === current;
    if (selector < 8n || selector > 0xffffn) return false;
    return selector === current || (selector & 3n) > (current & 3n);
  }

  private linear(offset: bigint): bigint {
    return BigInt.asUintN(64, this.ssBase + offset);
  }
}

/** Bit 1 is set, bits 3, 5, 15 and all above 21 are clear in every RFLAGS image. SDM Vol. 1, "EFLAGS Register". */
function plausibleFlags(flags: bigint, word: number): boolean {
  const mustBeClear = word === 2 ? 0x0028n : 0xffffffffffc08028n;
  return (flags & 2n) !== 0n && (flags & mustBeClear) === 0n;
}

function stackMask(view: ProcessorView): bigint {
  if (view.mode === "long64") return 0xffff_ffff_ffff_ffffn;
  // SS.B selects ESP or SP. SDM Vol. 3A, "Segment Descriptors" (D/B flag); bit 14 of the access rights.
  return view.segments.ss.accessRights & 0x4000 ? 0xffff_ffffn : 0xffffn;
}
