import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { OnigScanner, OnigString, loadWASM } from "vscode-oniguruma";
import type { IGrammar } from "vscode-textmate";
import { INITIAL, Registry, parseRawGrammar } from "vscode-textmate";
import { GPR16, GPR32, GPR64, GPR8, GPR8_HIGH, SEGMENTS } from "../../src/engine/isa/registers";

const GRAMMAR = path.resolve("syntaxes/nasm.tmLanguage.json");
const require = createRequire(path.resolve("package.json"));

async function loadGrammar(): Promise<IGrammar> {
  const wasm = readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
  await loadWASM(wasm);
  const registry = new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns: string[]) => new OnigScanner(patterns),
      createOnigString: (text: string) => new OnigString(text),
    }),
    loadGrammar: () => Promise.resolve(parseRawGrammar(readFileSync(GRAMMAR, "utf8"), GRAMMAR)),
  });
  const grammar = await registry.loadGrammar("source.nasm");
  assert.ok(grammar);
  return grammar;
}

/** A line as `word:scope` pairs; words without a scope of their own are left out. */
function tokens(grammar: IGrammar, line: string): string[] {
  return grammar.tokenizeLine(line, INITIAL).tokens.flatMap((token) => {
    const text = line.slice(token.startIndex, token.endIndex).trim();
    const scope = token.scopes.at(-1) ?? "";
    const own = scope !== "source.nasm" && !/^(meta|punctuation)[.]/.test(scope);
    return text !== "" && own ? [`${text}:${scope.replace(/[.]nasm$/, "")}`] : [];
  });
}

// prettier-ignore
const LINES: readonly [string, readonly string[]][] = [
  ["kmain: mov eax, 0x10 ; go", ["kmain:entity.name.function.label", "mov:keyword.mnemonic", "eax:variable.parameter.register.general", "0x10:constant.numeric.hex", "go:comment.line.semicolon"]],
  [".loop:", [".loop:entity.name.function.label.local"]],
  ["  JNZ .loop", ["JNZ:keyword.control.flow", ".loop:variable.other.label.local"]],
  ["  rep movsb", ["rep:storage.modifier.prefix", "movsb:keyword.mnemonic"]],
  ["  mov cr3, rax", ["mov:keyword.mnemonic", "cr3:variable.parameter.register.control", "rax:variable.parameter.register.general"]],
  ["message db 'hi; there', 10, 0", ["message:entity.name.function.label", "db:storage.type.data", "'hi; there':string.quoted.single", "10:constant.numeric.decimal", "0:constant.numeric.decimal"]],
  ["bits 32", ["bits:keyword.control.directive", "32:constant.numeric.decimal"]],
  ["%macro outb 2", ["macro:keyword.control.directive.macro", "outb:entity.name.function.preprocessor", "2:constant.numeric.decimal"]],
  ["  mov al, %2", ["mov:keyword.mnemonic", "al:variable.parameter.register.general", "%2:variable.parameter.macro"]],
  ["%define PORT 0x3f8", ["define:keyword.control.directive.define", "PORT:entity.name.function.preprocessor", "0x3f8:constant.numeric.hex"]],
  ["%include \"lib.inc\"", ["include:keyword.control.directive.include", "\"lib.inc\":string.quoted.double"]],
  ["times 510-($-$$) db 0", ["times:storage.type.data", "510:constant.numeric.decimal", "-:keyword.operator", "$:constant.language.here", "-:keyword.operator", "$$:constant.language.here", "db:storage.type.data", "0:constant.numeric.decimal"]],
  ["  vmwrite rax, [rel field]", ["vmwrite:keyword.mnemonic", "rax:variable.parameter.register.general", "rel:storage.modifier.address"]],
  ["  vaddps ymm0, ymm1, [rsi]", ["vaddps:keyword.mnemonic.simd", "ymm0:variable.parameter.register.vector", "ymm1:variable.parameter.register.vector", "rsi:variable.parameter.register.general"]],
  ["size equ 0ffh | 1010b | 17o", ["size:entity.name.function.label", "equ:storage.type.data", "0ffh:constant.numeric.hex", "|:keyword.operator", "1010b:constant.numeric.binary", "|:keyword.operator", "17o:constant.numeric.octal"]],
  ["section .text align=16", ["section:keyword.control.directive", ".text:support.constant.section", "align:keyword.control.directive", "=:keyword.operator", "16:constant.numeric.decimal"]],
  ["%%next: mov cl, %$count", ["%%next:entity.name.function.label.macro", "mov:keyword.mnemonic", "cl:variable.parameter.register.general", "%$count:variable.other.macro"]],
  ["push_all: call main.addition", ["push_all:entity.name.function.label", "call:keyword.control.flow"]],
];

describe("NASM grammar", () => {
  let grammar: IGrammar;
  before(async () => {
    grammar = await loadGrammar();
  });

  for (const [line, expected] of LINES) {
    it(line, () => assert.deepEqual(tokens(grammar, line), expected));
  }

  it("knows every register", () => {
    const names = [...GPR64, ...GPR32, ...GPR16, ...GPR8, ...GPR8_HIGH, ...SEGMENTS];
    const unknown = names.filter(
      (name) =>
        !(tokens(grammar, ` mov ${name}, 1`)[1] ?? "").includes("variable.parameter.register"),
    );
    assert.deepEqual(unknown, []);
  });
});
