import assert from "node:assert/strict";
import { enterGuest } from "../../../src/engine/cpu/vmx/entry";
import { performVmExit } from "../../../src/engine/cpu/vmx/exit";
import { EXIT } from "../../../src/engine/isa/vmx/exitReasons";
import { MSR } from "../../../src/engine/isa/msrs";
import { controlMask } from "../../../src/engine/isa/vmx/controls";
import { VMCS_FIELDS } from "../../../src/engine/isa/vmx/vmcsFields";
import type { GuestKind } from "../../support/validVmcs";
import { PLACE, Rig } from "./rig";

const CPUID = [0x0f, 0xa2];

function entered(kind: GuestKind = "long64", prepare: (rig: Rig) => void = () => undefined): Rig {
  const rig = new Rig(kind);
  prepare(rig);
  assert.equal(enterGuest(rig.cpu, true).outcome.kind, "enter");
  return rig;
}

describe("VM exit", () => {
  for (const kind of ["long64", "protected32", "pae32", "real16", "virtual8086"] as GuestKind[]) {
    it(`saves what VM entry loaded (${kind}): a round trip changes no guest field`, () => {
      const rig = new Rig(kind, (fields) => {
        const saves = ["saveEfer", "savePat", "saveDebugControls"] as const;
        const old = fields.get("VM_EXIT_CONTROLS")!;
        const mask = saves.reduce((sum, key) => sum | controlMask("exit", key), 0);
        fields.set("VM_EXIT_CONTROLS", old | BigInt(mask));
      });
      const guest = VMCS_FIELDS.filter(({ area }) => area === "guest").map(({ name }) => name);
      const before = guest.map((name) => [name, rig.read(name)]);
      enterGuest(rig.cpu, true);
      performVmExit(rig.cpu, { reason: EXIT.VMCALL, qualification: 0n, instructionLength: 3 });
      assert.deepEqual(
        guest.map((name) => [name, rig.read(name)]),
        before,
      );
      assert.equal(enterGuest(rig.cpu, false).outcome.kind, "enter");
    });
  }

  it("loads the host state", () => {
    const rig = entered("protected32", (r) => {
      r.write("HOST_FS_BASE", 0x1111n);
      r.write("HOST_GS_SELECTOR", 0n);
      r.write("HOST_GS_BASE", 0x2222n);
      r.write("HOST_GDTR_BASE", 0x3333n);
      r.write("HOST_IA32_SYSENTER_EIP", 0x4444n);
      r.write("GUEST_DR7", 0x401n);
    });
    const { cpu } = rig;
    cpu.rflags = 0x246;
    rig.step(CPUID);
    const { system } = cpu;
    assert.equal(cpu.rip, BigInt(PLACE.hostCode));
    assert.equal(cpu.gpr(4), BigInt(PLACE.hostStack));
    assert.equal(cpu.rflags, 2);
    assert.equal(cpu.is64, true);
    assert.equal(cpu.cpl, 0);
    assert.equal(system.dr7, 0x400);
    assert.equal(system.efer, 0x500);
    assert.equal(system.cr3, PLACE.hostTables);
    assert.equal(system.gdtr.base, 0x3333n);
    assert.equal(system.gdtr.limit, 0xffff);
    assert.equal(system.idtr.limit, 0xffff);
    assert.deepEqual(system.segments[1], {
      selector: 8,
      base: 0n,
      limit: 0xffffffff,
      ar: 0xa09b,
    });
    assert.equal(system.segments[4]!.base, 0x1111n);
    assert.equal(system.segments[5]!.base, 0x2222n);
    assert.equal(system.segments[5]!.ar, 0x10000);
    assert.deepEqual(system.tr, { selector: 0x18, base: 0n, limit: 0x67, ar: 0x8b });
    assert.equal(system.ldtr.ar, 0x10000);
    assert.equal(system.msrs.sysenterEip, 0x4444n);
    assert.equal(system.vmx.nonRoot, false);
  });

  it("records reason, length and RIP, and tells observers when the state is consistent", () => {
    const rig = entered();
    let seen: unknown[] = [];
    rig.cpu.observe = (event) => {
      if (event.kind === "vm-exit") seen = [event.rip, event.exit.reason, rig.cpu.rip];
    };
    rig.step(CPUID);
    assert.equal(rig.read("EXIT_REASON"), 10n);
    assert.equal(rig.read("VM_EXIT_INSTRUCTION_LENGTH"), 2n);
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
    assert.deepEqual(seen, [BigInt(PLACE.guestCode), 10, BigInt(PLACE.hostCode)]);
  });

  it("gives the linear address of RIP in real-address mode", () => {
    const rig = entered("real16");
    rig.step(CPUID);
    const exit = rig.events.find(({ kind }) => kind === "vm-exit");
    assert.ok(exit?.kind === "vm-exit");
    assert.equal(exit.rip, 0x11000n);
  });

  it("stores EFER.LMA in the IA-32e mode guest control", () => {
    const rig = entered("protected32");
    rig.cpu.system.efer = 0x500;
    performVmExit(rig.cpu, { reason: EXIT.VMCALL, qualification: 0n });
    assert.equal(rig.read("VM_ENTRY_CONTROLS") & 0x200n, 0x200n);
  });

  it("saves blocking by STI with the instruction that exits behind it", () => {
    const rig = entered();
    rig.step([0xfb, 0xf4], 2);
    assert.equal(rig.exitKey, "HLT");
    assert.equal(rig.read("GUEST_INTERRUPTIBILITY_STATE"), 1n);
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode + 1));
  });

  it("leaves the single-step trap of the guest's instruction behind", () => {
    const rig = entered();
    rig.cpu.rflags = 0x102;
    rig.step(CPUID);
    assert.equal(rig.read("GUEST_RFLAGS"), 0x102n);
    rig.run("nop");
    assert.equal(rig.cpu.rip, BigInt(PLACE.hostCode + 1));
    assert.equal(rig.cpu.system.pendingDebug, 0);
  });

  it("stores and loads MSRs of the exit areas", () => {
    const rig = new Rig();
    const { ram, system } = rig.cpu;
    ram.write32(PLACE.msrArea, MSR.STAR);
    ram.write32(PLACE.msrArea + 16, MSR.LSTAR);
    ram.write64(PLACE.msrArea + 24, 0xabcdn);
    ram.write32(PLACE.msrArea + 32, MSR.STAR);
    ram.write64(PLACE.msrArea + 40, 0x77n);
    rig.write("VM_EXIT_MSR_STORE_ADDRESS", PLACE.msrArea);
    rig.write("VM_EXIT_MSR_STORE_COUNT", 1);
    rig.write("VM_EXIT_MSR_LOAD_ADDRESS", PLACE.msrArea + 16);
    rig.write("VM_EXIT_MSR_LOAD_COUNT", 1);
    rig.write("VM_ENTRY_MSR_LOAD_ADDRESS", PLACE.msrArea + 32);
    rig.write("VM_ENTRY_MSR_LOAD_COUNT", 1);
    enterGuest(rig.cpu, true);
    assert.equal(system.msrs.star, 0x77n);
    system.msrs.star = 0x88n;
    rig.step(CPUID);
    assert.equal(ram.read64(PLACE.msrArea + 8), 0x88n);
    assert.equal(system.msrs.lstar, 0xabcdn);
  });

  it("stores the time-stamp counter without the guest's TSC offset", () => {
    const rig = entered("long64", (r) => {
      r.cpu.ram.write32(PLACE.msrArea, MSR.TIME_STAMP_COUNTER);
      r.write("VM_EXIT_MSR_STORE_ADDRESS", PLACE.msrArea);
      r.write("VM_EXIT_MSR_STORE_COUNT", 1);
      r.write("TSC_OFFSET", 1 << 30);
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", controlMask("primary", "useTscOffsetting"));
    });
    rig.step(CPUID);
    assert.ok(rig.cpu.ram.read64(PLACE.msrArea + 8) <= rig.cpu.tsc);
  });

  it("is a VMX abort, with its number in the region, when a host MSR cannot be loaded", () => {
    const rig = entered("long64", (r) => {
      r.cpu.ram.write32(PLACE.msrArea, 0x12345);
      r.write("VM_EXIT_MSR_LOAD_ADDRESS", PLACE.msrArea);
      r.write("VM_EXIT_MSR_LOAD_COUNT", 1);
    });
    rig.step(CPUID);
    assert.equal(rig.cpu.ram.read32(PLACE.vmcs + 4), 4);
    assert.equal(rig.cpu.system.activity, 2);
  });

  it("acknowledges the external interrupt only if asked to", () => {
    for (const acknowledge of [false, true]) {
      let acknowledged = 0;
      const rig = new Rig();
      rig.setBits("PIN_BASED_CONTROLS", controlMask("pin", "externalInterruptExiting"));
      if (acknowledge)
        rig.setBits("VM_EXIT_CONTROLS", controlMask("exit", "acknowledgeInterruptOnExit"));
      rig.cpu.interrupts = {
        pending: true,
        acknowledge: () => {
          acknowledged++;
          return 0x31;
        },
      };
      enterGuest(rig.cpu, true);
      rig.step([0x90]);
      assert.equal(rig.exitKey, "EXTERNAL_INTERRUPT");
      assert.equal(acknowledged, acknowledge ? 1 : 0);
      assert.equal(rig.read("VM_EXIT_INTERRUPTION_INFORMATION"), acknowledge ? 0x80000031n : 0n);
    }
  });
});

