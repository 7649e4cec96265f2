import assert from "node:assert/strict";
import type { Range } from "vscode-languageserver-protocol";
import { declarationsAt, definitionsAt } from "../../src/languageServer/features/definition";
import { documentLinks } from "../../src/languageServer/features/documentLinks";
import { documentSymbols } from "../../src/languageServer/features/documentSymbols";
import { foldingRanges } from "../../src/languageServer/features/folding";
import { highlightsAt, referencesAt } from "../../src/languageServer/features/references";
import { selectionRangeAt } from "../../src/languageServer/features/selectionRanges";
import { workspaceSymbols } from "../../src/languageServer/features/workspaceSymbols";
import { MAIN, scene } from "./support";

/** The definition of the name at `‸` is what stands in `«…»`. */
function leadsTo(marked: string): void {
  const { analysis, place, ranges } = scene(marked);
  const found = definitionsAt(analysis, place).map((link) => link.targetSelectionRange);
  assert.deepEqual(found, ranges);
}

/** All places of the name at `‸` are those in `«…»`. */
function isWrittenAt(marked: string): void {
  const { workspace, place, ranges, analysis } = scene(marked);
  const found = referencesAt(workspace.programsWith(MAIN), place, true).map((each) => each.range);
  assert.deepEqual(found, ranges);
  const highlights = highlightsAt(analysis, place).map((each) => each.range);
  assert.deepEqual(highlights.sort(byPlace), ranges);
}

function byPlace(a: Range, b: Range): number {
  return a.start.line - b.start.line || a.start.character - b.start.character;
}

describe("go to definition", () => {
  it("finds labels, local labels by their scope, constants, macros, fields", () => {
    leadsTo("«start»: nop\njmp sta‸rt");
    leadsTo("a:\n.x: nop\nb:\n«.x»: nop\njmp .‸x");
    leadsTo("a:\n«.x»: nop\nb: jmp a.‸x");
    leadsTo("«SIZE» equ 4\nmov ax, SI‸ZE");
    leadsTo("%macro «say» 1\n%endmacro\nsa‸y 1");
    leadsTo("%define «X» 1\nmov ax, ‸X");
    leadsTo("struc point\n«.x»: resw 1\nendstruc\nmov ax, point‸.x");
    leadsTo("struc point\n«.x»: resw 1\nendstruc\nistruc point\nat point‸.x, dw 1\niend");
    leadsTo("%macro m 0\n«%%x»: nop\njmp %%‸x\n%endmacro\nm");
    leadsTo("%push c\n«%$x»: nop\njmp %$‸x\n%pop");
  });

  it("opens included files", () => {
    const { analysis, place } = scene('%include "pa‸rt.inc"\n', { "part.inc": "X equ 1\n" });
    assert.deepEqual(
      definitionsAt(analysis, place).map((link) => link.targetUri),
      ["file:///project/part.inc"],
    );
    const onWord = definitionsAt(analysis, { ...place, column: 3 });
    assert.equal(onWord[0]?.targetUri, "file:///project/part.inc");
    const [link] = documentLinks(analysis, MAIN);
    assert.equal(link?.target, "file:///project/part.inc");
    assert.deepEqual(link.range.start, { line: 0, character: 9 });
  });

  it("crosses the include graph", () => {
    const { analysis, place } = scene('%include "part.inc"\nmov ax, ‸X\n', {
      "part.inc": "\nX equ 1\n",
    });
    const [link] = definitionsAt(analysis, place);
    assert.equal(link?.targetUri, "file:///project/part.inc");
    assert.equal(link.targetRange.start.line, 1);
  });
});

describe("go to declaration", () => {
  /** The declaration of the name at `‸` is what stands in `«…»`. */
  function isDeclaredAt(marked: string): void {
    const { analysis, place, ranges } = scene(marked);
    const found = declarationsAt(analysis, place).map((link) => link.targetSelectionRange);
    assert.deepEqual(found, ranges);
  }

  it("finds global and extern lines, else the definition", () => {
    isDeclaredAt("global «start»\nstart: nop\njmp sta‸rt");
    isDeclaredAt("extern «other»\ncall oth‸er");
    isDeclaredAt("struc point\n«.x»: resw 1\nendstruc\nmov ax, [bx + point‸.x]");
    isDeclaredAt("%define «LIMIT» 3\nmov ax, LI‸MIT");
  });

  it("leads from a declaration to the definition", () => {
    leadsTo("global sta‸rt\n«start»: nop");
    leadsTo("extern «other»\ncall oth‸er");
  });
});

