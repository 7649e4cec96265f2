import assert from "node:assert/strict";
import fc from "fast-check";
import { assembleWith } from "../../src/engine/asm/assemble";
import { Assembler } from "../../src/engine/asm/assembler";
import { Reuse } from "../../src/engine/asm/knownLines";
import type { Assembly } from "../../src/engine/asm/types";
import { hexBytes } from "../../src/engine/base/hex";
import { relaxationProgram } from "../support/relaxationPrograms";
import { FILE, filesOf } from "./support";

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
  "absolute 100", "[warning -number-overflow]", "[warning *number-overflow]", "mov al, 300", "db 300", "cpu 8086", "cpu 386", "cpu any",
  "%if $ > 20", "%endif", "%rep 2", "%endrep", "lea rax, [rel x]", "mov eax, 1 \\", "mov eax, 1 ; c \\", "%1", "org 5", "struc s", "endstruc", ".y: resb 1",
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

  it("are right with every number at the edge of a range", () => {
    const numbers = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65408];
    const shapes = [
      "mov eax, N", "mov al, N", "mov ax, N", "add eax, N", "add al, N", "add cx, N", "add ebx, N", "push N", "push byte N", "int N", "shl eax, N",
      "rol byte [ebx], N", "mov eax, [ebp+N]", "mov eax, [ebx+ecx*4+N]", "mov [ebp+N], al", "mov dword [ebx+N], 5", "mov dword [ebx+5], N",
      "lea eax, [eax+eax*2+N]", "lea eax, [eax*N]", "mov eax, [eax+N*4]", "imul eax, [ebx+N], 7", "imul eax, ebx, N", "enter N, 0", "enter 5, N",
      "ret N", "in al, N", "out N, al", "test eax, N", "mov eax, 4/N", "mov eax, 1|N", "mov ax, [bx+N]", "mov ax, [bx+si+N]", "aam N", "jmp N",
      "call N", "mov rax, N", "add rax, N", "mov rax, [rbp+N]", "sub rsp, N", "cmp byte [eax+N], 0", "mov eax, -N", "mov eax, [ebp-N]", "bt eax, N",
      "mov eax, [fs:ebx+N]", "db N", "resb N", "mov eax, [esp+N] ; text", "mov eax,N;x", "movzx eax, byte [ecx+N]", "push dword [ebp+N]", "times N nop",
      "mov eax, [N]", "mov eax, [ebp+N+1]", "sar eax, N", "retf N", "mov eax, r1N", "add r9, N", "mov [rel x+N], al", "psrldq xmm0, N",
    ]; // prettier-ignore
    for (const bits of [16, 32, 64] as const) {
      const run = (text: string, reuse: Reuse): object =>
        outcome(assembleWith({ file: FILE, text, bits }, reuse));
      for (const shape of shapes) {
        const lines = numbers.map((number) => shape.replace("N", String(number)));
        // Alone there is nothing to learn from.
        const alone = lines.map((line) => run(line, new Reuse()));
        const [up, down] = [new Reuse(), new Reuse()];
        const known = lines.map((line) => run(line, up));
        const backwards = [...lines].reverse().map((line) => run(line, down));
        assert.deepEqual([known, backwards.reverse()], [alone, alone], `${bits}: ${shape}`);
      }
    }
  }).timeout(120_000);

  it("go on in the next line where an equal one, the last of its file, did not", () => {
    const readFile = filesOf({ "a.inc": "mov ax,1 ; c \\" });
    const text = '%include "a.inc"\nmov ax,1 ; c \\\nmov bx,2\nmov cx,3\n';
    const { image } = assembleWith({ file: FILE, text, readFile }, new Reuse());
    assert.equal(hexBytes(image), "b80100b80100b90300");
  });

  it("keep their place where their surroundings are wrong", () => {
    const known = "bits 32\nmov eax, 1";
    for (const wrong of ["absolute 100\nmov eax, 1", "struc s\nmov eax, 1\nendstruc"]) {
      const text = `bits 32\n${wrong}\nsection .text\nbits 16\nnop`;
      const reuse = new Reuse();
      assembleWith({ file: FILE, text: known }, reuse);
      const { entryBits } = assembleWith({ file: FILE, text }, reuse);
      assert.equal(entryBits, assembleWith({ file: FILE, text }, new Reuse()).entryBits, wrong);
    }
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
