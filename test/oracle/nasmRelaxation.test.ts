/** Where everything depends on where labels are: bytes and refusals of the installed NASM. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble } from "../../src/engine/asm/assemble";
import { hexBytes } from "../../src/engine/base/hex";
import { benchProgram } from "../../src/cli/bench/programs";
import { relaxationProgram } from "../support/relaxationPrograms";
import { skipWithoutPinnedNasm } from "./nasm";

describe("programs full of distances, against the installed NASM", () => {
  let directory = "";

  before(function () {
    skipWithoutPinnedNasm(this);
    directory = mkdtempSync(join(tmpdir(), "nasm-relaxation-"));
  });

  after(() => {
    if (directory !== "") rmSync(directory, { recursive: true, force: true });
  });

  function ofNasm(source: string): string {
    const [input, output] = [join(directory, "a.asm"), join(directory, "a.bin")];
    writeFileSync(input, source);
    const { status } = spawnSync("nasm", ["-f", "bin", "-o", output, input]);
    return status === 0 ? hexBytes(readFileSync(output)) : "refused";
  }

  function ofOurs(source: string): string {
    const { ok, image } = assemble({ file: "a.asm", text: source });
    return ok ? hexBytes(image) : "refused";
  }

  it("are the same bytes, pass by pass", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const source = relaxationProgram(seed);
      assert.equal(ofOurs(source), ofNasm(source), `seed ${seed}\n${source}`);
    }
  });

  it("are the same bytes where it takes dozens of passes", () => {
    for (const kind of ["backward", "forward", "dense"] as const) {
      const source = benchProgram(kind, 10_000, 7);
      assert.ok(ofOurs(source) === ofNasm(source), kind);
    }
  });
});
