import assert from "node:assert/strict";
import {
  decodeBits,
  reservedMask,
  summarizeBits,
  supportedMask,
} from "../../src/engine/isa/bitFields";
import { CR4_LAYOUT } from "../../src/engine/isa/controlRegisters";
import { MSR, MSRS, isValidPat, msrByName, msrByNumber, msrText } from "../../src/engine/isa/msrs";
import {
  FEATURE_CONTROL_VALUE,
  capabilityMsrs,
  vmxCapabilities,
} from "../../src/engine/isa/vmx/capabilities";
import {
  CONTROL_LAYOUTS,
  DEFAULT1,
  VMX_CONTROLS,
  controlMask,
  controlsOf,
  decodeControls,
} from "../../src/engine/isa/vmx/controls";
import { EXIT, EXIT_REASONS, exitReasonByNumber } from "../../src/engine/isa/vmx/exitReasons";
import {
  VM_ERROR,
  VM_INSTRUCTION_ERRORS,
  vmInstructionError,
} from "../../src/engine/isa/vmx/vmInstructionErrors";
import {
  VMCS_FIELDS,
  VMCS_REGION_SIZE,
  VMCS_REVISION_ID,
  accessedField,
  decodeFieldEncoding,
  fieldByEncoding,
  fieldByName,
  highestFieldIndex,
} from "../../src/engine/isa/vmx/vmcsFields";

describe("VMCS fields", () => {
  it("have unique encodings, names, titles and offsets", () => {
    for (const key of ["encoding", "name", "title", "offset"] as const) {
      assert.equal(new Set(VMCS_FIELDS.map((field) => field[key])).size, VMCS_FIELDS.length, key);
    }
  });

  it("fit the region, 8 bytes each behind the header", () => {
    for (const { name, offset } of VMCS_FIELDS) {
      assert.ok(offset >= 16 && offset % 8 === 0 && offset + 8 <= VMCS_REGION_SIZE, name);
    }
  });

  it("take area and width from the encoding", () => {
    const { area, width, readOnly } = fieldByName("GUEST_RIP");
    assert.deepEqual(
      { area, width, readOnly },
      { area: "guest", width: "natural", readOnly: false },
    );
    assert.equal(fieldByName("EXIT_REASON").readOnly, true);
    assert.equal(fieldByName("EPT_POINTER").width, 64);
    assert.equal(fieldByName("HOST_CS_SELECTOR").area, "host");
  });

  it("stand in the display group of their area", () => {
    const areaOf = { Host: "host", Guest: "guest" } as const;
    for (const field of VMCS_FIELDS) {
      const prefix = field.group.split(" ")[0]!;
      const expected = areaOf[prefix as keyof typeof areaOf];
      if (expected !== undefined) assert.equal(field.area, expected, field.name);
      assert.equal(field.group === "VM-exit information", field.area === "exit-info", field.name);
    }
  });

  it("decode their encodings", () => {
    assert.deepEqual(decodeFieldEncoding(0x201b), {
      area: "control",
      width: 64,
      index: 13,
      high: true,
      full: 0x201a,
    });
    assert.deepEqual(decodeFieldEncoding(0x4402), {
      area: "exit-info",
      width: 32,
      index: 1,
      high: false,
      full: 0x4402,
    });
    for (const refused of [-1, 0x8000, 0x5000, 0x681f, 0x4403, 0x0801]) {
      assert.equal(decodeFieldEncoding(refused), undefined, String(refused));
    }
  });

  it("are reached by full and high access", () => {
    assert.equal(accessedField(0x2005)?.field.name, "MSR_BITMAP_ADDRESS");
    assert.equal(accessedField(0x2005)?.high, true);
    assert.equal(accessedField(0x681e)?.high, false);
    assert.equal(accessedField(0x401c), undefined, "TPR threshold needs a TPR shadow");
    assert.equal(fieldByEncoding(0x2012), undefined, "virtual-APIC address needs a TPR shadow");
  });

  it("have 0x17 as their highest index", () => assert.equal(highestFieldIndex(), 0x17));
});

