/**
 * Tells where a deprivileged guest and its virtual processor part: a sensitive instruction that does not trap gives what the hardware holds, and the VMM
 * never hears of it. Each such instruction is carried out a second time, without effect, on the processor that the guest believes in; then both results are compared.
 * The watch only looks: the machine runs the same without it.
 */
import { InvariantError } from "../../base/errors";
import { hex } from "../../base/hex";
import { format } from "../../codec/format";
import type { Instruction } from "../../codec/types";
import { executeSystemEvent } from "../../cpu/system";
import { writableFlags } from "../../cpu/system/flags";
import type { Processor } from "../../cpu/processor";
import { RFLAGS } from "../../cpu/systemState";
import { vectorName } from "../../isa/exceptions";
import { CS, GPR32, RSP, SS } from "../../isa/registers";
import { probeGuest } from "../guestPaging";
import { VIRTUAL_FLAGS } from "./belief";
import type { Lens } from "./lens";
import { sharesUserRing } from "./rings";
import { linearRip, pagingOf } from "./virtualProcessor";
import type { Vm } from "./vm";

/** Flags in which both results are compared, with the low bit of each. */
const FLAGS: readonly (readonly [string, number, number])[] = [
  ["IF", RFLAGS.IF, 9],
  ["IOPL", RFLAGS.IOPL, 12],
  ["ZF", RFLAGS.ZF, 6],
  ["VIF", RFLAGS.VIF, 19],
  ["VIP", RFLAGS.VIP, 20],
  ["NT", RFLAGS.NT, 14],
  ["AC", RFLAGS.AC, 18],
];

/** Questions about descriptors. */
const QUERIES: ReadonlySet<string> = new Set(["lar", "lsl", "verr", "verw"]);

/** What is to be done once the instruction has completed. */
type Completed = () => void;

export class FidelityWatch {
  constructor(
    private readonly vm: Vm,
    private readonly lens: Lens,
  ) {}

  /** Before an instruction of the running guest. */
  before(instruction: Instruction): Completed | undefined {
    if (instruction.form.sensitivity !== "sensitive-unprivileged") return undefined;
    const completed = this.watched(instruction);
    // In ring 0 the instruction has trapped: an INT comes back as the #GP of its gate.
    if (!completed) return undefined;
    return () => {
      if (this.vm.cpu.cpl !== 0) completed();
    };
  }

  /** PUSHF, POPF and segment registers are everyday instructions: most of them are cleared without a second processor. */
  private watched(instruction: Instruction): Completed | undefined {
    switch (instruction.form.semantics) {
      case "pushf":
        return this.pushf(instruction);
      case "popf":
        return this.popf(instruction);
      case "push_sreg":
      case "mov_from_sreg":
        return showsRing(instruction) ? this.twice(instruction) : undefined;
      default:
        return this.twice(instruction);
    }
  }

  private pushf(instruction: Instruction): Completed | undefined {
    const { cpu, vcpu } = this.vm;
    const mask = instruction.operandSize === 16 ? 0xffff : 0xffffff;
    const real = cpu.rflags & ~(RFLAGS.VM | RFLAGS.RF) & mask;
    const believed = (real & ~VIRTUAL_FLAGS) | (vcpu.flagSystem & VIRTUAL_FLAGS & mask);
    if (real === believed) return undefined;
    return this.report(instruction, () => `${flagsText(believed, real)}: the image should be ${hex(believed)}, hardware stored ${hex(real)}`); // prettier-ignore
  }

  private popf(instruction: Instruction): Completed | undefined {
    const { cpu, vcpu } = this.vm;
    const image = this.stackTop(instruction.operandSize / 8);
    if (image === undefined) return undefined;
    const mask = writableFlags(vcpu, instruction.operandSize) & VIRTUAL_FLAGS;
    const has = vcpu.flagSystem & VIRTUAL_FLAGS;
    const asked = (has & ~mask) | (image & mask);
    if (asked === has) return undefined;
    const { rflags } = cpu;
    return this.report(instruction, () => lostFlag(asked, has, rflags) ?? "flags differ");
  }

  /** What POPF will pop, without an effect; undefined where that page-faults. */
  private stackTop(bytes: number): number | undefined {
    const { cpu, vcpu, parts } = this.vm;
    const isUser = cpu.cpl === 3 && !sharesUserRing(vcpu.cpl, parts.kernelRing);
    const access = { write: false, fetch: false, user: isUser, implicit: false };
    const start = cpu.ss.base + cpu.gpr(RSP, 32);
    let value = 0;
    for (let i = 0; i < bytes; i++) {
      const linear = BigInt.asUintN(32, start + BigInt(i));
      const walk = probeGuest(parts.guest, pagingOf(vcpu), linear, access);
      if (walk.kind !== "mapped") return undefined;
      value |= parts.guest.read8(walk.gpa) << (8 * i);
    }
    return value;
  }

