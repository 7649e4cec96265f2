/** GVA to GPA to HPA with every entry on the way, read from memory without side effects (no TLB, no A/D bits). */
import { hex } from "../base/hex";
import {
  guestPaging,
  pagingKind,
  pagingOn,
  type PagingContext,
  type ViewedMachine,
} from "./guestContext";
import { canonicalLinear, pageOf, tableIndex, type Linear } from "../cpu/linear";
import { CR4 } from "../cpu/systemState";
import { decodeEntryFlags, type EntryFormat } from "./entryFlags";
import type { AddressSpace, Translation, WalkStep } from "./types";

const NX = 1n << 63n;
const FRAME = 0xffffffffff000n;

/** Rights gathered over the levels. */
interface Rights {
  write: boolean;
  user: boolean;
  execute: boolean;
}

interface StageResult {
  readonly address?: bigint;
  readonly pageSize?: number;
  readonly failure?: string;
}

function entryStep(
  stage: WalkStep["stage"],
  format: EntryFormat,
  level: number,
  name: string,
  entryAddress: bigint,
  entryHpa: number | undefined,
  value: bigint,
  refused: string | undefined,
): WalkStep {
  return {
    stage,
    level: name,
    entryAddress,
    entryHpa: entryHpa === undefined ? undefined : BigInt(entryHpa),
    value,
    flags: decodeEntryFlags(value, format, level),
    target: value & (format === "32-bit" ? 0xfffff000n : FRAME),
    ...(refused === undefined ? {} : { refused }),
  };
}

const EPT_NAMES = ["EPT PTE", "EPT PDE", "EPT PDPTE", "EPT PML4E"] as const;
const GUEST_NAMES = ["PTE", "PDE", "PDPTE", "PML4E"] as const;

/** GPA to HPA through the EPT at `root`; appends its entries to `steps`. */
function walkEpt(
  machine: ViewedMachine,
  root: number,
  gpa: number,
  steps: WalkStep[],
): StageResult {
  let table = root;
  for (let level = 3; ; level--) {
    const at = table + (Math.floor(gpa / 2 ** (12 + 9 * level)) & 0x1ff) * 8;
    const value = machine.ram.read64(at);
    const absent = (value & 7n) === 0n;
    const name = EPT_NAMES[level]!;
    const refused = absent ? `${name} allows no access` : undefined;
    steps.push(entryStep("nested", "ept", level, name, BigInt(at), at, value, refused));
    if (refused !== undefined) return { failure: `GPA ${hex(gpa)} is not mapped: ${refused}` };
    if (level === 0 || value & 0x80n) {
      const size = 4096 * 512 ** level;
      const base = Number(value & FRAME);
      return { address: BigInt(base - (base % size) + (gpa % size)), pageSize: size };
    }
    table = Number(value & FRAME);
  }
}

/** HPA of a guest-physical address for reading tables; undefined where there is nothing. */
function hostOf(machine: ViewedMachine, paging: PagingContext, gpa: number): number | undefined {
  if (paging.eptRoot !== undefined) {
    const { address } = walkEpt(machine, paging.eptRoot, gpa, []);
    return address === undefined ? undefined : Number(address);
  }
  return machine.guestToHost(gpa);
}

function readEntry(
  machine: ViewedMachine,
  paging: PagingContext,
  gpa: number,
  wide: boolean,
): { value: bigint; hpa: number } | undefined {
  const hpa = hostOf(machine, paging, gpa);
  if (hpa === undefined || !machine.ram.isRam(hpa)) return undefined;
  return { hpa, value: wide ? machine.ram.read64(hpa) : BigInt(machine.ram.read32(hpa)) };
}

function note(rights: Rights, value: bigint, wide: boolean): void {
  rights.write &&= (value & 2n) !== 0n;
  rights.user &&= (value & 4n) !== 0n;
  if (wide && value & NX) rights.execute = false;
}

/** First table and top level of the guest's paging; PAE starts at its PDPTE register. */
function guestRoot(
  paging: PagingContext,
  linear: Linear,
): { table: number; level: number } | string {
  switch (pagingKind(paging)) {
    case "4-level":
      return { table: Math.floor(paging.cr3 / 4096) * 4096, level: 3 };
    case "pae": {
      const index = Math.floor(pageOf(linear) / 2 ** 18) & 3;
      const pdpte = paging.pdptes[index] ?? 0n;
      if (!(pdpte & 1n)) return `PDPTE ${index} is not present`;
      return { table: Number(pdpte & FRAME), level: 1 };
    }
    case "32-bit":
      return { table: Math.floor(paging.cr3 / 4096) * 4096, level: 1 };
  }
}