describe("exit reasons", () => {
  it("have unique numbers and keys", () => {
    assert.equal(new Set(EXIT_REASONS.map((row) => row.number)).size, EXIT_REASONS.length);
    assert.equal(new Set(EXIT_REASONS.map((row) => row.key)).size, EXIT_REASONS.length);
  });

  it("carry the keys of reports and breakpoints", () => {
    const expected = {
      CPUID: 10,
      HLT: 12,
      VMCALL: 18,
      CR_ACCESS: 28,
      IO_INSTRUCTION: 30,
      RDMSR: 31,
      EPT_VIOLATION: 48,
      PREEMPTION_TIMER: 52,
    };
    for (const [key, number] of Object.entries(expected)) {
      assert.equal(EXIT[key as keyof typeof EXIT], number);
      assert.equal(exitReasonByNumber(number)?.key, key);
    }
  });

  it("are found by the whole exit-reason field", () => {
    assert.equal(exitReasonByNumber(0x80000021)?.key, "ENTRY_FAILURE_GUEST_STATE");
    assert.equal(exitReasonByNumber(35), undefined);
  });

  it("have an instruction length only where an instruction caused the exit", () => {
    for (const { key, instructionLength, instructionInformation } of EXIT_REASONS) {
      if (instructionInformation !== "none") assert.equal(instructionLength, "always", key);
    }
    assert.equal(exitReasonByNumber(EXIT.EPT_VIOLATION)?.instructionLength, "never");
    assert.equal(exitReasonByNumber(EXIT.EXCEPTION_NMI)?.instructionLength, "software-event");
  });
});

describe("VM-instruction errors", () => {
  it("cover 1 to 28 without the numbers that do not exist", () => {
    const numbers = VM_INSTRUCTION_ERRORS.map((row) => row.number);
    const missing = Array.from({ length: 28 }, (_, index) => index + 1).filter(
      (n) => !numbers.includes(n),
    );
    assert.deepEqual(missing, [14, 21, 27]);
    for (const number of Object.values(VM_ERROR)) assert.ok(vmInstructionError(number));
  });
});

describe("VMX controls", () => {
  it("have one row a bit", () => {
    for (const word of ["pin", "primary", "secondary", "exit", "entry"] as const) {
      const bits = controlsOf(word).map((row) => row.bit);
      assert.equal(new Set(bits).size, bits.length, word);
      assert.deepEqual(
        bits,
        bits.toSorted((a, b) => a - b),
        word,
      );
      assert.equal(
        supportedMask(CONTROL_LAYOUTS[word]),
        BigInt(vmxCapabilities().allowed[word].mayBeOne),
      );
    }
  });

  it("decode a word into names", () => {
    const { set, unnamed, missingDefault1 } = decodeControls("pin", 0x96 | 0x100);
    assert.deepEqual(
      set.map((row) => row.name),
      ["Process posted interrupts"],
    );
    assert.deepEqual([unnamed, missingDefault1], [[8], []]);
    assert.deepEqual(decodeControls("pin", 1).missingDefault1, [1, 2, 4]);
  });

  it("give masks by key", () => {
    assert.equal(controlMask("secondary", "enableEpt"), 2);
    assert.equal(controlMask("primary", "activateSecondaryControls"), 0x80000000);
  });
});

