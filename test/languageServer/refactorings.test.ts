import assert from "node:assert/strict";
import type { CodeAction } from "vscode-languageserver-protocol";
import { TextDocument } from "vscode-languageserver-textdocument";
import { refactorings } from "../../src/languageServer/features/refactorings";
import { MAIN, scene } from "./support";

function offered(marked: string, only: readonly string[] = []): CodeAction[] {
  const { analysis, position } = scene(marked);
  return refactorings(analysis, MAIN, "uri", { start: position, end: position }, only);
}

function titles(marked: string): string[] {
  return offered(marked).map((action) => action.title);
}

/** The text after the action whose title matches. */
function after(marked: string, title: RegExp): string {
  const { text } = scene(marked);
  const action = offered(marked).find((each) => title.test(each.title));
  assert.ok(action, `not offered: ${String(title)} of ${titles(marked).join(", ")}`);
  const edits = action.edit?.changes?.uri ?? [];
  return TextDocument.applyEdits(TextDocument.create("uri", "nasm", 1, text), edits);
}

describe("refactorings", () => {
  it("write a number in another base", () => {
    assert.deepEqual(titles("bits 32\nmov eax, 0x4‸1"), [
      "Write 65 (decimal)",
      "Write 0b1000001 (binary)",
      "Write 'A' (characters)",
    ]);
    assert.equal(after("dw 1_0‸24", /hexadecimal/), "dw 0x400");
    assert.deepEqual(
      titles("db 0x414‸2").filter((title) => title.includes("characters")),
      [],
    );
    assert.deepEqual(titles("%macro m ‸2\n%endmacro"), []);
  });

  it("write no number anew whose spelling the program uses", () => {
    const pasted = "%macro m 1\nl%1: nop\n%endmacro\nm 1‸0\njmp l10";
    assert.deepEqual(titles(pasted), []);
    assert.deepEqual(titles("%macro m 1\n%defstr S %1\ndb S\n%endmacro\nm 1‸0"), []);
    // A warning that comes or goes is a change too.
    assert.deepEqual(titles("%macro m 1\n%ifnidn %1,10\n%warning x\n%endif\n%endmacro\nm 1‸0"), []);
    assert.deepEqual(titles("cpu 38‸6"), []);
    assert.ok(titles("%macro m 1\nmov ax, %1\n%endmacro\nm 1‸0").length >= 2);
  });

  it("assemble large programs only where they have to", () => {
    const rest = "nop\n".repeat(31_000);
    const written = ["Write 0xa (hexadecimal)", "Write 0b1010 (binary)"];
    assert.deepEqual(titles(`mov ax, 1‸0\n${rest}`), written);
    assert.deepEqual(titles(`%define f(x) x\nmov ax, f(1‸0)\n${rest}`), []);
    assert.deepEqual(titles("%define f(x) x\nmov ax, f(1‸0)"), written);
  });

  it("make an address relative to RIP", () => {
    assert.equal(after("bits 64\nx: mov eax, [x‸]", /RIP/), "bits 64\nx: mov eax, [rel x]");
    assert.deepEqual(titles("bits 64\nx: mov eax, [rel x‸]"), []);
    assert.deepEqual(titles("bits 32\nx: mov eax, [x‸]"), []);
  });

  it("switch a jump between short and near", () => {
    assert.deepEqual(titles("a: jm‸p a"), ["Require a short jump", "Make it a near jump"]);
    assert.deepEqual(titles("jm‸p b\ntimes 300 nop\nb:"), ["Make it a near jump"]);
    assert.equal(after("a: jm‸p short a", /near/), "a: jmp near a");
    assert.equal(after("a: jmp near ‸a", /near|short/i), "a: jmp short a");
  });

  it("write an implied operand size where the bytes stay", () => {
    assert.equal(after("bits 32\npush‸ 1", /operand size/), "bits 32\npush dword 1");
  });

  it("name bits, with the program's names or new ones", () => {
    const text = "bits 32\nstart: mov eax, cr4\nor eax, 1 << ‸5\nmov cr4, eax";
    assert.equal(
      after(text, /Write CR4_PAE/),
      "bits 32\nCR4_PAE         equ 1 << 5\nstart: mov eax, cr4\nor eax, CR4_PAE\nmov cr4, eax",
    );
    const known = `X86_CR0_PG equ 1 << 31\nX86_CR0_PE equ 1\nbits 32\nor eax, 0x8000000‸1\nmov cr0, eax`;
    assert.match(after(known, /X86/), /or eax, X86_CR0_PE \| X86_CR0_PG\n/);
    const clearing = "bits 32\nmov eax, cr0\nand eax, 0x7ffffff‸f\nmov cr0, eax";
    assert.match(after(clearing, /~/), /and eax, ~CR0_PG\n/);
    const taken = "CR4_PAE: nop\nbits 32\nor eax, 1 << ‸5\nmov cr4, eax";
    assert.ok(!titles(taken).some((title) => title.includes("CR4")));
  });

  it("put what a macro makes in its place, if the program stays the same", () => {
    assert.equal(
      after("%macro two 1\n  mov ax, %1\n  nop\n%endmacro\n  tw‸o 5\n", /Replace two/),
      "%macro two 1\n  mov ax, %1\n  nop\n%endmacro\n  mov ax, 5\n  nop\n",
    );
    assert.match(after("%define SIZE 4\nmov ax, SI‸ZE * 2", /Replace SIZE/), /mov ax, 4 \* 2/);
    // The sum binds weaker than the product around it.
    assert.deepEqual(titles("%define SUM (1 + 2)\nmov ax, SU‸M").length, 1);
  });

  it("make a descriptor from a comment", () => {
    assert.equal(
      after("; descriptor: code 32, ring 0‸", /descriptor/),
      "; descriptor: code 32, ring 0\n        dq      0x00cf9a000000ffff",
    );
    assert.match(after("; descriptor: data 32, dpl 3‸", /descriptor/), /0x00cff2000000ffff/);
    assert.match(after("; descriptor: code 64‸", /descriptor/), /0x00af9a000000ffff/);
  });

  it("come by kind", () => {
    const kinds = offered("bits 32\npush ‸1", ["refactor.rewrite"]).map((each) => each.kind);
    assert.ok(kinds.length > 0 && kinds.every((kind) => kind === "refactor.rewrite"));
    assert.deepEqual(offered("bits 32\npush ‸1", ["quickfix"]), []);
  });
});
