/**
 * Checks on guest segment registers in three regimes: virtual-8086 (RFLAGS.VM = 1), normal, and unrestricted guest.
 * SDM Vol. 3C, "Checks on Guest Segment Registers".
 */
import { AR, accessRightsText } from "../../../isa/descriptors";
import type { VmcsFieldName } from "../../../isa/vmx/vmcsFields";
import { canonicalAddress } from "./registerRules";
import type { EntryState, GuestSegment, SegmentState } from "./entryState";
import { hex, section, type EntryRule } from "./rule";
import type { Finding, Fix } from "./violation";

const segments = section("guest", "Checks on Guest Segment Registers");

const CODE_AND_DATA = ["CS", "SS", "DS", "ES", "FS", "GS"] as const;
const DATA = ["DS", "ES", "FS", "GS"] as const;
type CodeOrData = (typeof CODE_AND_DATA)[number];
type Part = "SELECTOR" | "BASE" | "LIMIT" | "ACCESS_RIGHTS";

const VIRTUAL_8086_RIGHTS = 0xf3;
const VIRTUAL_8086_LIMIT = 0xffff;

function partOf(name: GuestSegment, part: Part): VmcsFieldName {
  return `GUEST_${name}_${part}`;
}

function write(name: GuestSegment, part: Part, value: number | bigint): Fix {
  return {
    field: partOf(name, part),
    value: typeof value === "number" ? BigInt(value >>> 0) : value,
  };
}

interface SegmentRule {
  readonly suffix: string;
  readonly title: string;
  readonly parts: readonly Part[];
  readonly also?: readonly VmcsFieldName[];
  find(segment: SegmentState, state: EntryState): Finding | undefined;
}

function rule(name: GuestSegment, text: SegmentRule): EntryRule {
  return segments({
    id: `guest-${name.toLowerCase()}-${text.suffix}`,
    title: text.title,
    fields: [...text.parts.map((part) => partOf(name, part)), ...(text.also ?? [])],
    find: (state) => text.find(state.segment(name), state),
  });
}

/** Whether the normal checks of a register apply: not in virtual-8086 mode, and usable (CS always counts as usable). */
function isChecked(name: GuestSegment, segment: SegmentState, state: EntryState): boolean {
  if (name === "TR") return true;
  if (name === "LDTR") return segment.usable;
  return !state.isVirtual8086 && (name === "CS" || segment.usable);
}

const SELECTOR_RULES: readonly EntryRule[] = [
  rule("TR", {
    suffix: "selector-ti",
    title: "TI of the guest TR selector must be 0",
    parts: ["SELECTOR"],
    find: ({ selector }) => tableIndicator("TR", selector),
  }),
  rule("LDTR", {
    suffix: "selector-ti",
    title: "TI of the guest LDTR selector must be 0 when LDTR is usable",
    parts: ["SELECTOR", "ACCESS_RIGHTS"],
    find: ({ selector, usable }) => (usable ? tableIndicator("LDTR", selector) : undefined),
  }),
  rule("SS", {
    suffix: "selector-rpl",
    title: "RPL of guest SS must equal RPL of CS (not for virtual-8086 and unrestricted guests)",
    parts: ["SELECTOR"],
    also: ["GUEST_CS_SELECTOR"],
    find(ss, state) {
      const cs = state.segment("CS");
      if (state.isVirtual8086 || state.isUnrestricted || ss.rpl === cs.rpl) return undefined;
      return {
        sentence: `Guest SS selector has RPL ${ss.rpl}, CS has RPL ${cs.rpl}.`,
        fix: [write("SS", "SELECTOR", (ss.selector & ~3) | cs.rpl)],
      };
    },
  }),
];

function tableIndicator(name: "TR" | "LDTR", selector: number): Finding | undefined {
  if ((selector & 4) === 0) return undefined;
  return {
    sentence: `Guest ${name} selector ${hex(selector)} refers to the LDT.`,
    fix: [write(name, "SELECTOR", selector & ~4)],
  };
}

