import assert from "node:assert/strict";
import type { MarkupContent } from "vscode-languageserver-protocol";
import { completionsAt, resolveCompletion } from "../../src/languageServer/features/completion";
import { signatureHelpAt } from "../../src/languageServer/features/signatureHelp";
import { MAIN, scene } from "./support";

function offered(marked: string): Set<string> {
  const { analysis, position } = scene(marked);
  return new Set(completionsAt(analysis, MAIN, position).map((each) => each.label));
}

function offers(marked: string, wanted: readonly string[], unwanted: readonly string[] = []): void {
  const found = offered(marked);
  for (const each of wanted) assert.ok(found.has(each), `${each} is not offered`);
  for (const each of unwanted) assert.ok(!found.has(each), `${each} is offered`);
}

describe("completion", () => {
  it("offers mnemonics of this code size, directives, macros at the start of a statement", () => {
    offers(
      "bits 64\n%macro say 0\n%endmacro\n  s‸",
      ["syscall", "swapgs", "say", "section", "rep"],
      ["pusha", "eax"],
    );
    offers("bits 32\n  p‸", ["pusha", "popfd"], ["popfq", "syscallq"]);
    offers("start: m‸", ["mov"], ["eax"]);
    offers("bits 32\nlock ‸", ["add"], ["eax"]);
    offers("bits 32\ntimes 4 ‸", ["nop"]);
  });

  it("offers registers that fit the operand", () => {
    offers("bits 32\nmov ‸", ["eax", "al", "ds", "cr0"], ["rax", "mov"]);
    offers("bits 32\nmov cr0, ‸", ["eax"]);
    offers("bits 64\nadd r‸", ["rax", "r8", "eax"]);
    offers("bits 32\nltr ‸", ["ax"], ["cr0", "ds"]);
    offers("bits 32\nmov eax, [‸", ["ebx", "esp"], ["al", "cr0"]);
  });

  it("offers the program's names, labels first behind a jump", () => {
    offers("bits 32\nSIZE equ 1\n%define LIMIT 2\nstart:\n.loop: mov eax, ‸", [
      "SIZE",
      "LIMIT",
      "start",
      ".loop",
    ]);
    offers("bits 32\na:\n.one: nop\nb:\n.two: jmp .‸", [".two"], [".one", "a"]);
    const { analysis, position } = scene("bits 32\nSIZE equ 1\nstart: jmp ‸");
    const order = completionsAt(analysis, MAIN, position)
      .sort((x, y) => (x.sortText! < y.sortText! ? -1 : 1))
      .map((each) => each.label);
    assert.ok(order.indexOf("start") < order.indexOf("SIZE"));
  });

  it("offers words after % and arguments of directives", () => {
    offers("%i‸", ["%include", "%ifdef", "%if"], ["mov"]);
    offers("bits ‸", ["16", "32", "64"], ["eax"]);
    offers("default ‸", ["rel", "abs"]);
    offers("section ‸", [".text", "nobits"]);
  });

  it("offers files in the quotes of %include", () => {
    const { analysis, position } = scene('%include "inc/‸"');
    const found = completionsAt(analysis, MAIN, position, (typed) => [`${typed}part.inc`]);
    assert.deepEqual(
      found.map((each) => each.label),
      ["inc/part.inc"],
    );
  });

  it("inserts a macro with places for its arguments, where the editor can", () => {
    const text = "; put row, column\n%macro put 2-3 7\n%endmacro\n%define area(w, h) (w * h)\n  ‸";
    const { analysis, position } = scene(text);
    const inserted = (snippets: boolean): string[] =>
      completionsAt(analysis, MAIN, position, undefined, { snippets, labelDetails: true })
        .filter(({ label }) => label === "put" || label === "area")
        .map(({ textEdit, labelDetails }) => `${textEdit!.newText}|${labelDetails?.detail ?? ""}`);
    assert.deepEqual(inserted(true), [
      "put \${1:%1}, \${2:%2}| %1, %2, %3=7",
      "area(\${1:w}, \${2:h})| w, h",
    ]);
    assert.deepEqual(inserted(false), ["put| %1, %2, %3=7", "area| w, h"]);
    const documented = scene(text.replace("put row, column", "put row, column, colour"));
    const [first] = completionsAt(documented.analysis, MAIN, documented.position).filter(
      ({ label }) => label === "put",
    );
    assert.equal(first?.textEdit?.newText, "put \${1:row}, \${2:column}");
  });

  it("puts fields of structures first behind a register and a plus", () => {
    const text = "bits 32\nstruc point\n.x: resd 1\nendstruc\nmov eax, [ebx + ‸";
    const { analysis, position } = scene(text);
    const items = completionsAt(analysis, MAIN, position);
    const [first] = items.sort((a, b) => (a.sortText! < b.sortText! ? -1 : 1));
    assert.equal(first?.label, "point.x");
  });

  it("offers the local labels of macros and contexts", () => {
    offers("%macro m 0\n%%again: nop\njmp %%‸\n%endmacro\nm", ["%%again"], ["mov"]);
    offers("%push c\n%$done: nop\njmp %$‸\n%pop", ["%$done"]);
    offers("%macro say 0\n%endmacro\n%ifmacro ‸\n%endif", ["say"], ["mov"]);
  });

  it("is silent in comments and strings", () => {
    assert.equal(offered("nop ; m‸").size, 0);
    assert.equal(offered('db "m‸"').size, 0);
  });

  it("replaces exactly the word before the cursor", () => {
    const { analysis, position } = scene("bits 32\n  jmp .lo‸\n");
    for (const each of completionsAt(analysis, MAIN, position))
      assert.ok("range" in each.textEdit! && each.textEdit.range.start.character === 6);
  });

  it("brings the texts with resolve", () => {
    const { analysis, position } = scene("bits 32\n; Adds up.\nsum: ‸\n");
    const items = completionsAt(analysis, MAIN, position);
    const text = (label: string): string => {
      const chosen = items.find((each) => each.label === label);
      assert.ok(chosen, label);
      assert.equal(chosen.documentation, undefined);
      return (resolveCompletion(analysis, chosen).documentation as MarkupContent).value;
    };
    assert.match(text("lgdt"), /CPL 0/);
    assert.match(text("align"), /power of two/);
  });
});

