/** Shadow tables under VMX: the root goes into the VMCS, and the guest's translations are tagged with its VPID. */
import { InvariantError } from "../../../base/errors";
import { flushVpid, flushVpidPage } from "../../../cpu/vmx/translationTags";
import { GUEST_VPID } from "../../technique/hardwareAssisted/powerOn";
import type { Vm } from "../../technique/hardwareAssisted/vm";
import { ShadowSpace } from "./shadowSpace";
import type { ShadowState } from "./shadowState";

export function shadowState(vm: Vm): ShadowState {
  const { memory } = vm.state;
  if (memory.kind !== "shadow") throw new InvariantError("the VM does not use shadow paging");
  return memory;
}

export function shadowOf(vm: Vm): ShadowSpace {
  const { cpu } = vm;
  return new ShadowSpace({
    ram: cpu.ram,
    host: vm.parts.host,
    state: shadowState(vm),
    scratch: vm.parts.pages.scratch,
    // Read one by one: each VMREAD costs cycles.
    guest: {
      get cr3() {
        return vm.state.vcpu.cr3;
      },
      get cr4() {
        return vm.cr4;
      },
      get efer() {
        return vm.memory.efer(vm);
      },
    },
    view: "all",
    prepareRoot: () => undefined,
    useRoot(root) {
      vm.write("GUEST_CR3", root);
    },
    flush() {
      flushVpid(cpu, GUEST_VPID);
      cpu.translationChanged();
    },
    flushPage(linear) {
      flushVpidPage(cpu, GUEST_VPID, linear);
      cpu.translationChanged();
    },
  });
}
