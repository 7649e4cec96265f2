import assert from "node:assert/strict";
import { buildSourceModel } from "../../src/engine/asm/buildSourceModel";
import type { SourceModel } from "../../src/engine/asm/sourceModel";
import { hexBytes } from "../../src/engine/base/hex";
import { FILE, filesOf, shown } from "./support";

function model(...lines: readonly string[]): SourceModel {
  return buildSourceModel({ file: FILE, text: lines.join("\n") });
}

describe("the source model's statements", () => {
  it("have exact ranges, addresses, bytes and the row that was chosen", () => {
    const { statements } = model("org 0x100", "start: lock add word [bx+4], 1", "times 2 nop");
    const found = statements.slice(1).map((s) => ({
      kind: s.kind,
      label: s.label && `${s.label.name}@${shown(s.label.range)}`,
      prefixes: s.prefixes.map((p) => p.text),
      mnemonic: `${s.mnemonic!.text}@${shown(s.mnemonic!.range)}`,
      operands: s.operands.map((o) => `${o.text}@${shown(o.range)}`),
      place: [s.address, s.fileOffset, s.length, s.times],
      bytes: hexBytes(s.bytes),
      form: s.form?.mnemonic,
    }));
    assert.deepEqual(found, [
      {
        kind: "instruction",
        label: "start@2:1-6",
        prefixes: ["lock"],
        mnemonic: "add@2:13-16",
        operands: ["word [bx+4]@2:17-28", "1@2:30-31"],
        place: [0x100, 0, 5, 1],
        bytes: "f083470401",
        form: "add",
      },
      {
        kind: "instruction",
        label: undefined,
        prefixes: ["times"],
        mnemonic: "nop@3:9-12",
        operands: [],
        place: [0x105, 5, 2, 2],
        bytes: "90",
        form: "nop",
      },
    ]);
  });

  it("give what operands evaluate to", () => {
    const { statements } = model("org 0x7c00", "k equ 2*3", "a: mov ax, a+k", "dw a");
    const [, equ, mov, data] = statements;
    assert.equal(equ!.operands[0]!.number, 6n);
    const value = mov!.operands[1]!.value!;
    assert.ok(value.kind === "imm" && value.value === 0x7c06n && value.isAddress);
    assert.equal(data!.operands[0]!.number, 0x7c00n);
  });

  it("show NASM's own macros as the one statement that was written", () => {
    const { statements } = model(
      "nop",
      "align 4",
      "section .data",
      "struc p",
      ".x: resw 1",
      "endstruc",
    );
    assert.deepEqual(
      statements.map(
        (s) => `${s.kind} ${s.mnemonic?.text} ${s.operands.map((o) => o.text).join()} ${s.length}`,
      ),
      [
        "instruction nop  1",
        "directive align 4 3",
        "directive section .data 0",
        "directive struc p 0",
        "reserve resw 1 2",
        "directive endstruc  0",
      ],
    );
  });

  it("come once for each expansion, with the call and the body line", () => {
    const { statements } = model("%macro m 1", "mov al, %1", "%endmacro", "m 1", "m 2");
    assert.deepEqual(
      statements.map(
        (s) =>
          `${shown(s.range)} ${shown(s.callRange)} ${s.macroTrail[0]!.macro} ${hexBytes(s.bytes)}`,
      ),
      ["2:1-11 4:1-4 m b001", "2:1-11 5:1-4 m b002"],
    );
  });
});

