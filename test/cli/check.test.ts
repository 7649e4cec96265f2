import assert from "node:assert/strict";
import { Folder, ringside } from "./support";

describe("ringside check", () => {
  const folder = new Folder();
  after(() => folder.remove());

  it("prints errors and rules with their places, and its status says whether there are errors", async () => {
    const bad = folder.write("bad.asm", "bits 32\n  mov eax, nothing\n  halt\n");
    const { status, out } = await ringside(["check", bad]);
    assert.equal(status, 1);
    const rows = out.trimEnd().split("\n");
    assert.match(rows[0] ?? "", /bad\.asm:2:12: error: .*nothing.* \[undefined-symbol\]$/);
    assert.match(rows[1] ?? "", /bad\.asm:3:3: warning: .* \[ASM1\]$/);
    const rules = await ringside(["check", "--rules", bad]);
    assert.equal(rules.status, 0);
    assert.match(rules.out, /^[^\n]*\[ASM1\]\n$/);
  });

  it("judges by the technique that is asked for", async () => {
    const file = folder.write("flags.asm", "bits 32\npopfd\n");
    assert.equal((await ringside(["check", file])).out, "");
    const deprivileged = await ringside(["check", "--vmm", "trap-and-emulate", file]);
    assert.match(deprivileged.out, /\[VMM1\]/);
  });

  it("checks fragments in the programs that include them, and takes folders", async () => {
    const project = new Folder();
    project.write("main.asm", '%define PORT 0xe9\n%include "out.inc"\n');
    project.write("out.inc", "bits 32\nout PORT, al\n");
    const { status, out } = await ringside(["check", "--json", project.path]);
    project.remove();
    assert.equal(status, 0);
    const files = out.trimEnd().split("\n").map((line) => JSON.parse(line) as { findings: unknown[] }); // prettier-ignore
    assert.deepEqual(
      files.map(({ findings }) => findings),
      [[], []],
    );
  });

  it("says when there is no such file", async () => {
    const { status, err } = await ringside(["check", folder.file("nowhere.asm")]);
    assert.equal(status, 65);
    assert.match(err, /There is no file/);
  });
});
