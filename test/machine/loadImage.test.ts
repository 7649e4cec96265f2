import assert from "node:assert/strict";
import { loadImage, UserError } from "../../src/engine/index";
import type { GuestImage, LoadRequest } from "../../src/engine/index";
import { assemble } from "../../src/engine/language";

function fromSource(text: string, more: Partial<LoadRequest> = {}): GuestImage {
  return loadImage({ name: "a.asm", assembly: assemble({ file: "a.asm", text }), ...more });
}

function refusal(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.code;
  }
  throw new Error("it was not refused");
}

interface Load {
  readonly virtual: number;
  readonly physical: number;
  readonly content: readonly number[];
}

/** A small ELF executable with the given loadable segments. */
function elf(bits: 32 | 64, entry: number, loads: readonly Load[]): Uint8Array {
  const wide = bits === 64;
  const header = wide ? 64 : 52;
  const each = wide ? 56 : 32;
  const bytes = new Uint8Array(header + each * loads.length + loads.reduce((sum, { content }) => sum + content.length, 0)); // prettier-ignore
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, wide ? 62 : 3, true);
  word(24, entry);
  word(wide ? 32 : 28, header);
  view.setUint16(wide ? 54 : 42, each, true);
  view.setUint16(wide ? 56 : 44, loads.length, true);
  let place = header + each * loads.length;
  loads.forEach(({ virtual, physical, content }, index) => {
    const at = header + each * index;
    view.setUint32(at, 1, true);
    const [offset, vaddr, paddr, size] = wide ? [8, 16, 24, 32] : [4, 8, 12, 16];
    word(at + (offset ?? 0), place);
    word(at + (vaddr ?? 0), virtual);
    word(at + (paddr ?? 0), physical);
    word(at + (size ?? 0), content.length);
    bytes.set(content, place);
    place += content.length;
  });
  return bytes;
}

const where = ({ loadAddress, entry, entryPoint }: GuestImage) => ({ loadAddress, entry, entryPoint }); // prettier-ignore

describe("loading an assembly", () => {
  it("starts in the mode of the first bits, at the org or the mode's own place", () => {
    assert.deepEqual(where(fromSource("nop")), { loadAddress: 0x7c00, entry: "real16", entryPoint: 0x7c00 }); // prettier-ignore
    assert.deepEqual(where(fromSource("bits 32\nnop")), { loadAddress: 0x100000, entry: "protected32", entryPoint: 0x100000 }); // prettier-ignore
    assert.deepEqual(where(fromSource("bits 64\norg 0x200000\nnop")), { loadAddress: 0x200000, entry: "long64", entryPoint: 0x200000 }); // prettier-ignore
  });

  it("loads a boot sector at 0x7c00 whatever its org", () => {
    assert.equal(fromSource("org 0\nnop").loadAddress, 0x7c00);
  });

  it("does as told", () => {
    const image = fromSource("bits 32\nnop", { entry: "long64", loadAddress: 0x300000 });
    assert.deepEqual(where(image), { loadAddress: 0x300000, entry: "long64", entryPoint: 0x300000 }); // prettier-ignore
  });

  it("refuses what cannot be, with a stable code", () => {
    assert.equal(
      refusal(() => fromSource("mov eax, nosuch")),
      "assembly-failed",
    );
    assert.equal(
      refusal(() => fromSource("bits 32")),
      "image-empty",
    );
    assert.equal(refusal(() => fromSource("bits 32\norg 0x400000\nnop", { memoryBytes: 0x200000 })), "image-too-large"); // prettier-ignore
    assert.equal(
      refusal(() => fromSource("bits 32\norg 0xb8000\nnop")),
      "image-over-devices",
    );
  });

  it("honours a multiboot header with addresses", () => {
    const text = `bits 32
      org 0x100000
      header: dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
      dd header, 0x100000, 0, 0, go
      go: nop`;
    assert.deepEqual(where(fromSource(text)), { loadAddress: 0x100000, entry: "protected32", entryPoint: 0x100020 }); // prettier-ignore
  });
});

