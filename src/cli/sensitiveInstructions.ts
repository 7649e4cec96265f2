/** The sensitive instructions of a program, by source line: classes from the instruction table, texts from sensitivityFacts.ts. */
import type { GuestImage } from "../engine/index";
import { decode, format, sensitivityFact, TECHNIQUES } from "../engine/language";
import type {
  InstructionForm,
  Sensitivity,
  SensitivitySeverity,
  TechniqueName,
} from "../engine/language";

/** What it does deprivileged. "control-bit": it traps or not by a bit of CR4; "vmm-entry": it enters code that the VMM owns. */
type Traps = "privileged" | "silent" | "control-bit" | "vmm-entry";

const TRAPS: Readonly<Record<Exclude<Sensitivity, "innocuous">, Traps>> = {
  privileged: "privileged",
  "iopl-sensitive": "privileged",
  "vm-instruction": "privileged",
  "sensitive-unprivileged": "silent",
  conditional: "control-bit",
  transfer: "vmm-entry",
};

export interface SensitiveInstruction {
  readonly file: string;
  readonly line: number;
  /** GVA. */
  readonly address: number;
  readonly text: string;
  readonly traps: Traps;
  readonly silentFailure?: string;
  /** How well each technique deals with it. */
  readonly severities: Readonly<Record<TechniqueName, SensitivitySeverity>>;
}

/** In the order of the image; undefined where lines or code size are not known. */
export function sensitiveInstructions({
  bytes,
  debugInformation,
}: GuestImage): readonly SensitiveInstruction[] | undefined {
  if (!debugInformation?.lines.some(({ bits }) => bits !== undefined)) return undefined;
  const found: SensitiveInstruction[] = [];
  for (const { kind, bits, fileOffset, length, address, range } of debugInformation.lines) {
    if (kind !== "code" || bits === undefined || fileOffset < 0) continue;
    for (let at = 0; at < length;) {
      const result = decode(bytes, fileOffset + at, bits);
      if ("failure" in result) break;
      const facts = factsOf(result.form);
      const text = format(result, BigInt(address + at));
      if (facts) found.push({ file: range.file, line: range.line, address: address + at, text, ...facts }); // prettier-ignore
      at += result.length;
    }
  }
  return found;
}

function factsOf(
  form: InstructionForm,
): Pick<SensitiveInstruction, "traps" | "silentFailure" | "severities"> | undefined {
  const fact = sensitivityFact(form);
  if (form.sensitivity === "innocuous" || fact === undefined) return undefined;
  const traps = TRAPS[form.sensitivity];
  const severities = Object.fromEntries(
    TECHNIQUES.map((name) => [name, fact.techniques[name].severity]),
  ) as Record<TechniqueName, SensitivitySeverity>;
  return traps === "privileged" || fact.silentFailure === undefined
    ? { traps, severities }
    : { traps, silentFailure: fact.silentFailure, severities };
}
