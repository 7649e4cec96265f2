/** Shadow paging as a way of virtualizing memory: what the hardware's registers hold, and what exits. */
import { CR0, CR4, EFER } from "../../../cpu/systemState";
import type {
  GuestControlRegisters,
  MemoryVirtualization,
  Vm,
} from "../../technique/hardwareAssisted/vm";
import { SHADOW_HANDLERS } from "./handlers";
import { initialShadowState } from "./shadowState";
import { shadowOf, shadowState } from "./vmxShadow";

const PAGE_FAULT_BIT = 1 << 14;

/**
 * What the hardware holds: paging is always on, with the VMM's tables. WP is always 1, so that writes to clean pages fault. LME follows the guest's LMA,
 * because with CR0.PG = 1 they must be equal. SMEP and SMAP wait until the guest has pages of its own: the identity map is user-accessible.
 */
function hardware({ cr0, cr4, efer }: GuestControlRegisters): GuestControlRegisters {
  const always = CR0.PE | CR0.PG | CR0.NE | CR0.WP;
  const isLong = (efer & EFER.LMA) !== 0;
  const protections = cr0 & CR0.PG ? 0 : CR4.SMEP | CR4.SMAP;
  return {
    cr0: ((cr0 | always) & ~(CR0.CD | CR0.NW)) >>> 0,
    cr4: ((cr4 | CR4.VMXE | CR4.PAE) & ~(CR4.PCIDE | CR4.PSE | CR4.PGE | protections)) >>> 0,
    efer: (efer & ~(EFER.LME | EFER.LMA)) | (isLong ? EFER.LME | EFER.LMA : 0),
  };
}

function refuses({ cr0 }: GuestControlRegisters): string | undefined {
  if (cr0 & CR0.PE) return undefined;
  return "Real-address mode (CR0.PE = 0) needs the processor's unrestricted-guest feature, which needs EPT; with shadow paging CR0.PE is fixed to 1. Use --mmu nested.";
}

function setEfer(vm: Vm, efer: number): void {
  vm.state.vcpu.efer = efer;
  const real = hardware({ cr0: 0, cr4: 0, efer }).efer;
  vm.write("GUEST_IA32_EFER", real);
  vm.setControl("entry", "ia32eModeGuest", (real & EFER.LMA) !== 0);
}

export const SHADOW_PAGING: MemoryVirtualization = {
  kind: "shadow",
  primary: ["cr3LoadExiting", "cr3StoreExiting", "invlpgExiting"],
  secondary: [],
  exceptionBitmap: PAGE_FAULT_BIT,
  cr0Mask: (CR0.PE | CR0.PG | CR0.NE | CR0.WP | CR0.CD | CR0.NW) >>> 0,
  cr4Mask: (CR4.VMXE | CR4.PAE | CR4.PSE | CR4.PGE | CR4.PCIDE | CR4.SMEP | CR4.SMAP) >>> 0,
  handlers: SHADOW_HANDLERS,
  refuses,
  initialState: initialShadowState,
  build(vm, start) {
    vm.state.vcpu.cr3 = start.cr3;
    vm.state.vcpu.efer = start.efer;
    shadowOf(vm).dropEverything();
  },
  hardware,
  cr3: (vm) => vm.state.vcpu.cr3,
  efer: (vm) => vm.state.vcpu.efer,
  pdptes: (vm) => vm.state.vcpu.pdptes,
  setPdptes(vm, pdptes) {
    vm.state.vcpu.pdptes = [...pdptes];
  },
  setEfer,
  loadCr3(vm, cr3, keep) {
    vm.state.vcpu.cr3 = cr3;
    shadowOf(vm).cr3Loaded(keep);
  },
  pagingChanged(vm) {
    shadowOf(vm).dropEverything();
  },
  closeHoles(vm) {
    shadowOf(vm).closeHoles();
  },
  hasOpenHoles: (vm) => shadowState(vm).holes.length > 0,
  hardwareRoot: (vm) => shadowState(vm).root,
};
