import assert from "node:assert/strict";
import type { Range, TextEdit } from "vscode-languageserver-protocol";
import { prepareRename, renameAt, RenameRefusal } from "../../src/languageServer/features/rename";
import { MAIN, scene } from "./support";

function apply(text: string, edits: readonly TextEdit[]): string {
  const lines = text.split("\n");
  const last = [...edits].sort(
    (a, b) =>
      b.range.start.line - a.range.start.line || b.range.start.character - a.range.start.character,
  );
  for (const { range, newText } of last) {
    const line = lines[range.start.line]!;
    lines[range.start.line] =
      line.slice(0, range.start.character) + newText + line.slice(range.end.character);
  }
  return lines.join("\n");
}

/** The main file after renaming what is at `‸`, or why that was refused. */
function renamed(marked: string, newName: string, settings: object = {}): string {
  const { workspace, place, text } = scene(marked, {}, settings);
  const result = renameAt(workspace.programsWith(MAIN), place, newName);
  if (result instanceof RenameRefusal) return result.reason;
  return apply(text, result.changes?.[`file://${MAIN}`] ?? []);
}

function prepared(
  marked: string,
): { readonly range: Range; readonly placeholder: string } | string {
  const { workspace, place } = scene(marked);
  const result = prepareRename(workspace.programsWith(MAIN), place);
  return result instanceof RenameRefusal ? result.reason : result;
}

function refused(marked: string): string {
  const result = prepared(marked);
  return typeof result === "string" ? result : "";
}