describe("VMX capability MSRs", () => {
  const capabilities = vmxCapabilities();
  const msrs = capabilityMsrs(capabilities);
  const value = (name: keyof typeof MSR): bigint => msrs.get(MSR[name])!;

  it("advertise a control exactly when its row is supported", () => {
    const trueMsr = {
      pin: "VMX_TRUE_PINBASED_CTLS",
      primary: "VMX_TRUE_PROCBASED_CTLS",
      secondary: "VMX_PROCBASED_CTLS2",
      exit: "VMX_TRUE_EXIT_CTLS",
      entry: "VMX_TRUE_ENTRY_CTLS",
    } as const;
    for (const row of VMX_CONTROLS) {
      const mayBeOne = value(trueMsr[row.control]) >> 32n;
      assert.equal(
        (mayBeOne >> BigInt(row.bit)) & 1n,
        row.supported ? 1n : 0n,
        `${row.control}.${row.key}`,
      );
    }
  });

  it("report the default1 class as 1 without TRUE, and let supported ones be 0 with TRUE", () => {
    const low = (name: keyof typeof MSR): bigint => value(name) & 0xffffffffn;
    assert.equal(low("VMX_PINBASED_CTLS"), 0x16n);
    assert.equal(low("VMX_PROCBASED_CTLS"), 0x0401e172n);
    assert.equal(low("VMX_EXIT_CTLS"), 0x36dffn);
    assert.equal(low("VMX_ENTRY_CTLS"), 0x11ffn);
    assert.equal(low("VMX_TRUE_PROCBASED_CTLS"), 0x04006172n);
    assert.equal(low("VMX_TRUE_EXIT_CTLS"), 0x36dfbn);
    assert.equal(low("VMX_TRUE_ENTRY_CTLS"), 0x11fbn);
    assert.equal(DEFAULT1.secondary.length, 0);
  });

  it("describe the region", () => {
    const basic = value("VMX_BASIC");
    assert.equal(basic & 0x7fffffffn, BigInt(VMCS_REVISION_ID));
    assert.equal((basic >> 32n) & 0x1fffn, 4096n);
    assert.equal((basic >> 50n) & 0xfn, 6n);
    assert.equal((basic >> 54n) & 7n, 3n);
    assert.equal(VMCS_REVISION_ID >>> 31, 0);
  });

  it("fix CR0.PE, NE and PG and CR4.VMXE, and allow what CR4 has", () => {
    assert.equal(value("VMX_CR0_FIXED0"), 0x80000021n);
    assert.equal(value("VMX_CR0_FIXED1"), 0xffffffffn);
    assert.equal(value("VMX_CR4_FIXED0"), 0x2000n);
    assert.equal(value("VMX_CR4_FIXED1"), supportedMask(CR4_LAYOUT));
    assert.equal(vmxCapabilities({ cr4Supported: 0x2030n }).cr4Fixed1, 0x2030n);
  });

  it("tell the highest field index, CR3 targets and activity states", () => {
    assert.equal(value("VMX_VMCS_ENUM"), 0x2en);
    assert.equal((value("VMX_MISC") >> 16n) & 0x1ffn, 4n);
    assert.equal((value("VMX_MISC") >> 5n) & 0xfn, 0b0111n);
    assert.equal(value("VMX_VMFUNC"), 1n);
  });

  it("report EPT and VPID as every processor with both does", () => {
    assert.equal(value("VMX_EPT_VPID_CAP"), 0xf0106334141n);
  });

  it("cover exactly the read-only VMX MSRs of the table", () => {
    const listed = MSRS.filter((row) => row.name.startsWith("IA32_VMX_")).map((row) => row.number);
    assert.deepEqual(
      [...msrs.keys()].toSorted((a, b) => a - b),
      listed,
    );
    assert.equal(FEATURE_CONTROL_VALUE, 5n);
  });
});

describe("MSR table", () => {
  it("is sorted and agrees with the numbers by name", () => {
    const numbers = MSRS.map((row) => row.number);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
    for (const [name, number] of Object.entries(MSR)) {
      assert.equal(msrByNumber(number)?.name.replace("IA32_", ""), name);
      assert.equal(msrByName(name)?.number, number);
    }
  });

  it("accepts exactly the memory types of the manual in IA32_PAT", () => {
    const valid = Array.from({ length: 256 }, (_, type) => type).filter((type) =>
      isValidPat((0x0700040600070406n & ~0xff000000n) | (BigInt(type) << 24n)),
    );
    assert.deepEqual(valid, [0, 1, 4, 5, 6, 7]);
  });

  it("names an MSR in text", () => {
    assert.equal(msrText(0xc0000080), "IA32_EFER (0xc0000080)");
    assert.equal(msrText(0x123), "MSR 0x123");
  });
});

describe("bit layouts", () => {
  const layouts = [
    ...VMCS_FIELDS.flatMap((field) => (field.bits === undefined ? [] : [field.bits])),
    ...MSRS.flatMap((row) => (row.bits === undefined ? [] : [row.bits])),
  ];

  it("have no overlapping or duplicate fields and stay within their width", () => {
    for (const layout of layouts) {
      const names = layout.fields.map((field) => field.name);
      assert.equal(new Set(names).size, names.length, layout.name);
      let next = 0;
      for (const field of layout.fields) {
        assert.ok(field.low >= next && field.high >= field.low, `${layout.name}.${field.name}`);
        next = field.high + 1;
      }
      assert.ok(next <= layout.width, layout.name);
    }
  });

  it("summarize and decode values, reserved bits included", () => {
    assert.equal(summarizeBits(CR4_LAYOUT, 0x2020n), "PAE VMXE");
    assert.equal(summarizeBits(CR4_LAYOUT, 1n << 40n), "reserved 40");
    assert.deepEqual(decodeBits(CR4_LAYOUT, 1n << 63n).at(-1)?.meaning, "reserved bit is set");
    assert.equal(reservedMask(CR4_LAYOUT) & 0x2020n, 0n);
  });
});
