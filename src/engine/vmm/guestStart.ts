/** Initial register state, as plain data: put into a processor or into a VMCS. */
import type { Processor } from "../cpu/processor";

export interface GuestStart {
  readonly entry: "real16" | "protected32" | "long64";
  readonly entryPoint: number;
  /** What lies in guest-physical memory at power-on. */
  readonly memory: readonly { readonly gpa: number; readonly bytes: Uint8Array }[];
  /** General registers by number; the others are 0. */
  readonly registers: readonly (readonly [number, bigint])[];
  /** Without it, all flags are clear. */
  readonly rflags?: number;
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
  /** es cs ss ds fs gs. */
  readonly segments: readonly StartSegment[];
  readonly gdtr: { readonly base: bigint; readonly limit: number };
  readonly idtr: { readonly base: bigint; readonly limit: number };
}

export interface StartSegment {
  readonly selector: number;
  readonly base: bigint;
  readonly limit: number;
  readonly ar: number;
}

/** Sets a processor up as the guest expects it; registers that the start does not name stay as after reset. */
export function startProcessor(cpu: Processor, start: GuestStart): void {
  const { system } = cpu;
  system.cr0 = start.cr0;
  system.cr3 = start.cr3;
  system.cr4 = start.cr4;
  system.efer = start.efer;
  system.segments = start.segments.map((segment) => ({ ...segment }));
  system.gdtr = { ...start.gdtr };
  system.idtr = { ...start.idtr };
  for (const [register, value] of start.registers) cpu.setGpr(register, value);
  cpu.rip = BigInt(start.entryPoint);
  cpu.rflags = start.rflags ?? 2;
  cpu.refresh();
}