/** Base, limit and access rights of a virtual-8086 guest. */
function virtual8086Rules(name: CodeOrData): EntryRule[] {
  const when = "in virtual-8086 mode";
  return [
    rule(name, {
      suffix: "v8086-base",
      title: `Guest ${name} base must be selector × 16 ${when}`,
      parts: ["BASE", "SELECTOR"],
      also: ["GUEST_RFLAGS"],
      find({ base, selector }, state) {
        const expected = BigInt(selector) << 4n;
        if (!state.isVirtual8086 || base === expected) return undefined;
        return {
          sentence: `Guest ${name} base is ${hex(base)}; selector ${hex(selector)} × 16 is ${hex(expected)}.`,
          fix: [write(name, "BASE", expected)],
        };
      },
    }),
    rule(name, {
      suffix: "v8086-limit",
      title: `Guest ${name} limit must be 0xffff ${when}`,
      parts: ["LIMIT"],
      also: ["GUEST_RFLAGS"],
      find({ limit }, state) {
        if (!state.isVirtual8086 || limit === VIRTUAL_8086_LIMIT) return undefined;
        return {
          sentence: `Guest ${name} limit is ${hex(limit)}.`,
          fix: [write(name, "LIMIT", VIRTUAL_8086_LIMIT)],
        };
      },
    }),
    rule(name, {
      suffix: "v8086-access-rights",
      title: `Guest ${name} access rights must be 0xf3 ${when}`,
      parts: ["ACCESS_RIGHTS"],
      also: ["GUEST_RFLAGS"],
      find({ accessRights }, state) {
        if (!state.isVirtual8086 || accessRights === VIRTUAL_8086_RIGHTS) return undefined;
        return {
          sentence: `Guest ${name} access rights are ${hex(accessRights)} (${accessRightsText(accessRights)}).`,
          fix: [write(name, "ACCESS_RIGHTS", VIRTUAL_8086_RIGHTS)],
        };
      },
    }),
  ];
}

function base32(name: "CS" | "SS" | "DS" | "ES"): EntryRule {
  return rule(name, {
    suffix: "base-32-bit",
    title: `Bits 63:32 of the guest ${name} base must be 0${name === "CS" ? "" : " when it is usable"}`,
    parts: ["BASE", "ACCESS_RIGHTS"],
    find(segment) {
      if ((name !== "CS" && !segment.usable) || segment.base >> 32n === 0n) return undefined;
      return {
        sentence: `Guest ${name} base ${hex(segment.base)} does not fit 32 bits.`,
        fix: [write(name, "BASE", segment.base & 0xffffffffn)],
      };
    },
  });
}

const BASE_RULES: readonly EntryRule[] = [
  canonicalAddress(segments, "guest-tr-base-canonical", "GUEST_TR_BASE"),
  canonicalAddress(segments, "guest-fs-base-canonical", "GUEST_FS_BASE"),
  canonicalAddress(segments, "guest-gs-base-canonical", "GUEST_GS_BASE"),
  canonicalAddress(
    segments,
    "guest-ldtr-base-canonical",
    "GUEST_LDTR_BASE",
    (state) => state.segment("LDTR").usable,
  ),
  base32("CS"),
  base32("SS"),
  base32("DS"),
  base32("ES"),
];

/** A rule on access rights that applies as isChecked says; `find` returns the sentence and the corrected access rights. */
function rights(
  name: GuestSegment,
  suffix: string,
  title: string,
  find: (segment: SegmentState, state: EntryState) => readonly [string, number] | undefined,
  also: readonly VmcsFieldName[] = [],
): EntryRule {
  return rule(name, {
    suffix,
    title,
    parts: ["ACCESS_RIGHTS"],
    also,
    find(segment, state) {
      if (!isChecked(name, segment, state)) return undefined;
      const found = find(segment, state);
      if (found === undefined) return undefined;
      const [sentence, fixed] = found;
      return { sentence, fix: [write(name, "ACCESS_RIGHTS", fixed)] };
    },
  });
}

function withType(segment: SegmentState, type: number): number {
  return (segment.accessRights & ~AR.TYPE) | type;
}

function withDpl(segment: SegmentState, dpl: number): number {
  return (segment.accessRights & ~AR.DPL) | (dpl << 5);
}

const CS_READ_WRITE_DATA = 3;

const TYPE_RULES: readonly EntryRule[] = [
  rights(
    "CS",
    "type",
    "Guest CS type must be 9, 11, 13 or 15 (accessed code), or 3 for an unrestricted guest",
    (segment, state) => {
      const isAccessedCode = (segment.type & 9) === 9;
      const isAllowedData = segment.type === CS_READ_WRITE_DATA && state.isUnrestricted;
      if (isAccessedCode || isAllowedData) return undefined;
      const why = segment.type === CS_READ_WRITE_DATA ? ', which needs "Unrestricted guest"' : "";
      return [`Guest CS type is ${segment.type}${why}.`, withType(segment, 11)];
    },
    ["SECONDARY_PROCESSOR_BASED_CONTROLS"],
  ),
  rights(
    "SS",
    "type",
    "Guest SS type must be 3 or 7 (read/write, accessed) when SS is usable",
    (segment) =>
      segment.type === 3 || segment.type === 7
        ? undefined
        : [`Guest SS type is ${segment.type}.`, withType(segment, 3)],
  ),
  ...DATA.map((name) =>
    rights(
      name,
      "type",
      `Guest ${name} type must be accessed, and readable if it is code, when ${name} is usable`,
      (segment) => {
        const accessed = (segment.type & 1) !== 0;
        const unreadable = (segment.type & 10) === 8;
        if (accessed && !unreadable) return undefined;
        const what = accessed ? "is code that cannot be read" : "lacks the accessed bit";
        return [
          `Guest ${name} type ${segment.type} ${what}.`,
          withType(segment, segment.type | 1 | (unreadable ? 2 : 0)),
        ];
      },
    ),
  ),
];

