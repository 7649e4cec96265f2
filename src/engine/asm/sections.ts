/** The sections of a flat binary: their attributes, and where they go (NASM manual, "bin: Flat-Form Binary Output"). */
import type { Place } from "./diagnosticSink";

export type SectionProblem = (message: string) => void;

/** Which attributes the source has given in this pass. */
interface Given {
  start: boolean;
  align: boolean;
  follows: boolean;
  vstart: boolean;
  valign: boolean;
  vfollows: boolean;
}

export class Section {
  /** Bytes so far in this pass. */
  offset = 0;
  /** Length after the last whole pass. */
  length = 0;
  type: "progbits" | "nobits" | undefined;
  start = 0;
  vstart = 0;
  align = 0;
  valign = 0;
  follows = "";
  vfollows = "";
  readonly given: Given = {
    start: false,
    align: false,
    follows: false,
    vstart: false,
    valign: false,
    vfollows: false,
  };
  /** Where the first `section` directive for it stands. */
  place: Place | undefined;

  constructor(
    readonly name: string,
    /** Number of the virtual addresses; `startSegment` is that of the load addresses. */
    readonly segment: number,
    /** The section before it, which it follows in the virtual space; .bss follows the last progbits one. */
    readonly previous: Section | undefined,
  ) {
    if (name === ".text" || name === ".data") this.type = "progbits";
    else if (name === ".bss") this.type = "nobits";
  }

  get startSegment(): number {
    return this.segment + 2;
  }

  /** Forgets what a pass must give again. `follows` stays, as in NASM. */
  beginPass(): void {
    const { given } = this;
    this.offset = 0;
    given.start = given.vstart = given.align = given.valign = false;
  }
}

function alignUp(value: number, to: number): number {
  return to <= 1 ? value : Math.ceil(value / to) * to;
}

export function isPowerOfTwo(value: bigint): boolean {
  return value > 0n && (value & (value - 1n)) === 0n;
}

/** Where everything goes; a snapshot for comparing passes. */
export interface Placement {
  readonly order: readonly Section[];
  /** Load address of the first byte of the image. */
  readonly origin: number;
}

export class SectionTable {
  /** In order of first mention. */
  readonly sections: Section[] = [];
  origin: number | undefined;
  private readonly bySegment = new Map<number, Section>();
  private readonly byName = new Map<string, Section>();
  private nextSegment = 2;

  constructor() {
    this.open(".text");
  }

  beginPass(): void {
    this.origin = undefined;
    for (const section of this.sections) section.beginPass();
  }

  open(name: string): Section {
    const found = this.byName.get(name);
    if (found) return found;
    const previous = name === ".bss" ? undefined : this.sections[this.sections.length - 1];
    const section = new Section(name, this.nextSegment, previous);
    this.nextSegment += 4;
    this.sections.push(section);
    this.byName.set(name, section);
    this.bySegment.set(section.segment, section);
    this.bySegment.set(section.startSegment, section);
    return section;
  }

  /** A segment number that belongs to no section: an external symbol's. */
  outsideSegment(): number {
    const segment = this.nextSegment;
    this.nextSegment += 4;
    return segment;
  }

  find(name: string): Section | undefined {
    return this.byName.get(name);
  }

  ofSegment(segment: number): Section | undefined {
    return this.bySegment.get(segment);
  }

  /** What to add to an offset in a segment. */
  baseOf(segment: number): number {
    const section = this.bySegment.get(segment);
    if (section === undefined) return 0;
    return segment === section.segment ? section.vstart : section.start;
  }

  /**
   * Sorts the sections, gives each its start and vstart. The rules are those of NASM's output module: groups led by a section with `start=` or `follows=`,
   * alignment 4, nobits sections behind everything in the virtual space only.
   */
  place(problem: SectionProblem): Placement {
    const saved = this.sections.map((section) => ({ ...section.given }));
    const placement = this.computePlaces(problem);
    this.sections.forEach((section, i) => Object.assign(section.given, saved[i]));
    return placement;
  }

  private computePlaces(problem: SectionProblem): Placement {
    for (const section of this.sections) section.length = section.offset;
    const progbits = this.sections.filter((section) => section.type !== "nobits");
    const nobits = this.sections.filter((section) => section.type === "nobits");
    for (const section of nobits) realIsVirtual(section, problem);
    const ordered = sortByStart(sortByFollows(progbits, problem));
    const origin = this.firstStart(ordered, problem);
    placeInFile(ordered, origin, problem);
    placeVirtually([...ordered, ...nobits], ordered[ordered.length - 1]!, problem);
    return { order: [...ordered, ...nobits], origin };
  }

  private firstStart(ordered: readonly Section[], problem: SectionProblem): number {
    const first = ordered[0]!;
    const { given } = first;
    if (this.origin === undefined) {
      if (!given.start) first.start = 0;
      given.start = true;
      return first.start;
    }
    if (given.start) {
      if (first.start < this.origin) problem(`section ${first.name} begins before program origin`);
    } else {
      first.start = given.align ? alignUp(this.origin, first.align) : this.origin;
    }
    given.start = true;
    return this.origin;
  }
}

/** In a nobits section there is only a virtual place, whatever words give it. */
function realIsVirtual(section: Section, problem: SectionProblem): void {
  const { given } = section;
  if (given.start || given.align || given.follows) {
    if (given.vstart || given.valign || given.vfollows) {
      problem(`cannot mix real and virtual attributes in nobits section (${section.name})`);
      return;
    }
    if (given.start) section.vstart = section.start;
    if (given.align) section.valign = section.align;
    if (given.follows) section.vfollows = section.follows;
    given.vstart ||= given.start;
    given.valign ||= given.align;
    given.vfollows ||= given.follows;
  }
  if (given.vstart) section.start = section.vstart;
}

