/** Random edits of real programs: nothing throws, nothing takes long, whatever is on the screen. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Position } from "vscode-languageserver-protocol";
import {
  incomingCalls,
  outgoingCalls,
  prepareCallHierarchy,
  type CallItemData,
} from "../../src/languageServer/features/callHierarchy";
import { codeActions } from "../../src/languageServer/features/codeActions";
import { codeLenses, resolveLens } from "../../src/languageServer/features/codeLens";
import { completionsAt } from "../../src/languageServer/features/completion";
import { declarationsAt, definitionsAt } from "../../src/languageServer/features/definition";
import { documentSymbols } from "../../src/languageServer/features/documentSymbols";
import { foldingRanges } from "../../src/languageServer/features/folding";
import { formatEdits } from "../../src/languageServer/features/formatting";
import { hoverAt } from "../../src/languageServer/features/hover";
import { inlayHints, resolveHint } from "../../src/languageServer/features/inlayHints";
import { inlineValues } from "../../src/languageServer/features/inlineValues";
import { listingOf } from "../../src/languageServer/features/listing";
import { expandMacroAt } from "../../src/languageServer/features/macroExpansion";
import { highlightsAt, referencesAt } from "../../src/languageServer/features/references";
import { refactorings } from "../../src/languageServer/features/refactorings";
import { prepareRename, renameAt } from "../../src/languageServer/features/rename";
import { selectionRangeAt } from "../../src/languageServer/features/selectionRanges";
import { semanticTokens } from "../../src/languageServer/features/semanticTokens";
import { signatureHelpAt } from "../../src/languageServer/features/signatureHelp";
import { toPlace } from "../../src/languageServer/positions";
import { diagnosticsIn, workspaceWith } from "./support";

const ROOT = path.resolve(import.meta.dirname, "../..");
const FOLDERS = ["examples", "test/guests"].map((folder) => path.join(ROOT, folder));
/** The slow suite sets both: `npm run test:fuzz`. */
const SEED = Number(process.env.FUZZ_SEED ?? 20240607);
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 3);
/** In the quick suite the same edits every time, on a fast machine too. */
const MOST_EDITS = process.env.FUZZ_SECONDS === undefined ? 200 : Infinity;
const PIECES = [
  "%macro m 1-*", "%endmacro", "%if", "%endif", "%rep 3", "%endrep", "%define X(a,b) a b", "[", "]", ",", "\n", "\t", '"', "'", "`\\",
  "times 5 ", "struc s\n", "endstruc\n", ".x:", "mov ", "eax", "0x", "$", "$$", "%%l", "%1", "%{", "\\\n", ";", "equ", "\u00e9\u{1f600}", "\0", "org ", "bits 64\n", "section .bss\n",
  "; ringside: vmm=trap-and-emulate\n", "X", "lgdt [gdt]\n", "-1", "(((((", ")", "db ", "%include ", "resb 10\n", "lock rep ",
]; // prettier-ignore

/** Marsaglia's xorshift32. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function edited(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1);
  const removed = random(3) === 0 ? random(40) : 0;
  return text.slice(0, at) + PIECES[random(PIECES.length)]! + text.slice(at + removed);
}

/** Figures for the reader; a busy machine makes no test fail. */
function summary(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): string => `${sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(0)} ms`; // prettier-ignore
  return `seed ${SEED}: ${times.length} edits; text to diagnostics p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`;
}

describe("random edits", () => {
  it("never break a feature", function () {
    this.timeout(30_000 + 2000 * SECONDS);
    const names = FOLDERS.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((name) => /\.(asm|inc)$/.test(name))
        .map((name) => path.join(folder, name)),
    );
    const files = Object.fromEntries(names.map((name) => [name, readFileSync(name, "utf8")]));
    const programs = Object.keys(files).filter((file) => file.endsWith(".asm"));
    const workspace = workspaceWith(files, { showPrivileged: true });
    const random = generator(SEED);
    const started = performance.now();
    let version = 0;
    const times: number[] = [];
    for (; performance.now() - started < 1000 * SECONDS && version < MOST_EDITS;) {
      const file = programs[random(programs.length)]!;
      let text = files[file]!;
      for (let edits = 1 + random(4); edits > 0; edits--) text = edited(text, random);
      version += 1;
      const before = performance.now();
      try {
        workspace.open(file, `file://${file}`, version, text);
        diagnosticsIn(workspace, file);
        times.push(performance.now() - before);
        exercise(file, text, random);
      } catch (error) {
        throw new Error(`seed ${SEED}, edit ${version} of ${file}:\n${text}`, { cause: error });
      }
      const took = performance.now() - before;
      assert.ok(took < 10_000, `edit ${version} of ${file} took ${Math.round(took)} ms`);
      workspace.close(file);
    }
    assert.ok(version > 3, `only ${version} edits in ${SECONDS} s`);
    if (MOST_EDITS === Infinity) console.log(`      ${summary(times)}`);

    function exercise(file: string, text: string, next: (below: number) => number): void {
      const diagnostics = diagnosticsIn(workspace, file);
      const analysis = workspace.analysisFor(file)!;
      const lines = text.split(/\r\n|\n|\r/);
      for (const { range } of diagnostics)
        assert.ok(range.end.line < lines.length, "a range beyond the file");
      codeActions(analysis, file, "uri", diagnostics);
      for (const lens of codeLenses(analysis, file))
        resolveLens(analysis, lens, "trap-and-emulate", true);
      formatEdits(analysis, file, workspace.settings.format);
      listingOf(analysis, file);
      foldingRanges(analysis, file);
      const all = { addresses: true, bytes: true, jumps: true, sizes: true, values: true };
      const hints = inlayHints(
        analysis,
        file,
        { start: { line: 0, character: 0 }, end: { line: lines.length, character: 0 } },
        all,
      );
      for (const hint of hints) resolveHint(analysis, hint);
      const data = semanticTokens(analysis, file);
      assert.ok(
        data.every((each) => each >= 0),
        "tokens out of order",
      );
      for (const symbol of documentSymbols(analysis, file))
        assert.ok(symbol.range.end.line <= lines.length, "a symbol beyond the file");
      for (let i = 0; i < 12; i++) {
        const line = next(lines.length);
        askAt({ line, character: next(lines[line]!.length + 1) });
      }

      function askAt(position: Position): void {
        const place = toPlace(file, position);
        hoverAt(analysis, place, "paravirtual");
        definitionsAt(analysis, place);
        referencesAt([analysis], place, true);
        highlightsAt(analysis, place);
        prepareRename([analysis], place);
        renameAt([analysis], place, "renamed");
        completionsAt(analysis, file, position);
        signatureHelpAt(analysis, file, position);
        selectionRangeAt(analysis, file, position);
        expandMacroAt(analysis, place);
        declarationsAt(analysis, place);
        const here = { start: position, end: position };
        refactorings(analysis, file, "uri", here);
        inlineValues(analysis, file, { start: { line: 0, character: 0 }, end: position }, here);
        for (const { data } of prepareCallHierarchy(analysis, place) ?? []) {
          incomingCalls([analysis], data as CallItemData);
          outgoingCalls([analysis], data as CallItemData);
        }
      }
    }
  });
});
