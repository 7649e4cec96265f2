/** What the formatter makes of programs, and that it never changes what they are. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Analysis } from "../../src/languageServer/analysis";
import { formatEdits } from "../../src/languageServer/features/formatting";
import { MAIN, scene, workspaceWith } from "./support";

const ROOT = path.resolve(import.meta.dirname, "../..");

function formatted(text: string, format: object = {}): string {
  const { analysis, workspace } = scene(text, {}, { format });
  const document = TextDocument.create("uri", "nasm", 1, analysis.lines(MAIN).join("\n"));
  return TextDocument.applyEdits(document, formatEdits(analysis, MAIN, workspace.settings.format));
}

function becomes(before: readonly string[], after: readonly string[], format: object = {}): void {
  assert.deepEqual(formatted(before.join("\n"), format).split("\n"), after);
}

describe("formatting", () => {
  it("puts labels, mnemonics, operands and comments into columns", () => {
    becomes(
      ["  start: mov eax,1;one", "\tadd  eax , ebx ; two", ".loop:", "jmp .loop", "rep movsb"],
      [
        "start:  mov     eax, 1                  ;one",
        "        add     eax , ebx               ; two",
        ".loop:",
        "        jmp     .loop",
        "        rep     movsb",
      ],
    );
  });

  it("aligns tables of data and constants, and leaves aligned ones alone", () => {
    becomes(
      ["A equ 1", "LONG_NAME equ 2 ; x", "", "B     equ 1", "CC    equ 2"],
      [
        "A           equ 1",
        "LONG_NAME   equ 2                       ; x",
        "",
        "B       equ     1",
        "CC      equ     2",
      ],
    );
    const aligned = ["first     db 1", "second    db 2,  3,   4", "          db 5"];
    becomes(aligned, aligned);
    const spread = ["guestRax: dq    0", "guestR8:  dq    0"];
    becomes(spread, spread);
  });

  it("indents preprocessor words by their blocks and keeps their text", () => {
    becomes(
      ["%ifdef A", "%define  X  (1,2)", "%if 1", "%else", "%endif", "%endif", "%macro m 1", "nop", "%endmacro"],
      ["%ifdef A", "  %define  X  (1,2)", "  %if 1", "  %else", "  %endif", "%endif", "%macro m 1", "        nop", "%endmacro"],
    ); // prettier-ignore
  });

  it("keeps full-line comments, blank lines, and comments that go on below", () => {
    becomes(
      ["; title", "", "  ; inner", "nop ; one", "    ; two", "nop"],
      [
        "; title",
        "",
        "        ; inner",
        "        nop                             ; one",
        "                                        ; two",
        "        nop",
      ],
    );
  });

  it("leaves strings, continued lines, macro calls and prose behind %if 0 as they are", () => {
    const lines = [
      "%macro say 1+",
      "        db      %1",
      "%endmacro",
      "%define two \\",
      "  2",
      "        say 'a,b',1,  2",
      "        db      'a,b;c', 0",
      "%if 0",
      "this is,prose",
      "%endif",
    ];
    becomes(lines, lines);
  });

  it("obeys the columns and the case that are set", () => {
    becomes(["l: Mov EAX,[Ebx] ; x"], ["l:  mov   eax, [ebx]  ; x"], {
      mnemonicColumn: 4,
      operandColumn: 10,
      commentColumn: 22,
      case: "lower",
    });
    becomes(["vmxon: call vmxon", "db 'mov'"], ["vmxon:  CALL    vmxon", "        db      'mov'"], {
      case: "upper",
    });
  });

  it("formats the lines of a range alone", () => {
    const { analysis, workspace } = scene("nop\nnop\nnop\n");
    const range = { start: { line: 1, character: 0 }, end: { line: 2, character: 0 } };
    const edits = formatEdits(analysis, MAIN, workspace.settings.format, range);
    assert.deepEqual(
      edits.map((edit) => edit.range.start.line),
      [1],
    );
  });
});

interface Formatted {
  readonly before: Analysis;
  readonly after: Analysis;
  readonly twice: number;
}

/** Formats a file in memory, and again what came out. */
function format(
  files: Readonly<Record<string, string>>,
  file: string,
  text: string,
  settings: object,
): Formatted {
  const workspace = workspaceWith(files, { format: settings });
  workspace.open(file, `file://${file}`, 1, text);
  const before = workspace.program(file)!;
  const edits = formatEdits(before, file, workspace.settings.format);
  const document = TextDocument.create("uri", "nasm", 1, text);
  workspace.open(file, `file://${file}`, 2, TextDocument.applyEdits(document, edits));
  const after = workspace.program(file)!;
  return { before, after, twice: formatEdits(after, file, workspace.settings.format).length };
}

