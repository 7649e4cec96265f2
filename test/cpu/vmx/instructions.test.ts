import assert from "node:assert/strict";
import { enterGuest } from "../../../src/engine/cpu/vmx/entry";
import { vmcsView } from "../../../src/engine/cpu/vmx/vmcsView";
import { launchState, readFieldAt } from "../../../src/engine/cpu/vmx/vmcs";
import { controlMask } from "../../../src/engine/isa/vmx/controls";
import { VMCS_FIELDS, VMCS_REVISION_ID, fieldBits } from "../../../src/engine/isa/vmx/vmcsFields";
import { PLACE, Rig } from "./rig";

const STATUS = 0x8d5;
const CARRY = 1;
const ZERO = 0x40;

function run(rig: Rig, text: string, registers: Readonly<Record<number, bigint>> = {}): number {
  for (const [register, value] of Object.entries(registers))
    rig.cpu.setGpr(Number(register), value);
  rig.cpu.rflags = STATUS | 2;
  rig.run(text);
  return rig.cpu.rflags & STATUS;
}

/** Outside VMX operation, with a VMXON region whose address is at PLACE.data. */
function outside(): Rig {
  const rig = new Rig();
  rig.cpu.system.vmx.vmxon = -1;
  rig.cpu.system.vmx.current = -1;
  rig.cpu.ram.write64(PLACE.data, BigInt(PLACE.vmxon));
  rig.cpu.setGpr(3, BigInt(PLACE.data));
  return rig;
}

/** The vector that the instruction raised; the host has no IDT, so it is in the events. */
function raised(rig: Rig): number | undefined {
  const event = rig.events.find(({ kind }) => kind === "exception");
  return event?.kind === "exception" ? event.vector : undefined;
}

describe("VMXON and VMXOFF", () => {
  it("switch VMX operation on and off", () => {
    const rig = outside();
    assert.equal(run(rig, "vmxon [rbx]"), 0);
    assert.equal(rig.cpu.system.vmx.vmxon, PLACE.vmxon);
    assert.equal(run(rig, "vmxoff"), 0);
    assert.equal(rig.cpu.system.vmx.vmxon, -1);
  });

  it("VMfailInvalid for a pointer that is not aligned, too wide, or lacks the revision", () => {
    for (const pointer of [0x4010n, 1n << 40n, 0x50000n]) {
      const rig = outside();
      rig.cpu.ram.write64(PLACE.data, pointer);
      assert.equal(run(rig, "vmxon [rbx]"), CARRY);
      assert.equal(rig.cpu.system.vmx.vmxon, -1);
    }
  });

  it("#UD without CR4.VMXE, #GP without the fixed bits of CR0 or IA32_FEATURE_CONTROL", () => {
    const noVmxe = outside();
    noVmxe.cpu.system.cr4 &= ~0x2000;
    run(noVmxe, "vmxon [rbx]");
    assert.equal(raised(noVmxe), 6);
    const noNe = outside();
    noNe.cpu.system.cr0 &= ~0x20;
    run(noNe, "vmxon [rbx]");
    assert.equal(raised(noNe), 13);
    const unlocked = outside();
    unlocked.cpu.system.msrs.featureControl = 4n;
    run(unlocked, "vmxon [rbx]");
    assert.equal(raised(unlocked), 13);
  });

  it("fails with error 15 in VMX root operation", () => {
    const rig = new Rig();
    assert.equal(run(rig, "vmxon [rbx]", { 3: BigInt(PLACE.data) }), ZERO);
    assert.equal(rig.read("VM_INSTRUCTION_ERROR"), 15n);
  });

  it("the other instructions are #UD outside VMX operation", () => {
    for (const text of [
      "vmxoff",
      "vmcall",
      "vmlaunch",
      "vmread rax, rcx",
      "vmclear [rbx]",
      "vmfunc",
    ]) {
      const rig = outside();
      run(rig, text);
      assert.equal(raised(rig), 6, text);
    }
  });
});

