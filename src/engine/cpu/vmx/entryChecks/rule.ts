/**
 * VM-entry checks as named rules. Each rule is one sentence of SDM Vol. 3C, "VM Entries", tested alone and shown to the
 * user by name. Rules are pure: all they may look at is the entry state.
 */
import { fieldByName, type VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import type { EntryState } from "./entryState";
import type { CheckArea, EntryFailureQualification, Finding, Fix, Violation } from "./violation";

export interface EntryRule {
  /** Stable and unique: "guest-cs-type". */
  readonly id: string;
  readonly area: CheckArea;
  readonly sdm: string;
  /** The requirement, as a sentence. */
  readonly title: string;
  readonly fields: readonly VmcsFieldName[];
  check(state: EntryState): Violation | undefined;
}

/** What the rule says, before the area and the manual section are added. */
export interface RuleText {
  readonly id: string;
  readonly title: string;
  readonly fields: readonly VmcsFieldName[];
  readonly qualification?: EntryFailureQualification;
  readonly find: (state: EntryState) => Finding | undefined;
}

/** Rules of one manual section. */
export function section(area: CheckArea, chapter: string): (text: RuleText) => EntryRule {
  const sdm = `SDM Vol. 3C, "${chapter}"`;
  return ({ id, title, fields, qualification = 0, find }) => ({
    id,
    area,
    sdm,
    title,
    fields,
    check(state) {
      const finding = find(state);
      if (finding === undefined) return undefined;
      const { sentence, fix = [] } = finding;
      const hint = finding.hint ?? fix.map(fixText).join(" ");
      return {
        rule: id,
        area,
        sdm,
        title,
        fields: values(fields, state),
        sentence,
        hint,
        fix,
        qualification,
      };
    },
  });
}

function values(fields: readonly VmcsFieldName[], state: EntryState): Violation["fields"] {
  return fields.map((name) => ({ name, title: fieldByName(name).title, value: state.read(name) }));
}

function fixText({ field, value }: Fix): string {
  return `Write 0x${value.toString(16)} to ${field}.`;
}

export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