function said({ model }: Analysis): string[] {
  return model.assembly.diagnostics.map(
    ({ code, message, range }) => `${range.file}:${range.line} ${code} ${message}`,
  );
}

function isUnchanged({ before, after, twice }: Formatted): void {
  assert.deepEqual(after.model.assembly.image, before.model.assembly.image);
  assert.deepEqual(said(after), said(before));
  assert.equal(twice, 0, "a second run changes something");
}

function sources(): Record<string, string> {
  const folders = ["examples", "test/guests"].map((folder) => path.join(ROOT, folder));
  return Object.fromEntries(
    folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((name) => /\.(asm|inc)$/.test(name))
        .map((name) => {
          const file = path.join(folder, name);
          return [file, readFileSync(file, "utf8")] as const;
        }),
    ),
  );
}

/** What edits put in: all that white space matters in. */
// prettier-ignore
const PIECES = [
  " ", "\t", "\n", "  ; x\n", ";", ",", ":", "\\\n", "\\", "\"", "'", "`", "%define X(a,b) a b\n", "%define mov(a) a\n", "%macro m 1+\n%defstr q %1\ndb q\n%endmacro\n",
  "m a,b\n", "m  a , b ; c\n", "X(1,2)", "X (1, 2)", "%if 0\n", "%endif\n", "%else\n", "%rep 2\n", "%endrep\n", "struc s\n.a: resb 1\nendstruc\n", "times 3 db 1,2\n",
  "[bits 32]\n", "section .x align=4\n", "l:nop\n", "l nop\n", "a: b: nop\n", "%%x:nop\n", "%+", "%1", "mov:", "db 'a,b',1\n", "equ", "\u00e9", "\f", "\r\n", "lock", "x equ 1\n",
];

describe("formatting changes nothing but white space", function () {
  this.timeout(120_000);
  const files = sources();
  const names = Object.keys(files);

  it("in the sources of this project", () => {
    for (const file of names) isUnchanged(format(files, file, files[file]!, {}));
  });

  it("with another case of words", () => {
    for (const file of names.filter((each) => each.includes("examples")))
      isUnchanged(format(files, file, files[file]!, { case: "upper" }));
  });

  it("in randomly edited programs", () => {
    const small = names.filter((file) => files[file]!.length < 4000);
    const edit = fc.record({
      at: fc.nat(4000),
      removed: fc.nat(20),
      piece: fc.constantFrom(...PIECES),
    });
    const program = fc.record({
      file: fc.constantFrom(...small),
      edits: fc.array(edit, { minLength: 1, maxLength: 8 }),
      mnemonicColumn: fc.integer({ min: 1, max: 20 }),
    });
    const property = fc.property(program, ({ file, edits, mnemonicColumn }) => {
      let text = files[file]!;
      for (const { at, removed, piece } of edits) {
        const start = at % (text.length + 1);
        text = text.slice(0, start) + piece + text.slice(start + removed);
      }
      isUnchanged(format(files, file, text, { mnemonicColumn }));
    });
    fc.assert(property, { numRuns: 60, seed: 20250101 });
  });
});
