/** What the scopes read from and write to. */
import type { Debuggee, ProcessorView } from "../../engine/index";
import type { FrameRegisters } from "../expressions/names";
import type { Program } from "../sources/program";
import type { CodeReader } from "../code/codeReader";

export interface ScopeInputs {
  readonly debuggee: Debuggee;
  readonly program: Program;
  readonly code: CodeReader;
  /** The VCPU as it is in the chosen frame. */
  readonly view: ProcessorView;
  /** Registers of an outer frame: they are shown, but cannot be set. */
  readonly frame: FrameRegisters | undefined;
  /** Value of what the user typed. */
  readonly parse: (text: string) => bigint;
  /** Sets a register and tells the client. */
  readonly setRegister: (name: string, value: bigint) => void;
}

/** Strips the note that values are shown with ("0x7c00 <start>", "0x11 PE ET"), then evaluates. */
export function typedValue(inputs: ScopeInputs, text: string): bigint {
  return inputs.parse(
    text.replace(/\s*<[^>]*>\s*$/, "").replace(/^(0x[0-9a-f]+)\s+[A-Z].*$/i, "$1"),
  );
}
