/** Program files from disk: sources are assembled, everything else is loaded as it is. Used by the debug adapter and the command line. */
import { loadImage } from "../../engine/index";
import type { Assembly, EntryKind, GuestImage } from "../../engine/index";
import { assembleFile, isSource, readProgram } from "./sourceFile";
import type { AssembleSettings } from "./sourceFile";

export interface ProgramSettings extends AssembleSettings {
  readonly entry?: EntryKind | undefined;
  readonly loadAddress?: number | undefined;
  readonly memoryBytes: number;
}

/** An assembly with errors comes back as it is, for its diagnostics; otherwise the image is ready to run. */
export type LoadedProgram =
  | { readonly ok: true; readonly image: GuestImage; readonly assembly: Assembly | undefined }
  | { readonly ok: false; readonly assembly: Assembly };

export function loadProgram(path: string, settings: ProgramSettings): LoadedProgram {
  const place = {
    name: path,
    memoryBytes: settings.memoryBytes,
    ...(settings.entry === undefined ? {} : { entry: settings.entry }),
    ...(settings.loadAddress === undefined ? {} : { loadAddress: settings.loadAddress }),
  };
  if (!isSource(path)) {
    const image = loadImage({ ...place, bytes: readProgram(path) });
    return { ok: true, image, assembly: undefined };
  }
  const assembly = assembleFile(path, settings);
  if (!assembly.ok) return { ok: false, assembly };
  return { ok: true, image: loadImage({ ...place, assembly }), assembly };
}
