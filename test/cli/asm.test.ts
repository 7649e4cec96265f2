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

  it("never writes over a file that it has read", async () => {
    const text = '%include "part.inc"\nnop\n';
    const file = folder.write("own", text);
    const part = folder.write("part.inc", "ret\n");
    for (const args of [
      ["-o", file],
      ["-o", file, "-l", part],
      ["-o", folder.file("x"), "--symbols", file],
      ["-E", "-o", file],
    ]) {
      // prettier-ignore
      const { status, err } = await ringside(["asm", file, ...args]);
      assert.equal(status, 65, args.join(" "));
      assert.match(err, /will not be overwritten/);
    }
    assert.deepEqual([readFileSync(file, "utf8"), readFileSync(part, "utf8")], [text, "ret\n"]);
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

  it("defines, takes back and pre-includes in the order of the command line", async () => {
    const more = folder.write("pre.inc", "%define FROM_FILE A+1\n");
    const file = folder.write("order.asm", "db A, FROM_FILE\n%ifndef B\ndb 9\n%endif\n");
    const args = ["-DA=1", "-d", "B", "-U", "B", "-P", more, "--before", "%assign A A*2"];
    assert.deepEqual([...(await ringside(["asm", file, "-o", "-", ...args])).bytes], [2, 3, 9]);
  });

  it("switches classes of warnings on and off, and makes them errors", async () => {
    const file = folder.write("warn.asm", "%warning careful\ndb 300\n");
    const warned = async (...options: string[]): Promise<readonly [number | undefined, readonly string[]]> => {
      const { status, err } = await ringside(["asm", file, "-o", folder.file("warn.bin"), ...options]);
      return [status, err.split("\n").flatMap((line) => /(?:error|warning): .*/.exec(line) ?? [])];
    }; // prettier-ignore
    const user = "warning: careful [-w+user]";
    const overflow = "warning: byte data exceeds bounds [-w+number-overflow]";
    assert.deepEqual(await warned(), [0, [user, overflow]]);
    assert.deepEqual(await warned("-w-user"), [0, [overflow]]);
    assert.deepEqual(await warned("-Wno-number-overflow"), [0, [user]]);
    assert.deepEqual(await warned("-w-all", "-w+user"), [0, [user]]);
    assert.deepEqual(await warned("-w+error=user"), [1, ["error: careful [-w+error=user]", overflow]]);
    assert.deepEqual(await warned("-Werror", "-w-user"), [1, ["error: byte data exceeds bounds [-w+error=number-overflow]"]]);
  }); // prettier-ignore

  it("preprocesses only with -E, and lists what a program consists of with -M", async () => {
    folder.write("part.inc", "%define X 5\n");
    const file = folder.write("pre.asm", '%include "part.inc"\n  mov ax,X\n');
    const { out } = await ringside(["asm", "-E", file]);
    assert.equal(out, `%line 2+1 ${file}\n mov ax,5\n`);
    const rule = (await ringside(["asm", "-M", file, "-o", "pre.bin"])).out;
    assert.equal(rule, `pre.bin : ${file} ${folder.file("part.inc")}\n`);
  });

  it("stops like NASM at the errors of the first pass", async () => {
    const file = folder.write("stop.asm", "mov ax, nowhere\nfrob ax\n");
    const { err } = await ringside(["asm", file, "-o", folder.file("stop.bin")]);
    assert.equal(err, `${file}:2:6: error: parser: instruction expected\n`);
  });

  it("keeps bytes that are no UTF-8, in the image and in the listing", async () => {
    const file = folder.write("cp437.asm", Uint8Array.from([...Buffer.from("db '"), 0x80, 0xe1, ...Buffer.from("'\n")])); // prettier-ignore
    assert.deepEqual([...(await ringside(["asm", file, "-o", "-"])).bytes], [0x80, 0xe1]);
    const listing = folder.file("cp437.lst");
    await ringside(["asm", file, "-o", folder.file("cp437.bin"), "-l", listing]);
    assert.ok(readFileSync(listing).includes(Buffer.from([0x27, 0x80, 0xe1, 0x27])));
  });

  it("refuses formats and levels that it does not have", async () => {
    const file = folder.write("format.asm", "nop\n");
    assert.equal((await ringside(["asm", "-f", "bin", "-Ox", file, "-o", "-"])).status, 0);
    assert.equal((await ringside(["asm", "-f", "elf64", file])).status, 64);
    assert.equal((await ringside(["asm", "-O0", file])).status, 64);
  });

  it("answers snippets line by line with --batch, also bad ones", async () => {
    const lines = [
      { bits: 64, src: "mov rax, 1\nx: jmp x" },
      { id: "two", bits: 32, src: "mov eax, ebx" },
      { bits: 16, src: "nop\nmov eax, nosuch" },
      { bits: 7, src: "nop" },
      { bits: 16, src: "" },
      { bits: 16 },
      [],
    ];
    const input = `${lines.map((line) => JSON.stringify(line)).join("\n")}\nnot json\n`;
    const { status, out } = await ringside(["asm", "--batch"], input);
    assert.equal(status, 0);
    const answers = out.trim().split("\n");
    assert.deepEqual(answers.slice(0, 5), [
      '{"hex":"b801000000ebfe"}',
      '{"id":"two","hex":"89d8"}',
      '{"hex":null,"error":"line 2: symbol `nosuch\' not defined"}',
      '{"hex":null,"error":"\\"bits\\" must be 16, 32 or 64."}',
      '{"hex":""}',
    ]);
    assert.equal(answers.length, 8);
    for (const answer of answers.slice(5)) assert.match(answer, /^\{"hex":null,"error":"/);
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

  it("answers snippets line by line with --batch: the first instruction, or all", async () => {
    const input =
      '{"id":1,"hex":"90c3","bits":32}\n{"hex":"90c3","rows":true}\n{"hex":"9"}\n{"hex":""}\n';
    const { out } = await ringside(["disasm", "--batch", "--bits", "64"], input);
    assert.deepEqual(out.trim().split("\n"), [
      '{"id":1,"text":"nop","length":1}',
      '{"text":"nop","length":1,"rows":[{"offset":0,"hex":"90","text":"nop"},{"offset":1,"hex":"c3","text":"ret"}]}',
      '{"text":null,"length":0,"error":"\\"hex\\" must be pairs of hexadecimal digits."}',
      '{"text":null,"length":0,"error":"\\"hex\\" has no bytes."}',
    ]);
  });
});