describe("VMCLEAR, VMPTRLD, VMPTRST", () => {
  const pointers = (value: bigint): Rig => {
    const rig = new Rig();
    rig.cpu.ram.write64(PLACE.data, value);
    rig.cpu.setGpr(3, BigInt(PLACE.data));
    return rig;
  };

  it("VMCLEAR makes the launch state clear and the pointer no longer current", () => {
    const rig = pointers(BigInt(PLACE.vmcs));
    enterGuest(rig.cpu, true);
    rig.run("cpuid");
    assert.equal(launchState(rig.cpu, PLACE.vmcs), "launched");
    rig.cpu.setGpr(3, BigInt(PLACE.data));
    assert.equal(run(rig, "vmclear [rbx]"), 0);
    assert.equal(launchState(rig.cpu, PLACE.vmcs), "clear");
    assert.equal(rig.cpu.system.vmx.current, -1);
    assert.equal(run(rig, "vmptrst [rbx]"), 0);
    assert.equal(rig.cpu.ram.read64(PLACE.data), 0xffffffffffffffffn);
  });

  it("VMPTRLD and VMPTRST", () => {
    const rig = pointers(0x50000n);
    rig.cpu.ram.write32(0x50000, VMCS_REVISION_ID);
    assert.equal(run(rig, "vmptrld [rbx]"), 0);
    assert.equal(rig.cpu.system.vmx.current, 0x50000);
    run(rig, "vmptrst [rbx+8]");
    assert.equal(rig.cpu.ram.read64(PLACE.data + 8), 0x50000n);
  });

  const failures = [
    ["vmclear", 0x50010n, 2n],
    ["vmclear", BigInt(PLACE.vmxon), 3n],
    ["vmptrld", 1n << 45n, 9n],
    ["vmptrld", BigInt(PLACE.vmxon), 10n],
    ["vmptrld", 0x50000n, 11n],
  ] as const;
  for (const [mnemonic, pointer, error] of failures) {
    it(`${mnemonic} of 0x${pointer.toString(16)}: error ${error}`, () => {
      const rig = pointers(pointer);
      assert.equal(run(rig, `${mnemonic} [rbx]`), ZERO);
      assert.equal(rig.read("VM_INSTRUCTION_ERROR"), error);
      assert.equal(rig.cpu.system.vmx.current, PLACE.vmcs);
    });
  }
});

describe("VMREAD and VMWRITE", () => {
  const PATTERN = 0xfedcba9876543210n;

  for (const field of VMCS_FIELDS) {
    it(`${field.name}: ${field.readOnly ? "read only" : "written and read"}`, () => {
      const rig = new Rig();
      const before = rig.read(field.name);
      const encoding = BigInt(field.encoding);
      const status = run(rig, "vmwrite rax, rcx", { 0: encoding, 1: PATTERN });
      assert.equal(status, field.readOnly ? ZERO : 0);
      const expected = field.readOnly ? before : BigInt.asUintN(fieldBits(field), PATTERN);
      if (field.name !== "VM_INSTRUCTION_ERROR") {
        assert.equal(run(rig, "vmread rdx, rax", { 0: encoding, 2: 0n }), 0);
        assert.equal(rig.cpu.gpr(2), expected);
      }
      if (field.readOnly) assert.equal(rig.read("VM_INSTRUCTION_ERROR"), 13n);
    });
  }

  it("access type high is bits 63:32 of a 64-bit field", () => {
    const rig = new Rig();
    rig.write("TSC_OFFSET", 0x1111111122222222n);
    run(rig, "vmread rdx, rax", { 0: 0x2011n });
    assert.equal(rig.cpu.gpr(2), 0x11111111n);
    run(rig, "vmwrite rax, rcx", { 0: 0x2011n, 1: PATTERN });
    assert.equal(rig.read("TSC_OFFSET"), 0x7654321022222222n);
  });

  it("memory operands are 64 bits wide in 64-bit mode", () => {
    const rig = new Rig();
    rig.cpu.ram.write64(PLACE.data, PATTERN);
    run(rig, "vmwrite rax, [rbx]", { 0: 0x681cn, 3: BigInt(PLACE.data) });
    assert.equal(rig.read("GUEST_RSP"), PATTERN);
    run(rig, "vmread [rbx+8], rax");
    assert.equal(rig.cpu.ram.read64(PLACE.data + 8), PATTERN);
  });

  it("an unknown encoding is error 12", () => {
    for (const encoding of [0x6c18n, 0x2012n, 0x4003n, 0x10000681cn, 0xffffffffn]) {
      const rig = new Rig();
      assert.equal(run(rig, "vmread rdx, rax", { 0: encoding }), ZERO);
      assert.equal(rig.read("VM_INSTRUCTION_ERROR"), 12n);
    }
  });

  it("VMfailInvalid without a current VMCS", () => {
    const rig = new Rig();
    rig.cpu.system.vmx.current = -1;
    assert.equal(run(rig, "vmread rdx, rax", { 0: 0x681cn }), CARRY);
    assert.equal(run(rig, "vmwrite rax, rdx", { 0: 0x681cn }), CARRY);
  });
});

