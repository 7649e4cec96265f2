import assert from "node:assert/strict";
import { enterGuest } from "../../../src/engine/cpu/vmx/entry";
import { INTERCEPTS } from "../../../src/engine/cpu/vmx/intercepts";
import { INSTRUCTIONS } from "../../../src/engine/isa/table";
import { controlMask, type ControlKey } from "../../../src/engine/isa/vmx/controls";
import { decodeInstructionInformation } from "../../../src/engine/isa/vmx/instructionInformation";
import { exitReasonByNumber } from "../../../src/engine/isa/vmx/exitReasons";
import type { GuestKind } from "../../support/validVmcs";
import { PLACE, Rig } from "./rig";

const RBX = 3;
const RCX = 1;
const RDX = 2;

type Prepare = (rig: Rig) => void;

const primary =
  (...keys: ControlKey<"primary">[]): Prepare =>
  (rig) => {
    for (const key of keys)
      rig.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", controlMask("primary", key));
  };
const secondary =
  (...keys: ControlKey<"secondary">[]): Prepare =>
  (rig) => {
    for (const key of keys)
      rig.setBits("SECONDARY_PROCESSOR_BASED_CONTROLS", controlMask("secondary", key));
  };
const together =
  (...all: Prepare[]): Prepare =>
  (rig) => {
    for (const each of all) each(rig);
  };

/** Enters the guest, runs one instruction there. */
function inGuest(text: string, prepare: Prepare = () => undefined, kind?: GuestKind): Rig {
  const rig = new Rig(kind);
  rig.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", controlMask("primary", "hltExiting"), false);
  prepare(rig);
  assert.equal(enterGuest(rig.cpu, true).outcome.kind, "enter");
  rig.cpu.setGpr(RBX, BigInt(PLACE.data));
  rig.run(text);
  return rig;
}

function information(rig: Rig): string {
  const reason = exitReasonByNumber(Number(rig.read("EXIT_REASON")))!;
  const word = Number(rig.read("VM_EXIT_INSTRUCTION_INFORMATION"));
  const displacement = rig.read("EXIT_QUALIFICATION");
  return decodeInstructionInformation(reason.instructionInformation, word, displacement).text;
}

describe("Instructions that always exit", () => {
  const cases = [
    ["cpuid", "CPUID"],
    ["invd", "INVD"],
    ["vmcall", "VMCALL"],
    ["vmlaunch", "VMLAUNCH"],
    ["vmresume", "VMRESUME"],
    ["vmxoff", "VMXOFF"],
    ["vmclear [rbx]", "VMCLEAR"],
    ["vmptrld [rbx]", "VMPTRLD"],
    ["vmptrst [rbx]", "VMPTRST"],
    ["vmxon [rbx]", "VMXON"],
    ["vmread rax, rcx", "VMREAD"],
    ["vmwrite rax, rcx", "VMWRITE"],
    ["invept rax, [rbx]", "INVEPT"],
    ["invvpid rax, [rbx]", "INVVPID"],
  ] as const;
  for (const [text, key] of cases) {
    it(`${text}: ${key}`, () => {
      const rig = inGuest(text);
      assert.equal(rig.exitKey, key);
      assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
      assert.ok(rig.read("VM_EXIT_INSTRUCTION_LENGTH") > 1n);
    });
  }
});

describe("VMCALL", () => {
  it("exits in real-address mode too", () => {
    const rig = new Rig("real16");
    assert.equal(enterGuest(rig.cpu, true).outcome.kind, "enter");
    rig.run("vmcall");
    assert.equal(rig.exitKey, "VMCALL");
  });
});

