/** A page fault under shadow paging: is it the guest's own (true), or does only the shadow lack the page (hidden)? */
import { CR0 } from "../../../cpu/systemState";
import type { GuestMemory } from "../../guestMemory";
import {
  probeGuest,
  walkGuest,
  type GuestAccess,
  type GuestPagingState,
  type MappedPage,
} from "../../guestPaging";
import type { ShadowSpace } from "./shadowSpace";
import { leafEntry, type ShadowLeaf } from "./shadowTables";

const ERROR = { write: 2, user: 4, fetch: 16 } as const;

/** What the walk of the guest's tables gave. */
export interface PageFaultWork extends Omit<MappedPage, "kind"> {
  readonly linear: bigint;
  readonly hardwareErrorCode: number;
  /** Of the guest's own fault, or undefined for a hidden one. */
  readonly trueErrorCode: number | undefined;
}

/** The fault as the processor reported it. */
export interface HardwarePageFault {
  readonly linear: bigint;
  readonly errorCode: number;
  /** A supervisor access that the processor made by itself at CPL 3. */
  readonly implicit: boolean;
}

export const isUserAccess = (errorCode: number): boolean => (errorCode & ERROR.user) !== 0;

function accessOf({ errorCode, implicit }: HardwarePageFault): GuestAccess {
  return {
    write: (errorCode & ERROR.write) !== 0,
    fetch: (errorCode & ERROR.fetch) !== 0,
    user: isUserAccess(errorCode),
    implicit,
  };
}

/** With CR0.WP = 0 the guest's supervisor may write where its tables say read-only; the hardware's WP stays 1. */
function writesPastProtection(cr0: number, page: MappedPage, access: GuestAccess): boolean {
  return access.write && !access.user && !page.writable && !(cr0 & CR0.WP);
}

/** The page is mapped for the supervisor alone then; a user access faults and fills it again with the guest's own rights. */
function leafRights(
  cr0: number,
  page: MappedPage,
  access: GuestAccess,
): Pick<PageFaultWork, "writable" | "user" | "executable" | "dirty" | "pageSize"> {
  const { executable, dirty, pageSize } = page;
  if (writesPastProtection(cr0, page, access))
    return { writable: true, user: false, executable, dirty, pageSize };
  return { writable: page.writable && dirty, user: page.user, executable, dirty, pageSize };
}

const NOWHERE = { gpa: 0, writable: false, user: false, executable: false, dirty: false, pageSize: 0 }; // prettier-ignore

/** Walks the guest's tables for the access that faulted, and sets A and D in them as the guest's processor would have. */
export function examineFault(
  guest: GuestMemory,
  paging: GuestPagingState,
  fault: HardwarePageFault,
): PageFaultWork {
  const access = accessOf(fault);
  const walk = walkGuest(guest, paging, fault.linear, access);
  const common = { linear: fault.linear, hardwareErrorCode: fault.errorCode };
  if (walk.kind === "fault") return { ...common, trueErrorCode: walk.errorCode, ...NOWHERE };
  const rights = leafRights(paging.cr0, walk, access);
  return { ...common, trueErrorCode: undefined, gpa: walk.gpa, ...rights };
}

/** True for a fault of the guest's own; nothing in its tables changes. */
export function isTrueFault(
  guest: GuestMemory,
  paging: GuestPagingState,
  fault: HardwarePageFault,
): boolean {
  return probeGuest(guest, paging, fault.linear, accessOf(fault)).kind === "fault";
}

/** The leaf that the shadow wants; without an HPA where the guest has no RAM. */
export function shadowLeafOf(
  guest: GuestMemory,
  { gpa, writable, user, executable, pageSize }: PageFaultWork,
): ShadowLeaf | Omit<ShadowLeaf, "hpa"> {
  const rights = { writable, user, executable, guestPageSize: pageSize };
  const hpa = guest.toHost(gpa - (gpa % 4096));
  return hpa === undefined ? rights : { ...rights, hpa };
}

/** The page is in the shadow with just these rights, and the processor refused all the same: then the guest's rules do (SMAP on an implicit access). */
export function changesNothing(space: ShadowSpace, address: bigint, leaf: ShadowLeaf): boolean {
  const rights = 0x8000000000000007n;
  return ((space.tables.read(address) ^ leafEntry(leaf)) & (rights | 0xffffffffff000n)) === 0n;
}
