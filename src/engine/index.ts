/** The engine's door for the debug adapter and the command line. */
export type { Debuggee, StepPlan } from "./machine/debuggee";
export * from "./machine/types";
export { CPU_MODELS } from "./cpu/cpuModel";
export { UserError, InvariantError } from "./base/errors";
export { hex } from "./base/hex";

export { biosSymbols } from "./machine/bios/rom";
export { loadImage } from "./machine/loadImage";
export type { LoadRequest } from "./machine/loadRequest";
export type * from "./machine/debugInformation";
export type { Assembly, Diagnostic, SourceRange } from "./asm/types";
export { decodeBits, fieldMask, fieldValue, summarizeBits } from "./isa/bitFields";
export type { BitField, BitLayout, DecodedField } from "./isa/bitFields";
export * from "./isa/controlRegisters";
export { AR, accessRightsText, selectorText } from "./isa/descriptors";
export { sensitivityFactOf } from "./isa/sensitivityFacts";
export { EXCEPTIONS, exceptionByVector, vectorName } from "./isa/exceptions";
export * from "./isa/registers";
export { EXIT_REASONS } from "./isa/vmx/exitReasons";
export type { ExitReason } from "./isa/vmx/exitReasons";
export { decodeExitQualification } from "./isa/vmx/exitQualification";
export { msrByNumber } from "./isa/msrs";
import type { Debuggee } from "./machine/debuggee";
import type { MachineConfig } from "./machine/types";
import { RecordedMachine } from "./timetravel/recordedMachine";
export { checkTechnique, defaultMmu } from "./machine/supervisorChoice";

/** A machine at power-on. Throws UserError for combinations that cannot be. */
export function createDebuggee(config: MachineConfig): Debuggee {
  return new RecordedMachine(config);
}