describe("the source model's names", () => {
  const found = (m: SourceModel): string[] =>
    m.names.map((n) => {
      const target = n.definition ? shown(n.definition) : "-";
      return `${n.kind} ${n.name} ${n.role} ${shown(n.range)} ${target}`;
    });

  it("resolve scopes", () => {
    const m = model("a: nop", ".x: jmp .x", "b: nop", ".x: jmp a.x", "jmp .x");
    assert.deepEqual(found(m), [
      "label a definition 1:1-2 1:1-2",
      "local-label a.x definition 2:1-3 2:1-3",
      "local-label a.x reference 2:9-11 2:1-3",
      "label b definition 3:1-2 3:1-2",
      "local-label b.x definition 4:1-3 4:1-3",
      "local-label a.x reference 4:9-12 2:1-3",
      "local-label b.x reference 5:5-7 4:1-3",
    ]);
  });

  it("find references that a define hides, in the define", () => {
    const m = model("%define P base+1", "base equ 4", "db P");
    assert.deepEqual(found(m), [
      "define P definition 1:9-10 1:9-10",
      "equ base reference 1:11-15 2:1-5",
      "equ base definition 2:1-5 2:1-5",
      "define P reference 3:4-5 1:9-10",
    ]);
  });

  it("list %%labels, %$labels and parameters once, by what they are", () => {
    const m = model(
      "%macro m 1",
      "%%a: mov ax, %1",
      "jmp %%a",
      "%endmacro",
      "m 1",
      "m 2",
      "%push",
      "%$l: jmp %$l",
      "%pop",
    );
    assert.deepEqual(found(m).slice(1), [
      "macro-label %%a definition 2:1-4 2:1-4",
      "macro-parameter %1 reference 2:14-16 -",
      "macro-label %%a reference 3:5-8 2:1-4",
      "macro m reference 5:1-2 1:8-9",
      "macro m reference 6:1-2 1:8-9",
      "context-label %$l definition 8:1-4 8:1-4",
      "context-label %$l reference 8:10-13 8:1-4",
    ]);
  });

  it("say when a name was put together", () => {
    const m = model("%macro m 1", "x_%1: nop", "%endmacro", "m a", "jmp x_a");
    const labels = m.names.filter((n) => n.id === "symbol:x_a");
    assert.deepEqual(
      labels.map((n) => [n.role, n.pasted]),
      [
        ["definition", true],
        ["reference", false],
      ],
    );
  });

  it("tell fields of structures from labels", () => {
    const m = model("struc p", ".x: resw 1", "endstruc", "mov ax, [bx+p.x]", "db p_size");
    assert.deepEqual(
      m.names.map((n) => `${n.kind} ${n.name}`),
      ["struc p", "equ p_size", "struc-field p.x", "struc-field p.x", "equ p_size"],
    );
  });
});

describe("the source model's preprocessing", () => {
  it("keeps macro definitions, their comments, and what calls become", () => {
    const m = model(
      "; adds twice",
      "%macro twice 1-2 7",
      "add ax, %1",
      "add ax, %2",
      "%endmacro",
      "%define f(x) x*2",
      " twice f(3)",
    );
    const [macro, define] = m.macroDefinitions;
    assert.equal(macro!.documentation, "adds twice");
    assert.deepEqual([macro!.minArguments, macro!.maxArguments, macro!.defaults], [1, 2, ["7"]]);
    assert.equal(shown(macro!.range), "2:1-5:10");
    assert.equal(macro!.body, "add ax, %1\nadd ax, %2");
    assert.deepEqual([define!.parameters, define!.body], [["x"], "x*2"]);
    assert.deepEqual(
      m.macroInvocations.map((i) => [
        i.kind,
        shown(i.range),
        i.arguments.map((a) => a.text),
        i.expansion(),
      ]),
      [
        ["define", "7:8-12", ["3"], "3*2"],
        ["macro", "7:2-12", ["3*2"], "add ax, 3*2\nadd ax, 7"],
      ],
    );
  });

  it("knows what is skipped, which blocks there are and what is included", () => {
    const text = [
      '%include "p.inc"',
      "%ifdef A",
      "nop",
      "%else",
      "cli",
      "%endif",
      "%rep 2",
      "hlt",
      "%endrep",
    ].join("\n");
    const m = buildSourceModel({ file: FILE, text, readFile: filesOf({ "p.inc": "P equ 1\n" }) });
    assert.deepEqual(
      m.inactive.map((i) => `${shown(i.range)} ${i.directive.text}`),
      ["3:1-4 %ifdef"],
    );
    assert.deepEqual(
      m.blocks.map((b) => `${b.kind} ${shown(b.range)} ${b.words.map((w) => w.text).join()}`),
      ["if 2:1-6:7 %ifdef,%else,%endif", "rep 7:1-9:8 %rep,%endrep"],
    );
    assert.deepEqual(
      m.includes.map((i) => [i.kind, shown(i.range), i.name, i.file]),
      [["include", "1:10-17", "p.inc", "p.inc"]],
    );
    assert.equal(m.textOf("p.inc"), "P equ 1\n");
  });

  it("counts lines as active that any pass over them assembles", () => {
    const m = model("%macro m 1", "%if %1", "nop", "%endif", "%endmacro", "m 0", "m 1");
    assert.deepEqual(m.inactive, []);
  });

  it("gives the plain tokens of a file, with its comments", () => {
    const m = model("a: mov ax, 'x' ; note", "%define b 1");
    assert.deepEqual(
      m.tokensOf(FILE).map((t) => `${t.kind} ${t.text}`),
      [
        "word a",
        "punctuation :",
        "word mov",
        "word ax",
        "punctuation ,",
        "string 'x'",
        "comment ; note",
        "preprocessor %define",
        "word b",
        "number 1",
      ],
    );
  });
});
