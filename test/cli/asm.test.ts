import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Folder, ringside } from "./support";

describe("ringside asm", () => {
  const folder = new Folder();
  after(() => folder.remove());

  it("writes the image, a listing and symbols", async () => {
    const file = folder.write("a.asm", "bits 32\norg 0x1000\nstart: mov eax, VALUE\n.local: ret\n");
    const [out, listing, symbols] = ["a.bin", "a.lst", "a.json"].map((name) => folder.file(name));
    const { status, err } = await ringside(["asm", file, "-o", out ?? "", "-l", listing ?? "", "--symbols", symbols ?? "", "-D", "VALUE=7"]); // prettier-ignore
    assert.equal(status, 0, err);
    assert.equal(readFileSync(out ?? "").toString("hex"), "b807000000c3");
    assert.match(readFileSync(listing ?? "", "utf8"), /B807000000/);
    const table = JSON.parse(readFileSync(symbols ?? "", "utf8")) as { origin: number; symbols: { name: string; value: string }[] }; // prettier-ignore
    assert.equal(table.origin, 0x1000);
    assert.deepEqual(
      table.symbols.map(({ name, value }) => [name, value]),
      [
        ["start", "0x1000"],
        ["start.local", "0x1005"],
      ],
    );
  });

  it("writes next to the source without -o, and to standard output with -o -", async () => {
    const file = folder.write("boot.asm", "nop\n");
    assert.equal((await ringside(["asm", file])).status, 0);
    assert.deepEqual([...readFileSync(folder.file("boot"))], [0x90]);
    assert.deepEqual([...(await ringside(["asm", file, "-o", "-"])).bytes], [0x90]);
  });

  it("finds includes in -I folders", async () => {
    const other = new Folder();
    other.write("more.inc", "nop\n");
    const file = folder.write("inc.asm", '%include "more.inc"\n');
    assert.equal((await ringside(["asm", file, "-o", "-"])).status, 1);
    assert.deepEqual([...(await ringside(["asm", file, "-o", "-", "-I", other.path])).bytes], [0x90]); // prettier-ignore
    other.remove();
  });

  it("prints diagnostics with file, line and column, and ends with 1", async () => {
    const file = folder.write("bad.asm", "bits 32\n    frob eax\n");
    const { status, err } = await ringside(["asm", file, "-o", folder.file("bad.bin")]);
    assert.equal(status, 1);
    assert.match(err, new RegExp(`^${file}:2:\\d+: error: `));
  });

  it("assembles snippets line by line with --batch", async () => {
    const lines = [
      { id: 1, text: "bits 64\nmov rax, 1" },
      { id: "two", text: "mov eax, ebx", bits: 32 },
      { id: 3, text: "mov eax, nosuch" },
      { id: 4 },
    ];
    const input = `${lines.map((line) => JSON.stringify(line)).join("\n")}\nnot json\n`;
    const { status, out } = await ringside(["asm", "--batch"], input);
    assert.equal(status, 0);
    const answers = out.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
    assert.equal(answers.length, 5);
    assert.deepEqual([answers[0]?.id, answers[0]?.ok, answers[0]?.hex], [1, true, "b801000000"]); // prettier-ignore
    assert.deepEqual([answers[1]?.id, answers[1]?.hex], ["two", "89d8"]);
    assert.equal(answers[2]?.ok, false);
    assert.match(JSON.stringify(answers[2]?.diagnostics), /nosuch/);
    assert.match(String(answers[3]?.error), /text/);
    assert.equal(answers[4]?.ok, false);
  });
});

describe("ringside disasm", () => {
  const folder = new Folder();
  after(() => folder.remove());

  it("prints one JSON object a row, and db rows for what does not decode", async () => {
    const file = folder.write("code.bin", Uint8Array.from([0x0f, 0x01, 0xc1, 0x0f, 0xff, 0x90]));
    const { status, out } = await ringside(["disasm", file, "--bits", "64", "--json"]);
    assert.equal(status, 0);
    const rows = out.trim().split("\n");
    assert.equal(rows[0], '{"offset":0,"hex":"0f01c1","text":"vmcall"}');
    const bytes = rows.map((row) => (JSON.parse(row) as { hex: string }).hex).join("");
    assert.equal(bytes, "0f01c10fff90");
    assert.match(rows[1] ?? "", /"text":"db 0x0f"/);
  });

  it("takes the origin for relative targets and addresses", async () => {
    const file = folder.write("jmp.bin", Uint8Array.from([0xeb, 0xfe]));
    const { out } = await ringside(["disasm", file, "--bits", "16", "--origin", "0x7c00"]);
    assert.match(out, /^00007C00 {2}EBFE +jmp (short )?0x7c00\n$/);
  });

  it("disassembles snippets line by line with --batch", async () => {
    const input = '{"id":1,"hex":"90c3","bits":32}\n{"id":2,"hex":"9"}\n';
    const { out } = await ringside(["disasm", "--batch", "--bits", "64"], input);
    const [first, second] = out.trim().split("\n");
    assert.equal(first, '{"id":1,"ok":true,"rows":[{"offset":0,"hex":"90","text":"nop"},{"offset":1,"hex":"c3","text":"ret"}]}'); // prettier-ignore
    assert.match(second ?? "", /"ok":false,"error":"\\"hex\\" must be pairs/);
  });
});
