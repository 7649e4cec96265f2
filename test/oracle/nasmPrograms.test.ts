/** Whole programs against the installed NASM: every directive and preprocessor word, and random programs of jumps. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Prng } from "../../src/engine/base/prng";
import { skipWithoutPinnedNasm } from "./nasm";
import { NasmFolder, ourOutcome } from "./nasmProgram";

/** Programs are separated by lines `=== name`. */
function programs(): { readonly name: string; readonly source: string }[] {
  const text = readFileSync(join(import.meta.dirname, "nasmPrograms.txt"), "utf8");
  return text
    .split(/^=== /m)
    .slice(1)
    .map((block) => {
      const end = block.indexOf("\n");
      return { name: block.slice(0, end), source: block.slice(end + 1) };
    });
}

/** Jumps back and forth, padding around the edges of short distances, label differences as operands. */
function randomProgram(seed: number): string {
  const random = new Prng(seed);
  const pick = (n: number): number => random.next32() % n;
  const bits = [16, 32, 64][pick(3)]!;
  const labels = 4 + pick(12);
  const lines = [`bits ${bits}`, `org ${[0, 0x7c00, 0x100000][pick(3)]!}`];
  const target = (): string => `l${pick(labels)}`;
  for (let label = 0; label < labels; label++) {
    lines.push(`l${label}:`);
    for (let n = pick(6); n >= 0; n--) {
      const kind = pick(bits === 64 ? 14 : 12);
      if (kind < 3) lines.push(`  jmp ${target()}`);
      else if (kind < 6) lines.push(`  j${["z", "nc", "ge", "a"][pick(4)]!} ${target()}`);
      else if (kind === 6) lines.push(`  call ${target()}`);
      else if (kind === 7) lines.push(`  times ${100 + pick(40)} nop`);
      else if (kind === 8) lines.push(`  times ${pick(30)} db ${pick(256)}`);
      else if (kind > 11) lines.push(`  mov [rel ${target()}], ${["rax", "cl"][kind - 12]!}`);
      else if (kind === 9) lines.push(`  align ${1 << pick(6)}`);
      else if (kind === 10)
        lines.push(`  add ${bits === 16 ? "ax" : "eax"}, ${target()}-${target()}`);
      else
        lines.push(
          `  mov ax, [${bits === 16 ? "bx" : bits === 32 ? "ebx" : "rbx"}+${target()}-${target()}]`,
        );
    }
  }
  return `${lines.join("\n")}\n`;
}

describe("programs, against the installed NASM", () => {
  let folder: NasmFolder | undefined;

  before(function () {
    skipWithoutPinnedNasm(this);
    folder = new NasmFolder();
  });

  after(() => folder?.remove());

  for (const { name, source } of programs()) {
    it(`gives the same bytes, diagnostics and listing, or refuses too: ${name}`, () => {
      assert.deepEqual(ourOutcome(source), folder!.outcome(source));
    });
  }

  it("makes the same choice of jump lengths in random programs", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const source = randomProgram(seed);
      assert.deepEqual(ourOutcome(source), folder!.outcome(source), `seed ${seed}\n${source}`);
    }
  });
});
