/** Which ring of the hardware a ring of the guest runs at. */

/** Where a technique puts the guest's kernel. Its users are at ring 3 either way. */
export const KERNEL_RINGS = [1, 3] as const;
export type KernelRing = (typeof KERNEL_RINGS)[number];

/** Ring compression: the guest's rings above the kernel's own stay, those below move up to it. */
export function hardwareRing(ring: number, kernelRing: KernelRing): number {
  return Math.max(ring, kernelRing);
}

/** True where paging does not tell the guest's kernel from its users: at ring 3 both make user accesses. */
export function sharesUserRing(ring: number, kernelRing: KernelRing): boolean {
  return kernelRing === 3 && ring < 3;
}
