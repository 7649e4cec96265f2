/** Everything in a program that changes the processor's system state, found in one pass: control registers, MSRs, descriptor-table registers. */
import { CR0, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { bitsBefore, knownValue, operandBits, type RegisterBits } from "./registerBits";
import { wholeRegister } from "./registerFlow";

const [A, C, D] = [0, 1, 2] as const;

export interface ControlWrite {
  readonly index: number;
  readonly statement: Statement;
  /** 0 for CR0 (also by LMSW), 3 for CR3, 4 for CR4 ... */
  readonly register: number;
  readonly bits: RegisterBits;
}

export interface MsrWrite {
  readonly index: number;
  readonly statement: Statement;
  readonly msr: number | undefined;
  /** EAX and EDX. */
  readonly low: RegisterBits;
  readonly high: RegisterBits;
}

/** How surely something is done somewhere in a program: a value that is not known may do it. */
export type Certainty = "yes" | "maybe" | "no";

export class SystemWrites {
  readonly controls: readonly ControlWrite[];
  readonly msrs: readonly MsrWrite[];
  private readonly byMnemonic = new Map<string, number[]>();

  constructor(analysis: Analysis) {
    const controls: ControlWrite[] = [];
    const msrs: MsrWrite[] = [];
    analysis.model.statements.forEach((statement, index) => {
      const mnemonic = statement.form?.mnemonic;
      if (mnemonic === undefined) return;
      const list = this.byMnemonic.get(mnemonic);
      if (list === undefined) this.byMnemonic.set(mnemonic, [index]);
      else list.push(index);
      const control = controlWrite(analysis, statement, index);
      if (control !== undefined) controls.push(control);
      if (mnemonic === "wrmsr") msrs.push(msrWrite(analysis, statement, index));
    });
    this.controls = controls;
    this.msrs = msrs;
  }

  /** Indices of the statements with one of these mnemonics, by ascending index within each. */
  indicesOf(...mnemonics: readonly string[]): number[] {
    return mnemonics.flatMap((mnemonic) => this.byMnemonic.get(mnemonic) ?? []);
  }

  has(...mnemonics: readonly string[]): boolean {
    return mnemonics.some((mnemonic) => this.byMnemonic.has(mnemonic));
  }

  writesOf(register: number): readonly ControlWrite[] {
    return this.controls.filter((each) => each.register === register);
  }

  /** The writes of CR0 that surely turn paging on. */
  get pagingSwitches(): readonly ControlWrite[] {
    return this.writesOf(0).filter(({ bits }) => (bits.ones & CR0.PG) !== 0n);
  }

  /** Whether a control register gets a bit set anywhere. */
  setsControlBit(register: number, mask: bigint): Certainty {
    return certaintyOf(
      this.writesOf(register).map(({ bits }) => bits),
      mask,
      `cr${register}`,
    );
  }

  /** Whether an MSR gets a bit of its low half set anywhere; an MSR that is not known may be it. */
  setsMsrBit(msr: number, mask: bigint): Certainty {
    const writes = this.msrs.filter((each) => each.msr === undefined || each.msr === msr);
    const sure = certaintyOf(
      writes.filter((each) => each.msr === msr).map(({ low }) => low),
      mask,
      "msr",
    );
    return sure === "no" && writes.some((each) => each.msr === undefined) ? "maybe" : sure;
  }

  writesMsr(msr: number): Certainty {
    if (this.msrs.some((each) => each.msr === msr)) return "yes";
    return this.msrs.some((each) => each.msr === undefined) ? "maybe" : "no";
  }
}

/** A bit that is not known and was read from the register itself is there only if another write has set it. */
function certaintyOf(values: readonly RegisterBits[], mask: bigint, self: string): Certainty {
  if (values.some(({ ones }) => (ones & mask) === mask)) return "yes";
  const may = ({ zeros, from }: RegisterBits): boolean => (zeros & mask) === 0n && from !== self;
  return values.some(may) ? "maybe" : "no";
}

function controlWrite(
  analysis: Analysis,
  statement: Statement,
  index: number,
): ControlWrite | undefined {
  const { form, operands } = statement;
  const target = operands[0]?.value;
  if (form?.mnemonic === "lmsw")
    return { index, statement, register: 0, bits: operandBits(analysis, index, target) };
  if (form?.mnemonic !== "mov" || target?.kind !== "reg" || target.register.class !== "cr")
    return undefined;
  const source = wholeRegister(operands[1]?.value);
  if (source === undefined) return undefined;
  const bits = bitsBefore(analysis, index, source);
  return { index, statement, register: target.register.number, bits };
}

function msrWrite(analysis: Analysis, statement: Statement, index: number): MsrWrite {
  const msr = knownValue(bitsBefore(analysis, index, C), 32);
  return {
    index,
    statement,
    msr: msr === undefined ? undefined : Number(msr),
    low: bitsBefore(analysis, index, A),
    high: bitsBefore(analysis, index, D),
  };
}

/** Made once for a program. */
export const systemWritesOf = oncePerAnalysis(
  (analysis): SystemWrites => new SystemWrites(analysis),
);

/** Whether a linker joins this with other parts: then neither its addresses nor all of its code are known. */
export function isLinkedPart({ model }: Analysis): boolean {
  const { symbols, originGiven } = model.assembly;
  const isForeign = (kind: string): boolean => kind === "extern" || kind === "common";
  // A flat binary may name its labels global, too, but then it says where it lies.
  return symbols.some(({ kind, global }) => isForeign(kind) || (global && !originGiven));
}

/**
 * Whether all code of a program is to be seen. Where it is not (refused lines, other images, external symbols), nothing can be said to be missing.
 */
export function isWholeProgram(analysis: Analysis): boolean {
  const { assembly, includes } = analysis.model;
  return (
    assembly.ok && !includes.some((include) => include.kind === "incbin") && !isLinkedPart(analysis)
  );
}