function descriptorType(name: CodeOrData): EntryRule {
  return rights(name, "s", `Guest ${name} access rights bit 4 (S) must be 1`, ({ accessRights }) =>
    accessRights & AR.S
      ? undefined
      : [`Guest ${name} is a system segment (S = 0).`, accessRights | AR.S],
  );
}

/** DPL of CS by its type. */
function csPrivilege(
  segment: SegmentState,
  state: EntryState,
): readonly [string, number] | undefined {
  const ss = state.segment("SS");
  switch (segment.type) {
    case CS_READ_WRITE_DATA:
      if (segment.dpl === 0) return undefined;
      return [
        `Guest CS is a data segment with DPL ${segment.dpl}; it must be 0.`,
        withDpl(segment, 0),
      ];
    case 9:
    case 11:
      if (segment.dpl === ss.dpl) return undefined;
      return [
        `Guest CS is non-conforming with DPL ${segment.dpl}, but SS has DPL ${ss.dpl}.`,
        withDpl(segment, ss.dpl),
      ];
    case 13:
    case 15:
      if (segment.dpl <= ss.dpl) return undefined;
      return [
        `Guest CS is conforming with DPL ${segment.dpl}, above the DPL ${ss.dpl} of SS.`,
        withDpl(segment, ss.dpl),
      ];
    default:
      return undefined;
  }
}

const PRIVILEGE_RULES: readonly EntryRule[] = [
  rights(
    "CS",
    "dpl",
    "Guest CS DPL must be 0 for type 3, equal SS.DPL for types 9 and 11, and not exceed SS.DPL for types 13 and 15",
    csPrivilege,
    ["GUEST_SS_ACCESS_RIGHTS"],
  ),
  // The two rules on SS.DPL hold whether or not SS is usable: SS.DPL is the CPL.
  rule("SS", {
    suffix: "dpl-rpl",
    title: "Guest SS DPL must equal SS.RPL (not for virtual-8086 and unrestricted guests)",
    parts: ["ACCESS_RIGHTS", "SELECTOR"],
    find(segment, state) {
      if (state.isVirtual8086 || state.isUnrestricted || segment.dpl === segment.rpl)
        return undefined;
      return {
        sentence: `Guest SS has DPL ${segment.dpl} and RPL ${segment.rpl}.`,
        fix: [write("SS", "ACCESS_RIGHTS", withDpl(segment, segment.rpl))],
      };
    },
  }),
  rule("SS", {
    suffix: "dpl-zero",
    title: "Guest SS DPL must be 0 when CS has type 3 or CR0.PE is 0",
    parts: ["ACCESS_RIGHTS"],
    also: ["GUEST_CS_ACCESS_RIGHTS", "GUEST_CR0"],
    find(segment, state) {
      const csIsData = state.segment("CS").type === CS_READ_WRITE_DATA;
      const applies = !state.isVirtual8086 && (csIsData || !state.isProtected);
      if (!applies || segment.dpl === 0) return undefined;
      return {
        sentence: `Guest SS has DPL ${segment.dpl}, but ${csIsData ? "CS has type 3" : "CR0.PE is 0"}.`,
        fix: [write("SS", "ACCESS_RIGHTS", withDpl(segment, 0))],
      };
    },
  }),
  ...DATA.map((name) =>
    rights(
      name,
      "dpl",
      `Guest ${name} DPL must not be below its RPL for data and non-conforming code (not for unrestricted guests)`,
      (segment, state) => {
        const applies = !state.isUnrestricted && segment.type <= 11;
        if (!applies || segment.dpl >= segment.rpl) return undefined;
        return [
          `Guest ${name} has DPL ${segment.dpl}, below RPL ${segment.rpl}.`,
          withDpl(segment, segment.rpl),
        ];
      },
      [partOf(name, "SELECTOR")],
    ),
  ),
];

function present(name: GuestSegment): EntryRule {
  return rights(name, "present", `Guest ${name} access rights bit 7 (P) must be 1`, (segment) =>
    segment.accessRights & AR.P
      ? undefined
      : [`Guest ${name} is not present.`, segment.accessRights | AR.P],
  );
}

