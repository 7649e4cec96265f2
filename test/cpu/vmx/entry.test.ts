import assert from "node:assert/strict";
import { enterGuest } from "../../../src/engine/cpu/vmx/entry";
import { explainEntry } from "../../../src/engine/cpu/vmx/entryContext";
import { launchState } from "../../../src/engine/cpu/vmx/vmcs";
import { MSR } from "../../../src/engine/isa/msrs";
import { controlMask } from "../../../src/engine/isa/vmx/controls";
import type { GuestKind } from "../../support/validVmcs";
import { PLACE, Rig } from "./rig";

const VALID = 0x80000000;

describe("VM entry", () => {
  for (const kind of ["long64", "protected32", "pae32", "real16", "virtual8086"] as GuestKind[]) {
    it(`loads the registers of a ${kind} guest`, () => {
      const rig = new Rig(kind);
      const { cpu } = rig;
      const { outcome } = enterGuest(cpu, true);
      assert.deepEqual(outcome, { kind: "enter" });
      assert.equal(cpu.system.vmx.nonRoot, true);
      assert.equal(cpu.rip, rig.read("GUEST_RIP"));
      assert.equal(cpu.gpr(4), rig.read("GUEST_RSP"));
      assert.equal(BigInt(cpu.rflags), rig.read("GUEST_RFLAGS"));
      assert.equal(BigInt(cpu.system.cr0 >>> 0), rig.read("GUEST_CR0"));
      assert.equal(BigInt(cpu.system.cr4), rig.read("GUEST_CR4"));
      assert.equal(BigInt(cpu.cs.ar), rig.read("GUEST_CS_ACCESS_RIGHTS"));
      assert.equal(cpu.cpl, kind === "virtual8086" ? 3 : 0);
      assert.equal(cpu.longMode, kind === "long64");
      assert.equal(cpu.virtual8086, kind === "virtual8086");
      assert.equal(launchState(cpu, PLACE.vmcs), "launched");
      assert.deepEqual(rig.kinds(), ["vm-entry"]);
    });
  }

  it("takes the PDPTEs of a PAE guest from the VMCS under EPT", () => {
    const rig = new Rig("pae32");
    enterGuest(rig.cpu, true);
    assert.equal(rig.cpu.system.pdptes[0], rig.read("GUEST_PDPTE0"));
  });

  it("fails with CF when there is no current VMCS", () => {
    const rig = new Rig();
    rig.cpu.system.vmx.current = -1;
    const { outcome } = enterGuest(rig.cpu, true);
    assert.equal(outcome.kind, "fail-invalid");
    assert.equal(rig.cpu.rflags & 0x8d5, 1);
  });

  const launchErrors = [
    ["VMRESUME of a clear VMCS", false, 5, (): void => undefined],
    [
      "VMLAUNCH behind MOV SS",
      true,
      26,
      (rig: Rig): void => {
        rig.cpu.system.shadow = "mov-ss";
      },
    ],
    [
      "reserved control bits",
      true,
      7,
      (rig: Rig): void => {
        rig.write("PIN_BASED_CONTROLS", 0n);
      },
    ],
    [
      "a null TR selector in the host state",
      true,
      8,
      (rig: Rig): void => {
        rig.write("HOST_TR_SELECTOR", 0n);
      },
    ],
  ] as const;
  for (const [name, launch, error, prepare] of launchErrors) {
    it(`fails with error ${error} for ${name}`, () => {
      const rig = new Rig();
      prepare(rig);
      const rip = rig.cpu.rip;
      const { outcome, violations } = enterGuest(rig.cpu, launch);
      assert.deepEqual(outcome, { kind: "fail-valid", error });
      assert.equal(rig.read("VM_INSTRUCTION_ERROR"), BigInt(error));
      assert.equal(rig.cpu.rflags & 0x8d5, 0x40);
      assert.equal(rig.cpu.rip, rip);
      assert.equal(rig.cpu.system.vmx.nonRoot, false);
      assert.deepEqual(rig.events, [{ kind: "vm-entry-failure", violations }]);
      assert.ok(violations.length > 0);
    });
  }

  it("refuses a second VMLAUNCH with error 4", () => {
    const rig = new Rig();
    enterGuest(rig.cpu, true);
    rig.step([0x0f, 0xa2]);
    assert.equal(rig.exitKey, "CPUID");
    assert.deepEqual(enterGuest(rig.cpu, true).outcome, { kind: "fail-valid", error: 4 });
    assert.equal(enterGuest(rig.cpu, false).outcome.kind, "enter");
  });

  it("exits with reason 33 for invalid guest state, without touching the guest area", () => {
    const rig = new Rig();
    rig.write("GUEST_RFLAGS", 0n);
    rig.write("GUEST_CS_ACCESS_RIGHTS", 0x93n);
    rig.setBits("VM_ENTRY_INTERRUPTION_INFORMATION", 0);
    const guestRip = rig.read("GUEST_RIP");
    const { outcome, violations } = enterGuest(rig.cpu, true);
    assert.equal(outcome.kind, "entry-failure");
    assert.equal(rig.read("EXIT_REASON"), 0x80000021n);
    assert.equal(rig.read("GUEST_RIP"), guestRip);
    assert.equal(rig.cpu.rip, BigInt(PLACE.hostCode));
    assert.equal(launchState(rig.cpu, PLACE.vmcs), "clear");
    assert.ok(violations.length >= 2, "every violated rule is reported");
    assert.deepEqual(rig.kinds(), ["vm-entry-failure", "vm-exit"]);
    assert.equal(rig.cpu.system.vmx.nonRoot, false);
  });

  it("exits with reason 34 and the number of the bad entry of the MSR-load area", () => {
    const rig = new Rig();
    const { ram } = rig.cpu;
    ram.write32(PLACE.msrArea, MSR.LSTAR);
    ram.write64(PLACE.msrArea + 8, 0x1234n);
    ram.write32(PLACE.msrArea + 16, MSR.FS_BASE);
    rig.write("VM_ENTRY_MSR_LOAD_ADDRESS", PLACE.msrArea);
    rig.write("VM_ENTRY_MSR_LOAD_COUNT", 2);
    enterGuest(rig.cpu, true);
    assert.equal(rig.read("EXIT_REASON"), 0x80000022n);
    assert.equal(rig.read("EXIT_QUALIFICATION"), 2n);
    assert.equal(rig.cpu.rip, BigInt(PLACE.hostCode));
    assert.equal(rig.cpu.system.vmx.nonRoot, false);
    assert.equal(rig.cpu.longMode, true);
  });

  it("explains a VMCS without entering it", () => {
    const rig = new Rig();
    assert.deepEqual(explainEntry(rig.cpu), []);
    rig.write("HOST_CR3", 1n << 50n);
    rig.write("GUEST_RIP", 1n << 50n);
    const before = rig.cpu.rip;
    assert.deepEqual(
      explainEntry(rig.cpu).map(({ area }) => area),
      ["host", "guest"],
    );
    assert.equal(rig.cpu.rip, before);
    assert.deepEqual(rig.events, []);
  });
});

