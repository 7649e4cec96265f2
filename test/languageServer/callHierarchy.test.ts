import assert from "node:assert/strict";
import {
  incomingCalls,
  outgoingCalls,
  prepareCallHierarchy,
  type CallItemData,
} from "../../src/languageServer/features/callHierarchy";
import { MAIN, scene } from "./support";

interface Hierarchy {
  readonly name: string;
  /** "caller 3:5" with 1-based places, one for each range. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** The item at `‸`, its callers and what it calls. */
function hierarchy(marked: string, files: Readonly<Record<string, string>> = {}): Hierarchy {
  const { analysis, workspace, place } = scene(marked, files);
  const [item] = prepareCallHierarchy(analysis, place) ?? [];
  assert.ok(item, "nothing is called here");
  const programs = workspace.programsWith(MAIN);
  const data = item.data as CallItemData;
  const places = (
    name: string,
    ranges: readonly { start: { line: number; character: number } }[],
  ): string[] => ranges.map(({ start }) => `${name} ${start.line + 1}:${start.character + 1}`);
  return {
    name: item.name,
    from: incomingCalls(programs, data).flatMap((call) => places(call.from.name, call.fromRanges)),
    to: outgoingCalls(programs, data).flatMap((call) => places(call.to.name, call.fromRanges)),
  };
}

describe("call hierarchy", () => {
  const TEXT = [
    "bits 32",
    "start: call print",
    "  jmp print.tail",
    "other: call print",
    "  jz start",
    "print:",
    ".loop: loop .loop",
    ".tail: call .sub",
    "  ret",
    ".sub: ret",
  ].join("\n");

  it("follows calls and jumps; local labels belong to their function", () => {
    assert.deepEqual(hierarchy(TEXT.replace("print:", "pri‸nt:")), {
      name: "print",
      from: ["start 2:13", "start 3:7", "other 4:13", "print 8:13"],
      to: ["print 8:13"],
    });
    assert.deepEqual(hierarchy(TEXT.replace("call print", "call prin‸t")).name, "print");
    assert.deepEqual(hierarchy(TEXT.replace("jz start", "j‸z start")), {
      name: "other",
      from: [],
      to: ["print 4:13", "start 5:6"],
    });
  });

  it("counts calls in macros for the function that uses the macro", () => {
    const text = "%macro twice 1\ncall %1\nnop\n%endmacro\nstart: twice work\nwork: ret\n";
    assert.deepEqual(hierarchy(text.replace("work: ret", "wo‸rk: ret")).from, ["start 5:14"]);
    const macro = hierarchy(text.replace("%macro twice", "%macro twi‸ce"));
    assert.deepEqual(macro, { name: "twice", from: ["start 5:8"], to: ["work 5:14"] });
  });

  it("crosses the include graph", () => {
    const files = {
      "part.inc": "work: ret\n",
      "second.asm": '%include "part.inc"\ngo: call work\n',
    };
    const found = hierarchy('start: call wo‸rk\n%include "part.inc"\n', files);
    assert.deepEqual(found.from, ["start 1:13"]);
    const { workspace, analysis } = scene('start: call work\n%include "part.inc"\n', files);
    const inPart = { file: "/project/part.inc", line: 1, column: 1 };
    const [item] = prepareCallHierarchy(analysis, inPart) ?? [];
    const programs = workspace.programsWith("/project/part.inc");
    const callers = incomingCalls(programs, item!.data as CallItemData);
    assert.deepEqual(
      callers.map((call) => call.from.name),
      ["start", "go"],
    );
  });

  it("follows software interrupts to gates that are written out", () => {
    const text = [
      "bits 32",
      "org 0x1000",
      "lidt [pointer]",
      "start: int 1",
      "int 0",
      "handler: iretd",
      "other: iretd",
      "pointer: dw 15",
      "dd idt",
      "idt: dq 0",
      "dw 0x1000 + (hand‸ler - $$), 8, 0x8e00, 0",
    ].join("\n");
    assert.deepEqual(hierarchy(text), { name: "handler", from: ["start 4:12"], to: [] });
  });

  it("follows software interrupts through the vector table only when both halves are written", () => {
    const write = "mov word [0x80 * 4], handler\nmov [0x80 * 4 + 2], cs\n";
    const text = (writes: string): string => `start: ${writes}int 0x80\nhand‸ler: iret\n`;
    assert.deepEqual(hierarchy(text(write)).from, ["start 3:5"]);
    assert.deepEqual(hierarchy(text("mov word [0x80 * 4], handler\n")).from, []);
    const twice = `${write}mov word [0x80 * 4], start\n`;
    assert.deepEqual(hierarchy(text(twice)).from, [], "two handlers: neither is sure");
  });

  it("names the file where code stands before the first label", () => {
    assert.deepEqual(hierarchy("bits 32\ncall work\nwo‸rk: ret").from, ["main.asm 2:6"]);
  });
});
