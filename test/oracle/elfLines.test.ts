/** The line tables of freshly built files, row by row as objdump reads them; and what the installed linker makes of plain commands. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLineTables } from "../../src/engine/elf/dwarf/lineProgram";
import { dwarfSections, isCompressed } from "../../src/engine/elf/dwarf/sections";
import { createDebuggee, loadImage } from "../../src/engine/index";
import { runToEnd } from "../../src/cli/machineRun";
import { FIXTURES, fixture, parsed } from "../elf/fixtures";

/** The first tool that is not installed. */
function missingTool(): string | undefined {
  return ["gcc", "ld", "objdump", "nasm"].find((tool) => {
    try {
      execFileSync(tool, ["-v"], { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
}

/** "100000 12 x": address, line and whether it is a statement; "end" for the end of a sequence. */
function rowsOfObjdump(file: string): string[] {
  const text = execFileSync("objdump", ["--dwarf=decodedline", file], { encoding: "utf8", maxBuffer: 1 << 28 }); // prettier-ignore
  return text.split("\n").flatMap((line) => {
    const match = /^\S.*?\s+(\d+|-|END)\s+(0x[0-9a-f]+|0)(?:\[\d+\])?(?:\s+\d+)?(\s+x)?(?:\s+END)?\s*$/.exec(line); // prettier-ignore
    if (!match) return [];
    const [, number = "", address = "", statement] = match;
    const isEnd = !/^\d/.test(number);
    return `${BigInt(address).toString(16)} ${isEnd ? "end" : `${number}${statement ? " x" : ""}`}`;
  });
}

function rowsOfOurs(file: string): string[] {
  const sections = dwarfSections(parsed(Uint8Array.from(readFileSync(file))));
  const { units, problems } = readLineTables(sections, () => "");
  assert.deepEqual(problems, []);
  return units.flatMap(({ rows }) =>
    rows.map(({ address, line, isStatement, endsSequence }) => {
      const place = BigInt.asUintN(64, BigInt(address)).toString(16);
      return `${place} ${endsSequence ? "end" : `${line}${isStatement ? " x" : ""}`}`;
    }),
  );
}

/** Ways to build the same sources, besides those of build.sh. */
const OPTIONS: readonly (readonly string[])[] = ["32", "64"].flatMap((bits) =>
  ["2", "3", "4", "5"].flatMap((version) =>
    ["-O0", "-O1", "-O2", "-Os", "-O3"].flatMap((level) =>
      [[], ["-ffunction-sections"], ["-gno-column-info", "-fdebug-types-section"]].map((more) => [
        `-m${bits}`,
        `-gdwarf-${version}`,
        level,
        ...more,
      ]),
    ),
  ),
);

describe("line tables as objdump reads them", function () {
  let folder = "";

  before(function () {
    const missing = missingTool();
    if (missing !== undefined) {
      console.log(`      skipped: ${missing} is not installed`);
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "ringside-oracle-elf-"));
  });

  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true });
  });

  function compare(file: string): void {
    const expected = rowsOfObjdump(file);
    assert.deepEqual(rowsOfOurs(file), expected, file);
    assert.ok(expected.length > 5, `${file}: ${expected.length} rows`);
  }

  it("are the same in the files of build.sh", () => {
    execFileSync("sh", [join(FIXTURES, "build.sh"), folder], { stdio: ["ignore", "ignore", "inherit"] }); // prettier-ignore
    const names = readdirSync(folder).filter((name) => name.endsWith(".elf"));
    assert.ok(names.length >= 13, names.join(" "));
    for (const name of names) {
      const file = join(folder, name);
      const unread = name === "c32-stripped.elf" || isCompressed(parsed(readFileSync(file)));
      if (!unread) compare(file);
    }
  });

  it("are the same for every version, level and format", () => {
    for (const options of OPTIONS) {
      const file = join(folder, "kernel.elf");
      link(file, options);
      compare(file);
    }
  });

  function link(file: string, options: readonly string[]): void {
    const boot = options.includes("-m64") ? "boot64.S" : "boot32.S";
    execFileSync(
      "gcc",
      [...options, "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-pic", "-fno-stack-protector", "-mno-sse", "-mno-red-zone", "-Wl,-Ttext=0x100000", "-o", file, fixture(boot), fixture("kernel.c")], // prettier-ignore
      { stdio: ["ignore", "ignore", "pipe"] },
    );
  }

  it("loads and runs what the linker makes without a script", () => {
    const file = join(folder, "plain.elf");
    link(file, ["-m32", "-g"]);
    const memoryBytes = 64 << 20;
    const image = loadImage({ name: file, bytes: readFileSync(file), memoryBytes });
    const debuggee = createDebuggee({ image, vmm: "none", mmu: "shadow-lazy", memoryBytes, recording: false }); // prettier-ignore
    assert.equal(runToEnd(debuggee, 100_000).code, 10);
    assert.deepEqual(image.debugInformation?.notes, []);
  });
});
