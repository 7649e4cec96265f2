import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AR,
  accessRightsText,
  decodeDescriptor,
  decodeGate,
  decodeSelector,
  encodeDescriptor,
  encodeGate,
  encodeSelector,
  encodeSystemDescriptorHigh,
  segmentCacheOf,
  selectorText,
} from "../../src/engine/isa/descriptors";
import {
  EXCEPTIONS,
  combineExceptions,
  decodeErrorCode,
  pushesErrorCode,
  vectorName,
} from "../../src/engine/isa/exceptions";
import {
  decodeEntry,
  entryIndex,
  entryLayout,
  entryName,
  levelShift,
  topLevel,
  type PagingFormat,
  type PagingLevel,
  type PagingOptions,
} from "../../src/engine/isa/pageTables";

const low = (raw: bigint): number => Number(raw & 0xffffffffn);
const high = (raw: bigint): number => Number(raw >> 32n);

describe("segment descriptors", () => {
  it("decode the flat segments every kernel has", () => {
    const code = decodeDescriptor(0x00cf9a000000ffffn);
    assert.equal(code.kind, "code");
    assert.equal(
      code.text,
      "code execute/read, DPL 0, 32-bit, present, base 0x0, limit 0xffffffff",
    );
    assert.equal(
      decodeDescriptor(0x00af9b000000ffffn).text,
      "code execute/read, accessed, DPL 0, 64-bit, present, base 0x0, limit 0xffffffff",
    );
    assert.equal(
      decodeDescriptor(0x00cff3000000ffffn).text,
      "data read/write, accessed, DPL 3, 32-bit, present, base 0x0, limit 0xffffffff",
    );
    assert.equal(decodeDescriptor(0n).kind, "null");
  });

  it("encode what they decode", () => {
    const base = fc.integer({ min: 0, max: 0xffffffff });
    const limit = fc.integer({ min: 0, max: 0xfffff });
    const rights = fc.integer({ min: 0, max: 0xffff }).map((value) => value & 0xf0ff);
    fc.assert(
      fc.property(base, limit, rights, (base, raw, accessRights) => {
        const limit = accessRights & AR.G ? ((raw << 12) | 0xfff) >>> 0 : raw;
        const encoded = encodeDescriptor({ base: BigInt(base), limit, accessRights });
        assert.deepEqual(segmentCacheOf(low(encoded), high(encoded)), {
          base: BigInt(base),
          limit,
          accessRights,
        });
      }),
      { seed: 1 },
    );
  });

  it("take 16 bytes for a TSS in IA-32e mode", () => {
    const base = 0xffff800000123456n;
    const first = encodeDescriptor({ base, limit: 0x67, accessRights: 0x89 });
    const tss = decodeDescriptor(first, true, encodeSystemDescriptorHigh(base));
    assert.ok(tss.kind === "system" && tss.system === "tss-available");
    assert.equal(tss.segment.base, base);
  });

  it("know which system types IA-32e mode drops", () => {
    const taskGate = 0x0000850000280000n;
    assert.equal(
      decodeDescriptor(taskGate).text,
      "task gate to TSS 0x28 (GDT entry 5, RPL 0), DPL 0, present",
    );
    const dropped = decodeDescriptor(taskGate, true);
    assert.ok(dropped.kind === "system" && dropped.system === "reserved");
  });

  it("put access rights in words", () => {
    assert.equal(accessRightsText(0x8b), "32/64-bit TSS (busy), DPL 0, present");
    assert.equal(accessRightsText(0x10000), "unusable");
  });
});

describe("gates", () => {
  it("encode what they decode, in both formats", () => {
    const word = fc.integer({ min: 0, max: 0xffff });
    const three = fc.integer({ min: 0, max: 3 });
    const offsets = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    fc.assert(
      fc.property(
        word,
        offsets,
        three,
        fc.boolean(),
        fc.constantFrom(12, 14, 15),
        fc.integer({ min: 0, max: 7 }),
        (selector, wide, dpl, present, type, small) => {
          const short = {
            selector,
            offset: wide & 0xffffffffn,
            type,
            dpl,
            present,
            parameterCount: small,
            ist: 0,
          };
          const [raw] = encodeGate(short, false);
          assert.deepEqual(decodeGate(low(raw!), high(raw!)), short);
          const long = {
            selector,
            offset: wide,
            type,
            dpl,
            present,
            parameterCount: 0,
            ist: small,
          };
          const [first, second] = encodeGate(long, true);
          assert.deepEqual(decodeGate(low(first!), high(first!), low(second!)), long);
        },
      ),
      { seed: 1 },
    );
  });

  it("say where they lead", () => {
    const [raw] = encodeGate(
      {
        selector: 8,
        offset: 0x100020n,
        type: 14,
        dpl: 3,
        present: true,
        parameterCount: 0,
        ist: 0,
      },
      false,
    );
    assert.equal(
      decodeDescriptor(raw!).text,
      "32/64-bit interrupt gate to 0x8:0x100020, DPL 3, present",
    );
  });
});

