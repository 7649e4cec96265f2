import assert from "node:assert/strict";
import { brief, diagnose } from "../support";
import { linesOf } from "./support";

describe("ASM1: labels that look like mnemonics", () => {
  it("takes mistyped and foreign words for what was meant", () => {
    const meant = (text: string): unknown => diagnose(text)[0]?.data;
    assert.deepEqual(meant("bits 32\niretdd\n"), { replacement: "iretd" });
    assert.deepEqual(meant("bits 32\nhalt\n"), { replacement: "hlt" });
    assert.deepEqual(meant("bits 64\nsysretq\n"), { replacement: "o64 sysret" });
  });

  it("replaces NASM's own warning there", () => {
    assert.deepEqual(brief(diagnose("bits 32\nhalt\n")), ["2:1-5 ASM1"]);
  });

  it("leaves labels alone that are used, have a colon, or look like nothing", () => {
    assert.deepEqual(linesOf("ASM1", "bits 32\nhalt\nhlt\njmp halt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nhalt: hlt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nwaiting\nhlt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nmovx\n"), [], "MOV does not stand alone");
  });
});
