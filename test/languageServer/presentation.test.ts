import assert from "node:assert/strict";
import { codeActions } from "../../src/languageServer/features/codeActions";
import type { MarkupContent } from "vscode-languageserver-protocol";
import { codeLenses, measure, resolveLens } from "../../src/languageServer/features/codeLens";
import { inlayHints, resolveHint } from "../../src/languageServer/features/inlayHints";
import { listingOf } from "../../src/languageServer/features/listing";
import { expandMacroAt } from "../../src/languageServer/features/macroExpansion";
import {
  legendFor,
  readTokens,
  semanticTokens,
  TokenHistory,
} from "../../src/languageServer/features/semanticTokens";
import type { Technique } from "../../src/languageServer/techniques";
import { brief, diagnose, MAIN, scene } from "./support";

describe("semantic tokens", () => {
  function coloured(text: string): string[] {
    const { analysis } = scene(text);
    return readTokens(analysis, MAIN, semanticTokens(analysis, MAIN)).map(
      ({ text: word, type, modifiers }) => [word, type, ...modifiers].join(" "),
    );
  }

  it("tell names apart", () => {
    assert.deepEqual(coloured("SIZE equ 4\nstart: mov ax, SIZE\n.loop: jmp .loop"), [
      "SIZE enumMember definition",
      "equ keyword",
      "4 number",
      "start label definition",
      "mov keyword",
      "ax variable defaultLibrary",
      "SIZE enumMember",
      ".loop label definition local",
      "jmp keyword",
      ".loop label local",
    ]);
  });

  it("mark privileged and sensitive instructions by their operands", () => {
    const marked = coloured("bits 32\nhlt\npopfd\nmov eax, cr0\nmov eax, ebx\nmov ds, ax").filter(
      (each) => /privileged|sensitive|^mov/.test(each),
    );
    assert.deepEqual(marked, [
      "hlt keyword privileged",
      "popfd keyword sensitive",
      "mov keyword privileged",
      "mov keyword",
      "mov keyword sensitive",
    ]);
  });

  it("grey out what a false condition skips", () => {
    const words = coloured("%if 0\nmov ax, 1\n%else\nnop\n%endif");
    assert.ok(words.includes("mov comment inactive"));
    assert.ok(words.includes("nop keyword"));
  });

  it("are sent again only as far as they changed", () => {
    const history = new TokenHistory();
    const tokensOf = (text: string): number[] => semanticTokens(scene(text).analysis, MAIN);
    const before = tokensOf("nop\nhlt\nnop\n");
    const after = tokensOf("nop\npopfd\nhlt\nnop\n");
    const { resultId } = history.full("uri", before);
    const answer = history.delta("uri", resultId!, after);
    assert.ok("edits" in answer);
    const rebuilt = [...before];
    for (const { start, deleteCount, data = [] } of answer.edits)
      rebuilt.splice(start, deleteCount, ...data);
    assert.deepEqual(rebuilt, after);
    assert.ok(answer.edits.every(({ data = [] }) => data.length < after.length));
    const same = history.delta("uri", answer.resultId!, after);
    assert.deepEqual("edits" in same && same.edits, []);
    assert.ok("data" in history.delta("uri", "unknown", after), "an unknown result is sent whole");
  });

  it("use the type for labels only with editors that know it", () => {
    assert.ok(legendFor(undefined).tokenTypes.includes("label"));
    assert.ok(legendFor(["label", "keyword"]).tokenTypes.includes("label"));
    const { tokenTypes } = legendFor(["function", "keyword"]);
    assert.ok(!tokenTypes.includes("label"));
    assert.equal(tokenTypes.length, legendFor(undefined).tokenTypes.length);
  });

  it("can be asked for a range", () => {
    const { analysis } = scene("nop\nhlt\nnop\n");
    const range = { start: { line: 1, character: 0 }, end: { line: 1, character: 3 } };
    const words = readTokens(analysis, MAIN, semanticTokens(analysis, MAIN, range));
    assert.deepEqual(
      words.map((each) => each.text),
      ["hlt"],
    );
  });
});

