import {
  RAM_BASE,
  TLB_NONE,
  TLB_BYTES,
  TLB_DELTA,
  TLB_ENTRIES,
  TLB_STRIDE,
  TLB_SUPERVISOR,
  TLB_USER,
  TLB_WRITE_TAG,
} from "./layout";

/** What is known of one 4 KiB page, as a processor's TLB holds it. SDM Vol. 3A, "Translation Lookaside Buffers (TLBs)". */
export interface Translation {
  /** HPA page number. */
  readonly frame: number;
  /** GPA page number (equal to `frame` without EPT). */
  readonly gpaFrame: number;
  /** Combined over all levels of the guest's tables. */
  readonly writable: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
  readonly global: boolean;
  /** The dirty bit was set when this was cached; a write through an entry without it walks again. */
  readonly dirty: boolean;
  /** EPT rights; all true without EPT. */
  readonly eptRead: boolean;
  readonly eptWrite: boolean;
  readonly eptExecute: boolean;
  /** Bytes of the guest page that it came from. */
  readonly pageSize: number;
}

/** A cached translation. It is filled again in place: address-space switches bring the same pages back all the time. */
class CachedTranslation implements Translation {
  frame = 0;
  gpaFrame = 0;
  writable = false;
  user = false;
  noExecute = false;
  global = false;
  dirty = false;
  eptRead = false;
  eptWrite = false;
  eptExecute = false;
  pageSize = 0;

  /** Epoch and era of its space that it was cached in. */
  epoch = 0;
  era = 0;

  fill(from: Translation): void {
    this.frame = from.frame;
    this.gpaFrame = from.gpaFrame;
    this.writable = from.writable;
    this.user = from.user;
    this.noExecute = from.noExecute;
    this.global = from.global;
    this.dirty = from.dirty;
    this.eptRead = from.eptRead;
    this.eptWrite = from.eptWrite;
    this.eptExecute = from.eptExecute;
    this.pageSize = from.pageSize;
  }

  copy(): CachedTranslation {
    const copy = new CachedTranslation();
    copy.fill(this);
    copy.epoch = this.epoch;
    copy.era = this.era;
    return copy;
  }
}

/** Era of a translation that was dropped by itself. */
const GONE = -1;

/**
 * The translations of one tag. Those of an earlier era are gone, those of an earlier epoch unless they are global; their place is kept, because a Map gets
 * slow if the same keys are deleted and set all the time.
 */
class AddressSpace {
  epoch = 0;
  era = 0;
  readonly pages = new Map<number, CachedTranslation>();
  /** By their size in 4 KiB pages: numbers of the large pages of which pieces are or were here. An invalidation takes the pieces together. */
  private readonly large = new Map<number, Set<number>>();

  holds(entry: CachedTranslation): boolean {
    return entry.era === this.era && (entry.epoch === this.epoch || entry.global);
  }

  set(page: number, entry: CachedTranslation): void {
    this.pages.set(page, entry);
    this.noteSize(page, entry.pageSize);
  }

  noteSize(page: number, pageSize: number): void {
    if (pageSize === 4096) return;
    const size = pageSize / 4096;
    let numbers = this.large.get(size);
    if (!numbers) this.large.set(size, (numbers = new Set<number>()));
    numbers.add(Math.floor(page / size));
  }

  /** Drops a page and those of a large page around it; true if there can have been such a one. */
  drop(page: number): boolean {
    const entry = this.pages.get(page);
    if (entry) entry.era = GONE;
    let isLarge = false;
    for (const [size, numbers] of this.large) {
      const number = Math.floor(page / size);
      if (!numbers.delete(number)) continue;
      isLarge = true;
      for (const [other, piece] of this.pages)
        if (piece.pageSize === size * 4096 && Math.floor(other / size) === number) piece.era = GONE;
    }
    return isLarge;
  }
}

/** Places that one address space may have; the oldest go first. */
const CAPACITY = 1536;

/** VPID in the high part, PCID (12 bits) in the low one. */
export function tlbTag(vpid: number, pcid: number): number {
  return vpid * 4096 + pcid;
}

/**
 * The processor's TLB. Translations stay until an invalidation that covers them: a guest that forgets INVLPG meets its stale entry. In front of it the
 * interpreter has a direct-mapped table in its memory ("L0") that holds a subset for the current address space and privilege class.
 */
export class Tlb {
  private readonly spaces = new Map<number, AddressSpace>();
  private tag = 0;
  private current: AddressSpace;
  private readonly u32: Uint32Array;
  /** Addresses of L0 entries in use. */
  private filled: number[] = [];

  constructor(buffer: ArrayBuffer) {
    this.u32 = new Uint32Array(buffer, 0, (TLB_NONE + TLB_BYTES) / 4);
    this.current = this.space(0);
    for (let at = TLB_SUPERVISOR; at < TLB_NONE + TLB_BYTES; at += TLB_STRIDE)
      this.clearL0Entry(at);
  }

  private space(tag: number): AddressSpace {
    let space = this.spaces.get(tag);
    if (!space) this.spaces.set(tag, (space = new AddressSpace()));
    return space;
  }

  private clearL0Entry(at: number): void {
    const i = at >>> 2;
    this.u32[i] = 0xffffffff;
    this.u32[i + 1] = 0xffffffff;
    this.u32[i + TLB_WRITE_TAG / 4] = 0xffffffff;
    this.u32[i + TLB_WRITE_TAG / 4 + 1] = 0xffffffff;
  }

  /** Drops the interpreter's subset; costs nothing architecturally. */
  flushL0(): void {
    for (const at of this.filled) this.clearL0Entry(at);
    this.filled = [];
  }