describe("VMLAUNCH and VMRESUME as instructions", () => {
  it("go on in the guest, and behind themselves after VMfail", () => {
    const rig = new Rig();
    assert.equal(run(rig, "vmresume"), ZERO);
    assert.equal(rig.cpu.rip, BigInt(PLACE.hostCode + 3));
    run(rig, "vmlaunch");
    assert.equal(rig.cpu.rip, BigInt(PLACE.guestCode));
    rig.run("cpuid");
    run(rig, "vmresume");
    assert.equal(rig.cpu.rip, BigInt(PLACE.guestCode));
  });

  it("VMCALL in root operation is error 1", () => {
    const rig = new Rig();
    assert.equal(run(rig, "vmcall"), ZERO);
    assert.equal(rig.read("VM_INSTRUCTION_ERROR"), 1n);
  });
});

describe("Cached translations", () => {
  const LOAD = "mov al, [rbx]";
  const OTHER = 0x50000;

  /** A guest that has read a page which the host then remaps behind its back. */
  function stale(prepare: (rig: Rig) => void = () => undefined): Rig {
    const rig = new Rig();
    prepare(rig);
    rig.cpu.ram.write8(PLACE.data, 1);
    rig.cpu.ram.write8(OTHER, 2);
    enterGuest(rig.cpu, true);
    rig.cpu.setGpr(3, BigInt(PLACE.data));
    rig.run(`${LOAD}\ncpuid`, 2);
    rig.setEpt(PLACE.data, OTHER, 7);
    return rig;
  }

  function loaded(rig: Rig): bigint {
    rig.cpu.setGpr(3, BigInt(PLACE.data));
    rig.write("GUEST_RIP", PLACE.guestCode);
    enterGuest(rig.cpu, false);
    rig.run(LOAD);
    return rig.cpu.gpr(0, 8);
  }

  const withoutVpid = (rig: Rig): void => {
    rig.setBits(
      "SECONDARY_PROCESSOR_BASED_CONTROLS",
      controlMask("secondary", "enableVpid"),
      false,
    );
  };

  it("with VPID survive exit and entry: a missing INVEPT shows", () => {
    assert.equal(loaded(stale()), 1n);
  });

  it("without VPID are gone after every transition", () => {
    assert.equal(loaded(stale(withoutVpid)), 2n);
  });

  it("of another EPTP are not used", () => {
    const rig = stale();
    rig.cpu.ram.write64(0x60000, 0x9007n);
    rig.write("EPT_POINTER", 0x6001en);
    assert.equal(loaded(rig), 2n);
  });

  const invalidations = [
    ["invept, single context", "invept rax, [rbx]", 1n, 0x701en, 0n, true],
    ["invept, single context of another EPTP", "invept rax, [rbx]", 1n, 0x6001en, 0n, false],
    ["invept, all contexts", "invept rax, [rbx]", 2n, 0n, 0n, true],
    ["invvpid, address", "invvpid rax, [rbx]", 0n, 1n, BigInt(PLACE.data), true],
    // Another large page: an address within the same one would take all of it.
    ["invvpid, another address", "invvpid rax, [rbx]", 0n, 1n, 0x80000000n, false],
    ["invvpid, single context", "invvpid rax, [rbx]", 1n, 1n, 0n, true],
    ["invvpid, single context of another VPID", "invvpid rax, [rbx]", 1n, 2n, 0n, false],
    ["invvpid, all contexts", "invvpid rax, [rbx]", 2n, 0n, 0n, true],
    ["invvpid, all but globals", "invvpid rax, [rbx]", 3n, 1n, 0n, true],
  ] as const;
  for (const [name, text, type, low, high, works] of invalidations) {
    it(`${name}: ${works ? "drops" : "keeps"} the entry`, () => {
      const rig = stale();
      rig.cpu.ram.write64(0x51000, low);
      rig.cpu.ram.write64(0x51008, high);
      assert.equal(run(rig, text, { 0: type, 3: 0x51000n }), 0);
      assert.equal(loaded(rig), works ? 2n : 1n);
    });
  }

  const refusals = [
    ["invept", 0n, 0n, 0n],
    ["invept", 1n, 0x7001n, 0n],
    ["invept", 2n, 0n, 1n],
    ["invvpid", 4n, 1n, 0n],
    ["invvpid", 1n, 0n, 0n],
    ["invvpid", 0n, 1n, 1n << 60n],
    ["invvpid", 2n, 0x10000n, 0n],
  ] as const;
  for (const [mnemonic, type, low, high] of refusals) {
    it(`${mnemonic} type ${type} with 0x${low.toString(16)}, 0x${high.toString(16)}: error 28`, () => {
      const rig = new Rig();
      rig.cpu.ram.write64(0x51000, low);
      rig.cpu.ram.write64(0x51008, high);
      assert.equal(run(rig, `${mnemonic} rax, [rbx]`, { 0: type, 3: 0x51000n }), ZERO);
      assert.equal(rig.read("VM_INSTRUCTION_ERROR"), 28n);
    });
  }
});