describe("Instructions that exit under a control", () => {
  const none: Prepare = () => undefined;
  // prettier-ignore
  const cases: readonly (readonly [string, Prepare, Prepare, string])[] = [
    ["hlt", none, primary("hltExiting"), "HLT"],
    ["invlpg [rbx]", none, primary("invlpgExiting"), "INVLPG"],
    ["rdtsc", none, primary("rdtscExiting"), "RDTSC"],
    ["rdtscp", secondary("enableRdtscp"), primary("rdtscExiting"), "RDTSCP"],
    ["rdpmc", none, primary("rdpmcExiting"), "RDPMC"],
    ["pause", none, primary("pauseExiting"), "PAUSE"],
    ["mov rax, cr3", none, primary("cr3StoreExiting"), "CR_ACCESS"],
    ["mov rax, cr8", none, primary("cr8StoreExiting"), "CR_ACCESS"],
    ["mov cr8, rax", none, primary("cr8LoadExiting"), "CR_ACCESS"],
    ["mov rax, dr0", none, primary("movDrExiting"), "MOV_DR"],
    ["in al, 0x60", none, primary("unconditionalIoExiting"), "IO_INSTRUCTION"],
    ["wbinvd", none, secondary("wbinvdExiting"), "WBINVD"],
    ["rdrand eax", none, secondary("rdrandExiting"), "RDRAND"],
    ["rdseed rdx", none, secondary("rdseedExiting"), "RDSEED"],
    ["invpcid rax, [rbx]", secondary("enableInvpcid"), primary("invlpgExiting"), "INVPCID"],
    ["sgdt [rbx]", none, secondary("descriptorTableExiting"), "GDTR_IDTR_ACCESS"],
    ["lidt [rbx]", none, secondary("descriptorTableExiting"), "GDTR_IDTR_ACCESS"],
    ["str ax", none, secondary("descriptorTableExiting"), "LDTR_TR_ACCESS"],
    ["lldt [rbx]", none, secondary("descriptorTableExiting"), "LDTR_TR_ACCESS"],
  ];
  for (const [text, always, control, key] of cases) {
    it(`${text}: ${key}`, () => {
      const rig = inGuest(text, together(always, control));
      assert.equal(rig.exitKey, key);
      assert.equal(inGuest(text, always).cpu.system.vmx.nonRoot, true, "not without the control");
    });
  }

  it("RDTSCP, RDPID and INVPCID are undefined unless enabled", () => {
    for (const text of ["rdtscp", "rdpid rax", "invpcid rax, [rbx]"]) {
      const rig = inGuest(text);
      assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16 * 6));
    }
  });

  it("every family whose row names an exit of its own has an entry in the table", () => {
    // Exceptions and task switches exit where they happen, RSM never: there is no SMM.
    const elsewhere = new Set(["EXCEPTION_NMI", "TASK_SWITCH", "RSM"]);
    const missing = INSTRUCTIONS.filter(
      ({ semantics, vmExit }) =>
        vmExit && semantics && !elsewhere.has(vmExit.reason) && !(semantics in INTERCEPTS),
    ).map(({ id }) => id);
    assert.deepEqual(missing, []);
  });
});