describe("find references", () => {
  it("finds declarations", () => {
    const { workspace, place, ranges } = scene("global «start»\n«st‸art»: jmp «start»");
    const found = referencesAt(workspace.programsWith(MAIN), place, true).map((each) => each.range);
    assert.deepEqual(found.sort(byPlace), ranges);
  });

  it("keeps local labels of two parents apart", () => {
    isWrittenAt("a:\n«.‸x»: jmp «.x»\nb:\n.x: jmp .x\njmp «a.x»");
  });

  it("finds labels in operands, expressions and data", () => {
    isWrittenAt(
      "«st‸art»: nop\ndw «start», «start» + 2\nmov ax, [«start»]\ntimes 4 - ($ - «start») db 0",
    );
  });

  it("finds macros by their calls, and in conditions", () => {
    isWrittenAt("%define «DEB‸UG» 1\n%ifdef «DEBUG»\nmov ax, «DEBUG»\n%endif");
  });

  it("goes through all programs that share a fragment", () => {
    const { workspace, place } = scene('%include "part.inc"\nmov ax, ‸X\n', {
      "part.inc": "X equ 1\n",
      "second.asm": '%include "part.inc"\nmov bx, X\n',
    });
    const programs = workspace.programsWith("/project/part.inc");
    const inPart = { file: "/project/part.inc", line: 1, column: 1 };
    const files = referencesAt(programs, inPart, true).map((each) => each.uri.split("/").pop());
    assert.deepEqual(files, ["main.asm", "part.inc", "second.asm"]);
    assert.equal(referencesAt(workspace.programsWith(MAIN), place, false).length, 1);
  });

  it("highlights the words of a block", () => {
    const { analysis, place, ranges } = scene("«%i‸f» 1\nnop\n«%else»\nhlt\n«%endif»");
    assert.deepEqual(
      highlightsAt(analysis, place).map((each) => each.range),
      ranges,
    );
  });
});

describe("symbols", () => {
  const TEXT = [
    "SIZE equ 4",
    "%macro say 1",
    "%%x: nop",
    "%endmacro",
    "struc point",
    ".x: resw 1",
    ".y: resw 1",
    "endstruc",
    "start: nop",
    ".loop: jmp .loop",
    "say 1",
    "text: db 'x'",
  ].join("\n");

  it("form an outline with local labels and fields below their parents", () => {
    const { analysis } = scene(TEXT);
    const tree = documentSymbols(analysis, MAIN).map((each) => [
      each.name,
      (each.children ?? []).map((child) => child.name),
    ]);
    assert.deepEqual(tree, [
      ["SIZE", []],
      ["say", []],
      ["point", [".x", ".y"]],
      ["start", [".loop"]],
      ["text", []],
    ]);
  });

  it("keep names within ranges, children within parents", () => {
    const { analysis } = scene(TEXT);
    for (const symbol of documentSymbols(analysis, MAIN)) {
      assert.ok(symbol.range.start.line <= symbol.selectionRange.start.line, symbol.name);
      assert.ok(symbol.range.end.line >= symbol.selectionRange.end.line, symbol.name);
      for (const child of symbol.children ?? [])
        assert.ok(child.range.end.line <= symbol.range.end.line, child.name);
    }
  });

  it("are found in the whole workspace, also in files that no open program uses", () => {
    const { workspace, text } = scene(TEXT, { "other.asm": "far_away: nop\n" });
    workspace.open(MAIN, "file:///project/main.asm", 1, text);
    const names = (query: string): string[] =>
      workspaceSymbols(workspace, query).map((each) => each.name);
    assert.deepEqual(names("frwy"), ["far_away"]);
    assert.deepEqual(names("loop"), ["start.loop"]);
  });
});

describe("folding", () => {
  it("folds blocks, their parts, comments and labels", () => {
    const { analysis } = scene(
      [
        "; one",
        "; two",
        "%if 1",
        "nop",
        "%else",
        "hlt",
        "%endif",
        "start:",
        "nop",
        "nop",
        "",
        "; next",
        "next: nop",
      ].join("\n"),
    );
    const folds = foldingRanges(analysis, MAIN).map(({ startLine, endLine }) => [
      startLine,
      endLine,
    ]);
    assert.deepEqual(folds, [
      [2, 3],
      [4, 5],
      [0, 1],
      [7, 9],
    ]);
  });
});

describe("growing selection", () => {
  it("goes from word to operand to statement to file", () => {
    const { analysis, position, text } = scene("start:\n  mov eax, [ebx + ‸4] ; x\nend:\n");
    const lines = text.split("\n");
    const grown: string[] = [];
    for (let at = selectionRangeAt(analysis, MAIN, position); ; at = at.parent) {
      const { start, end } = at.range;
      grown.push(
        start.line === end.line ? lines[start.line]!.slice(start.character, end.character) : "…",
      );
      if (at.parent === undefined) break;
    }
    assert.deepEqual(grown, [
      "4",
      "[ebx + 4]",
      "mov eax, [ebx + 4]",
      "  mov eax, [ebx + 4] ; x",
      "…",
      "…",
    ]);
  });
});
