/** What names in expressions mean in a stopped (or running) machine: registers, labels, MSRs, event variables. */
import type { AddressSpace, Debuggee, ProcessorView } from "../../engine/index";
import type { Program } from "../sources/program";
import type { Scope, Value } from "./evaluator";
import { FLAG_NAMES, REGISTER_NAMES } from "./registers";
import type { RegisterName } from "./registers";

/** Extra names of the moment: `vector`, `qual.write`, … of the event that a condition is asked about. */
export type Variables = ReadonlyMap<string, bigint>;

const NO_VARIABLES: Variables = new Map();

/** Registers of an outer stack frame that are known to differ from the processor's. */
export interface FrameRegisters {
  readonly rip: bigint;
  readonly rsp: bigint;
}

export class MachineScope implements Scope {
  private readonly view: ProcessorView;

  constructor(
    private readonly debuggee: Debuggee,
    private readonly program: Program,
    private readonly variables: Variables = NO_VARIABLES,
    frame?: FrameRegisters,
  ) {
    const view = debuggee.vcpu();
    this.view = frame ? { ...view, registers: { ...view.registers, ...frame } } : view;
  }

  get defaultSize(): number {
    return this.view.bits / 8;
  }

  get processor(): ProcessorView {
    return this.view;
  }

  segmentBase(name: string): bigint {
    const segments = this.view.segments as Readonly<Record<string, { readonly base: bigint }>>;
    return segments[name]?.base ?? 0n;
  }

  read(space: AddressSpace, address: bigint, length: number): Uint8Array {
    return this.debuggee.readMemory(space, address, length);
  }

  /** NASM's order: registers win over labels unless `$` says otherwise; flags come last because they are good label names. */
  lookup(name: string, escaped: boolean): Value | undefined {
    const lower = name.toLowerCase();
    if (!escaped) {
      const variable = this.variables.get(lower);
      if (variable !== undefined) return { value: variable, width: 64 };
      const register = this.register(lower);
      if (register) return register;
      if (name === "$") return { ...this.instructionPointer(), addressSpace: "gva" };
    }
    const label = this.label(name);
    if (label) return label;
    if (escaped) return undefined;
    const flag = FLAG_NAMES.get(lower);
    if (flag) return { value: flag.read(this.view), width: flag.width, register: flag.name };
    return this.special(lower);
  }

  /** Linear address of the current instruction. */
  instructionPointer(): Value {
    const rip = this.view.registers.rip ?? 0n;
    return { value: BigInt.asUintN(64, this.view.segments.cs.base + rip), width: 64 };
  }

  private register(lower: string): Value | undefined {
    const [view, name] = this.viewFor(lower);
    const register = REGISTER_NAMES.get(name);
    if (!register) return undefined;
    const value = register.read(view);
    return view === this.view
      ? { value, width: register.width, register: register.name }
      : { value, width: register.width };
  }

  /** `cpu.cr3` is the hardware's, `vcpu.cr3` or `cr3` what the guest believes. */
  private viewFor(lower: string): readonly [ProcessorView, string] {
    if (lower.startsWith("cpu.")) return [this.debuggee.cpu(), lower.slice(4)];
    if (lower.startsWith("vcpu.")) return [this.view, lower.slice(5)];
    return [this.view, lower];
  }

  private label(name: string): Value | undefined {
    const symbol = this.program.symbol(name.startsWith(".") ? this.parentLabel() + name : name);
    if (!symbol) return undefined;
    const value = BigInt.asUintN(64, symbol.value);
    return symbol.kind === "label"
      ? { value, width: 64, addressSpace: "gva" }
      : { value, width: 64 };
  }

  /** `.loop` belongs to the function that the instruction pointer is in. */
  private parentLabel(): string {
    return this.program.functionAt(this.instructionPointer().value)?.name ?? "";
  }

  private special(lower: string): Value | undefined {
    switch (lower) {
      case "position":
        return { value: BigInt(this.debuggee.position), width: 64 };
      case "instructions":
        return { value: BigInt(this.debuggee.instructions), width: 64 };
      case "cycles":
        return { value: BigInt(Math.trunc(this.debuggee.cycles)), width: 64 };
      default:
        return this.msr(lower) ?? this.vmcsField(lower);
    }
  }

  private msr(lower: string): Value | undefined {
    const msr = this.debuggee.msrs().find(({ name }) => name.toLowerCase() === lower);
    return msr ? { value: msr.value, width: 64 } : undefined;
  }

  private vmcsField(lower: string): Value | undefined {
    const wanted = lower.startsWith("vmcs.") ? lower.slice(5) : lower;
    const field = this.debuggee.vmcs()?.fields.find(({ name }) => name.toLowerCase() === wanted);
    return field ? { value: field.value, width: field.width } : undefined;
  }
}

/** A register or flag by name, for writing. */
export function registerNamed(name: string): RegisterName | undefined {
  const lower = name.toLowerCase().replace(/^vcpu\./, "");
  return REGISTER_NAMES.get(lower) ?? FLAG_NAMES.get(lower);
}