describe("rename", () => {
  it("changes a label and its uses", () => {
    assert.equal(
      renamed("sta‸rt: nop\njmp start\ndw start + 1", "begin"),
      "begin: nop\njmp begin\ndw begin + 1",
    );
  });

  it("changes declarations, and can begin at one", () => {
    assert.equal(renamed("global start\nsta‸rt: jmp start", "go"), "global go\ngo: jmp go");
    assert.equal(renamed("global st‸art\nstart: jmp start", "go"), "global go\ngo: jmp go");
  });

  it("keeps the marks of local names", () => {
    assert.equal(
      renamed("a:\n.x: jmp .‸x\nb: jmp a.x", "again"),
      "a:\n.again: jmp .again\nb: jmp a.again",
    );
    assert.equal(renamed("a:\n.x: jmp .‸x", ".again"), "a:\n.again: jmp .again");
    assert.equal(
      renamed("%macro m 0\n%%x: jmp %%‸x\n%endmacro\nm", "again"),
      "%macro m 0\n%%again: jmp %%again\n%endmacro\nm",
    );
  });

  it("changes the parent in qualified names", () => {
    assert.equal(renamed("‸a:\n.x: nop\nb: jmp a.x", "main"), "main:\n.x: nop\nb: jmp main.x");
  });

  it("changes macros, constants and parameters", () => {
    assert.equal(renamed("%define X‸ 1\nmov ax, X", "Y"), "%define Y 1\nmov ax, Y");
    assert.equal(
      renamed("%macro sa‸y 0\n%endmacro\nsay", "tell"),
      "%macro tell 0\n%endmacro\ntell",
    );
    assert.equal(
      renamed("%define f(‸a) a*a\ndw f(2)", "side"),
      "%define f(side) side*side\ndw f(2)",
    );
  });

  it("changes all files", () => {
    const { workspace, place } = scene('%include "part.inc"\nmov ax, ‸X\n', {
      "part.inc": "X equ 1\n",
    });
    const result = renameAt(workspace.programsWith(MAIN), place, "Y");
    assert.ok(!(result instanceof RenameRefusal));
    assert.deepEqual(Object.keys(result.changes ?? {}).sort(), [
      "file:///project/main.asm",
      "file:///project/part.inc",
    ]);
  });

  it("refuses names that are taken, reserved or impossible", () => {
    assert.match(renamed("sta‸rt: nop\nend: jmp start", "end"), /exists already/);
    assert.match(renamed("sta‸rt: nop", "eax"), /word of the assembler/);
    assert.match(renamed("sta‸rt: nop", "two words"), /not a name/);
    assert.match(renamed("a:\n.x‸: nop\n.y: nop", "y"), /exists already/);
  });

  it("refuses names that would capture something else", () => {
    assert.match(renamed("%define A‸ 1\nstart: jmp start\ndw A", "start"), /exists already/);
    assert.match(renamed("%define A‸ 1\nmov eax, A", "eax"), /would hide/);
    for (const word of ["db", "bits", "nop", "dword"])
      assert.match(renamed("%macro m‸ 0\nnop\n%endmacro\nm", word), /would hide/);
    assert.match(renamed("%idefine Foo 3\nx‸: jmp x", "foo"), /exists already/);
    assert.match(renamed("x‸: jmp x", "foo", { defines: { foo: "3" } }), /settings define/);
    assert.match(renamed("%macro m 1+\n%endmacro\nx‸: nop\njmp x", "m"), /exists already/);
    assert.match(renamed("x‸: nop\n%ifdef D\ny: nop\n%endif", "y"), /exists already/);
    // The text of a name can be data.
    const spelled = "%macro m 1\n%defstr S %1\ndb S\n%1: nop\n%endmacro\nm x\njmp x‸";
    assert.match(renamed(spelled, "y"), /would change what/);
  });

  it("changes code that is not assembled", () => {
    const skipped = (name: string): string =>
      `${name}: ret\n%ifdef DEBUG\ncall ${name} ; foo\njmp ${name}.x\n%endif\ncall ${name}`;
    assert.equal(renamed(skipped("foo").replace("foo", "fo‸o"), "bar"), skipped("bar"));
    const uncalled = (name: string): string =>
      `%macro m 1\n${name}%1: call ${name}\n%endmacro\n%define D(a) a+${name}\n${name}: nop`;
    assert.equal(
      renamed(uncalled("foo").replace(/foo: nop/, "fo‸o: nop"), "bar"),
      uncalled("bar").replace("bar%1", "foo%1"),
    );
    assert.equal(
      renamed("%if 1\nfo‸o: nop\n%else\nfoo: hlt\n%endif\njmp foo", "bar"),
      "%if 1\nbar: nop\n%else\nbar: hlt\n%endif\njmp bar",
    );
    assert.equal(
      renamed("a:\n.x‸: nop\n%if 0\njmp a.x\n%endif", "y"),
      "a:\n.y: nop\n%if 0\njmp a.y\n%endif",
    );
    assert.equal(
      renamed("%imacro Mm‸ 0\nnop\n%endmacro\nmM\n%if 0\nMM\n%endif", "two"),
      "%imacro two 0\nnop\n%endmacro\ntwo\n%if 0\ntwo\n%endif",
    );
  });

  it("refuses where code that is not assembled may mean something else", () => {
    const local = "a:\n.x‸: nop\n%if 0\njmp .x\n%endif\nb:\n.x: nop";
    assert.match(renamed(local, "y"), /not assembled \(line 4 of \/project\/main\.asm\)/);
    const shared = "%define f(foo) foo*2\ndw f(2)\nfo‸o: nop\n%macro m 0\ncall foo\n%endmacro";
    assert.match(renamed(shared, "bar"), /not assembled \(line 5 of/);
    const elsewhere = "a:\n.x‸: nop\nb:\n%if 0\njmp .x\n%endif";
    assert.match(renamed(elsewhere, "y"), /^a:\n\.y: nop/);
  });

  it("refuses what cannot be renamed", () => {
    assert.equal(prepared("mov e‸ax, 1"), "There is no name here that can be renamed.");
    assert.match(
      refused("%macro make 1\n%1_end: nop\n%endmacro\nmake here\njmp here_e‸nd"),
      /put together|not defined/,
    );
    assert.match(refused("%macro m 1\nmov ax, %‸1\n%endmacro\nm 2"), /numbered|no name here/);
  });

  it("shows the name without its marks", () => {
    assert.deepEqual(prepared("a:\n.lo‸op: nop"), {
      range: { start: { line: 1, character: 1 }, end: { line: 1, character: 5 } },
      placeholder: "loop",
    });
  });
});
