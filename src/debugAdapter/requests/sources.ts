/** source and loadedSources: the program's files, and the VMM's handlers as virtual ones. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { readProgram } from "../launch/sourceFile";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import { vmmSourceOf } from "./breakpoints";
import type { HandlerTable } from "./handler";
import { fileSource, virtualSource } from "./inspection";

/** Language id of the virtual sources, so that the editor shows them as assembly-like text. */
const VIRTUAL_MIME = "text/x-ringside-vmm";

function source(
  session: RingsideSession,
  args: DebugProtocol.SourceArguments,
): DebugProtocol.SourceResponse["body"] {
  const wanted = args.source ?? { sourceReference: args.sourceReference };
  const virtual = vmmSourceOf(session, { ...wanted, sourceReference: wanted.sourceReference ?? args.sourceReference }); // prettier-ignore
  if (virtual) return { content: virtual.text, mimeType: VIRTUAL_MIME };
  const file = session.target.program.fileNamed(wanted.path ?? "");
  if (file === undefined) throw new RequestError("There is no such source in this program.");
  return { content: new TextDecoder().decode(readProgram(file)) };
}

function loadedSources(session: RingsideSession): { readonly sources: DebugProtocol.Source[] } {
  const { program, vmmSources } = session.target;
  return { sources: [...program.files.map(fileSource), ...vmmSources.all.map(virtualSource)] };
}

export const sourceHandlers: HandlerTable = { source, loadedSources };