  /** Carries the instruction out on the processor that the guest believes in, and compares. */
  private twice(instruction: Instruction): Completed {
    const guest = this.lens.look();
    const rip = linearRip(guest);
    const refused = carryOut(guest, instruction);
    return () => {
      const why = refused ?? this.difference(guest, instruction);
      if (why !== undefined) this.tell(instruction, rip, () => why);
    };
  }

  private report(instruction: Instruction, why: () => string): Completed {
    const { cpu } = this.vm;
    const rip = BigInt.asUintN(32, cpu.cs.base + cpu.rip);
    return () => {
      this.tell(instruction, rip, why);
    };
  }

  private tell(instruction: Instruction, rip: bigint, why: () => string): void {
    const { semantics = "" } = instruction.form;
    const text = (): string => `${format(instruction, rip)}: ${why()}`;
    this.vm.parts.observe({ kind: "fidelity-lost", semantics, rip, text });
  }

  /** What the guest is to find and what it finds, in the order in which people look. */
  private difference(guest: Processor, { form }: Instruction): string | undefined {
    const shown = this.flags(guest) ?? this.registers(guest);
    // These store nothing; the guest's processor may only set an A flag on its way to the descriptor.
    return shown ?? (QUERIES.has(form.semantics ?? "") ? undefined : this.memory());
  }

  private flags(guest: Processor): string | undefined {
    const { cpu, vcpu } = this.vm;
    const kept = (cpu.rflags & ~VIRTUAL_FLAGS) | (vcpu.flagSystem & VIRTUAL_FLAGS);
    return lostFlag(guest.rflags, kept, cpu.rflags);
  }

  private registers(guest: Processor): string | undefined {
    const { cpu } = this.vm;
    for (let register = 0; register < 8; register++) {
      const expected = guest.gpr(register, 32);
      const found = cpu.gpr(register, 32);
      if (expected !== found)
        return `${GPR32[register]!.toUpperCase()} should be ${hex(expected)}, hardware gave ${hex(found)}`;
    }
    if (guest.rip !== cpu.rip)
      return `EIP should be ${hex(guest.rip)}, hardware went on at ${hex(cpu.rip)}`;
    return undefined;
  }

  private memory(): string | undefined {
    const { guest } = this.vm.parts;
    // Where there is no RAM nobody finds what was stored.
    const bytes = [...this.lens.written]
      .filter(([gpa]) => guest.toHost(gpa) !== undefined)
      .sort(([a], [b]) => b - a);
    if (bytes.every(([gpa, value]) => guest.read8(gpa) === value)) return undefined;
    const digits = (value: number): string => value.toString(16).padStart(2, "0");
    const expected = bytes.map(([, value]) => digits(value)).join("");
    const found = bytes.map(([gpa]) => digits(guest.read8(gpa))).join("");
    return `${expected} should be stored, hardware stored ${found}`;
  }
}

/** CS and SS show the hardware's ring; the other selectors are the guest's own. */
function showsRing({ operands }: Instruction): boolean {
  return operands.some((operand) => operand.kind === "sreg" && (operand.register === CS || operand.register === SS)); // prettier-ignore
}

/** The first flag that the guest asked for and did not get. */
function lostFlag(asked: number, kept: number, hardware: number): string | undefined {
  for (const [name, mask, shift] of FLAGS) {
    const [wanted, has] = [(asked & mask) >>> shift, (kept & mask) >>> shift];
    if (wanted === has) continue;
    // The hardware's IF is always 1: what is lost then is only the VCPU's.
    const who = (hardware & mask) === (kept & mask) ? "hardware" : "the VCPU";
    return `guest asked ${name}=${wanted}, ${who} kept ${name}=${has}`;
  }
  return undefined;
}

function flagsText(believed: number, real: number): string {
  const lost = FLAGS.find(([, mask]) => (believed & mask) !== (real & mask));
  if (!lost) return "flags differ";
  const [name, mask, shift] = lost;
  return `${name} is ${(believed & mask) >>> shift}, hardware shows ${(real & mask) >>> shift}`;
}

/** Carries the instruction out on the guest's own processor; what refuses it there. */
function carryOut(guest: Processor, instruction: Instruction): string | undefined {
  const abort = executeSystemEvent(guest, instruction);
  if (!abort) return undefined;
  if (abort.abort !== "fault") throw new InvariantError("a VM exit without VMX");
  const code = abort.errorCode === undefined ? "" : `(${hex(abort.errorCode)})`;
  return `it should be ${vectorName(abort.vector)}${code}, hardware went on`;
}