interface Link {
  readonly section: Section | undefined;
  next: Link | undefined;
}

/** Moves each group that a `follows=` leads behind the section that it names: NASM's steps on a linked list, which decide where chains of them end up. */
function sortByFollows(sections: readonly Section[], problem: SectionProblem): readonly Section[] {
  const head: Link = { section: undefined, next: undefined };
  let tail = head;
  for (const section of sections) tail = tail.next = { section, next: undefined };
  let before = head;
  let group = head.next;
  for (let left = sections.length ** 2 + 1; group && left > 0; left--) {
    if (!group.section!.given.follows) {
      while (group.next && !isOutOfPlace(group)) group = group.next;
      if (!group.next) break;
      before = group;
      group = group.next;
    }
    const target = followed(head, group.section!, problem);
    if (target === undefined) break;
    const last = endOfGroup(group, target);
    const rest: Link | undefined = last.next;
    last.next = target.next;
    target.next = group;
    before.next = rest;
    group = rest;
  }
  const sorted: Section[] = [];
  for (let link = head.next; link; link = link.next) sorted.push(link.section!);
  return sorted.length === sections.length ? sorted : sections;
}

/** Whether the next section follows another one than this. */
function isOutOfPlace({ section, next }: Link): boolean {
  return next?.section?.given.follows === true && next.section.follows !== section!.name;
}

/** The link of the section that a leader names; undefined and a problem if there is none. */
function followed(head: Link, leader: Section, problem: SectionProblem): Link | undefined {
  let target = head.next;
  while (target && target.section!.name !== leader.follows) target = target.next;
  const next = target?.next?.section;
  if (target === undefined) {
    problem(`section ${leader.name} follows an invalid or unknown section (${leader.follows})`);
  } else if (target.section === leader) problem(`section ${leader.name} is self following`);
  else if (next?.given.follows === true && next.follows === target.section!.name) {
    const name = target.section!.name;
    problem(`sections ${leader.name} and ${next.name} can't both follow section ${name}`);
  } else return target;
  return undefined;
}

function endOfGroup(group: Link, target: Link): Link {
  let last = group;
  for (let scan = group.next; scan && scan !== target && !scan.section!.given.start;) {
    last = scan;
    if (isOutOfPlace(scan)) return scan;
    scan = scan.next;
  }
  return last;
}

/** Sorts groups led by a `start=`; a group without one stays where it stands at first. */
function sortByStart(sections: readonly Section[]): readonly Section[] {
  let sorted: readonly Section[] = [];
  let at = 0;
  while (at < sections.length) {
    let end = at + 1;
    while (end < sections.length && !sections[end]!.given.start) end++;
    const group = sections.slice(at, end);
    const leader = group[0]!;
    const before = sorted.findIndex((other) => other.given.start && leader.start < other.start);
    const place = before < 0 ? sorted.length : before;
    sorted = [...sorted.slice(0, place), ...group, ...sorted.slice(place)];
    at = end;
  }
  return sorted;
}

/** For each section the first one behind it that has bytes and whose start is written. */
function firstStartedAfter(ordered: readonly Section[]): readonly (Section | undefined)[] {
  const after: (Section | undefined)[] = [];
  let next: Section | undefined;
  for (let i = ordered.length - 1; i >= 0; i--) {
    after[i] = next;
    const section = ordered[i]!;
    if (section.given.start && section.length > 0) next = section;
  }
  return after;
}

function placeInFile(ordered: readonly Section[], origin: number, problem: SectionProblem): void {
  let end = ordered[0]!.start;
  let last: Section | undefined;
  const startedAfter = firstStartedAfter(ordered);
  ordered.forEach((section, i) => {
    const { given } = section;
    if (!given.start) {
      if (!given.align) {
        section.align = 4;
        given.align = true;
      }
      section.start = alignUp(end, section.align);
      given.start = true;
    }
    if (!given.vstart && !given.vfollows) {
      section.vstart = given.valign ? alignUp(end, section.valign) : section.start;
      given.vstart = true;
    }
    if (section.start < end) {
      if (section.length > 0 && last) problem(`sections ${last.name} and ${section.name} overlap!`);
      return;
    }
    end = section.start + section.length;
    const next = startedAfter[i];
    if (next && next.start < origin) problem(`section ${next.name} begins before program origin`);
    last = section;
  });
}

function placeVirtually(
  all: readonly Section[],
  lastProgbits: Section,
  problem: SectionProblem,
): void {
  let moved = true;
  while (moved) {
    moved = false;
    for (const section of all) {
      const { given } = section;
      if (given.vstart) continue;
      const before = given.vfollows
        ? all.find((other) => other.name === section.vfollows)
        : (section.previous ?? lastProgbits);
      if (before === undefined) {
        problem(`section ${section.name} vfollows unknown section (${section.vfollows})`);
        section.vstart = 0;
      } else {
        if (!before.given.vstart) continue;
        if (!given.valign) section.valign = 4;
        section.vstart = alignUp(before.vstart + before.length, section.valign);
      }
      given.vstart = true;
      moved = true;
      if (section.type === "nobits") section.start = section.vstart;
    }
  }
  for (const section of all) {
    if (!section.given.vstart) problem(`cannot compute vstart for section ${section.name}`);
  }
}
