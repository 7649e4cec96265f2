/** Audits of the instruction table. */
import assert from "node:assert/strict";
import { operationText } from "../../src/engine/isa/instructionDocs";
import { SENSITIVE_NAMES, sensitivityFact } from "../../src/engine/isa/sensitivityFacts";
import { EXIT_REASONS } from "../../src/engine/isa/vmx/exitReasons";
import {
  formsByMnemonic,
  INSTRUCTION_BY_ID,
  INSTRUCTIONS,
  MNEMONICS,
} from "../../src/engine/isa/table";
import type { InstructionForm } from "../../src/engine/isa/types";

/** What the decoder distinguishes rows by, as a string per concrete case. */
function cases(form: InstructionForm): string[] {
  const { encoding: e } = form;
  const modes = form.modes === "any" ? ["legacy", "long"] : [form.modes];
  const kinds = e.mod === undefined ? ["reg", "mem"] : [e.mod];
  const digits = e.modrm === "reg" ? [0, 1, 2, 3, 4, 5, 6, 7] : [e.modrm ?? -1];
  const shapes =
    e.fixedModrm !== undefined
      ? [`fixed${e.fixedModrm}`]
      : e.modrm === undefined
        ? [e.plusReg ? "+r" : ""]
        : kinds.flatMap((kind) => digits.map((digit) => `/${digit}${kind}`));
  return modes.flatMap((mode) =>
    shapes.map(
      (shape) =>
      [
        mode, e.map, e.opcode, shape, e.mandatory ?? "any", e.operandSize, e.addressSize, e.suffix ?? "",
        e.vex === undefined ? "" : `vex l${e.vex.l ?? "ig"} w${e.vex.w ?? "ig"}`,
      ].join(" "), // prettier-ignore
    ),
  );
}

describe("the instruction table", () => {
  it("gives every row its own id", () => {
    assert.equal(INSTRUCTION_BY_ID.size, INSTRUCTIONS.length);
  });

  it("has no two rows for the same bytes", () => {
    const owners = new Map<string, string>();
    const clashes: string[] = [];
    for (const form of INSTRUCTIONS)
      for (const one of cases(form)) {
        const owner = owners.get(one);
        if (owner !== undefined) clashes.push(`${owner} and ${form.id}: ${one}`);
        owners.set(one, form.id);
      }
    assert.deepEqual(clashes, []);
  });

  it("says of every mnemonic what it does", () => {
    const mnemonics = new Set(INSTRUCTIONS.map((form) => form.mnemonic));
    const silent = [...mnemonics].filter((name) => operationText(name) === undefined);
    assert.deepEqual(silent, []);
  });

  it("spells mnemonics in lower case and finds rows by every spelling", () => {
    for (const name of MNEMONICS) {
      assert.match(name, /^[a-z][a-z0-9_]*$/);
      assert.ok(formsByMnemonic(name).length > 0, name);
    }
    assert.deepEqual(formsByMnemonic("je"), formsByMnemonic("jz"));
    assert.deepEqual(formsByMnemonic("nonsense"), []);
  });

  it("names a family's semantics the same in all its sizes", () => {
    const bySemantics = new Map<string, Set<string>>();
    for (const form of INSTRUCTIONS) {
      const key = form.mnemonic;
      const names = bySemantics.get(key) ?? new Set<string>();
      names.add(form.semantics ?? "none");
      bySemantics.set(key, names);
    }
    const several = [...bySemantics].filter(([, names]) => names.size > 1).map(([name]) => name);
    assert.deepEqual(several.sort(), ["call", "cmpsd", "jmp", "mov", "movsd", "pop", "push"]);
  });

  it("uses each flag letter in one role at most, apart from reading", () => {
    for (const { id, flags } of INSTRUCTIONS) {
      const changed = flags.written + flags.undefined + flags.cleared + flags.set;
      assert.equal(new Set(changed).size, changed.length, id);
      assert.match(flags.read + changed, /^[CPAZSTIDOLNRVK]*$/, id);
    }
  });

  it("lets only memory destinations be locked, and all of the SDM's lockable instructions", () => {
    const lockable = new Set(INSTRUCTIONS.filter((form) => form.lock).map((form) => form.mnemonic));
    assert.deepEqual([...lockable].sort(), [
      "adc", "add", "and", "btc", "btr", "bts", "cmpxchg", "cmpxchg16b", "cmpxchg8b", "dec", "inc",
      "neg", "not", "or", "sbb", "sub", "xadd", "xchg", "xor",
    ]); // prettier-ignore
  });

  it("names VM-exit reasons of the exit-reason table", () => {
    const known = new Set<string>(EXIT_REASONS.map((reason) => reason.key));
    const unknown = INSTRUCTIONS.filter((form) => form.vmExit && !known.has(form.vmExit.reason));
    assert.deepEqual(
      unknown.map((form) => form.id),
      [],
    );
  });

  it("marks what needs ring 0", () => {
    const privileged = INSTRUCTIONS.filter((form) => form.sensitivity === "privileged");
    assert.deepEqual(
      privileged.filter((form) => form.cpl !== 0).map((form) => form.id),
      [],
    );
    const names = new Set(privileged.map((form) => form.mnemonic));
    for (const name of [
      "lgdt",
      "lidt",
      "lldt",
      "ltr",
      "hlt",
      "invlpg",
      "wrmsr",
      "rdmsr",
      "clts",
      "lmsw",
      "swapgs",
    ])
      assert.ok(names.has(name), name);
    assert.ok(!names.has("popfd"));
  });
});

describe("the sensitivity facts", () => {
  it("cover every row that is not innocuous, and no other name", () => {
    const sensitive = INSTRUCTIONS.filter((form) => form.sensitivity !== "innocuous");
    const silent = sensitive.filter((form) => sensitivityFact(form) === undefined);
    assert.deepEqual(
      silent.map((form) => form.id),
      [],
    );
    const used = new Set(sensitive.map((form) => form.semantics ?? form.mnemonic));
    assert.deepEqual(
      SENSITIVE_NAMES.filter((name) => !used.has(name)),
      [],
    );
  });

  it("give an error for what runs silently under trap-and-emulate, and none for what traps", () => {
    const severity = (id: string): string | undefined =>
      sensitivityFact(INSTRUCTION_BY_ID.get(id)!)?.techniques["trap-and-emulate"].severity;
    assert.equal(severity("popfd"), "error");
    assert.equal(severity("sgdt_m16x32"), "error");
    assert.equal(severity("hlt"), "ok");
    assert.equal(severity("add_rm32_r32"), undefined);
  });

  it("names a silent failure exactly where the row is sensitive and unprivileged", () => {
    for (const form of INSTRUCTIONS)
      if (form.sensitivity === "sensitive-unprivileged")
        assert.ok(sensitivityFact(form)?.silentFailure !== undefined, form.id);
      else if (form.sensitivity === "privileged")
        assert.equal(sensitivityFact(form)?.silentFailure, undefined, form.id);
  });
});