describe("loading a file", () => {
  it("takes a flat binary for a boot sector", () => {
    const image = loadImage({ name: "boot.bin", bytes: Uint8Array.of(0x90) });
    assert.deepEqual(where(image), { loadAddress: 0x7c00, entry: "real16", entryPoint: 0x7c00 });
  });

  it("lays an ELF's segments out at their physical addresses and enters there", () => {
    const bytes = elf(32, 0xc0100001, [
      { virtual: 0xc0100000, physical: 0x100000, content: [1, 2] },
      { virtual: 0xc0100010, physical: 0x100010, content: [3] },
    ]);
    const image = loadImage({ name: "kernel.elf", bytes });
    assert.deepEqual(where(image), { loadAddress: 0x100000, entry: "protected32", entryPoint: 0x100001 }); // prettier-ignore
    assert.deepEqual([image.bytes.length, image.bytes[1], image.bytes[2], image.bytes[16]], [17, 2, 0, 3]); // prettier-ignore
  });

  it("starts a 64-bit ELF in 64-bit mode", () => {
    const bytes = elf(64, 0x200000, [{ virtual: 0x200000, physical: 0x200000, content: [0x90] }]);
    assert.equal(loadImage({ name: "kernel.elf", bytes }).entry, "long64");
  });

  it("enters at a physical entry point as it is", () => {
    const load = { virtual: 0xc0100000, physical: 0x100000, content: [1, 2] };
    const image = loadImage({ name: "kernel.elf", bytes: elf(32, 0x100001, [load]) });
    assert.equal(image.entryPoint, 0x100001);
  });

  it("says what to do about files that are not linked executables", () => {
    const typed = (type: number): Uint8Array => {
      const bytes = elf(32, 0x100000, [{ virtual: 0x100000, physical: 0x100000, content: [1] }]);
      bytes[16] = type;
      return bytes;
    };
    const message = (type: number) => () => loadImage({ name: "kernel.o", bytes: typed(type) });
    assert.throws(message(1), /kernel\.o cannot be loaded: .*relocatable.*ld -m elf_i386/);
    assert.throws(message(3), /position-independent.*-no-pie/);
    assert.throws(message(4), /core dump/);
  });

  it("says that a higher-half kernel needs physical addresses", () => {
    const high = 0xffffffff80100000n;
    const bytes = elf(64, 0, [{ virtual: 0, physical: 0, content: [1] }]);
    const view = new DataView(bytes.buffer);
    for (const at of [24, 64 + 16, 64 + 24]) view.setBigUint64(at, high, true);
    assert.throws(() => loadImage({ name: "k", bytes }), /0xffffffff80100000.*AT\(ADDR/);
  });

  it("says that an entry point lies nowhere", () => {
    const bytes = elf(32, 0x5000, [{ virtual: 0x100000, physical: 0x100000, content: [1] }]);
    assert.throws(() => loadImage({ name: "k", bytes }), /entry point 0x5000.*_start/);
  });

  it("refuses a multiboot2 kernel, unless it is told how to start", () => {
    const header = [0xe85250d6, 0, 16, -(0xe85250d6 + 16)];
    const content = [...new Uint8Array(Uint32Array.from(header).buffer)];
    const bytes = elf(64, 0x100010, [{ virtual: 0x100000, physical: 0x100000, content: [0, 0, 0, 0, 0, 0, 0, 0, ...content] }]); // prettier-ignore
    assert.equal(
      refusal(() => loadImage({ name: "k", bytes })),
      "multiboot2",
    );
    assert.equal(loadImage({ name: "k", bytes, entry: "protected32" }).entry, "protected32");
  });

  it("counts what is zero at the start as memory", () => {
    const bytes = elf(32, 0x100000, [{ virtual: 0x100000, physical: 0x100000, content: [1] }]);
    new DataView(bytes.buffer).setUint32(52 + 20, 0x200000, true);
    assert.equal(
      refusal(() => loadImage({ name: "k", bytes, memoryBytes: 0x200000 })),
      "image-too-large",
    );
  });

  it("refuses broken ELF files", () => {
    const good = elf(32, 0, [{ virtual: 0, physical: 0x100000, content: [1] }]);
    const broken: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
      (bytes) => bytes.slice(0, 20),
      (bytes) => bytes.slice(0, bytes.length - 1),
      (bytes) => (bytes.fill(3, 16, 17), bytes),
      (bytes) => (bytes.fill(40, 18, 19), bytes),
      (bytes) => (bytes.fill(2, 5, 6), bytes),
      (bytes) => (bytes.fill(0, 52, 53), bytes),
    ];
    for (const change of broken) {
      assert.equal(
        refusal(() => loadImage({ name: "k", bytes: change(good.slice()) })),
        "bad-elf",
      );
    }
  });
});