describe("signature help", () => {
  function help(
    marked: string,
  ): { readonly label: string; readonly parameter: number; readonly count: number } | undefined {
    const { analysis, position } = scene(marked);
    const found = signatureHelpAt(analysis, MAIN, position);
    if (found === undefined) return undefined;
    const label = found.signatures[found.activeSignature ?? 0]?.label ?? "";
    return { label, parameter: found.activeParameter ?? 0, count: found.signatures.length };
  }

  it("shows the forms of this code size, the fitting one first", () => {
    assert.equal(help("bits 32\nmov ‸")?.parameter, 0);
    const second = help("bits 32\nmov cr0, ‸");
    assert.deepEqual([second?.label, second?.parameter], ["mov cr, r32", 1]);
    assert.equal(help("bits 64\nadd rax, ‸")?.label, "add r/m64, r64");
    assert.doesNotMatch(JSON.stringify(help("bits 32\npush ‸")), /64/);
  });

  it("shows a macro's parameters and a define's", () => {
    const macro = help("%macro put 2-3 7\n%endmacro\nput 1, ‸");
    assert.deepEqual(macro, { label: "put %1, %2, %3=7", parameter: 1, count: 1 });
    const define = help("%define area(width, height) (width * height)\ndw area(2, ‸)");
    assert.deepEqual(define, { label: "area width, height", parameter: 1, count: 1 });
  });

  it("is silent where nothing takes operands", () => {
    assert.equal(help("hlt ‸"), undefined);
    assert.equal(help("; mov ‸"), undefined);
    assert.equal(help("mov‸"), undefined);
  });
});