describe("Control registers of a guest", () => {
  const owned: Prepare = (rig) => {
    rig.write("CR0_GUEST_HOST_MASK", 0x8000000bn); // PG, TS, MP, PE
    rig.write("CR0_READ_SHADOW", 0x80000001n);
  };

  it("reads host-owned bits from the shadow", () => {
    const rig = inGuest("mov rax, cr0", (r) => {
      r.write("CR0_GUEST_HOST_MASK", 0x10020n); // WP, NE
      r.write("CR0_READ_SHADOW", 0x10000n);
    });
    assert.equal(rig.cpu.gpr(0), (rig.read("GUEST_CR0") & ~0x20n) | 0x10000n);
  });

  it("exits for a write that differs from the shadow in a host-owned bit", () => {
    const rig = inGuest("mov cr0, rdx", owned);
    assert.equal(rig.exitKey, "CR_ACCESS");
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x200n);
  });

  it("writes other bits and keeps the host-owned ones", () => {
    const rig = new Rig();
    owned(rig);
    enterGuest(rig.cpu, true);
    rig.cpu.setGpr(0, 0x80010021n);
    rig.run("mov cr0, rax");
    assert.equal(rig.cpu.system.vmx.nonRoot, true);
    assert.equal(rig.cpu.system.cr0 >>> 0, 0x80010031);
  });

  it("CLTS exits only if TS is set in mask and shadow; else it leaves a host-owned TS alone", () => {
    const rig = inGuest("clts", (r) => {
      r.write("CR0_GUEST_HOST_MASK", 8n);
      r.write("CR0_READ_SHADOW", 8n);
    });
    assert.equal(rig.exitKey, "CR_ACCESS");
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x20n);

    const other = inGuest("clts", (r) => {
      r.write("CR0_GUEST_HOST_MASK", 8n);
      r.setBits("GUEST_CR0", 8);
    });
    assert.equal(other.cpu.system.cr0 & 8, 8);
  });

  it("LMSW reports its source, and the address of a memory operand", () => {
    const rig = inGuest("lmsw [rbx]", (r) => {
      r.write("CR0_GUEST_HOST_MASK", 2n);
      r.cpu.ram.write16(PLACE.data, 3);
    });
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x30070n);
    assert.equal(rig.read("GUEST_LINEAR_ADDRESS"), BigInt(PLACE.data));
  });

  it("MOV to CR3 exits unless the value is one of the first targets", () => {
    const targets =
      (count: number): Prepare =>
      (rig) => {
        primary("cr3LoadExiting")(rig);
        rig.write("CR3_TARGET_COUNT", count);
        rig.write("CR3_TARGET_VALUE_1", BigInt(PLACE.guestTables));
      };
    const load = "mov rcx, cr3\nmov cr3, rcx";
    for (const [count, exits] of [
      [1, true],
      [2, false],
    ] as const) {
      const rig = new Rig();
      targets(count)(rig);
      enterGuest(rig.cpu, true);
      rig.run(load, 2);
      assert.equal(rig.cpu.system.vmx.nonRoot, !exits);
      if (exits) assert.equal(rig.read("EXIT_QUALIFICATION"), 0x103n);
    }
  });

  it("MOV DR reports register and direction", () => {
    const rig = inGuest("mov r9, dr7", primary("movDrExiting"));
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x917n);
  });
});

describe("I/O instructions of a guest", () => {
  const bitmaps: Prepare = (rig) => {
    primary("useIoBitmaps")(rig);
    rig.write("IO_BITMAP_A_ADDRESS", PLACE.bitmaps);
    rig.write("IO_BITMAP_B_ADDRESS", PLACE.bitmaps + 0x1000);
    rig.cpu.ram.write8(PLACE.bitmaps + (0x3f8 >> 3), 1 << (0x3f8 & 7));
    rig.cpu.ram.write8(PLACE.bitmaps + 0x1000 + (0x10 >> 3), 1);
  };

  const cases = [
    ["in al, 0x60", 0x600048n],
    ["in ax, dx", 0x3f80009n],
    ["out dx, eax", 0x3f80003n],
    ["out 0xe9, al", 0xe90040n],
  ] as const;
  for (const [text, qualification] of cases) {
    it(`${text}: qualification`, () => {
      const rig = new Rig();
      primary("unconditionalIoExiting")(rig);
      enterGuest(rig.cpu, true);
      rig.cpu.setGpr(RDX, 0x3f8n);
      rig.run(text);
      assert.equal(rig.exitKey, "IO_INSTRUCTION");
      assert.equal(rig.read("EXIT_QUALIFICATION"), qualification);
    });
  }

  it("REP OUTSB reports segment, address size and linear address", () => {
    const rig = new Rig();
    primary("unconditionalIoExiting")(rig);
    enterGuest(rig.cpu, true);
    rig.cpu.setGpr(RDX, 0x3f8n);
    rig.cpu.setGpr(RCX, 2n);
    rig.cpu.setGpr(6, BigInt(PLACE.data));
    rig.run("rep fs outsb");
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x3f80030n);
    assert.equal(rig.read("VM_EXIT_INSTRUCTION_INFORMATION"), BigInt((2 << 7) | (4 << 15)));
    assert.equal(rig.read("GUEST_LINEAR_ADDRESS"), BigInt(PLACE.data));
    assert.equal(rig.read("IO_RCX"), 2n);
  });

  const ports = [
    [0x3f8, "out dx, al", true],
    [0x3f9, "out dx, al", false],
    [0x3f7, "in ax, dx", true],
    [0x8010, "in al, dx", true],
    [0x8011, "in al, dx", false],
    [0xffff, "in al, dx", false],
    [0xffff, "in ax, dx", true],
  ] as const;
  for (const [port, text, exits] of ports) {
    it(`bitmaps: ${text} at port 0x${port.toString(16)} ${exits ? "exits" : "does not"}`, () => {
      const rig = new Rig();
      bitmaps(rig);
      enterGuest(rig.cpu, true);
      rig.cpu.setGpr(RDX, BigInt(port));
      rig.run(text);
      assert.equal(rig.cpu.system.vmx.nonRoot, !exits);
    });
  }
});

