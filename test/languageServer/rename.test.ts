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
function renamed(marked: string, newName: string): string {
  const { workspace, place, text } = scene(marked);
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
