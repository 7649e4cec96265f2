import assert from "node:assert/strict";
import { mergeDiagnostics } from "../../src/languageServer/features/diagnostics";
import { DiagnosticsPublisher } from "../../src/languageServer/diagnosticsPublisher";
import { brief, diagnose, diagnosticsIn, messageOf, workspaceWith } from "./support";

describe("diagnostics from the assembler", () => {
  it("mark the exact tokens", () => {
    const found = diagnose("bits 32\n  mov eax, missing\n  foo bar\n  mov al, 999\n");
    assert.deepEqual(brief(found), [
      "2:12-19 undefined-symbol",
      "3:7-10 unknown-instruction",
      "4:11-14 number-overflow",
    ]);
  });

  it("lead from a line in a macro to its call", () => {
    const [found] = diagnose("bits 32\n%macro bad 0\n  mov eax, missing\n%endmacro\nbad\n");
    assert.equal(found?.code, "undefined-symbol");
    const related = found?.relatedInformation?.map(({ location }) => location.range.start.line);
    assert.ok(related !== undefined && related.length > 0, "no related place");
  });

  it("are errors in the file that holds them", () => {
    const workspace = workspaceWith({
      "main.asm": '%include "part.inc"\n',
      "part.inc": "mov ax, missing\n",
    });
    assert.deepEqual(brief(diagnosticsIn(workspace, "/project/main.asm")), []);
    assert.deepEqual(brief(diagnosticsIn(workspace, "/project/part.inc")), [
      "1:9-16 undefined-symbol",
    ]);
  });

  it("check a fragment in the program that includes it", () => {
    const workspace = workspaceWith({
      "main.asm": 'bits 32\nTHERE equ 1\n%include "parts/part.inc"\n',
      "parts/part.inc": "mov eax, THERE\n",
    });
    assert.equal(workspace.analysisFor("/project/parts/part.inc")?.root, "/project/main.asm");
    assert.deepEqual(diagnosticsIn(workspace, "/project/parts/part.inc"), []);
  });

  it("take the text of an open buffer before that on disk", () => {
    const workspace = workspaceWith({
      "main.asm": '%include "part.inc"\nmov ax, X\n',
      "part.inc": "",
    });
    assert.equal(diagnosticsIn(workspace, "/project/main.asm").length, 1);
    workspace.open("/project/part.inc", "file:///project/part.inc", 1, "X equ 1\n");
    assert.deepEqual(diagnosticsIn(workspace, "/project/main.asm"), []);
    workspace.close("/project/part.inc");
    assert.equal(diagnosticsIn(workspace, "/project/main.asm").length, 1);
  });

  it("take a severity from the settings, but never hide an error", () => {
    const text = "orphan\nfoo bar\n";
    const rules = { "label-orphan": "off", "unknown-instruction": "off" };
    assert.deepEqual(brief(diagnose(text)), ["1:1-7 label-orphan", "2:5-8 unknown-instruction"]);
    assert.deepEqual(brief(diagnose(text, { rules })), ["2:5-8 unknown-instruction"]);
  });

  it("are told once for a file in several programs", () => {
    const diagnostics = diagnose("foo bar\n");
    assert.equal(mergeDiagnostics([diagnostics, diagnostics]).length, 1);
  });

  it("read defines and include paths from the settings", () => {
    const text = '%include "far.inc"\n%ifndef DEBUG\n%error no\n%endif\n';
    const settings = { includePaths: ["/lib"], defines: { DEBUG: "1" } };
    assert.deepEqual(diagnose(text, settings, { "/lib/far.inc": "" }), []);
  });

  it("tell the whole way through macros: the call, and the line in each body", () => {
    const text = [
      "%macro inner 1",
      "  mov ax, %1",
      "%endmacro",
      "%macro outer 1",
      "  inner %1",
      "%endmacro",
      "outer missing",
      "%macro wrong 0",
      "  mov bx, missing",
      "%endmacro",
      "wrong",
    ].join("\n");
    const ways = diagnose(text).map(({ range, relatedInformation = [] }) => [
      range.start.line + 1,
      ...relatedInformation.map((each) => each.location.range.start.line + 1).sort(),
    ]);
    assert.deepEqual(ways, [
      [7, 2, 5],
      [11, 9],
    ]);
  });
});