describe("inlay hints", () => {
  const NONE = { addresses: false, bytes: false, jumps: false, sizes: false, values: false };
  const ALL = { ...NONE, addresses: true, bytes: true, jumps: true };

  function hints(text: string, settings = ALL): string[] {
    const { analysis } = scene(text);
    const range = { start: { line: 0, character: 0 }, end: { line: 99, character: 0 } };
    return inlayHints(analysis, MAIN, range, settings).map(
      ({ position, label }) =>
        `${position.line}:${position.character} ${JSON.stringify(label).slice(1, -1)}`,
    );
  }

  it("show addresses, bytes and lengths of jumps", () => {
    assert.deepEqual(hints("org 0x7c00\nstart: nop\njmp start\n"), [
      "1:0 7c00",
      "1:10 90",
      "2:0 7c01",
      "2:3 short",
      "2:9 ebfd",
    ]);
  });

  it("show only what is switched on, and no kind that is written already", () => {
    const jumps = { ...NONE, jumps: true };
    assert.deepEqual(hints("a: jmp short a\njmp a\nloop a\ntimes 200 nop\njz a", jumps), [
      "1:3 short",
      "4:2 near",
    ]);
    assert.deepEqual(hints("a: jmp a", NONE), []);
  });

  it("show operand sizes that are not written, and values that are computed", () => {
    const sizes = { ...NONE, sizes: true };
    const text =
      "bits 32\npush 1\npush word 1\npush eax\nretf\no16 retf\nlgdt [0]\niretd\ncall 8:0\nret";
    assert.deepEqual(hints(text, sizes), [
      "1:4 dword",
      "4:4 dword",
      "6:4 32-bit base",
      "8:4 dword",
    ]);
    assert.deepEqual(hints("A equ 4\nB equ A * 2 ; x\nC equ 0x10", { ...NONE, values: true }), [
      "1:11 = 0x8",
    ]);
  });

  it("bring their tooltips with resolve", () => {
    const { analysis } = scene("start: jmp start\nX equ 2 + 3\npush 1\n");
    const range = { start: { line: 0, character: 0 }, end: { line: 9, character: 0 } };
    const every = { addresses: true, bytes: true, jumps: true, sizes: true, values: true };
    const texts = inlayHints(analysis, MAIN, range, every).map((hint) => {
      assert.equal(hint.tooltip, undefined);
      const resolved = resolveHint(analysis, hint).tooltip as MarkupContent;
      return `${JSON.stringify(hint.label).slice(1, -1)}: ${resolved.value.replaceAll("\n", " ")}`;
    });
    assert.deepEqual(texts, [
      "0000: section `.text`, 2 bytes",
      "short: `jmp rel8`, 2 bytes: the shortest that reaches `start`",
      "ebfe: `eb` opcode   `fe` 8-bit distance",
      "= 0x5: `0x5` · `5` · `0b101`",
      "0002: section `.text`, 2 bytes",
      "word: The size is not written: it is that of 16-bit code.",
      "6a01: `6a` opcode   `01` 8-bit immediate",
    ]);
  });

  it("stand at the call of a macro", () => {
    assert.deepEqual(hints("%macro two 0\nnop\nnop\n%endmacro\ntwo\n"), ["4:0 0000"]);
  });
});

describe("code lenses", () => {
  function lenses(text: string, technique: Technique): string[] {
    const { analysis } = scene(text);
    return codeLenses(analysis, MAIN).map((lens) => {
      assert.equal(lens.command, undefined, "the text comes with resolve");
      const { range, command } = resolveLens(analysis, lens, technique, false);
      return `${range.start.line} ${command?.title ?? ""}`;
    });
  }

  const TEXT = "bits 32\nstart: cpuid\nhlt\npopfd\njmp start\ntext: db 1\n";

  it("count bytes, references and what the technique makes of the code", () => {
    assert.deepEqual(lenses(TEXT, "hardware-assisted"), [
      "1 6 bytes · 1 reference · 1 sure VM exit, 1 by controls",
      "5 1 byte · 0 references",
    ]);
    assert.equal(
      lenses(TEXT, "trap-and-emulate")[0],
      "1 6 bytes · 1 reference · 2 sensitive · 1 trap",
    );
    assert.equal(lenses(TEXT, "none")[0], "1 6 bytes · 1 reference");
  });

  it("show the references when the editor can", () => {
    const { analysis } = scene(TEXT);
    const [lens] = codeLenses(analysis, MAIN);
    const { command } = resolveLens(analysis, lens!, "none", true);
    assert.equal(command?.command, "ringside.showReferences");
    assert.deepEqual(command.arguments?.[2], [
      {
        uri: "file:///project/main.asm",
        range: { start: { line: 4, character: 4 }, end: { line: 4, character: 9 } },
      },
    ]);
  });

  it("sum up a selection", () => {
    const { analysis } = scene(TEXT);
    const range = { start: { line: 1, character: 0 }, end: { line: 3, character: 0 } };
    assert.deepEqual(measure(analysis, MAIN, range, "hardware-assisted"), {
      bytes: 3,
      instructions: 2,
      costs: ["1 sure VM exit, 1 by controls"],
    });
  });
});