describe("Exceptions in a guest", () => {
  const UD = [0x0f, 0x0b];

  it("go to the guest's IDT unless the bitmap selects them", () => {
    const rig = entered();
    rig.step(UD);
    assert.equal(rig.cpu.system.vmx.nonRoot, true);
    assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16 * 6));
  });

  it("exit with interruption information, RF and the faulting RIP", () => {
    const rig = entered("long64", (r) => {
      r.write("EXCEPTION_BITMAP", 1 << 6);
    });
    rig.step(UD);
    assert.equal(rig.exitKey, "EXCEPTION_NMI");
    assert.equal(rig.read("VM_EXIT_INTERRUPTION_INFORMATION"), 0x80000306n);
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), 0n);
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
    assert.equal(rig.read("GUEST_RFLAGS") & 0x10000n, 0x10000n);
  });

  it("INT3 exits as a software exception with its length; INT n does not exit", () => {
    const select = (r: Rig): void => {
      r.write("EXCEPTION_BITMAP", 0xffffffffn);
    };
    const rig = entered("long64", select);
    rig.run("int3");
    assert.equal(rig.read("VM_EXIT_INTERRUPTION_INFORMATION"), 0x80000603n);
    assert.equal(rig.read("VM_EXIT_INSTRUCTION_LENGTH"), 1n);
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), 0n);
    const other = entered("long64", select);
    other.run("int 3");
    assert.equal(other.cpu.rip, BigInt(PLACE.data + 16 * 3));
  });

  it("an injected #BP does not exit", () => {
    const rig = entered("long64", (r) => {
      r.write("EXCEPTION_BITMAP", 0xffffffffn);
      r.write("VM_ENTRY_INTERRUPTION_INFORMATION", 0x80000603);
      r.write("VM_ENTRY_INSTRUCTION_LENGTH", 1);
    });
    assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16 * 3));
  });

  it("#PF exits by mask and match, with the address as qualification and CR2 untouched", () => {
    // mov al, [0x7fffff0000]: beyond the guest's tables.
    const load = [0xa0, 0, 0, 0xff, 0xff, 0x7f, 0, 0, 0];
    const rig = entered("long64", (r) => {
      r.write("EXCEPTION_BITMAP", 1 << 14);
      r.write("PAGE_FAULT_ERROR_CODE_MASK", 1);
      r.write("PAGE_FAULT_ERROR_CODE_MATCH", 0);
    });
    rig.step(load);
    assert.equal(rig.exitKey, "EXCEPTION_NMI");
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x7fffff0000n);
    assert.equal(rig.read("VM_EXIT_INTERRUPTION_ERROR_CODE"), 0n);
    assert.equal(rig.cpu.system.cr2, 0n);

    const other = entered("long64", (r) => {
      r.write("EXCEPTION_BITMAP", 1 << 14);
      r.write("PAGE_FAULT_ERROR_CODE_MASK", 1);
      r.write("PAGE_FAULT_ERROR_CODE_MATCH", 1);
    });
    other.step(load);
    assert.equal(other.cpu.system.vmx.nonRoot, true);
    assert.equal(other.cpu.system.cr2, 0x7fffff0000n);
  });

  it("a fault during delivery exits with the first event in the IDT-vectoring information", () => {
    const rig = entered("long64", (r) => {
      r.write("EXCEPTION_BITMAP", 1 << 11);
      // The gate of #UD is not present.
      r.cpu.ram.write64(PLACE.guestIdt + 16 * 6, 0x00000e0000080000n);
    });
    rig.step(UD);
    assert.equal(rig.read("VM_EXIT_INTERRUPTION_INFORMATION"), 0x80000b0bn);
    assert.equal(rig.read("VM_EXIT_INTERRUPTION_ERROR_CODE"), BigInt(6 * 8 + 3));
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), 0x80000306n);
  });

  it("a double fault that exits is not an exit during delivery", () => {
    const rig = entered("long64", (r) => {
      r.write("EXCEPTION_BITMAP", 1 << 8);
      r.write("GUEST_IDTR_LIMIT", 0);
    });
    // mov ds, ax with a selector outside the GDT: #GP, whose gate is outside the IDT.
    rig.cpu.setGpr(0, 0xfff8n);
    rig.step([0x8e, 0xd8]);
    assert.equal(rig.read("VM_EXIT_INTERRUPTION_INFORMATION"), 0x80000b08n);
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), 0n);
  });

  it("a triple fault exits with reason 2", () => {
    const rig = entered("long64", (r) => {
      r.write("GUEST_IDTR_LIMIT", 0);
    });
    rig.step(UD);
    assert.equal(rig.exitKey, "TRIPLE_FAULT");
    assert.equal(rig.read("GUEST_ACTIVITY_STATE"), 0n);
    assert.deepEqual(
      rig.kinds().filter((kind) => kind !== "exception"),
      ["vm-entry", "triple-fault", "vm-exit"],
    );
  });
});

