import assert from "node:assert/strict";
import { assembled } from "./support";

function listed(...text: readonly string[]): string[] {
  return assembled(text.join("\n")).listing().trimEnd().split("\n");
}

describe("the listing", () => {
  it("shows what was said behind the row that it is about, in a body at its level", () => {
    assert.deepEqual(listed("%macro m 1", "%warning got %1", "db 300", "%endmacro", "m x").slice(5), [
      "     2                              <1> %warning got %1",
      "     2          ******************  <1>  warning: got x [-w+user]",
      "     3 00000000 2C                  <1> db 300",
      "     3          ******************  <1>  warning: byte data exceeds bounds [-w+number-overflow]",
    ]);
  }); // prettier-ignore

  it("brackets addresses as offsets in their sections, and distances that leave the section in parentheses", () => {
    assert.deepEqual(listed("org 0x7c00", "bits 32", "nop", "a: jmp 8:a", "jmp 0x8000", "dd b", "jmp b", "section .data", "b: dd a").slice(3), [
      "     4 00000001 EA[01000000]0800        a: jmp 8:a",
      "     5 00000008 E9(00800000)            jmp 0x8000",
      "     6 0000000D [00000000]              dd b",
      "     7 00000011 E9(00000000)            jmp b",
      "     8                                  section .data",
      "     9 00000000 [01000000]              b: dd a",
    ]);
  }); // prettier-ignore

  it("shows reserved places between data, and long runs by their length", () => {
    assert.deepEqual(listed("[warning -zeroing]", "db 1, ?, 2", "dw 2 dup (1, ?)", "dd 3 dup (?), 5").slice(1), [
      "     2 00000000 01??02                  db 1, ?, 2",
      "     3 00000003 0100????0100????        dw 2 dup (1, ?)",
      "     4 0000000B <res Ch>05000000        dd 3 dup (?), 5",
    ]);
  }); // prettier-ignore

  it("leaves out what stands between [list -] and [list +]", () => {
    assert.deepEqual(listed("db 1", "[list -]", "db 2", "[list +]", "db 3"), [
      "     1 00000000 01                      db 1",
      "     2                                  [list -]",
      "     5 00000002 03                      db 3",
    ]);
  });

  it("counts lines as %line says, and shows the label in front of a macro call", () => {
    const lines = listed("%macro m 0", "nop", "%endmacro", "%line 50", "here: m");
    assert.deepEqual(lines.slice(4), [
      "    51                                  here: m",
      "    51                              <1> here: ",
      "     2 00000000 90                  <1> nop",
    ]);
  });
});