const RESERVED_LOW = 0xf00;
const RESERVED_HIGH = 0xfffe0000;

function reserved(name: GuestSegment): EntryRule {
  return rights(
    name,
    "reserved",
    `Bits 31:17 and 11:8 of the guest ${name} access rights must be 0`,
    ({ accessRights }) => {
      const extra = (accessRights & (RESERVED_LOW | RESERVED_HIGH)) >>> 0;
      if (extra === 0) return undefined;
      return [
        `Guest ${name} access rights ${hex(accessRights)} have reserved bits set.`,
        (accessRights & ~(RESERVED_LOW | RESERVED_HIGH)) >>> 0,
      ];
    },
  );
}

/** G must be 0 where the limit's low 12 bits are not all ones, and 1 where bits 31:20 are not all zeros. */
function granularity(name: GuestSegment): EntryRule {
  return rule(name, {
    suffix: "granularity",
    title: `Guest ${name} G must suit the limit: 0 unless bits 11:0 are all 1, 1 if any of bits 31:20 is 1`,
    parts: ["ACCESS_RIGHTS", "LIMIT"],
    find(segment, state) {
      if (!isChecked(name, segment, state)) return undefined;
      const { limit, accessRights } = segment;
      const isPages = (accessRights & AR.G) !== 0;
      const needsBytes = (limit & 0xfff) !== 0xfff;
      const needsPages = limit >>> 20 !== 0;
      if (!(isPages && needsBytes) && !(!isPages && needsPages)) return undefined;
      const sentence = isPages
        ? `Guest ${name} has G = 1, but limit ${hex(limit)} does not end in fff.`
        : `Guest ${name} has G = 0, but limit ${hex(limit)} needs more than 20 bits.`;
      const fix = needsPages
        ? [write(name, "LIMIT", limit | 0xfff), write(name, "ACCESS_RIGHTS", accessRights | AR.G)]
        : [write(name, "ACCESS_RIGHTS", accessRights & ~AR.G)];
      return { sentence, fix };
    },
  });
}

const CS_SIZE: EntryRule = rights(
  "CS",
  "d-b",
  "Guest CS D/B must be 0 for 64-bit code (IA-32e mode guest with CS.L = 1)",
  ({ accessRights }, state) =>
    state.is64BitCode && (accessRights & AR.DB) !== 0
      ? ["Guest CS has both L and D/B set.", accessRights & ~AR.DB]
      : undefined,
  ["VM_ENTRY_CONTROLS"],
);

function isSystem(name: "TR" | "LDTR"): EntryRule {
  return rights(name, "s", `Guest ${name} access rights bit 4 (S) must be 0`, ({ accessRights }) =>
    accessRights & AR.S
      ? [`Guest ${name} is a code or data segment (S = 1).`, accessRights & ~AR.S]
      : undefined,
  );
}

const TR_RULES: readonly EntryRule[] = [
  rights(
    "TR",
    "type",
    "Guest TR type must be 11 (busy TSS), or 3 (busy 16-bit TSS) outside IA-32e mode",
    (segment, state) => {
      if (segment.type === 11 || (segment.type === 3 && !state.isIa32eGuest)) return undefined;
      return [`Guest TR type is ${segment.type}: it must be a busy TSS.`, withType(segment, 11)];
    },
    ["VM_ENTRY_CONTROLS"],
  ),
  isSystem("TR"),
  present("TR"),
  reserved("TR"),
  granularity("TR"),
  rights("TR", "usable", "Guest TR must be usable: access rights bit 16 must be 0", (segment) =>
    segment.usable ? undefined : ["Guest TR is unusable.", segment.accessRights & ~AR.UNUSABLE],
  ),
];

const LDTR_RULES: readonly EntryRule[] = [
  rights("LDTR", "type", "Guest LDTR type must be 2 (LDT) when LDTR is usable", (segment) =>
    segment.type === 2 ? undefined : [`Guest LDTR type is ${segment.type}.`, withType(segment, 2)],
  ),
  isSystem("LDTR"),
  present("LDTR"),
  reserved("LDTR"),
  granularity("LDTR"),
];

export const GUEST_SEGMENT_RULES: readonly EntryRule[] = [
  ...SELECTOR_RULES,
  ...CODE_AND_DATA.flatMap(virtual8086Rules),
  ...BASE_RULES,
  ...TYPE_RULES,
  ...CODE_AND_DATA.map(descriptorType),
  ...PRIVILEGE_RULES,
  ...CODE_AND_DATA.map(present),
  ...CODE_AND_DATA.map(reserved),
  CS_SIZE,
  ...CODE_AND_DATA.map(granularity),
  ...TR_RULES,
  ...LDTR_RULES,
];