describe("selectors", () => {
  it("encode what they decode", () => {
    const selector = decodeSelector(0x2f);
    assert.deepEqual(
      [selector.index, selector.table, selector.rpl, selector.isNull],
      [5, "LDT", 3, false],
    );
    assert.equal(encodeSelector(5, "LDT", 3), 0x2f);
    assert.equal(selectorText(3), "0x03 (null)");
  });
});

describe("exceptions", () => {
  it("are 32, in order of their vectors", () => {
    assert.deepEqual(
      EXCEPTIONS.map((row) => row.vector),
      Array.from({ length: 32 }, (_, vector) => vector),
    );
    assert.deepEqual(
      EXCEPTIONS.filter((row) => pushesErrorCode(row.vector)).map((row) => row.mnemonic),
      ["#DF", "#TS", "#NP", "#SS", "#GP", "#PF", "#AC"],
    );
    assert.deepEqual(
      [vectorName(14), vectorName(2), vectorName(0x80)],
      ["#PF", "NMI", "vector 128"],
    );
  });

  it("combine as the double-fault table says", () => {
    // prettier-ignore
    const cases = [[13, 13, "double-fault"], [13, 14, "serially"], [14, 14, "double-fault"], [14, 13, "double-fault"], [14, 6, "serially"], [1, 13, "serially"], [8, 13, "triple-fault"], [8, 14, "triple-fault"], [8, 1, "serially"], [0, 11, "double-fault"]] as const;
    for (const [first, second, expected] of cases)
      assert.equal(combineExceptions(first, second), expected);
  });

  it("explain their error codes", () => {
    assert.equal(decodeErrorCode(14, 0x15).text, "user instruction fetch: protection violation");
    assert.equal(
      decodeErrorCode(14, 9).text,
      "supervisor read: reserved bit set in a paging-structure entry",
    );
    assert.equal(decodeErrorCode(13, 0).text, "no selector");
    assert.equal(
      decodeErrorCode(13, 0x103).text,
      "IDT entry 32, during delivery of an external event",
    );
    assert.equal(decodeErrorCode(11, 0x24).text, "selector 0x24 (LDT entry 4)");
    assert.deepEqual(decodeErrorCode(6, 5), { text: "", fields: [] });
  });
});

