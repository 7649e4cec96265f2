/** Initial register state, as plain data: put into the processor or into a VMCS. */
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
