/**
 * VM entry after VM exit, without checking again what cannot have changed: for each rule, which fields it looked at when it held; and the fields as
 * they were then. It only saves time: the verdict is that of `vmEntryOutcome`.
 */
import { VMCS_FIELDS, fieldByName, type VmcsFieldName } from "../../isa/vmx/vmcsFields";
import { PhysicalMemory } from "../physicalMemory";
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
const WORDS = VMCS_FIELDS.length * 2;
const REGION_BYTES = 4096;
const ENTER: EntryOutcome = { kind: "enter" };

/** No rule depends on the status flags, which change with almost every exit. */
const STATUS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;
const RFLAGS_WORD = (fieldByName("GUEST_RFLAGS").offset - FIRST) / 4;

interface Memo {
  readonly region: number;
  readonly efer: number;
  /** The fields as they are, as 32-bit words. */
  readonly now: Uint32Array;
  /** The fields when all rules held last. */
  readonly words: Uint32Array;
  /** By field number: rules that looked at it. */
  readonly readers: Set<EntryRule>[];
  /** Rules that look at memory, too. */
  readonly always: Set<EntryRule>;
}

const memos = new WeakMap<Processor, Memo>();
const numberOf = new Map<VmcsFieldName, number>(
  VMCS_FIELDS.map(({ name }, number) => [name, number]),
);

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

function changedRules({ always, now, words, readers }: Memo): ReadonlySet<EntryRule> {
  let rules: Set<EntryRule> | undefined;
  for (let word = 0; word < now.length; word++) {
    const difference = now[word]! ^ words[word]!;
    if (difference === 0 || (word === RFLAGS_WORD && (difference & ~STATUS) === 0)) continue;
    const affected = readers[word >> 1]!;
    if (affected.size > 0) rules ??= new Set(always);
    for (const rule of affected) rules!.add(rule);
  }
  return rules ?? always;
}

function allHold(cpu: Processor, memo: Memo): boolean {
  for (const rule of changedRules(memo)) if (!holds(cpu, memo, rule)) return false;
  return true;
}

/** Learns from a VMCS that passed all rules. */
function learn(cpu: Processor, region: number): void {
  const now = new Uint32Array(cpu.buffer, PhysicalMemory.hostAddress(region + FIRST), WORDS);
  const memo: Memo = {
    region,
    efer: cpu.system.efer,
    now,
    words: now.slice(),
    readers: VMCS_FIELDS.map(() => new Set<EntryRule>()),
    always: new Set(),
  };
  for (const rule of RULES) holds(cpu, memo, rule);
  memos.set(cpu, memo);
}

/** What VM entry with the current VMCS does. */
export function currentEntryOutcome(cpu: Processor): EntryOutcome {
  const region = cpu.system.vmx.current;
  const memo = memos.get(cpu);
  if (memo?.region === region && memo.efer === cpu.system.efer && allHold(cpu, memo)) {
    memo.words.set(memo.now);
    return ENTER;
  }
  const outcome = vmEntryOutcome(entryContext(cpu));
  if (outcome.kind === "enter" && cpu.ram.isRam(region + REGION_BYTES - 1)) learn(cpu, region);
  else memos.delete(cpu);
  return outcome;
}
