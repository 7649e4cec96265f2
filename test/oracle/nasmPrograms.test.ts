/** Whole programs against the installed NASM: every directive and preprocessor word, and random programs of jumps. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble } from "../../src/engine/asm/assemble";
import { hexBytes } from "../../src/engine/base/hex";
import { Prng } from "../../src/engine/base/prng";
import { nasmVersion } from "./nasm";

const PINNED = "2.16.01";
const FILE = "program.asm";
const INCLUDED = 'included: db "from the include file", 5\n%define INCLUDED 7\n';
const BINARY = Uint8Array.from({ length: 40 }, (_, i) => i * 3);

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

interface Outcome {
  readonly image: string;
  readonly refused: boolean;
}

function nasmOutcome(directory: string, source: string): Outcome & { readonly listing: string } {
  const at = (name: string): string => join(directory, name);
  writeFileSync(at(FILE), source);
  for (const name of ["out.bin", "out.lst"]) rmSync(at(name), { force: true });
  const done = spawnSync("nasm", ["-f", "bin", "-o", "out.bin", "-l", "out.lst", FILE], {
    cwd: directory,
    encoding: "utf8",
  });
  if (done.status !== 0 || !existsSync(at("out.bin")))
    return { image: "", refused: true, listing: "" };
  return {
    image: hexBytes(readFileSync(at("out.bin"))),
    refused: false,
    listing: readFileSync(at("out.lst"), "utf8"),
  };
}

function run(source: string): ReturnType<typeof assemble> {
  const files: Readonly<Record<string, Uint8Array>> = {
    "part.inc": new TextEncoder().encode(INCLUDED),
    "data.bin": BINARY,
  };
  return assemble({
    file: FILE,
    text: source,
    readFile: (name) => {
      const bytes = files[name];
      return bytes && { file: name, bytes };
    },
  });
}

function ourOutcome(source: string): Outcome {
  const assembly = run(source);
  return assembly.ok
    ? { image: hexBytes(assembly.image), refused: false }
    : { image: "", refused: true };
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
  const version = nasmVersion();
  let directory = "";

  before(function () {
    if (version !== PINNED) {
      console.log(
        `      skipped: NASM ${PINNED} is the reference, ${version ?? "none"} is installed`,
      );
      this.skip();
    }
    directory = mkdtempSync(join(tmpdir(), "nasm-programs-"));
    writeFileSync(join(directory, "part.inc"), INCLUDED);
    writeFileSync(join(directory, "data.bin"), BINARY);
  });

  after(() => {
    if (directory !== "") rmSync(directory, { recursive: true, force: true });
  });

  for (const { name, source } of programs()) {
    it(`gives the same bytes, or refuses too: ${name}`, () => {
      const { image, refused } = nasmOutcome(directory, source);
      assert.deepEqual(ourOutcome(source), { image, refused });
    });
  }

  it("makes the same choice of jump lengths in random programs", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const source = randomProgram(seed);
      const { image, refused } = nasmOutcome(directory, source);
      assert.deepEqual(ourOutcome(source), { image, refused }, `seed ${seed}\n${source}`);
    }
  });

  it("writes the same listing", () => {
    const source = programs().find((program) => program.name === "listing")!.source;
    assert.equal(run(source).listing(), nasmOutcome(directory, source).listing);
  });
});
