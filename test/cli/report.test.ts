/** `ringside report`: the sensitive instructions of a guest, and what running it shows. */
import assert from "node:assert/strict";
import { Folder, ringside } from "./support";

interface Report {
  readonly instructions?: readonly { line: number; text: string; traps: string }[];
  readonly runs: readonly {
    vmm: string;
    mmu: string;
    kernelRing?: number;
    refused?: string;
    sameAsBare?: boolean;
    lost?: readonly { line?: number; text: string }[];
  }[];
}

async function report(file: string): Promise<Report> {
  const { status, out } = await ringside(["report", file, "--json"]);
  assert.equal(status, 0);
  return JSON.parse(out) as Report;
}

const named = ({ runs }: Report, vmm: string) => runs.filter((each) => each.vmm === vmm);

describe("ringside report", () => {
  const folder = new Folder();
  after(() => folder.remove());

  it("tells privileged from silent instructions, and names the POPF that lost fidelity", async () => {
    const found = await report("examples/silentPopf.asm");
    const classes = new Map(found.instructions?.map(({ text, traps }) => [text, traps]));
    assert.equal(classes.get("cli"), "privileged");
    assert.equal(classes.get("popfd"), "silent");
    assert.equal(classes.has("inc dword [ticks]"), false);
    const popf = (found.instructions ?? [])
      .filter(({ text }) => text === "popfd")
      .map(({ line }) => line);
    const trapped = named(found, "trap-and-emulate");
    assert.deepEqual(
      trapped.map(({ kernelRing, sameAsBare }) => [kernelRing, sameAsBare]),
      [[1, false], [3, false]], // prettier-ignore
    );
    for (const { lost } of trapped) {
      const loss = lost?.find(({ text }) => text.includes("popfd"));
      assert.ok(loss?.line !== undefined && popf.includes(loss.line));
    }
    for (const { sameAsBare, lost } of named(found, "hardware-assisted")) {
      assert.equal(sameAsBare, true);
      assert.deepEqual(lost, []);
    }
  });

  it("names the read of CS by which a guest sees its real ring", async () => {
    const found = await report("examples/hello32.asm");
    const [reads] = found.instructions?.filter(({ traps }) => traps === "silent") ?? [];
    assert.equal(reads?.text, "mov eax, cs");
    for (const { sameAsBare, lost } of named(found, "trap-and-emulate")) {
      assert.equal(sameAsBare, false);
      assert.deepEqual(
        lost?.map(({ line }) => line),
        [reads.line],
      );
    }
  });

  it("finds a guest without silent instructions the same under each technique", async () => {
    const file = folder.write("privileged.asm", "bits 32\ncli\nmov eax, cr0\nmov al, 5\nout 0xf4, al\n"); // prettier-ignore
    const { runs } = await report(file);
    assert.deepEqual(
      runs.slice(1).map(({ sameAsBare, lost }) => [sameAsBare, lost]),
      [[true, []], [true, []], [true, []], [true, []]], // prettier-ignore
    );
    assert.match((await ringside(["report", file])).out, /3 sensitive, 0 of them silent/);
  });

  it("does not claim to know the instructions of a flat binary", async () => {
    const file = folder.write("flat.bin", Uint8Array.of(0xb0, 5, 0xe6, 0xf4));
    const { out } = await ringside(["report", file, "--entry", "protected32"]);
    assert.match(out, /no line information/);
  });

  it("says why a technique cannot run a 64-bit or a real-mode guest", async () => {
    for (const [example, word] of [
      ["hello64.asm", /64-bit/],
      ["hello16.asm", /real/i],
    ] as const) {
      // prettier-ignore
      const found = await report(`examples/${example}`);
      for (const { refused } of named(found, "trap-and-emulate")) assert.match(refused ?? "", word);
      const nested = named(found, "hardware-assisted").find(({ mmu }) => mmu === "nested");
      assert.equal(nested?.sameAsBare, true);
    }
  });
});
