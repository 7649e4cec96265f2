/** Guest programs for the commands that run them: diagnostics go to standard error. */
import { UserError } from "../engine/index";
import type { Assembly, GuestImage } from "../engine/index";
import type { MachineSettings } from "../debugAdapter/launch/machineSettings";
import { loadProgram } from "../debugAdapter/launch/programFile";
import type { AssembleSettings } from "../debugAdapter/launch/sourceFile";
import type { Streams } from "./command";
import { diagnosticLine } from "./diagnostics";

export function loadGuest(
  file: string,
  settings: MachineSettings & AssembleSettings,
  streams: Streams,
): { readonly image: GuestImage; readonly assembly: Assembly | undefined } {
  const program = loadProgram(file, settings);
  for (const diagnostic of program.assembly?.diagnostics ?? []) {
    streams.err(`${diagnosticLine(diagnostic)}\n`);
  }
  if (!program.ok) throw new UserError("assembly-failed", `${file} does not assemble.`);
  return program;
}
