/** Nested paging: the guest owns its page tables and CR3, the processor translates guest-physical addresses by the EPT. */
import { InvariantError } from "../../../base/errors";
import { CR0, CR4, EFER } from "../../../cpu/systemState";
import { flushEpt, flushVpid } from "../../../cpu/vmx/translationTags";
import { PAGE_BYTES } from "../../hostMemory";
import { GUEST_VPID } from "../../technique/hardwareAssisted/powerOn";
import type { NestedState } from "../../technique/hardwareAssisted/state";
import { around } from "../../technique/hardwareAssisted/steps";
import type { Handler, MemoryVirtualization, Step, Vm } from "../../technique/hardwareAssisted/vm";
import { lendRegister } from "../../technique/hardwareAssisted/localApicPage";
import { buildEpt, eptEntryAt, eptLeaf, eptPointer, type TableMaker } from "./eptTables";

/** Exit qualification of an EPT violation: a data write. */
const WRITE = 2n;
const PDPTE_FIELDS = ["GUEST_PDPTE0", "GUEST_PDPTE1", "GUEST_PDPTE2", "GUEST_PDPTE3"] as const;

function stateOf(vm: Vm): NestedState {
  const { memory } = vm.state;
  if (memory.kind !== "nested") throw new InvariantError("the VM does not use nested paging");
  return memory;
}

/** For tables that live for one instruction. */
function transientMaker(vm: Vm): TableMaker {
  const state = stateOf(vm);
  return {
    ram: vm.cpu.ram,
    host: vm.parts.host,
    made: (table) => state.holeTables.push(table),
    written: (entry) => state.holeEntries.push(entry),
  };
}

/** INVEPT, single-context. */
function invept(vm: Vm): void {
  flushEpt(vm.cpu, eptPointer(stateOf(vm).root));
  vm.cpu.translationChanged();
}

/** Maps the scratch page, all ones, at a guest-physical page without RAM. */
function openHole(vm: Vm, gpa: number): void {
  const state = stateOf(vm);
  const page = gpa - (gpa % PAGE_BYTES);
  const entry = eptEntryAt(transientMaker(vm), state.root, page, 1);
  vm.cpu.ram.write64(entry, eptLeaf(vm.parts.pages.scratch, false));
  state.holeEntries.push(entry);
  state.holes.push(page);
}

/** Takes the scratch page away again; what was written to it vanishes. */
export function closeNestedHoles(vm: Vm): void {
  const state = stateOf(vm);
  const { ram } = vm.cpu;
  for (const entry of state.holeEntries) ram.write64(entry, 0n);
  for (const table of state.holeTables) vm.parts.host.release(table);
  state.holes = [];
  state.holeEntries = [];
  state.holeTables = [];
  ram.writeBytes(vm.parts.pages.scratch, new Uint8Array(PAGE_BYTES).fill(0xff));
  invept(vm);
}

const CHECK_ADDRESS: Step = {
  name: "See what lies at the guest-physical address",
  text: "All RAM is mapped with all rights, so a violation means that there is no RAM: nothing, or the virtual local APIC. Anything else is an error of the VMM.",
  run: (vm) => {
    const { guestPhysical } = vm.exit;
    if (vm.parts.guest.toHost(guestPhysical) === undefined) return;
    vm.stop(
      "error",
      "unexpected-ept-violation",
      `EPT violation at GPA 0x${guestPhysical.toString(16)}, where guest RAM is mapped.`,
    );
  },
};

const MAP_SCRATCH: Step = {
  name: "Map the scratch page there",
  text: "On a PC nobody answers at such an address: reads give ones and writes vanish. A page full of ones stands in, so that the processor itself executes the instruction. For the virtual local APIC the register's value is put there first.",
  run: (vm) => {
    const { guestPhysical, qualification } = vm.exit;
    lendRegister(vm, guestPhysical, (qualification & WRITE) !== 0n);
    openHole(vm, guestPhysical);
  },
};

const SET_TRAP_FLAG: Step = {
  name: "Set the monitor trap flag",
  text: "The next VM exit comes right after the instruction; then the page is taken away and filled with ones again.",
  run: (vm) => {
    vm.setControl("primary", "monitorTrapFlag", true);
  },
};

const EPT_VIOLATION: Handler = {
  key: "EPT_VIOLATION",
  title: "EPT violation: an address without RAM",
  steps: around(CHECK_ADDRESS, MAP_SCRATCH, SET_TRAP_FLAG),
};

const REPORT_MISCONFIGURATION: Step = {
  name: "Stop: an EPT entry is malformed",
  text: "Only the VMM writes EPT entries, so this is an error of the VMM and never the guest's.",
  run: (vm) => {
    vm.stop(
      "error",
      "ept-misconfiguration",
      `EPT misconfiguration at GPA 0x${vm.exit.guestPhysical.toString(16)}: an entry on the way has a reserved or contradictory value.`,
    );
  },
};

const EPT_MISCONFIGURATION: Handler = {
  key: "EPT_MISCONFIGURATION",
  title: "EPT misconfiguration",
  steps: around(REPORT_MISCONFIGURATION),
};

export const NESTED_PAGING: MemoryVirtualization = {
  kind: "nested",
  primary: [],
  secondary: ["enableEpt", "unrestrictedGuest"],
  exceptionBitmap: 0,
  // NE is fixed to 1 in VMX operation; CD and NW are never switched by VM entry, so the guest must not reach the hardware's.
  cr0Mask: (CR0.NE | CR0.CD | CR0.NW) >>> 0,
  cr4Mask: CR4.VMXE,
  handlers: [EPT_VIOLATION, EPT_MISCONFIGURATION],
  refuses: () => undefined,
  initialState: () => ({ kind: "nested", root: 0, holes: [], holeTables: [], holeEntries: [] }),
  build(vm, start) {
    const state = stateOf(vm);
    state.root = buildEpt({ ram: vm.cpu.ram, host: vm.parts.host }, vm.parts.guest);
    vm.write("EPT_POINTER", eptPointer(state.root));
    vm.write("GUEST_CR3", start.cr3);
  },
  hardware: ({ cr0, cr4, efer }) => ({
    cr0: ((cr0 | CR0.NE) & ~(CR0.CD | CR0.NW)) >>> 0,
    cr4: (cr4 | CR4.VMXE) >>> 0,
    efer,
  }),
  cr3: (vm) => vm.read32("GUEST_CR3"),
  efer: (vm) => vm.read32("GUEST_IA32_EFER"),
  pdptes: (vm) => PDPTE_FIELDS.map((field) => vm.read(field)),
  setPdptes(vm, pdptes) {
    PDPTE_FIELDS.forEach((field, i) => {
      vm.write(field, pdptes[i] ?? 0n);
    });
  },
  setEfer(vm, efer) {
    vm.write("GUEST_IA32_EFER", efer);
    vm.setControl("entry", "ia32eModeGuest", (efer & EFER.LMA) !== 0);
  },
  loadCr3() {
    throw new InvariantError("MOV to CR3 does not exit under nested paging");
  },
  /** INVVPID, single-context. */
  pagingChanged(vm) {
    flushVpid(vm.cpu, GUEST_VPID);
    vm.cpu.translationChanged();
  },
  closeHoles: closeNestedHoles,
  hasOpenHoles: (vm) => stateOf(vm).holes.length > 0,
  hardwareRoot: (vm) => stateOf(vm).root,
};
