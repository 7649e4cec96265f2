/** Shadow tables of a deprivileged guest: CR3 of the hardware points at them, and each of them maps the VMM's area too. */
import { pageOf } from "../../cpu/linear";
import { ShadowSpace } from "../memory/shadowLazy/shadowSpace";
import { useRoot } from "./hardware";
import { sharesUserRing } from "./rings";
import type { Vm } from "./vm";

export function shadowSpaceOf(vm: Vm): ShadowSpace {
  const { cpu, parts } = vm;
  return new ShadowSpace({
    ram: cpu.ram,
    host: parts.host,
    get state() {
      return vm.state.memory;
    },
    scratch: parts.scratch,
    get guest() {
      const { cr3, cr4, efer } = vm.vcpu.system;
      return { cr3, cr4, efer };
    },
    get view() {
      return sharesUserRing(vm.vcpu.cpl, parts.kernelRing) ? "kernel" : "all";
    },
    prepareRoot(root) {
      parts.area.mapInto(root);
    },
    useRoot(root) {
      useRoot(cpu, root);
    },
    flush() {
      cpu.tlb.flushAll();
      cpu.translationChanged();
    },
    flushPage(linear) {
      cpu.tlb.flushPage(pageOf(linear));
      cpu.translationChanged();
    },
  });
}
