import assert from "node:assert/strict";
import { brief, diagnose, messageOf } from "../support";
import { linesOf } from "./support";

describe("FLOW5: boot sectors", () => {
  const boot = (body: string): string => `bits 16\norg 0x7c00\n${body}\n`;
  const END = "times 510-($-$$) db 0\ndw 0xaa55";

  it("accepts a right one, and programs that are none", () => {
    assert.deepEqual(brief(diagnose(boot(`hlt\n${END}`))), []);
    assert.deepEqual(brief(diagnose(boot(`hlt\n${END}\ntimes 512 db 1`))), []);
    assert.deepEqual(brief(diagnose("bits 16\norg 0x7c00\nhlt\n")), []);
    assert.deepEqual(brief(diagnose("bits 32\norg 0x100000\ndw 0xaa55\n")), []);
  });

  it("says by how much a sector is too long", () => {
    const found = diagnose(boot(`times 600 nop\n${END}`));
    assert.deepEqual(
      found.map((each) => each.code),
      ["FLOW5"],
    );
    assert.match(messageOf(found[0]), /90 bytes too long/);
  });

  it("finds a misplaced or missing signature", () => {
    assert.deepEqual(linesOf("FLOW5", boot("times 508-($-$$) db 0\ndw 0xaa55")), [4]);
    assert.deepEqual(linesOf("FLOW5", boot("hlt\ntimes 512-($-$$) db 0")), [4]);
  });
});