describe("Event injection", () => {
  it("delivers an external interrupt through the guest's IDT", () => {
    const rig = new Rig();
    rig.write("VM_ENTRY_INTERRUPTION_INFORMATION", VALID + 0x20);
    rig.write("GUEST_RFLAGS", 0x202n);
    enterGuest(rig.cpu, true);
    assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16 * 0x20));
    const frame = rig.cpu.gpr(4);
    assert.equal(rig.cpu.ram.read64(Number(frame)), BigInt(PLACE.guestCode));
    assert.equal(rig.cpu.ram.read64(Number(frame) + 16), 0x202n);
    assert.deepEqual(rig.kinds(), ["vm-entry", "interrupt"]);
  });

  it("pushes the error code of a hardware exception", () => {
    const rig = new Rig();
    rig.write("VM_ENTRY_INTERRUPTION_INFORMATION", VALID + 0xb0d);
    rig.write("VM_ENTRY_EXCEPTION_ERROR_CODE", 0x18n);
    enterGuest(rig.cpu, true);
    assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16 * 13));
    assert.equal(rig.cpu.ram.read64(Number(rig.cpu.gpr(4))), 0x18n);
  });

  it("returns behind the instruction of an injected software interrupt", () => {
    const rig = new Rig();
    rig.write("VM_ENTRY_INTERRUPTION_INFORMATION", VALID + 0x480);
    rig.write("VM_ENTRY_INSTRUCTION_LENGTH", 2n);
    enterGuest(rig.cpu, true);
    assert.equal(rig.cpu.ram.read64(Number(rig.cpu.gpr(4))), BigInt(PLACE.guestCode + 2));
  });

  it("reports the event in the IDT-vectoring information when its delivery exits", () => {
    const rig = new Rig();
    rig.write("VM_ENTRY_INTERRUPTION_INFORMATION", VALID + 0x480);
    rig.write("VM_ENTRY_INSTRUCTION_LENGTH", 2n);
    rig.setEpt(PLACE.guestIdt, PLACE.guestIdt, 0);
    enterGuest(rig.cpu, true);
    assert.equal(rig.exitKey, "EPT_VIOLATION");
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), BigInt(VALID + 0x480));
    assert.equal(rig.read("VM_EXIT_INSTRUCTION_LENGTH"), 2n);
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
    assert.equal(rig.read("VM_ENTRY_INTERRUPTION_INFORMATION"), 0x480n);
    assert.deepEqual(rig.kinds(), ["vm-entry", "interrupt", "vm-exit"]);
  });

  it("wakes a halted guest", () => {
    const rig = new Rig();
    rig.write("GUEST_ACTIVITY_STATE", 1n);
    rig.write("VM_ENTRY_INTERRUPTION_INFORMATION", VALID + 0x20);
    rig.write("GUEST_RFLAGS", 0x202n);
    enterGuest(rig.cpu, true);
    assert.equal(rig.cpu.system.activity, 0);
  });

  it("makes a pending MTF exit before the first instruction (type 7)", () => {
    const rig = new Rig();
    rig.write("VM_ENTRY_INTERRUPTION_INFORMATION", VALID + 0x700);
    enterGuest(rig.cpu, true);
    rig.executor.run(1);
    assert.equal(rig.exitKey, "MONITOR_TRAP_FLAG");
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
  });

  it("delivers a pending debug exception after entry", () => {
    const rig = new Rig();
    rig.write("GUEST_RFLAGS", 0x102n);
    rig.write("GUEST_PENDING_DEBUG_EXCEPTIONS", 0x4000n);
    enterGuest(rig.cpu, true);
    rig.executor.run(1);
    assert.equal(rig.cpu.rip, BigInt(PLACE.data + 16));
    assert.equal(rig.cpu.system.dr6 & 0x4000, 0x4000);
  });
});

