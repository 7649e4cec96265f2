/**
 * VM entry after VM exit, without checking again what cannot have changed: for each rule, which fields it looked at when it held; and the fields as
 * they were then. It only saves time: the verdict is that of `vmEntryOutcome`.
 */
import { VMCS_FIELDS, fieldByName, type VmcsFieldName } from "../../isa/vmx/vmcsFields";
import type { Processor } from "../processor";
import { RFLAGS } from "../systemState";
import { ENTRY_RULES, vmEntryOutcome, type EntryOutcome } from "./entryChecks/checkVmEntry";
import { EntryState } from "./entryChecks/entryState";
import type { EntryRule } from "./entryChecks/rule";
import { entryContext } from "./entryContext";

const RULES: readonly EntryRule[] = [
  ...ENTRY_RULES.controls,
  ...ENTRY_RULES.host,
  ...ENTRY_RULES.guest,
];
const FIRST = VMCS_FIELDS[0]!.offset;
const BYTES = VMCS_FIELDS.length * 8;

/** No rule depends on the status flags, which change with almost every exit. */
const STATUS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;
const RFLAGS_WORD = (fieldByName("GUEST_RFLAGS").offset - FIRST) / 4;

interface Memo {
  readonly region: number;
  readonly efer: number;
  /** The fields when all rules held last, as 32-bit words. */
  words: Uint32Array;
  /** By field number: rules that looked at it. */
  readonly readers: Set<EntryRule>[];
  /** Rules that look at memory, too. */
  readonly always: Set<EntryRule>;
}

const memos = new WeakMap<Processor, Memo>();
const numberOf = new Map<VmcsFieldName, number>(
  VMCS_FIELDS.map(({ name }, number) => [name, number]),
);

function wordsOf(cpu: Processor, region: number): Uint32Array {
  const bytes = cpu.ram.readBytes(region + FIRST, BYTES);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Runs one rule and notes what it looks at; true if it holds. */
function holds(cpu: Processor, memo: Memo, rule: EntryRule): boolean {
  const context = entryContext(cpu);
  const state = new EntryState({
    ...context,
    read: (field) => {
      memo.readers[numberOf.get(field)!]!.add(rule);
      return context.read(field);
    },
    readPhysical64: (hpa) => {
      memo.always.add(rule);
      return cpu.ram.read64(Number(hpa));
    },
  });
  return rule.check(state) === undefined;
}

function changedRules(memo: Memo, words: Uint32Array): Set<EntryRule> {
  const rules = new Set(memo.always);
  for (let word = 0; word < words.length; word++) {
    const difference = (words[word]! ^ memo.words[word]!) & (word === RFLAGS_WORD ? ~STATUS : -1);
    if (difference !== 0) for (const rule of memo.readers[word >> 1]!) rules.add(rule);
  }
  return rules;
}

/** Learns from a VMCS that passed all rules. */
function learn(cpu: Processor, region: number, words: Uint32Array): void {
  const memo: Memo = {
    region,
    efer: cpu.system.efer,
    words,
    readers: VMCS_FIELDS.map(() => new Set<EntryRule>()),
    always: new Set(),
  };
  for (const rule of RULES) holds(cpu, memo, rule);
  memos.set(cpu, memo);
}

/** What VM entry with the current VMCS does. */
export function currentEntryOutcome(cpu: Processor): EntryOutcome {
  const region = cpu.system.vmx.current;
  const words = wordsOf(cpu, region);
  const memo = memos.get(cpu);
  if (memo?.region === region && memo.efer === cpu.system.efer) {
    const rules = changedRules(memo, words);
    if ([...rules].every((rule) => holds(cpu, memo, rule))) {
      memo.words = words;
      return { kind: "enter" };
    }
  }
  const outcome = vmEntryOutcome(entryContext(cpu));
  if (outcome.kind === "enter") learn(cpu, region, words);
  else memos.delete(cpu);
  return outcome;
}