describe("EPT violations", () => {
  const STORE = [0x88, 0x03]; // mov [rbx], al
  const LOAD = [0x8a, 0x03]; // mov al, [rbx]

  const violation = (
    rights: number,
    code: readonly number[],
    prepare?: (rig: Rig) => void,
  ): Rig => {
    const rig = entered("long64", (r) => {
      r.setEpt(PLACE.data, PLACE.data, rights);
      prepare?.(r);
    });
    rig.cpu.setGpr(3, BigInt(PLACE.data + 0x123));
    rig.step(code);
    return rig;
  };

  const cases = [
    ["a write to a read-only page", 1, STORE, 0x18an],
    ["a write to a read-execute page", 5, STORE, 0x1aan],
    ["a read of a page that is not present", 0, LOAD, 0x181n],
    ["a read of an execute-only page", 4, LOAD, 0x1a1n],
  ] as const;
  for (const [name, rights, code, qualification] of cases) {
    it(`qualify ${name}`, () => {
      const rig = violation(rights, code);
      assert.equal(rig.exitKey, "EPT_VIOLATION");
      assert.equal(rig.read("EXIT_QUALIFICATION"), qualification);
      assert.equal(rig.read("GUEST_PHYSICAL_ADDRESS"), BigInt(PLACE.data + 0x123));
      assert.equal(rig.read("GUEST_LINEAR_ADDRESS"), BigInt(PLACE.data + 0x123));
      assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
      assert.equal(rig.read("GUEST_RFLAGS") & 0x10000n, 0x10000n);
    });
  }

  it("qualify an instruction fetch", () => {
    const rig = entered("long64", (r) => {
      r.setEpt(PLACE.guestCode, PLACE.guestCode, 3);
    });
    rig.step([0x90]);
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x19cn);
  });

  it("tell an access to a guest paging structure, as read and write with A/D flags", () => {
    for (const [pointer, qualification] of [
      [0x701en, 0x81n],
      [0x705en, 0x83n],
    ] as const) {
      const rig = entered("long64", (r) => {
        r.write("EPT_POINTER", pointer);
        r.setEpt(0x3000, 0x3000, 0);
      });
      rig.step([0x90]);
      assert.equal(rig.exitKey, "EPT_VIOLATION");
      assert.equal(rig.read("EXIT_QUALIFICATION"), qualification);
      assert.equal(rig.read("GUEST_PHYSICAL_ADDRESS"), 0x3000n);
    }
  });

  it("set accessed and dirty flags where EPTP asks for them", () => {
    const entry = PLACE.eptPages + (PLACE.data / 4096) * 8;
    for (const [pointer, flags] of [
      [0x701en, 0],
      [0x705en, 0x300],
    ] as const) {
      const rig = violation(7, STORE, (r) => {
        r.write("EPT_POINTER", pointer);
      });
      assert.equal(rig.cpu.system.vmx.nonRoot, true);
      assert.equal(rig.cpu.ram.read32(entry) & 0x300, flags);
    }
  });

  it("misconfigurations exit with their own reason and no qualification", () => {
    const rig = violation(2, LOAD);
    assert.equal(rig.exitKey, "EPT_MISCONFIGURATION");
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0n);
    assert.equal(rig.read("GUEST_PHYSICAL_ADDRESS"), BigInt(PLACE.data + 0x123));
  });

  it("lead to another frame when the page is remapped", () => {
    const rig = violation(0, LOAD);
    rig.cpu.ram.write8(0x50123, 0x5a);
    rig.setEpt(PLACE.data, 0x50000, 7);
    enterGuest(rig.cpu, false);
    rig.step(LOAD);
    assert.equal(rig.cpu.gpr(0, 8), 0x5an);
  });
});
