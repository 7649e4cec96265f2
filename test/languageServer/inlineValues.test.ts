import assert from "node:assert/strict";
import { inlineValues } from "../../src/languageServer/features/inlineValues";
import { MAIN, scene } from "./support";

/** "line expression" of what is shown while the machine stands at the line of `‸`. */
function shown(marked: string, firstVisible = 0): string[] {
  const { analysis, position } = scene(marked);
  const viewport = { start: { line: firstVisible, character: 0 }, end: { line: 99, character: 0 } };
  const stop = { start: position, end: position };
  return inlineValues(analysis, MAIN, viewport, stop).map(
    ({ range, expression }) => `${range.start.line} ${expression ?? ""}`,
  );
}

describe("inline values", () => {
  it("show registers, flags and memory of the lines up to the stop, each once and nearest to it", () => {
    const text = [
      "bits 32",
      "before: mov edx, 1",
      "start: mov eax, [count]",
      "  add eax, ecx",
      "  ‸jz start",
      "  mov esi, 5",
      "count: dd 0",
    ].join("\n");
    assert.deepEqual(shown(text), ["4 zf", "3 eax", "3 ecx", "2 dword [count]"]);
  });

  it("leave out memory whose address has changed since", () => {
    const text = "bits 32\nstart: mov eax, [ebx + 4]\n  ‸mov ecx, [ebx - 8]\n";
    assert.deepEqual(shown(text), [
      "2 ecx",
      "2 ebx",
      "2 dword [ebx-0x8]",
      "1 eax",
      "1 dword [ebx+0x4]",
    ]);
    const moved = "bits 32\nstart: mov eax, [ebx + 4]\n  inc ebx\n  ‸nop\n";
    assert.deepEqual(shown(moved), ["2 ebx", "1 eax"]);
  });

  it("stay within what is visible, and take no address for a value", () => {
    const text = "bits 32\nstart: mov edx, 1\n  ‸lea eax, [ebx + 4]\n";
    assert.deepEqual(shown(text, 2), ["2 eax", "2 ebx"]);
  });
});