describe("paging-structure entries", () => {
  const options: PagingOptions = {
    physicalAddressBits: 40,
    executeDisable: true,
    pageSizeExtensions: true,
    pages1G: true,
    executeOnly: true,
  };
  const text = (
    entry: bigint,
    format: PagingFormat,
    level: PagingLevel,
    more: Partial<PagingOptions> = {},
  ) => decodeEntry(entry, format, level, { ...options, ...more }).text;

  it("are named by format and level", () => {
    assert.equal(entryName("ept", 4), "EPT PML4E");
    assert.equal(entryName("32-bit", 3), undefined);
    assert.deepEqual((["32-bit", "pae", "4-level", "ept"] as const).map(topLevel), [2, 3, 4, 4]);
  });

  it("select an address's bits by level", () => {
    const address = 0x0000_7fff_dead_b000n;
    assert.deepEqual(
      ([4, 3, 2, 1] as const).map((level) => entryIndex("4-level", level, address)),
      [255, 511, 245, 219],
    );
    assert.equal(entryIndex("32-bit", 2, 0xc0100000n), 768);
    assert.equal(entryIndex("pae", 3, 0xc0000000n), 3);
    assert.equal(levelShift("32-bit", 2), 22);
  });

  it("read as one line", () => {
    assert.equal(text(0x2003n, "4-level", 4), "PML4E → table 0x2000 [P W]");
    assert.equal(text(0x2000e7n, "4-level", 2), "PDE → 2 MiB page 0x200000 [P W U A D PS]");
    assert.equal(text(0x8000000000001163n, "4-level", 1), "PTE → 4 KiB page 0x1000 [P W A D G XD]");
    assert.equal(text(0x400083n, "32-bit", 2), "PDE → 4 MiB page 0x400000 [P W PS]");
    assert.equal(text(0x37n, "ept", 1), "EPT PTE → 4 KiB page 0x0 [R W X], WB");
    assert.equal(text(0n, "4-level", 1), "PTE not present");
    assert.equal(text(0xabc000n, "4-level", 1), "PTE not present (0xabc000)");
    assert.equal(
      text(0x100000002002n, "ept", 4),
      "EPT PML4E → table 0x100000002000 [W]: malformed, reserved bits are set: 44",
    );
  });

  it("have the reserved bits of their format", () => {
    const reserved = (
      entry: bigint,
      format: PagingFormat,
      level: PagingLevel,
      more: Partial<PagingOptions> = {},
    ) => decodeEntry(entry, format, level, { ...options, ...more }).reservedSet;
    assert.equal(reserved(0x81n, "4-level", 4), 0x80n, "PS in a PML4E");
    assert.equal(
      reserved(0x81n, "4-level", 3, { pages1G: false }),
      0x80n,
      "PS without 1 GiB pages",
    );
    assert.equal(reserved(0x81n, "4-level", 3), 0n);
    assert.equal(reserved(0x2081n, "4-level", 2), 0x2000n, "bit 13 of a 2 MiB page");
    assert.equal(reserved(0x1081n, "4-level", 2), 0n, "PAT of a 2 MiB page");
    assert.equal(reserved((1n << 63n) | 1n, "4-level", 1, { executeDisable: false }), 1n << 63n);
    assert.equal(reserved((1n << 52n) | 1n, "4-level", 1), 0n, "ignored bit");
    assert.equal(reserved((1n << 52n) | 1n, "pae", 1), 1n << 52n);
    assert.equal(reserved((1n << 40n) | 1n, "4-level", 1), 1n << 40n, "beyond the address width");
    assert.equal(reserved(0x1e7n, "pae", 3), 0x1e6n);
    assert.equal(reserved(0x200081n, "32-bit", 2), 0x200000n, "bit 21 of a 4 MiB page");
    assert.equal(reserved(0x200081n, "32-bit", 2, { pageSizeExtensions: false }), 0n);
    assert.equal(reserved(0x80n, "4-level", 4), 0n, "not present");
    assert.equal(reserved(0x3fn, "ept", 4), 0x38n, "memory type of a table");
    assert.equal(reserved(0x10b7n, "ept", 2), 0x1000n, "bit 12 of a 2 MiB page");
  });

  it("map 4 MiB pages above 4 GiB with PSE-36", () => {
    assert.equal(decodeEntry(0x402083n, "32-bit", 2, options).frame, 0x100400000n);
  });

  it("are misconfigured in EPT as the manual lists", () => {
    const why = (entry: bigint, more: Partial<PagingOptions> = {}) =>
      decodeEntry(entry, "ept", 1, { ...options, ...more }).malformed;
    assert.equal(why(0x32n), "writable but not readable");
    assert.equal(why(0x34n), undefined);
    assert.match(why(0x34n, { executeOnly: false })!, /execute-only is not supported/);
    assert.equal(why(0x17n), "memory type 2 is reserved");
    assert.equal(why(0x30n), undefined, "not present is a violation, not a misconfiguration");
  });

  it("take permissions from the right bits", () => {
    const ept = decodeEntry(0x35n, "ept", 1, options);
    assert.deepEqual([ept.readable, ept.writable, ept.executable], [true, false, true]);
    const page = decodeEntry((1n << 63n) | 5n, "4-level", 1, options);
    assert.deepEqual(
      [page.readable, page.writable, page.user, page.executable],
      [true, false, true, false],
    );
    const pointer = decodeEntry(1n, "pae", 3, options);
    assert.deepEqual([pointer.writable, pointer.user], [true, true]);
  });

  it("have layouts without overlaps", () => {
    const rows = (["32-bit", "pae", "4-level", "ept"] as const).flatMap((format) =>
      ([4, 3, 2, 1] as const)
        .filter((level) => entryName(format, level))
        .flatMap((level) => [entryLayout(format, level, false), entryLayout(format, level, true)]),
    );
    for (const { fields, name } of rows) {
      const ordered = fields.toSorted((a, b) => a.low - b.low);
      ordered.forEach((field, index) =>
        assert.ok(index === 0 || field.low > ordered[index - 1]!.high, `${name}.${field.name}`),
      );
    }
  });
});
