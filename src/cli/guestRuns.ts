/** One guest run several times, under different techniques: what `compare` and `report` share. */
import { createDebuggee, UserError } from "../engine/index";
import type { Debuggee, GuestImage, MmuKind, VmmKind } from "../engine/index";
import { machineSettings, parseAddress } from "../debugAdapter/launch/machineSettings";
import { onlyFile, parseOptions } from "./command";
import type { Streams } from "./command";
import { loadGuest } from "./guestFile";
import { runToEnd } from "./machineRun";
import type { RunEnd } from "./machineRun";

const OPTIONS = {
  entry: { type: "string" },
  load: { type: "string" },
  memory: { type: "string" },
  "max-instructions": { type: "string" },
  json: { type: "boolean" },
} as const;

/** Instructions after which a guest that does not end is given up: it would hold up the others for ever. */
const DEFAULT_LIMIT = 200_000_000;

/** For a command's help. */
export const GUEST_RUN_OPTIONS = [
  "--entry real16|protected32|long64, --load ADDR, --memory 64M   as with run",
  `--max-instructions N   give up after so many (default ${DEFAULT_LIMIT})`,
  "--json                 one JSON object",
];

export interface GuestRuns {
  readonly image: GuestImage;
  readonly memoryBytes: number;
  /** In instructions. */
  readonly limit: number;
  readonly isJson: boolean;
}

export interface Technique {
  readonly vmm: VmmKind;
  readonly mmu: MmuKind;
  readonly kernelRing?: 1 | 3;
}

/** What came of a run. */
export interface Outcome {
  /** Why the technique cannot run the guest. */
  readonly refused?: string;
  readonly stop?: RunEnd;
  readonly serial?: string;
}

export function guestRuns(args: readonly string[], streams: Streams): GuestRuns {
  const options = parseOptions(args, OPTIONS);
  const settings = machineSettings({
    entry: options.text("entry"),
    loadAddress: options.text("load"),
    memory: options.text("memory"),
  });
  const { image } = loadGuest(onlyFile(options), settings, streams);
  const limit = parseAddress("number of instructions", options.text("max-instructions") ?? DEFAULT_LIMIT); // prettier-ignore
  return { image, memoryBytes: settings.memoryBytes, limit, isJson: options.flag("json") };
}

/** Runs the guest to its end. `prepare` sees it before it starts, `look` afterwards. */
export function runUnder<Seen>(
  { image, memoryBytes, limit }: GuestRuns,
  technique: Technique,
  look: (debuggee: Debuggee) => Seen,
  prepare: (debuggee: Debuggee) => void = () => undefined,
): Outcome & Partial<Seen> {
  try {
    const debuggee = createDebuggee({ image, ...technique, memoryBytes, recording: false });
    prepare(debuggee);
    const stop = runToEnd(debuggee, limit);
    return { stop, ...look(debuggee), serial: debuggee.serialText() };
  } catch (error) {
    if (error instanceof UserError) return { refused: error.message } as Outcome & Partial<Seen>;
    throw error;
  }
}

/** Same end and same serial output as on the bare machine; undefined if one of them cannot run. */
export function isSame(row: Outcome, bare: Outcome): boolean | undefined {
  if (row.stop === undefined || bare.stop === undefined) return undefined;
  const sameEnd = row.stop.reason === bare.stop.reason && row.stop.code === bare.stop.code;
  return sameEnd && row.serial === bare.serial;
}
