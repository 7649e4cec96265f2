/** Which virtualization technique a program is judged by. */
import path from "node:path";
import { TECHNIQUES, type SourceRange, type TechniqueName } from "../engine/language";
import type { Analysis } from "./analysis";
import { commandComments } from "./commandComments";
import type { TechniqueSetting } from "./settings";

/** "none": bare metal; nothing is sensitive there. */
export type Technique = TechniqueName | "none";

const NAMES: readonly Technique[] = ["none", ...TECHNIQUES];

/** What `ringside run` and launch.json use when nothing is said. */
export const DEFAULT_TECHNIQUE: Technique = "hardware-assisted";

/** Techniques by program as launch.json has them. */
export interface LaunchTechniques {
  readonly entries: readonly { readonly program: string; readonly vmm: Technique }[];
}

export const NO_LAUNCH: LaunchTechniques = { entries: [] };

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function techniqueOf(value: unknown): Technique | undefined {
  return NAMES.find((name) => name === value);
}

/** Reads the editor's section "launch" (launch.json). Anything that is not a Ringside launch with a known technique is passed over. */
export function readLaunch(section: unknown): LaunchTechniques {
  const configurations = isRecord(section) ? section.configurations : undefined;
  if (!Array.isArray(configurations)) return NO_LAUNCH;
  const entries = configurations.filter(isRecord).flatMap((entry) => {
    const vmm = techniqueOf(entry.vmm);
    if (entry.type !== "ringside" || vmm === undefined) return [];
    const program = entry.program;
    return [{ program: typeof program === "string" ? program : "${file}", vmm }];
  });
  return { entries };
}

/** An entry for this very file goes before one for the open file. Variables in front of a path are not resolved: its end decides. */
function fromLaunch(launch: LaunchTechniques, root: string): Technique | undefined {
  const file = root.split(path.sep).join("/");
  const named = launch.entries.find((entry) => {
    const end = entry.program.replaceAll("\\", "/").replace(/^\$\{[^}]*\}/, "");
    return (
      end !== "" &&
      !end.includes("${") &&
      (file === end || file.endsWith(`/${end.replace(/^\//, "")}`))
    );
  });
  return (named ?? launch.entries.find((entry) => entry.program === "${file}"))?.vmm;
}

export interface TechniqueInForce {
  readonly technique: Technique;
  readonly from: "comment" | "setting" | "launch.json" | "default";
}

/** A comment in the program, then the setting, then launch.json, then what runs by default. */
export function techniqueFor(
  analysis: Analysis,
  setting: TechniqueSetting,
  launch: LaunchTechniques,
): TechniqueInForce {
  for (const command of commandComments(analysis)) {
    const technique = command.kind === "vmm" ? techniqueOf(command.value) : undefined;
    if (technique !== undefined) return { technique, from: "comment" };
  }
  if (setting !== "auto") return { technique: setting, from: "setting" };
  const launched = fromLaunch(launch, analysis.root);
  if (launched !== undefined) return { technique: launched, from: "launch.json" };
  return { technique: DEFAULT_TECHNIQUE, from: "default" };
}

/** Where a technique is named that there is none of. */
export function unknownTechniques(
  analysis: Analysis,
): { readonly value: string; readonly range: SourceRange }[] {
  return commandComments(analysis).flatMap((command) =>
    command.kind === "vmm" && techniqueOf(command.value) === undefined
      ? [{ value: command.value, range: command.range }]
      : [],
  );
}
