/**
 * What the processor gets to see in place of a descriptor of the guest: less privileged, and cut off below the VMM's area. A descriptor that the guest
 * may not use silently at its ring is not present in the shadow, so that its use comes to the VMM.
 */
import { AR, encodeDescriptor, segmentCacheOf, type SegmentCache } from "../../isa/descriptors";
import { dplOf, isCode, isConforming } from "../../cpu/segmentation";
import type { SegmentRegister } from "../../cpu/systemState";
import { AREA_BASE } from "./area";
import { hardwareRing, type KernelRing } from "./rings";

const ACCESSED = 1;
const EXPAND_DOWN = 4;
const PAGE_MASK = 0xfff;
const DESCRIPTOR_P = 1n << 47n;

function raiseDpl(ar: number, kernelRing: KernelRing): number {
  return (ar & ~AR.DPL) | (hardwareRing(dplOf(ar), kernelRing) << 5);
}

const isExpandDown = (ar: number): boolean =>
  (ar & (AR.S | 8 | EXPAND_DOWN)) === (AR.S | EXPAND_DOWN);

/** The limit that ends below the VMM's area, or undefined if no limit can: the segment begins there, or its offsets reach up to it from anywhere. */
export function truncatedLimit({
  base,
  limit,
  accessRights: ar,
}: SegmentCache): number | undefined {
  const room = AREA_BASE - 1 - Number(base);
  if (isExpandDown(ar)) return !(ar & AR.DB) && room >= 0xffff ? limit : undefined;
  if (limit <= room) return limit;
  const cut = ar & AR.G ? room - ((room + 1) & PAGE_MASK) : room;
  return cut >= 0 ? cut : undefined;
}

/** Whether the guest at a ring of its own may load the segment without the VMM. A code segment of another ring would change the ring. */
function isSilentlyLoadable(ar: number, ring: number): boolean {
  // The processor sets A when it loads a segment; the guest's own descriptor must get it, so the first load comes to the VMM.
  if (!(ar & AR.P) || !(ar & ACCESSED)) return false;
  // A return to an outer ring may lead into a conforming segment: only from ring 3 there is none.
  if (isCode(ar)) return isConforming(ar) ? ring === 3 : dplOf(ar) === ring;
  return dplOf(ar) >= ring;
}

function split(raw: bigint): readonly [number, number] {
  return [Number(raw & 0xffffffffn), Number(raw >> 32n)];
}

/** What the shadow of a descriptor depends on besides the descriptor. */
export interface ShadowUse {
  /** The guest's ring. */
  readonly ring: number;
  readonly kernelRing: KernelRing;
  /** It is in use with other contents, so a reload must come to the VMM. */
  readonly stale: boolean;
}

/** The shadow of a guest's descriptor. */
export function shadowDescriptor(raw: bigint, { ring, kernelRing, stale }: ShadowUse): bigint {
  const cache = segmentCacheOf(...split(raw));
  const ar = cache.accessRights;
  // Type, base and limit stay readable (LAR, LSL); gates and system segments are never used by the hardware.
  const absent =
    (raw & ~DESCRIPTOR_P & ~(3n << 45n)) | (BigInt(hardwareRing(dplOf(ar), kernelRing)) << 45n);
  if (!(ar & AR.S) || stale || !isSilentlyLoadable(ar, ring)) return absent;
  const limit = truncatedLimit(cache);
  if (limit === undefined) return absent;
  return encodeDescriptor({ base: cache.base, limit, accessRights: raiseDpl(ar, kernelRing) });
}

/** A stack or data segment without a byte in it: every access comes to the VMM. The size of the stack pointer stays. */
function emptySegment(accessRights: number, kernelRing: KernelRing): bigint {
  const isBig = (accessRights & AR.DB) !== 0;
  const rights = (raiseDpl(accessRights, kernelRing) & ~AR.G) | EXPAND_DOWN | (isBig ? AR.G : 0);
  return encodeDescriptor({ base: 0n, limit: isBig ? 0xffffffff : 0xffff, accessRights: rights });
}

/** A shadow descriptor that loads a segment register of the guest as it is, whatever its tables say now; undefined for code that reaches into the VMM's area. */
export function shadowOfRegister(
  { base, limit, ar }: SegmentRegister,
  kernelRing: KernelRing,
): bigint | undefined {
  const accessRights = (ar & ~AR.UNUSABLE) | AR.P | ACCESSED;
  const cut = truncatedLimit({ base, limit, accessRights });
  if (cut !== undefined)
    return encodeDescriptor({ base, limit: cut, accessRights: raiseDpl(accessRights, kernelRing) });
  return isCode(accessRights) ? undefined : emptySegment(accessRights, kernelRing);
}

/** True if the hardware can run the guest at an offset of its code segment. */
export function isExecutable({ base, limit, ar }: SegmentRegister, offset: bigint): boolean {
  const cut = truncatedLimit({ base, limit, accessRights: ar });
  return cut !== undefined && offset <= BigInt(cut);
}

/** The register that loading a descriptor gives. */
export function registerOf(raw: bigint, selector: number): SegmentRegister {
  const { base, limit, accessRights } = segmentCacheOf(...split(raw));
  return { selector, base, limit, ar: accessRights | ACCESSED };
}

/** True if loading the descriptor would give the same hidden half. */
export function holdsSame(raw: bigint, { base, limit, ar }: SegmentRegister): boolean {
  const loaded = registerOf(raw, 0);
  return loaded.base === base && loaded.limit === limit && loaded.ar === (ar | ACCESSED);
}

export function isPresent(descriptor: bigint): boolean {
  return (descriptor & DESCRIPTOR_P) !== 0n;
}

/** The same, not present. */
export function withoutPresent(descriptor: bigint): bigint {
  return descriptor & ~DESCRIPTOR_P;
}