/** GVA to GPA through the guest's own tables. */
function walkGuest(
  machine: ViewedMachine,
  paging: PagingContext,
  linear: Linear,
  steps: WalkStep[],
  rights: Rights,
): StageResult {
  const root = guestRoot(paging, linear);
  if (typeof root === "string") return { failure: root };
  const narrow = pagingKind(paging) === "32-bit";
  const format: EntryFormat = narrow ? "32-bit" : "guest";
  let { table, level } = root;
  for (; ; level--) {
    const name = GUEST_NAMES[level]!;
    const index = narrow
      ? Math.floor(pageOf(linear) / 1024 ** level) & 1023
      : tableIndex(linear, level);
    const gpa = table + index * (narrow ? 4 : 8);
    const entry = readEntry(machine, paging, gpa, !narrow);
    if (!entry) return { failure: `the ${name} lies at GPA ${hex(gpa)}, where there is no memory` };
    const refused = entry.value & 1n ? undefined : `${name} is not present`;
    steps.push(
      entryStep("guest", format, level, name, BigInt(gpa), entry.hpa, entry.value, refused),
    );
    if (refused !== undefined) return { failure: refused };
    note(rights, entry.value, !narrow);
    const large =
      level > 0 && (entry.value & 0x80n) !== 0n && (!narrow || (paging.cr4 & CR4.PSE) !== 0);
    if (level === 0 || large) return leafAddress(entry.value, level, narrow, linear);
    table = Number(entry.value & (narrow ? 0xfffff000n : FRAME));
  }
}

function leafAddress(value: bigint, level: number, narrow: boolean, linear: Linear): StageResult {
  const size = narrow ? (level === 1 ? 1 << 22 : 4096) : 4096 * 512 ** level;
  const offset = ((linear % size) + size) % size;
  if (narrow && level === 1) {
    const high = Number((value >> 13n) & 0xffn) * 2 ** 32;
    return {
      address: BigInt(high + Math.floor(Number(value & 0xffc00000n)) + offset),
      pageSize: size,
    };
  }
  const base = Number(value & (narrow ? 0xfffff000n : FRAME));
  return { address: BigInt(base - (base % size) + offset), pageSize: size };
}

function rightsText(rights: Rights): string {
  return `r${rights.write ? "w" : "-"}${rights.execute ? "x" : "-"} ${rights.user ? "user" : "supervisor"}`;
}

/** The second half: GPA to HPA. */
function toHost(
  machine: ViewedMachine,
  paging: PagingContext,
  gpa: bigint,
  steps: WalkStep[],
): StageResult {
  const number = Number(gpa);
  if (paging.eptRoot !== undefined) return walkEpt(machine, paging.eptRoot, number, steps);
  const hpa = machine.guestToHost(number);
  return hpa === undefined ? { failure: `GPA ${hex(gpa)} is not RAM` } : { address: BigInt(hpa) };
}

function translateLinear(machine: ViewedMachine, gva: bigint): Translation {
  const paging = guestPaging(machine);
  const steps: WalkStep[] = [];
  const linear = canonicalLinear(gva);
  if (linear === undefined) return { gva, steps, failure: "the address is not canonical" };
  const rights = { write: true, user: true, execute: true };
  const first = pagingOn(paging)
    ? walkGuest(machine, paging, linear, steps, rights)
    : { address: BigInt.asUintN(32, gva) };
  if (first.address === undefined)
    return { gva, steps, failure: first.failure ?? "no translation" };
  const second = toHost(machine, paging, first.address, steps);
  return {
    gva,
    gpa: first.address,
    steps,
    ...(second.address === undefined ? {} : { hpa: second.address }),
    ...(first.pageSize === undefined ? {} : { pageSize: first.pageSize }),
    ...(pagingOn(paging) ? { rights: rightsText(rights) } : {}),
    ...(second.failure === undefined ? {} : { failure: second.failure }),
  };
}

/** Translates an address of any space as far down as it goes. Pure: nothing in the machine changes. */
export function translate(
  machine: ViewedMachine,
  space: AddressSpace,
  address: bigint,
): Translation {
  if (space === "gva") return translateLinear(machine, address);
  if (space === "hpa") {
    return machine.ram.isVisible(Number(address))
      ? { hpa: address, steps: [] }
      : { steps: [], failure: `HPA ${hex(address)} is neither RAM nor a device's registers` };
  }
  const steps: WalkStep[] = [];
  const result = toHost(machine, guestPaging(machine), address, steps);
  return {
    gpa: address,
    steps,
    ...(result.address === undefined ? {} : { hpa: result.address }),
    ...(result.pageSize === undefined ? {} : { pageSize: result.pageSize }),
    ...(result.failure === undefined ? {} : { failure: result.failure }),
  };
}
