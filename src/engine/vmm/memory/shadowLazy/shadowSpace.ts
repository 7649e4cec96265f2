/**
 * Shadow paging, lazily filled: the processor's CR3 points at tables of the VMM, which behave like a big TLB of the guest's own tables. They are filled
 * when a hidden page fault asks for a page, and dropped when the guest flushes its TLB (INVLPG, MOV CR3).
 */
import { InvariantError } from "../../../base/errors";
import { canonicalLinear } from "../../../cpu/linear";
import { CR4, EFER } from "../../../cpu/systemState";
import { flushVpid, flushVpidPage } from "../../../cpu/vmx/translationTags";
import { PAGE_BYTES } from "../../hostMemory";
import { GUEST_VPID } from "../../technique/hardwareAssisted/powerOn";
import type { ShadowState } from "../../technique/hardwareAssisted/state";
import type { Vm } from "../../technique/hardwareAssisted/vm";
import { ShadowTables, type ShadowLeaf } from "./shadowTables";

export function shadowState(vm: Vm): ShadowState {
  const { memory } = vm.state;
  if (memory.kind !== "shadow") throw new InvariantError("the VM does not use shadow paging");
  return memory;
}

function tablesAt(vm: Vm, root: number): ShadowTables {
  return new ShadowTables(vm.cpu.ram, vm.parts.host, shadowState(vm).format, root);
}

/** The tables in force. */
export function currentTables(vm: Vm): ShadowTables {
  return tablesAt(vm, shadowState(vm).root);
}

/** INVVPID, single-context. */
function flushTlb(vm: Vm): void {
  flushVpid(vm.cpu, GUEST_VPID);
  vm.cpu.translationChanged();
}

/** Gives all shadow tables back. */
function dropAll(vm: Vm): void {
  const state = shadowState(vm);
  for (const root of Object.values(state.roots)) {
    tablesAt(vm, root).clear();
    vm.parts.host.release(root);
  }
  state.roots = {};
  state.hasGigabyteFragments = false;
}

/** The root of the guest's PCID; made if there is none. */
function enterAddressSpace(vm: Vm, pcid: number): void {
  const state = shadowState(vm);
  const root = (state.roots[pcid] ??= vm.parts.host.allocate());
  state.root = root;
  vm.write("GUEST_CR3", root);
}

function currentPcid(vm: Vm): number {
  return vm.cr4 & CR4.PCIDE ? vm.state.vcpu.cr3 & 0xfff : 0;
}

/** Everything that a TLB flush of all PCIDs forgets. */
export function dropEverything(vm: Vm): void {
  const state = shadowState(vm);
  dropAll(vm);
  state.format = vm.memory.efer(vm) & EFER.LMA ? "4-level" : "pae";
  enterAddressSpace(vm, currentPcid(vm));
  flushTlb(vm);
}

/** MOV CR3: the guest's translations of that PCID go, unless bit 63 keeps them. */
export function loadGuestCr3(vm: Vm, cr3: number, keep: boolean): void {
  const state = shadowState(vm);
  vm.state.vcpu.cr3 = cr3;
  const pcid = currentPcid(vm);
  const root = state.roots[pcid];
  if (root !== undefined && !keep) tablesAt(vm, root).clear();
  enterAddressSpace(vm, pcid);
  flushTlb(vm);
}

/** INVLPG: the page, in every PCID, for it may be global. */
export function dropPage(vm: Vm, address: bigint): void {
  const state = shadowState(vm);
  const linear = canonicalLinear(address);
  // A non-canonical address makes INVLPG a no-operation.
  if (linear === undefined) return;
  let more = false;
  for (const root of Object.values(state.roots))
    more = tablesAt(vm, root).dropWithFragments(address, state.hasGigabyteFragments) || more;
  if (more) flushVpid(vm.cpu, GUEST_VPID);
  else flushVpidPage(vm.cpu, GUEST_VPID, linear);
  vm.cpu.translationChanged();
}

/** Drops the translations of one PCID: INVPCID. */
export function dropPcid(vm: Vm, pcid: number): void {
  const root = shadowState(vm).roots[pcid];
  if (root !== undefined) tablesAt(vm, root).clear();
  flushTlb(vm);
}

/** Fills an entry; when host memory is used up, all shadows go first, as a TLB's oldest entries do. */
export function fillShadow(vm: Vm, address: bigint, leaf: ShadowLeaf): void {
  if (leaf.guestPageSize >= 0x40000000) shadowState(vm).hasGigabyteFragments = true;
  if (currentTables(vm).fill(address, leaf)) return;
  dropEverything(vm);
  if (!currentTables(vm).fill(address, leaf))
    throw new InvariantError("the memory reserved for the VMM cannot hold one address space");
}

/** Maps the scratch page at a linear address that the guest maps to no RAM, for one instruction. */
export function openShadowHole(vm: Vm, address: bigint, leaf: Omit<ShadowLeaf, "hpa">): void {
  fillShadow(vm, address, { ...leaf, hpa: vm.parts.pages.scratch });
  shadowState(vm).holes.push(address);
}

export function closeShadowHoles(vm: Vm): void {
  const state = shadowState(vm);
  for (const address of state.holes) {
    currentTables(vm).drop(address);
    flushVpidPage(vm.cpu, GUEST_VPID, canonicalLinear(address) ?? 0);
  }
  state.holes = [];
  vm.cpu.ram.writeBytes(vm.parts.pages.scratch, new Uint8Array(PAGE_BYTES).fill(0xff));
  vm.cpu.translationChanged();
}