  /** Lets the interpreter reach a page directly. Only for pages in RAM. */
  fillL0(page: number, frame: number, user: boolean, read: boolean, write: boolean): void {
    const at = (user ? TLB_USER : TLB_SUPERVISOR) + (page & (TLB_ENTRIES - 1)) * TLB_STRIDE;
    const i = at >>> 2;
    const low = (page * 4096) >>> 0;
    const high = (Math.floor(page / 2 ** 20) << 16) >> 16;
    this.clearL0Entry(at);
    if (read) {
      this.u32[i] = low;
      this.u32[i + 1] = high >>> 0;
    }
    if (write) {
      this.u32[i + TLB_WRITE_TAG / 4] = low;
      this.u32[i + TLB_WRITE_TAG / 4 + 1] = high >>> 0;
    }
    this.u32[i + TLB_DELTA / 4] = (RAM_BASE + frame * 4096 - low) >>> 0;
    this.filled.push(at);
    if (this.filled.length > 4 * TLB_ENTRIES) this.filled = [...new Set(this.filled)];
  }

  /**
   * HPA of an access of one page that the interpreter may make by itself, through its table at `base`; -1 if it must ask. The same look-up as in
   * execution/memoryFunctions.ts.
   */
  directHpa(base: number, linear: number, write: boolean): number {
    const low = linear >>> 0;
    const entry = (base + ((low >>> 12) % TLB_ENTRIES) * TLB_STRIDE) >>> 2;
    const tag = write ? entry + TLB_WRITE_TAG / 4 : entry;
    if (this.u32[tag] !== (low & ~0xfff) >>> 0) return -1;
    if (this.u32[tag + 1] !== Math.floor(linear / 2 ** 32) >>> 0) return -1;
    return ((this.u32[entry + TLB_DELTA / 4]! + low) >>> 0) - RAM_BASE;
  }

  lookup(page: number): Translation | undefined {
    const entry = this.current.pages.get(page);
    return entry && this.current.holds(entry) ? entry : undefined;
  }

  /** Caches a copy of a translation, and gives it. */
  insert(page: number, translation: Translation): Translation {
    const { pages, epoch, era } = this.current;
    let entry = pages.get(page);
    if (!entry) {
      if (pages.size >= CAPACITY) this.dropOldest();
      entry = new CachedTranslation();
      pages.set(page, entry);
    }
    this.current.noteSize(page, translation.pageSize);
    entry.fill(translation);
    entry.epoch = epoch;
    entry.era = era;
    return entry;
  }

  private dropOldest(): void {
    const { pages } = this.current;
    const oldest = pages.keys().next();
    if (!oldest.done) pages.delete(oldest.value);
    this.flushL0();
  }

  /** Makes the translations of another VPID and PCID current. */
  switchTo(tag: number): void {
    if (tag === this.tag) return;
    this.tag = tag;
    this.current = this.space(tag);
    this.flushL0();
  }

  /** INVLPG and INVPCID type 0: the page, global or not, and all of a large page that contains it. True if no other page can have been dropped. */
  flushPage(page: number, tag = this.tag): boolean {
    const space = tag === this.tag ? this.current : this.spaces.get(tag);
    const isLarge = space?.drop(page) ?? false;
    this.flushL0();
    return !isLarge;
  }

  /** MOV CR3: everything of the tag but global pages. */
  flushNonGlobal(tag = this.tag): void {
    this.space(tag).epoch++;
    this.flushL0();
  }

  /** Everything of the tag. */
  flushTag(tag = this.tag): void {
    this.space(tag).era++;
    this.flushL0();
  }

  /** Of all address spaces that have been cached. */
  tags(): readonly number[] {
    return [...this.spaces.keys()];
  }

  /** Everything of the tags that satisfy `matches`. */
  flushTags(matches: (tag: number) => boolean): void {
    for (const [tag, space] of this.spaces) if (matches(tag)) space.era++;
    this.flushL0();
  }

  /** What satisfies `matches`. */
  flushWhere(matches: (tag: number, entry: Translation) => boolean): void {
    for (const [tag, { pages }] of this.spaces) {
      for (const entry of pages.values()) if (matches(tag, entry)) entry.era = GONE;
    }
    this.flushL0();
  }

  flushAll(): void {
    for (const space of this.spaces.values()) space.era++;
    this.flushL0();
  }

  /** What is cached for the current address space: pages and entries, for display. */
  entries(): readonly (readonly [number, Translation])[] {
    return [...this.current.pages].filter(([, entry]) => this.current.holds(entry));
  }

  /** With the places that are kept: they decide which translation goes first. */
  save(): TlbSnapshot {
    const spaces = [...this.spaces].map(([tag, { epoch, era, pages }]) => ({
      tag,
      epoch,
      era,
      entries: copyEntries(pages),
    }));
    return { tag: this.tag, spaces };
  }

  load(snapshot: TlbSnapshot): void {
    this.spaces.clear();
    for (const { tag, epoch, era, entries } of snapshot.spaces) {
      const space = this.space(tag);
      space.epoch = epoch;
      space.era = era;
      for (const [page, entry] of copyEntries(entries)) space.set(page, entry);
    }
    this.tag = snapshot.tag;
    this.current = this.space(snapshot.tag);
    this.flushL0();
  }
}

type CachedPage = readonly [page: number, entry: CachedTranslation];

function copyEntries(entries: Iterable<CachedPage>): CachedPage[] {
  return Array.from(entries, ([page, entry]) => [page, entry.copy()]);
}

export interface TlbSnapshot {
  readonly tag: number;
  readonly spaces: readonly {
    readonly tag: number;
    readonly epoch: number;
    readonly era: number;
    readonly entries: readonly CachedPage[];
  }[];
}