describe("comments that speak to the server", () => {
  const RISKY = "; ringside: vmm=trap-and-emulate\nbits 32\n";

  it("allow a finding on a line, on the next line, and in a file", () => {
    const codes = (text: string): string[] => brief(diagnose(RISKY + text));
    assert.deepEqual(codes("popfd\n"), ["3:1-6 VMM1"]);
    assert.deepEqual(codes("popfd ; ringside: allow(VMM1)\n"), []);
    assert.deepEqual(codes("; ringside: allow(MODE2, vmm1)\npopfd\npopfd\n"), ["5:1-6 VMM1"]);
    assert.deepEqual(codes("popfd\n; ringside: allow-file(VMM1)\n"), []);
  });

  it("are not read in strings", () => {
    assert.deepEqual(brief(diagnose(`${RISKY}db "; ringside: allow-file(VMM1)"\npopfd\n`)), [
      "4:1-6 VMM1",
    ]);
  });

  it("name a technique that does not exist", () => {
    assert.deepEqual(brief(diagnose("; ringside: vmm=magic\n")), ["1:1-22 unknown-technique"]);
  });
});

describe("diagnostics for editors that ask", () => {
  const FILES = {
    "main.asm": '%include "part.inc"\nmov ax, missing\n',
    "part.inc": "mov bx, gone\n",
  };
  const at = (name: string): string => `/project/${name}`;

  function publisher(open: readonly string[]): DiagnosticsPublisher {
    const workspace = workspaceWith(FILES);
    for (const name of open)
      workspace.open(at(name), `file://${at(name)}`, 1, FILES[name as keyof typeof FILES]);
    return new DiagnosticsPublisher(workspace, () => assert.fail("nothing is sent"));
  }

  it("hold the document's own, and those of its files that are not open", () => {
    const report = publisher(["main.asm"]).pull(at("main.asm"), undefined, true);
    assert.ok(report.kind === "full");
    assert.deepEqual(brief(report.items), ["2:9-16 undefined-symbol"]);
    const related = report.relatedDocuments?.["file:///project/part.inc"];
    assert.ok(related?.kind === "full");
    assert.deepEqual(brief(related.items), ["1:9-13 undefined-symbol"]);
    const both = publisher(["main.asm", "part.inc"]).pull(at("main.asm"), undefined, true);
    assert.deepEqual(both.kind === "full" && both.relatedDocuments, {});
  });

  it("are sent for files that are not open to editors that do not take them with an answer", () => {
    const sent: string[] = [];
    const workspace = workspaceWith(FILES);
    workspace.open(at("main.asm"), `file://${at("main.asm")}`, 1, FILES["main.asm"]);
    const own = new DiagnosticsPublisher(workspace, (uri) => sent.push(uri));
    own.publish("not open");
    assert.deepEqual(sent, ["file:///project/part.inc"]);
    const report = own.pull(at("main.asm"), undefined, false);
    assert.ok(report.kind === "full" && report.relatedDocuments === undefined);
  });

  it("check a fragment in the program that includes it", () => {
    const report = publisher(["part.inc"]).pull(at("part.inc"), undefined, true);
    assert.deepEqual(report.kind === "full" && brief(report.items), ["1:9-13 undefined-symbol"]);
  });

  it("are not repeated while they stay the same", () => {
    const asked = publisher(["main.asm"]);
    const { resultId } = asked.pull(at("main.asm"), undefined, true);
    assert.deepEqual(asked.pull(at("main.asm"), resultId, true), { kind: "unchanged", resultId });
    assert.equal(asked.pull(at("main.asm"), "another", true).kind, "full");
  });
});

describe("a program that never seems to end", () => {
  const most = /more than 200,000 lines when its macros are expanded/;

  it("is left at that, with a word where it was", () => {
    const text = "bits 32\njmp end\n%rep 300000\nnop\n%endrep\nend:\n";
    const [found, ...others] = diagnose(text);
    assert.equal(others.length, 0, "what stands behind is not missing");
    assert.equal(found?.severity, 3);
    assert.match(messageOf(found), most);
  });

  it("is cut off also where it only counts", () => {
    const text = "%assign i 0\n%rep 400000\n%assign i i+1\n%endrep\n";
    assert.match(messageOf(diagnose(text)[0]), most);
  });
});
