import assert from "node:assert/strict";
import { assembled, image, messages } from "./support";

function lines(...text: readonly string[]): string {
  return text.join("\n");
}

describe("a program that is preprocessed again", () => {
  it("fails at %error only if the last pass comes by", () => {
    // The first pass takes the jump for a short one.
    const short = lines("a: jmp c", "b:", "%if b-a < 3", "%error short", "%endif", "times 200 db 0", "c:"); // prettier-ignore
    assert.match(image(short), /^e9c800/);
    const near = short.replace("< 3", ">= 3");
    assert.equal(image(near), "4: short");
  });
});

describe("stopping after a failed pass", () => {
  const text = lines("mov ax, nowhere", "frob ax", "orphan", "db 300");

  it("leaves it at what NASM says: the errors of the first pass", () => {
    assert.deepEqual(messages(assembled(text, { stopsAfterFailedPass: true })), [
      "2: parser: instruction expected",
      "3: label alone on a line without a colon might be in error",
    ]);
  });

  it("is not done for those who want all errors", () => {
    assert.deepEqual(messages(assembled(text), "error"), [
      "1: symbol `nowhere' not defined",
      "2: parser: instruction expected",
    ]);
  });

  it("comes before the last pass for kinds of symbols that flat binaries do not have", () => {
    const global = lines("global f:function", "mov ax, nowhere", "f: ret");
    assert.deepEqual(messages(assembled(global, { stopsAfterFailedPass: true })), [
      "3: binary format does not support any special symbol types",
    ]);
  });
});

describe("warning switches", () => {
  const text = lines("%warning careful", "db 300", "[warning -user]", "%warning again", "[warning *user]", "%warning last"); // prettier-ignore
  const said = (...warnings: string[]): string[] =>
    assembled(text, { warnings }).diagnostics.map((d) => `${d.severity} ${d.range.line} ${d.code}`);

  it("begin as the command line says, and go back to that", () => {
    assert.deepEqual(said(), ["warning 1 user", "warning 2 number-overflow", "warning 6 user"]);
    assert.deepEqual(said("no-user"), ["warning 2 number-overflow"]);
    assert.deepEqual(said("-all", "+error=user", "+user"), ["error 1 user", "error 6 user"]);
  });

  it("are named by old names and by the first words of names too", () => {
    assert.deepEqual(said("-number", "-user"), []);
    const orphan = assembled("label", { warnings: ["-orphan-labels"] });
    assert.deepEqual(orphan.diagnostics, []);
  });

  it("warn of unknown names if that is switched on", () => {
    const unknown = assembled("nop", { warnings: ["+unknown-warning", "+nonesuch"] });
    assert.deepEqual(messages(unknown), ["1: unknown warning name: nonesuch"]);
  });
});
