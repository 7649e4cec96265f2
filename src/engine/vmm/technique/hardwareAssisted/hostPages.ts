/** The pages of host memory that a virtual machine needs besides tables. */
import type { HostMemory } from "../../hostMemory";

/** One page each, by HPA. */
export interface HostPages {
  readonly vmxon: number;
  readonly vmcs: number;
  readonly ioBitmapA: number;
  readonly ioBitmapB: number;
  readonly msrBitmap: number;
  readonly pml4: number;
  readonly pdpt: number;
  readonly gdt: number;
  readonly idt: number;
  readonly tss: number;
  readonly stack: number;
  readonly code: number;
  /** Stands in for guest-physical addresses without RAM: all ones. */
  readonly scratch: number;
}

export function allocateHostPages(host: HostMemory): HostPages {
  return {
    vmxon: host.allocate(),
    vmcs: host.allocate(),
    ioBitmapA: host.allocate(),
    ioBitmapB: host.allocate(),
    msrBitmap: host.allocate(),
    pml4: host.allocate(),
    pdpt: host.allocate(),
    gdt: host.allocate(),
    idt: host.allocate(),
    tss: host.allocate(),
    stack: host.allocate(),
    code: host.allocate(),
    scratch: host.allocate(),
  };
}
