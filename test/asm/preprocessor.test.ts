import assert from "node:assert/strict";
import { assembled, filesOf, image, messages } from "./support";

function lines(...text: readonly string[]): string {
  return text.join("\n");
}

describe("single-line macros", () => {
  it("are expanded when used, %xdefine and %assign when defined", () => {
    const text = lines(
      "%define a 5",
      "%define b a+1",
      "%define a 6",
      "%xdefine c a+1",
      "%define a 7",
      "db a,b,c",
    );
    assert.equal(image(text), "070807");
  });

  it("are told apart by their number of parameters", () => {
    assert.equal(
      image(lines("%define f(x) x", "%define f(x,y) x+y", "db f(1), f(1,2), f((3))")),
      "010303",
    );
  });

  it("do not expand inside of themselves", () => {
    assert.equal(image(lines("%define self self", "self equ 3", "db self")), "03");
  });

  it("paste with %+ and %[..]", () => {
    const text = lines("%define n 2", "lab%[n]: db 1", "%define cat(a,b) a %+ b", "dw cat(la,b2)");
    assert.equal(image(text), "010000");
  });

  it("work on strings", () => {
    const text = lines(
      "%strcat s 'ab', \"cd\"",
      "%strlen n s",
      "%substr t s 2,2",
      "%defstr u a  b",
      "%deftok v 'db 7'",
      "db s, n, t, u",
      "v",
    );
    assert.equal(image(text), "6162636404626361206207");
  });
});

describe("multi-line macros", () => {
  it("take defaults, greedy arguments, braces and %rotate", () => {
    const text = lines(
      "%macro d 1-3 5, 6",
      "db %1, %2, %3",
      "%endmacro",
      "%macro all 1-*",
      "%rep %0",
      "db %1",
      "%rotate 1",
      "%endrep",
      "%endmacro",
      "%macro g 2+",
      "db %1",
      "db %2",
      "%endmacro",
      "d 1",
      "all 1,2,3",
      "g 7, 8, 9",
      "g {1,2}, 3",
    );
    assert.equal(image(text), "010506010203070809010203");
  });

  it("have labels of their own, conditions that invert, and %00", () => {
    const text = lines(
      "%macro skip 1",
      "j%-1 %%over",
      "nop",
      "%%over:",
      "%endmacro",
      "%macro here 0",
      "%00: dw %00",
      "%endmacro",
      "skip z",
      "skip c",
      "x: here",
    );
    assert.equal(image(text), "7501907301900600");
  });

  it("grow together with what stands next to a parameter", () => {
    assert.equal(
      image(lines("%macro m 1", "db %1h, 0x%1", "y%1: dw y%1", "%endmacro", "m 10")),
      "10100200",
    );
  });

  it("leave an instruction alone inside of a macro of its name", () => {
    assert.equal(image(lines("%macro nop 0", "nop", "db 1", "%endmacro", "nop")), "9001");
  });
});

describe("conditions", () => {
  it("choose one branch", () => {
    const text = lines(
      "%define A 1",
      "%if A == 2",
      "db 1",
      "%elifdef A",
      "db 2",
      "%else",
      "db 3",
      "%endif",
    );
    assert.equal(image(text), "02");
  });

  it("may ask for labels and $, which costs more passes", () => {
    const text = lines(
      "jmp far_one",
      "%if $-$$ > 2",
      "db 1",
      "%endif",
      "times 200 db 0",
      "far_one:",
    );
    assert.equal(image(text).slice(0, 8), "e9c90001");
  });

  it("nest in branches that are skipped", () => {
    assert.equal(
      image(
        lines("%if 0", "%if 1", "db 1", "%else", "%bogus", "%endif", "%else", "db 2", "%endif"),
      ),
      "02",
    );
  });
});

describe("contexts, repetition, files", () => {
  it("keep %$labels apart for each %push", () => {
    const text = lines(
      "%macro begin 0", "%push loop", "%$top:", "%endmacro",
      "%macro again 0", "jmp %$top", "%pop", "%endmacro",
      "begin", "nop", "begin", "nop", "again", "again",
    ); // prettier-ignore
    assert.equal(image(text), "9090ebfdebfa");
  });

  it("stop a %rep at %exitrep", () => {
    const text = lines(
      "%assign i 0",
      "%rep 100",
      "%if i==3",
      "%exitrep",
      "%endif",
      "db i",
      "%assign i i+1",
      "%endrep",
    );
    assert.equal(image(text), "000102");
  });

  it("read included files through the caller", () => {
    const readFile = filesOf({ "x.inc": "%define X 9\n" });
    const assembly = assembled('%include "x.inc"\ndb X\n', { readFile });
    assert.deepEqual([...assembly.image], [9]);
    assert.deepEqual(assembly.files, ["a.asm", "x.inc"]);
  });

  it("take definitions from the command line", () => {
    assert.equal(image("db N", { defines: { N: "3+4" } }), "07");
  });

  it("know the standard macros", () => {
    assert.equal(image("db __LINE__, __BITS__\ndb __LINE__, __FILE__"), "011002612e61736d");
    assert.equal(image("%use altreg\nbits 64\nmov r0, r3"), "4889d8");
  });
});

describe("a runaway program", () => {
  it("of macros that call each other ends with a diagnostic", () => {
    const text = lines("%rmacro a 0", "a", "a", "%endmacro", "a");
    assert.match(messages(assembled(text)).join("\n"), /interminable multiline macro recursion/);
  });

  it("of doubling macros ends with a diagnostic", () => {
    const doubled = Array.from({ length: 40 }, (_, i) => `%define d${i + 1} d${i} d${i}`);
    const text = lines("%define d0 1", ...doubled, "db d40");
    assert.match(messages(assembled(text)).join("\n"), /interminable macro recursion/);
  });

  it("of a file that includes itself ends with a diagnostic", () => {
    const readFile = filesOf({ "a.asm": '%include "a.asm"\n' });
    const assembly = assembled('%include "a.asm"\n', { readFile });
    assert.match(messages(assembly).join("\n"), /include each other without end/);
  });

  it("of too many repetitions ends with a diagnostic", () => {
    assert.match(messages(assembled("%rep 99999999\nnop\n%endrep")).join("\n"), /exceeds limit/);
  });
});
