import assert from "node:assert/strict";
import type { MarkupContent } from "vscode-languageserver-protocol";
import { hoverAt } from "../../src/languageServer/features/hover";
import { signatureHelpAt } from "../../src/languageServer/features/signatureHelp";
import { escaped, fencedCode } from "../../src/languageServer/knowledge/markdown";
import { MAIN, scene } from "./support";

function hovered(marked: string): string {
  const { analysis, place } = scene(marked);
  const contents = hoverAt(analysis, place, "hardware-assisted")?.contents;
  return (contents as MarkupContent | undefined)?.value ?? "";
}

describe("comments of the source in Markdown", () => {
  const comment = "![x](https://example.com/x.png) <img src=x> [a](command:b)";
  const live = /(?<!\\)[![<]|https:\/\//;

  it("load and link nothing in hovers of macros and labels", () => {
    for (const text of [
      `; ${comment}\n%macro m 0\nnop\n%endmacro\nm‸`,
      `; ${comment}\n%define m‸ 1\ndw m`,
      `; ${comment}\nx: jmp x‸`,
      `x: jmp x‸`.replace("x:", `x: nop ; ${comment}\n`),
    ]) {
      const prose = hovered(text).replace(/^(`{3,})nasm[^]*?^\1$/gm, "");
      assert.match(prose, /example\.com/);
      assert.doesNotMatch(prose, live);
    }
  });

  it("load and link nothing in signature help", () => {
    const { analysis, position } = scene(`; ${comment}\n%macro m 1\ndb %1\n%endmacro\nm ‸1`);
    const { documentation } = signatureHelpAt(analysis, MAIN, position)?.signatures[0] ?? {};
    assert.doesNotMatch((documentation as MarkupContent).value, live);
  });

  it("keep their lines, and begin no headings and lists", () => {
    assert.equal(escaped("# a\n- b\n1. c\nd_e"), "\\# a\n\\- b\n1\\. c\nd\\_e");
  });

  it("do not end the fence that code stands in", () => {
    assert.equal(fencedCode("nop"), "```\nnop\n```");
    assert.equal(fencedCode("db ````"), "`````\ndb ````\n`````");
    const card = hovered("%macro m 0\nnop ; x\n```\n![x](y)\n%endmacro\nm‸");
    assert.match(card, /^````nasm$/m);
  });
});