describe("code actions", () => {
  it("write the word that was meant", () => {
    const text = "bits 32\nhalt\n";
    const { analysis } = scene(text);
    const actions = codeActions(analysis, MAIN, "file:///project/main.asm", diagnose(text));
    assert.deepEqual(
      actions.map((each) => each.title),
      ["Write hlt", "Allow ASM1 on this line"],
    );
    assert.equal(actions[0]?.edit?.changes?.["file:///project/main.asm"]?.[0]?.newText, "hlt");
  });

  it("write a size that is missing", () => {
    const text = "bits 32\nstart: mov [ebx], 1\n";
    const { analysis } = scene(text);
    const titles = codeActions(analysis, MAIN, "uri", diagnose(text)).map((each) => each.title);
    assert.deepEqual(titles, ["Write byte", "Write word", "Write dword"]);
  });

  it("are not tried out on programs that take long to assemble", () => {
    const text = `bits 32\nmov [ebx], 1\n${"nop\n".repeat(31_000)}`;
    const { analysis } = scene(text);
    assert.deepEqual(codeActions(analysis, MAIN, "uri", diagnose(text)), []);
  });

  it("allow a finding with a comment that is then obeyed", () => {
    for (const line of [
      "  popfd",
      "  popfd ; restores IF",
      "  smsw \\\n    eax",
      "  smsw eax ; reads \\\n    CR0",
      "  smsw \\\n    eax ; reads CR0",
      "\\\n  smsw eax",
      "nop\n\\\n\\\n  smsw \\\n    eax",
    ]) {
      const text = `bits 32\n${line}\n`;
      const settings = { vmm: "trap-and-emulate" };
      const { analysis } = scene(text, {}, settings);
      const [action] = codeActions(analysis, MAIN, "uri", diagnose(text, settings));
      const edit = action?.edit?.changes?.uri?.[0];
      assert.ok(edit);
      const lines = text.split("\n");
      const { start, end } = edit.range;
      const old = lines[start.line]!;
      lines[start.line] = old.slice(0, start.character) + edit.newText + old.slice(end.character);
      assert.deepEqual(brief(diagnose(lines.join("\n"), settings)), [], line);
    }
  });
});

describe("macro expansion", () => {
  it("gives the lines that came out", () => {
    const { analysis, place } = scene("%macro two 1\nmov ax, %1\nnop\n%endmacro\ntw‸o 5\n");
    const expansion = expandMacroAt(analysis, place);
    assert.equal(expansion?.name, "two");
    assert.match(expansion.text, /mov ax, ?5\n *nop/);
  });
});

describe("listing", () => {
  it("tells which line of the document each of its lines shows", () => {
    const { analysis, workspace } = scene(
      '%include "part.inc"\n%macro m 0\n  nop\n%endmacro\n  m\ndb 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\nhlt',
      { "part.inc": "X equ 1\nnop\n" },
    );
    const { text, lines } = listingOf(analysis, MAIN);
    const shown = text.trimEnd().split("\n");
    const ofMain = shown.map((_, i) => lines[i]);
    assert.deepEqual(ofMain, [0, null, null, 1, 2, 3, 4, null, 5, 5, 6]);
    const part = workspace.analysisFor("/project/part.inc")!;
    const inPart = listingOf(part, "/project/part.inc").lines.slice(0, shown.length);
    assert.deepEqual(inPart.slice(0, 4), [null, 0, 1, null]);
  });
});
