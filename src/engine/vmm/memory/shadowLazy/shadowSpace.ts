/**
 * Shadow paging, lazily filled: the processor's CR3 points at tables of the VMM, which behave like a big TLB of the guest's own tables. They are filled
 * when a hidden page fault asks for a page, and dropped when the guest flushes its TLB (INVLPG, MOV CR3).
 */
import { InvariantError } from "../../../base/errors";
import { canonicalLinear, type Linear } from "../../../cpu/linear";
import type { PhysicalMemory } from "../../../cpu/physicalMemory";
import { CR4, EFER } from "../../../cpu/systemState";
import { PAGE_BYTES, type HostMemory } from "../../hostMemory";
import type { ShadowState } from "./shadowState";
import { ShadowTables, type ShadowLeaf } from "./shadowTables";

/** The virtual processor whose memory is shadowed: what a technique gives to its shadow tables. */
export interface Shadowed {
  readonly ram: PhysicalMemory;
  readonly host: HostMemory;
  readonly state: ShadowState;
  /** HPA of the page that stands in for addresses without RAM: all ones. */
  readonly scratch: number;
  /** What the guest believes of the registers that choose its address space. */
  readonly guest: { readonly cr3: number; readonly cr4: number; readonly efer: number };
  /** "kernel" while the guest's kernel runs where the hardware takes it for a user: it has shadow tables of its own, which its users never get. */
  readonly view: "all" | "kernel";
  /** Puts the VMM's own entries into a new root. */
  prepareRoot(root: number): void;
  /** Makes the tables at a root those that the processor walks. */
  useRoot(root: number): void;
  /** Drops every translation of the guest from the processor's TLB. */
  flush(): void;
  flushPage(linear: Linear): void;
}

/** Beside a PCID in the key of a root. */
const KERNEL_VIEW = 0x1000;

export class ShadowSpace {
  constructor(private readonly on: Shadowed) {}

  private get state(): ShadowState {
    return this.on.state;
  }

  private tablesAt(root: number): ShadowTables {
    return new ShadowTables(this.on.ram, this.on.host, this.state.format, root);
  }

  /** The tables in force. */
  get tables(): ShadowTables {
    return this.tablesAt(this.state.root);
  }

  /** Gives all shadow tables back. */
  private dropAll(): void {
    const { state, on } = this;
    for (const root of Object.values(state.roots)) {
      this.tablesAt(root).release();
      on.host.release(root);
    }
    state.roots = {};
    state.hasGigabyteFragments = false;
  }

  /** The root of the guest's PCID and view; made if there is none. */
  private enterAddressSpace(): void {
    const { state, on } = this;
    const key = this.currentKey();
    let root = state.roots[key];
    if (root === undefined) {
      root = state.roots[key] = on.host.allocate();
      on.prepareRoot(root);
    }
    state.root = root;
    on.useRoot(root);
  }

  /** The guest's ring has changed: its view may be another. */
  followView(): void {
    const { roots, root } = this.state;
    if (roots[this.currentKey()] !== root) this.enterAddressSpace();
  }

  /** Forgets the translations of one PCID in every view. */
  private clearPcid(pcid: number): void {
    const { roots } = this.state;
    for (const root of [roots[pcid], roots[pcid | KERNEL_VIEW]])
      if (root !== undefined) this.tablesAt(root).clear();
  }

  private currentPcid(): number {
    const { guest } = this.on;
    return guest.cr4 & CR4.PCIDE ? guest.cr3 & 0xfff : 0;
  }

  private currentKey(): number {
    return this.currentPcid() | (this.on.view === "kernel" ? KERNEL_VIEW : 0);
  }

  /** Everything that a TLB flush of all PCIDs forgets. */
  dropEverything(): void {
    this.dropAll();
    this.state.format = this.on.guest.efer & EFER.LMA ? "4-level" : "pae";
    this.enterAddressSpace();
    this.on.flush();
  }

  /** After MOV CR3: the guest's translations of that PCID go, unless bit 63 keeps them. */
  cr3Loaded(keep: boolean): void {
    if (!keep) this.clearPcid(this.currentPcid());
    this.enterAddressSpace();
    this.on.flush();
  }

  /** INVLPG: the page, in every PCID, for it may be global. */
  dropPage(address: bigint): void {
    const { state, on } = this;
    const linear = canonicalLinear(address);
    // A non-canonical address makes INVLPG a no-operation.
    if (linear === undefined) return;
    let more = false;
    for (const root of Object.values(state.roots))
      more = this.tablesAt(root).dropWithFragments(address, state.hasGigabyteFragments) || more;
    if (more) on.flush();
    else on.flushPage(linear);
  }

  /** Drops the translations of one PCID: INVPCID. */
  dropPcid(pcid: number): void {
    this.clearPcid(pcid);
    this.on.flush();
  }

  /** Fills an entry; when host memory is used up, all shadows go first, as a TLB's oldest entries do. */
  fill(address: bigint, leaf: ShadowLeaf): void {
    if (leaf.guestPageSize >= 0x40000000) this.state.hasGigabyteFragments = true;
    if (this.tables.fill(address, leaf)) return;
    this.dropEverything();
    if (!this.tables.fill(address, leaf))
      throw new InvariantError("the memory reserved for the VMM cannot hold one address space");
  }

  /** Maps the scratch page at a linear address that the guest maps to no RAM, for one instruction. */
  openHole(address: bigint, leaf: Omit<ShadowLeaf, "hpa">): void {
    this.fill(address, { ...leaf, hpa: this.on.scratch });
    this.state.holes.push(address);
  }

  closeHoles(): void {
    const { state, on } = this;
    for (const address of state.holes) {
      this.tables.drop(address);
      on.flushPage(canonicalLinear(address) ?? 0);
    }
    state.holes = [];
    on.ram.writeBytes(on.scratch, new Uint8Array(PAGE_BYTES).fill(0xff));
  }
}
