import assert from "node:assert/strict";
import {
  boundaryExit,
  needsSingleStep,
  nextVmxDeadline,
} from "../../../src/engine/cpu/vmx/boundary";
import { enterGuest } from "../../../src/engine/cpu/vmx/entry";
import { performVmExit } from "../../../src/engine/cpu/vmx/exit";
import { controlMask } from "../../../src/engine/isa/vmx/controls";
import { exitReasonByNumber } from "../../../src/engine/isa/vmx/exitReasons";
import { PLACE, Rig } from "./rig";

const MTF = controlMask("primary", "monitorTrapFlag");
const INTERRUPT_WINDOW = controlMask("primary", "interruptWindowExiting");
const NMI_WINDOW = controlMask("primary", "nmiWindowExiting");

function entered(prepare: (rig: Rig) => void): Rig {
  const rig = new Rig();
  prepare(rig);
  assert.equal(enterGuest(rig.cpu, true).outcome.kind, "enter");
  return rig;
}

function due(rig: Rig): string | undefined {
  const exit = boundaryExit(rig.cpu);
  return exit && exitReasonByNumber(exit.reason)?.key;
}

describe("VM exits between instructions", () => {
  it("do not exist outside VMX non-root operation", () => {
    const rig = new Rig();
    rig.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", MTF);
    assert.equal(due(rig), undefined);
    assert.equal(needsSingleStep(rig.cpu), false);
    assert.equal(nextVmxDeadline(rig.cpu), Infinity);
  });

  it("monitor trap flag: after each instruction", () => {
    const rig = entered((r) => {
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", MTF);
    });
    assert.equal(needsSingleStep(rig.cpu), true);
    rig.code(0x90, 0x90, 0x90);
    for (let i = 1; i <= 3; i++) {
      rig.executor.run(2);
      assert.equal(rig.exitKey, "MONITOR_TRAP_FLAG");
      assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode + i));
      enterGuest(rig.cpu, false);
    }
  });

  it("monitor trap flag: not twice at one boundary, however often it is asked", () => {
    const rig = entered((r) => {
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", MTF);
    });
    assert.equal(due(rig), undefined);
    assert.equal(due(rig), undefined);
  });

  it("monitor trap flag: behind the delivery of an injected event, before its handler", () => {
    const rig = entered((r) => {
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", MTF);
      r.write("VM_ENTRY_INTERRUPTION_INFORMATION", 0x80000020);
      r.write("GUEST_RFLAGS", 0x202n);
    });
    rig.executor.run(1);
    assert.equal(rig.exitKey, "MONITOR_TRAP_FLAG");
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.data + 16 * 0x20));
  });

  it("monitor trap flag: with the single-step trap kept as a pending debug exception", () => {
    const rig = entered((r) => {
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", MTF);
    });
    const { cpu } = rig;
    assert.equal(due(rig), undefined);
    cpu.ticks++;
    cpu.system.pendingDebug = 0x4000;
    performVmExit(cpu, boundaryExit(cpu)!);
    assert.equal(rig.exitKey, "MONITOR_TRAP_FLAG");
    assert.equal(rig.read("GUEST_PENDING_DEBUG_EXCEPTIONS"), 0x4000n);
  });

  it("a pending debug trap holds back everything of lower priority", () => {
    const rig = entered((r) => {
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", INTERRUPT_WINDOW);
      r.write("GUEST_RFLAGS", 0x202n);
    });
    assert.equal(due(rig), "INTERRUPT_WINDOW");
    rig.cpu.system.pendingDebug = 1;
    assert.equal(due(rig), undefined);
  });

  it("come in the manual's order", () => {
    const rig = entered((r) => {
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", NMI_WINDOW | INTERRUPT_WINDOW);
      r.setBits("PIN_BASED_CONTROLS", controlMask("pin", "externalInterruptExiting"));
      r.setBits("PIN_BASED_CONTROLS", controlMask("pin", "activatePreemptionTimer"));
      r.write("VMX_PREEMPTION_TIMER_VALUE", 0);
      r.write("GUEST_RFLAGS", 0x202n);
    });
    const { cpu } = rig;
    cpu.interrupts = { pending: true, acknowledge: () => 0x20 };
    cpu.system.nmiPending = true;
    assert.equal(due(rig), "PREEMPTION_TIMER");
    cpu.system.vmx.preemptionDue = Infinity;
    assert.equal(due(rig), "NMI_WINDOW");
    rig.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", NMI_WINDOW, false);
    assert.equal(due(rig), "EXCEPTION_NMI");
    cpu.system.nmiPending = false;
    assert.equal(due(rig), "INTERRUPT_WINDOW");
    rig.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", INTERRUPT_WINDOW, false);
    assert.equal(due(rig), "EXTERNAL_INTERRUPT");
    cpu.flagSystem = 0;
    assert.equal(due(rig), "EXTERNAL_INTERRUPT");
    cpu.system.shadow = "sti";
    assert.equal(due(rig), undefined);
  });

  it("an NMI that exits blocks further NMIs in the host", () => {
    const rig = entered(() => undefined);
    rig.cpu.system.nmiPending = true;
    rig.step([0x90]);
    assert.equal(rig.exitKey, "EXCEPTION_NMI");
    assert.equal(rig.read("VM_EXIT_INTERRUPTION_INFORMATION"), 0x80000202n);
    assert.equal(rig.cpu.system.nmiPending, false);
    assert.equal(rig.cpu.system.nmiBlocked, true);
  });

  it("the interrupt window opens behind the instruction after STI", () => {
    const rig = entered((r) => {
      r.setBits("PRIMARY_PROCESSOR_BASED_CONTROLS", INTERRUPT_WINDOW);
    });
    rig.step([0xfb, 0x90, 0x90, 0x90], 3);
    assert.equal(rig.exitKey, "INTERRUPT_WINDOW");
    assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode + 2));
  });

  it("a halted guest exits for an interrupt and stays halted in its saved state", () => {
    const rig = entered((r) => {
      r.setBits("PIN_BASED_CONTROLS", controlMask("pin", "externalInterruptExiting"));
      r.write("GUEST_ACTIVITY_STATE", 1n);
    });
    rig.executor.run(1);
    rig.cpu.interrupts = { pending: true, acknowledge: () => 0x20 };
    rig.executor.run(1);
    assert.equal(rig.exitKey, "EXTERNAL_INTERRUPT");
    assert.equal(rig.read("GUEST_ACTIVITY_STATE"), 1n);
    assert.equal(rig.cpu.system.activity, 0);
  });
});
