import type { GuestPagingState } from "../guestPaging";
import type { Vm } from "../technique/hardwareAssisted/vm";

/** The guest's paging as its instructions see it now. The guest's state is in the VMCS. */
export function guestPagingState(vm: Vm): GuestPagingState {
  const { memory, cpu } = vm;
  return {
    cr0: vm.cr0,
    cr3: memory.cr3(vm),
    cr4: vm.cr4,
    efer: memory.efer(vm),
    pdptes: memory.pdptes(vm),
    alignmentCheck: (vm.read32("GUEST_RFLAGS") & 0x40000) !== 0,
    physicalAddressBits: cpu.model.physicalAddressBits,
  };
}