describe("A guest entered in the shutdown state", () => {
  it("waits, and the preemption timer ends the wait with the state unchanged", () => {
    const rig = new Rig();
    rig.setBits("PIN_BASED_CONTROLS", controlMask("pin", "activatePreemptionTimer"));
    rig.write("VMX_PREEMPTION_TIMER_VALUE", 2);
    rig.write("GUEST_ACTIVITY_STATE", 2);
    enterGuest(rig.cpu, true);
    assert.equal(rig.executor.run(10), "idle");
    rig.cpu.ticks = rig.cpu.system.vmx.preemptionDue;
    rig.executor.run(1);
    assert.equal(rig.exitKey, "PREEMPTION_TIMER");
    assert.equal(rig.read("GUEST_ACTIVITY_STATE"), 2n);
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
  });
});

describe("VMX preemption timer", () => {
  const withTimer = (value: number): Rig => {
    const rig = new Rig();
    rig.setBits("PIN_BASED_CONTROLS", controlMask("pin", "activatePreemptionTimer"));
    rig.setBits("VM_EXIT_CONTROLS", controlMask("exit", "savePreemptionTimer"));
    rig.write("VMX_PREEMPTION_TIMER_VALUE", value);
    return rig;
  };

  it("exits before the first instruction when it is 0", () => {
    const rig = withTimer(0);
    enterGuest(rig.cpu, true);
    rig.step([0x90], 1);
    assert.equal(rig.exitKey, "PREEMPTION_TIMER");
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode));
  });

  it("exits after 32 ticks a count, and saves what is left", () => {
    const rig = withTimer(3);
    enterGuest(rig.cpu, true);
    rig.step(new Array(200).fill(0x90), 97);
    assert.equal(rig.exitKey, "PREEMPTION_TIMER");
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode + 96));
    assert.equal(rig.read("VMX_PREEMPTION_TIMER_VALUE"), 0n);

    const other = withTimer(10);
    enterGuest(other.cpu, true);
    other.step([...new Array<number>(70).fill(0x90), 0x0f, 0xa2], 71);
    assert.equal(other.exitKey, "CPUID");
    assert.equal(other.read("VMX_PREEMPTION_TIMER_VALUE"), 8n);
  });
});