describe("VMFUNC", () => {
  const LIST = 0x52000;
  const functions = (): Rig => {
    const rig = new Rig();
    rig.setBits(
      "SECONDARY_PROCESSOR_BASED_CONTROLS",
      controlMask("secondary", "enableVmFunctions"),
    );
    rig.write("VM_FUNCTION_CONTROLS", 1n);
    rig.write("EPTP_LIST_ADDRESS", LIST);
    rig.cpu.ram.write64(0x60000, 0x9007n);
    rig.cpu.ram.write64(LIST + 8, 0x6001en);
    rig.cpu.ram.write64(LIST + 16, 0x6000n);
    enterGuest(rig.cpu, true);
    return rig;
  };
  const call = (rig: Rig, leaf: bigint, index: bigint): void => {
    rig.cpu.setGpr(0, leaf);
    rig.cpu.setGpr(1, index);
    rig.run("vmfunc");
  };

  it("0 switches the EPTP to one of the list", () => {
    const rig = functions();
    call(rig, 0n, 1n);
    assert.equal(rig.cpu.system.vmx.nonRoot, true);
    assert.equal(rig.read("EPT_POINTER"), 0x6001en);
    assert.equal(rig.cpu.rip, BigInt(PLACE.guestCode + 3));
  });

  it("exits for an EPTP that VM entry would refuse, an index beyond 511, a function that is off", () => {
    for (const [leaf, index] of [
      [0n, 2n],
      [0n, 512n],
      [1n, 0n],
      [63n, 0n],
    ] as const) {
      const rig = functions();
      call(rig, leaf, index);
      assert.equal(rig.exitKey, "VMFUNC");
    }
  });

  it("is #UD for a number that no function can have", () => {
    const rig = functions();
    call(rig, 64n, 0n);
    assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16 * 6));
  });

  it("is #UD in a guest without VM functions", () => {
    const rig = new Rig();
    enterGuest(rig.cpu, true);
    rig.run("vmfunc");
    assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16 * 6));
  });
});

describe("The VMCS for display", () => {
  it("has every field with its meaning", () => {
    const rig = new Rig();
    enterGuest(rig.cpu, true);
    rig.run("cpuid");
    const view = vmcsView(rig.cpu)!;
    assert.equal(view.region, PLACE.vmcs);
    assert.equal(view.launchState, "launched");
    assert.equal(view.fields.length, VMCS_FIELDS.length);
    const decoded = Object.fromEntries(view.fields.map((row) => [row.field.name, row.decoded]));
    assert.equal(decoded.EXIT_REASON, "CPUID");
    assert.equal(decoded.GUEST_CR0, "PE ET NE PG");
    assert.match(decoded.PIN_BASED_CONTROLS!, /NMI exiting/);
    for (const { field, value } of view.fields)
      assert.equal(value, readFieldAt(rig.cpu, PLACE.vmcs, field));
  });

  it("is absent without a VMCS", () => {
    const rig = new Rig();
    rig.cpu.system.vmx.current = -1;
    assert.equal(vmcsView(rig.cpu), undefined);
  });
});
