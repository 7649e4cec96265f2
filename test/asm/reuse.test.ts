import assert from "node:assert/strict";
import fc from "fast-check";
import { assembleWith } from "../../src/engine/asm/assemble";
import { Assembler } from "../../src/engine/asm/assembler";
import { Reuse } from "../../src/engine/asm/knownLines";
import type { Assembly } from "../../src/engine/asm/types";
import { hexBytes } from "../../src/engine/base/hex";
import { relaxationProgram } from "../support/relaxationPrograms";
import { FILE } from "./support";

/** All that callers see. */
function outcome({ image, diagnostics, symbols, lines, origin, sections }: Assembly): object {
  return { image: hexBytes(image), diagnostics, symbols, lines, origin, sections };
}

function fresh(text: string): object {
  return outcome(assembleWith({ file: FILE, text }, new Reuse()));
}

/** The outcome of the last text, with what the ones before have left. */
function after(...texts: readonly string[]): object {
  const reuse = new Reuse();
  return outcome(texts.map((text) => assembleWith({ file: FILE, text }, reuse)).at(-1)!);
}

function isAsFresh(...texts: readonly string[]): void {
  assert.deepEqual(after(...texts), fresh(texts.at(-1)!));
}

const LINES = [
  "mov eax, 1", "mov eax, ebx", "push rax", "add cx, 300", "db 1, 2", "db 'text'", "dd 1.5", "x:", "jmp x", "call x",
  "bits 16", "bits 32", "bits 64", "default rel", "default abs", "%define eax ebx", "%undef eax", "%macro mov 2", "%endmacro", "nop",
  "%define nop hlt", "mov eax, [1234]", "mov eax, [ebx+1]", "  mov eax, 1 ; comment", "rep movsb", "section .bss", "section .text",
  "absolute 100", "[warning -number-overflow]", "[warning *number-overflow]", "mov al, 300", "db 300", "cpu 8086", "cpu 386",
  "%if $ > 20", "%endif", "%rep 2", "%endrep", "lea rax, [rel x]", "mov eax, 1 \\", "%1", "org 5", "struc s", "endstruc", ".y: resb 1",
]; // prettier-ignore

const program = fc
  .array(fc.constantFrom(...LINES), { maxLength: 40 })
  .map((lines) => lines.join("\n"));

describe("lines that are known from before", () => {
  it("come out as in a run that knows nothing", () => {
    fc.assert(
      fc.property(program, program, program, (a, b, c) => {
        isAsFresh(a, b, c);
      }),
      { numRuns: 200 },
    );
  }).timeout(60_000);

  it("come out right after each edit of a program full of distances", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const lines = relaxationProgram(seed).split("\n");
      const texts = [lines.join("\n")];
      for (let edit = 0; edit < 6; edit++) {
        const at = (edit * 31 + seed * 7) % (lines.length - 2);
        if (edit % 2 === 0) lines.splice(at + 2, 1);
        else lines.splice(at + 2, 0, lines[(at * 3) % lines.length]!);
        texts.push(lines.join("\n"));
      }
      isAsFresh(...texts);
    }
  }).timeout(60_000);

  it("are read again where a word has become a macro", () => {
    isAsFresh("bits 32\nmov eax, 1", "bits 32\n%define eax ebx\nmov eax, 1");
    isAsFresh("bits 32\nmov eax, 1", "bits 32\n%macro mov 2\nnop\n%endmacro\nmov eax, 1");
  });

  it("are other bytes in another code size or under other switches", () => {
    isAsFresh("bits 32\nmov eax, 1", "bits 16\nmov eax, 1");
    isAsFresh("bits 64\nmov eax, [123456]", "bits 64\ndefault rel\nmov eax, [123456]");
  });

  it("still say what they have to say", () => {
    isAsFresh("mov al, 300\nmov al, 300", "mov al, 300");
    isAsFresh("[warning -number-overflow]\nmov al, 300", "mov al, 300");
    isAsFresh("mov ax, 1\nabsolute 5\nmov ax, 1");
    // Twice at one place it is said once; elsewhere it must be said again.
    const twice = "%macro m 0\nmov byte eax, 1\nmov byte eax, 1\n%endmacro\nm\n";
    isAsFresh(twice, `${twice}x: mov byte eax, 1\nmov byte eax, 1`);
  });
});

describe("passes by steps", () => {
  it("end where full passes end", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const text = relaxationProgram(seed, 250);
      const assembler = new Assembler({ file: FILE, text }, undefined, new Reuse());
      assembler.run();
      assert.equal(assembler.stepsFailed, false, `seed ${seed}`);
    }
  }).timeout(60_000);
});
