/**
 * The page of the virtual local APIC. An instruction that reaches it works on the scratch page for one step, as at any address without RAM; before, its
 * register is put there, and after it, what it wrote is taken from there.
 */
import type { Vm } from "./vm";

const PAGE_BYTES = 4096;

/** Puts the register at a guest-physical address into the scratch page; does nothing elsewhere. */
export function lendRegister(vm: Vm, gpa: number, isWrite: boolean): void {
  const { devices, pages } = vm.parts;
  const { localApic } = devices;
  if (!localApic?.isEnabled || gpa - (gpa % PAGE_BYTES) !== localApic.address) return;
  const offset = gpa % PAGE_BYTES;
  const register = offset - (offset % 4);
  vm.cpu.ram.write32(pages.scratch + register, localApic.memoryWindow.read(register, 4));
  vm.state.vcpu.lentRegister = { offset: register, isWrite };
}

/** Carries out the write, if it was one. */
export function takeRegisterBack(vm: Vm): void {
  const { lentRegister } = vm.state.vcpu;
  vm.state.vcpu.lentRegister = undefined;
  if (!lentRegister?.isWrite) return;
  const { devices, pages } = vm.parts;
  const { offset } = lentRegister;
  devices.localApic?.memoryWindow.write(offset, 4, vm.cpu.ram.read32(pages.scratch + offset));
}
