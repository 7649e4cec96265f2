/** Program files from disk: sources are assembled, everything else is loaded as it is. Used by the debug adapter and the command line. */
import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { loadImage, UserError } from "../../engine/index";
import type { Assembly, EntryKind, GuestImage } from "../../engine/index";
import { assembleFile, isSource, readProgram } from "./sourceFile";
import type { AssembleSettings } from "./sourceFile";

export interface ProgramSettings extends AssembleSettings {
  readonly entry?: EntryKind | undefined;
  readonly loadAddress?: number | undefined;
  readonly memoryBytes: number;
  readonly disk?: string | undefined;
  readonly bootDrive?: number | undefined;
  readonly append?: string | undefined;
}

/** Sources of other languages: what they are built into can be run, they cannot. */
const OTHER_SOURCE = /\.(c|cc|cpp|cxx|h|hpp|rs|zig|ld|lds)$/i;

function refuseSource(path: string): void {
  if (!OTHER_SOURCE.test(path)) return;
  throw new UserError(
    "not-an-image",
    `${path} is a source file that is built by other tools.`,
    'Build it with -g and set "program" in launch.json to the ELF file that the linker wrote.',
  );
}

/** Folders above an ELF file in which its sources are looked for: images are often built in a folder of their own. */
const PARENTS_SEARCHED = 3;

/**
 * Where a source file is on this computer. The compiler wrote where it was then; an image that was built elsewhere (in a container, on another
 * computer) has its sources next to it or in a folder above.
 */
export function locateSource(path: string, imagePath: string): string {
  if (isAbsolute(path) && existsSync(path)) return path;
  const parts = path.split(/[/\\]/).filter((part) => part !== "" && !/^[A-Za-z]:$/.test(part));
  let folder = dirname(resolve(imagePath));
  for (let level = 0; level < PARENTS_SEARCHED; level++) {
    // The longest tail first: src/mm/page.c before page.c.
    const tails = parts.map((_, index) => join(folder, ...parts.slice(index)));
    const found = tails.find((candidate) => existsSync(candidate));
    if (found !== undefined) return found;
    folder = dirname(folder);
  }
  return isAbsolute(path) ? path : resolve(dirname(imagePath), path);
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
    ...(settings.disk === undefined ? {} : { disk: readProgram(settings.disk) }),
    ...(settings.bootDrive === undefined ? {} : { bootDrive: settings.bootDrive }),
    ...(settings.append === undefined ? {} : { append: settings.append }),
  };
  refuseSource(path);
  if (!isSource(path)) {
    const image = loadImage({
      ...place,
      bytes: readProgram(path),
      locateSource: (source) => locateSource(source, path),
    });
    return { ok: true, image, assembly: undefined };
  }
  const assembly = assembleFile(path, settings);
  if (!assembly.ok) return { ok: false, assembly };
  return { ok: true, image: loadImage({ ...place, assembly }), assembly };
}