describe("MSR accesses of a guest", () => {
  const bitmap: Prepare = (rig) => {
    primary("useMsrBitmaps")(rig);
    rig.write("MSR_BITMAP_ADDRESS", PLACE.bitmaps);
    const { ram } = rig.cpu;
    ram.write8(PLACE.bitmaps + (0x174 >> 3), 1 << (0x174 & 7));
    ram.write8(PLACE.bitmaps + 0xc00 + (0x82 >> 3), 1 << (0x82 & 7));
  };
  const cases = [
    ["rdmsr", 0x174, true],
    ["wrmsr", 0x174, false],
    ["rdmsr", 0xc0000082, false],
    ["wrmsr", 0xc0000082, true],
    ["rdmsr", 0x2000, true],
    ["rdmsr", 0x40000000, true],
  ] as const;
  for (const [text, msr, exits] of cases) {
    it(`${text} of 0x${msr.toString(16)} ${exits ? "exits" : "does not"}`, () => {
      const rig = new Rig();
      bitmap(rig);
      enterGuest(rig.cpu, true);
      rig.cpu.setGpr(RCX, BigInt(msr));
      rig.run(text);
      assert.equal(rig.cpu.system.vmx.nonRoot, !exits);
      if (exits) assert.equal(rig.exitKey, text.toUpperCase());
    });
  }

  it("all exit without the bitmap", () => {
    assert.equal(inGuest("rdmsr").exitKey, "RDMSR");
  });

  it("RDTSC adds the TSC offset", () => {
    const rig = inGuest(
      "rdtsc",
      together(primary("useTscOffsetting"), (r) => {
        r.write("TSC_OFFSET", 0x500000000n);
      }),
    );
    assert.equal(rig.cpu.gpr(RDX), 5n);
  });
});

describe("Instruction information", () => {
  const operands = [
    ["vmptrld [rbx+rcx*4+0x10]", "[rbx+rcx*4+0x10]"],
    ["vmclear [fs:r12-8]", "[fs:r12-0x8]"],
    ["vmread [rsp], r9", "[ss:rsp], r9"],
    ["vmread r10, r9", "r10, r9"],
    ["vmwrite r9, [rbx]", "[rbx], r9"],
    ["invvpid rdx, [rbx+8]", "rdx, [rbx+0x8]"],
    ["vmxon [abs 0x12340]", "[0x12340]"],
  ] as const;
  for (const [text, expected] of operands) {
    it(text, () => {
      assert.equal(information(inGuest(text)), expected);
    });
  }

  it("a RIP-relative operand is reported by its address", () => {
    const rig = inGuest(`org ${PLACE.guestCode}\nvmptrld [rel ${PLACE.data}]`);
    assert.equal(rig.read("EXIT_QUALIFICATION"), BigInt(PLACE.data));
  });

  it("LGDT, STR, RDRAND", () => {
    const tables = secondary("descriptorTableExiting", "rdrandExiting");
    assert.equal(information(inGuest("lgdt [rbx+2]", tables)), "[rbx+0x2]");
    assert.equal(information(inGuest("str r11d", tables)), "r11");
    assert.equal(information(inGuest("rdrand r11d", tables)), "r11d");
  });
});
