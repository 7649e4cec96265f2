import assert from "node:assert/strict";
import { createDebuggee, loadImage, type Debuggee } from "../../src/engine/index";
import { assemble } from "../../src/engine/language";

/** Writes at 0000:0500 and FFFF:0510, which are one byte while A20 is shut; leaves what it read in AL to DL. */
const PROGRAM = `
bits 16
org 0x7c00
    cli
    xor ax, ax
    mov ds, ax
    dec ax
    mov es, ax
    mov byte [0x500], 0x11
    mov byte [es:0x510], 0x22
    mov al, [0x500]
    in al, 0x92
    and al, 0xfc
    out 0x92, al
    mov byte [es:0x510], 0x33
    mov bl, [0x500]
    mov cl, [es:0x510]
    in al, 0x92
    or al, 2
    out 0x92, al
    mov dl, [es:0x510]
    hlt
times 510 - ($ - $$) db 0
    dw 0xaa55
`;

function run(): Debuggee {
  const assembly = assemble({ file: "a20.asm", text: PROGRAM });
  const image = loadImage({ name: "a20.asm", assembly });
  const config = { image, vmm: "none", mmu: "nested", memoryBytes: 4 << 20 } as const;
  const debuggee = createDebuggee({ ...config, recording: true });
  debuggee.run(1000, { breakpoints: new Set() });
  return debuggee;
}

const low = (debuggee: Debuggee, name: string): number =>
  Number(debuggee.vcpu().registers[name]! & 0xffn);

describe("the A20 gate", () => {
  it("makes the megabytes fold while it is shut, and unfolds them", () => {
    const debuggee = run();
    assert.equal(low(debuggee, "rbx"), 0x33, "the write went to 0000:0500");
    assert.equal(low(debuggee, "rcx"), 0x33);
    assert.equal(low(debuggee, "rdx"), 0x22, "what was written before is still above");
  });

  it("comes back with a snapshot", () => {
    const debuggee = run();
    const end = debuggee.position;
    debuggee.travelTo(end - 5);
    debuggee.run(1000, { breakpoints: new Set() });
    assert.equal(low(debuggee, "rdx"), 0x22);
    assert.equal(low(debuggee, "rbx"), 0x33);
  });
});
