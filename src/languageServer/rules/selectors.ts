/** DESC3 to DESC6 and DESC8: selectors and what they name. SDM Vol. 3A, "Segment Selectors", "Type Checking", "Limit Checking". */
import { AR, selectorText, type Descriptor } from "../../engine/language";
import type { Analysis } from "../analysis";
import { Image } from "../knowledge/descriptorTables";
import { staticGdts } from "../knowledge/descriptorTables";
import {
  namedDescriptor,
  onlyGdt,
  selectorLoads,
  type SelectorLoad,
} from "../knowledge/selectorLoads";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

const hex = (value: number): string => `0x${value.toString(16)}`;

function outside(analysis: Analysis): Finding[] {
  const table = onlyGdt(analysis);
  if (table === undefined) return [];
  return selectorLoads(analysis).flatMap(({ selector, statement, target }) => {
    if (selector.table === "LDT" || selector.isNull || 8 * selector.index + 7 <= table.limit)
      return [];
    return [
      {
        code: "DESC3",
        severity: "warning" as const,
        message: `Selector ${hex(selector.value)} for ${target} lies beyond the GDT's limit ${hex(table.limit)}: loading it raises #GP.`,
        range: statement.callRange,
        related: [{ message: "the GDT's limit", range: table.pointer.range }],
      },
    ];
  });
}

export const selectorOutside = addressRule("DESC3", "Selector beyond the GDT's limit", outside);

/** Why a descriptor cannot be loaded into a data segment register or SS; undefined where it can. */
function segmentFault(load: SelectorLoad, descriptor: Descriptor): string | undefined {
  const { use, selector } = load;
  if (descriptor.kind === "system" || descriptor.kind === "gate") return "names no segment";
  if (descriptor.kind === "null") return undefined;
  const { accessRights } = descriptor.segment;
  const dpl = (accessRights & AR.DPL) >> 5;
  const isOpen = (accessRights & 2) !== 0;
  if ((accessRights & AR.P) === 0) return "names a segment that is not present";
  if (use === "data") {
    if (descriptor.kind === "code" && !isOpen) return "names an execute-only code segment";
    const isConforming = descriptor.kind === "code" && (accessRights & 4) !== 0;
    return !isConforming && selector.rpl > dpl
      ? `has RPL ${selector.rpl}, above DPL ${dpl}`
      : undefined;
  }
  if (descriptor.kind === "code") return "names a code segment, and a stack must be writable";
  if (!isOpen) return "names a read-only segment, and a stack must be writable";
  return selector.rpl === dpl
    ? undefined
    : `has RPL ${selector.rpl}, and the segment DPL ${dpl}: for SS both must be CPL`;
}

function wrongType(analysis: Analysis): Finding[] {
  const table = onlyGdt(analysis);
  if (table === undefined) return [];
  return selectorLoads(analysis).flatMap((load) => {
    const { use, selector, statement, target } = load;
    if (use !== "ss" && use !== "data") return [];
    if (use === "ss" && selector.isNull && statement.bits === 32)
      return [wrongTypeFinding(load, "is the null selector", table.pointer.range)];
    const named = namedDescriptor(table, selector);
    const fault =
      named === undefined || selector.isNull ? undefined : segmentFault(load, named.descriptor);
    if (named === undefined || fault === undefined || target === "CS") return [];
    return [wrongTypeFinding(load, fault, named.statement.range, named.descriptor.text)];
  });
}

function wrongTypeFinding(
  { selector, statement, target }: SelectorLoad,
  fault: string,
  range: Finding["range"],
  text = "the GDT",
): Finding {
  return {
    code: "DESC4",
    severity: "warning",
    message: `Selector ${hex(selector.value)} for ${target} ${fault}: loading it faults.`,
    range: statement.callRange,
    related: [{ message: text, range }],
  };
}

export const selectorOfWrongType = addressRule(
  "DESC4",
  "Selector of the wrong type for its register",
  wrongType,
);

/** What LTR and LLDT need. SDM Vol. 2A, "LTR". */
const NEEDED = {
  tr: { kinds: /^(tss|tss16)-available$/, text: "an available TSS" },
  ldtr: { kinds: /^ldt$/, text: "an LDT" },
} as const;

function wrongSystem(analysis: Analysis): Finding[] {
  const table = onlyGdt(analysis);
  if (table === undefined) return [];
  return selectorLoads(analysis).flatMap(({ use, selector, statement, target }) => {
    if (use !== "tr" && use !== "ldtr") return [];
    const { kinds, text } = NEEDED[use];
    const name = use === "tr" ? "LTR" : "LLDT";
    // LLDT with the null selector means: no LDT.
    const named = namedDescriptor(table, selector);
    const isNull = selector.isNull && use === "tr";
    if (!isNull && (named === undefined || selector.isNull)) return [];
    const { descriptor } = named ?? {};
    if (!isNull && descriptor?.kind === "system" && kinds.test(descriptor.system)) return [];
    return [
      {
        code: "DESC5",
        severity: "warning" as const,
        message: `${name} needs ${text}; ${selectorText(selector.value)} is ${descriptor?.text ?? "none"}: ${target} is not loaded, #GP.`,
        range: statement.callRange,
        ...(named === undefined
          ? {}
          : { related: [{ message: "the descriptor", range: named.statement.range }] }),
      },
    ];
  });
}

export const taskRegister = addressRule("DESC5", "LTR or LLDT of the wrong kind", wrongSystem);

/** Least limits of a TSS: 16-bit, 32/64-bit. SDM Vol. 3A, "TSS Descriptor". */
const LEAST_LIMIT = {
  "tss16-available": 0x2b,
  "tss-available": 0x67,
  "tss16-busy": 0x2b,
  "tss-busy": 0x67,
} as const;
const MAP_BASE_AT = 0x66;

function shortTss(analysis: Analysis): Finding[] {
  const image = new Image(analysis);
  return staticGdts(analysis).flatMap(({ entries }) =>
    entries.flatMap(({ descriptor, statement }) => {
      if (descriptor.kind !== "system" || !(descriptor.system in LEAST_LIMIT)) return [];
      const { limit, base } = descriptor.segment;
      const least = LEAST_LIMIT[descriptor.system as keyof typeof LEAST_LIMIT];
      const related = [{ message: descriptor.text, range: statement.callRange }];
      const finding = (message: string): Finding => ({
        code: "DESC6",
        severity: "warning",
        message,
        range: statement.callRange,
        related,
      });
      // A limit of 0 is filled in by code.
      if (limit > 0 && limit < least)
        return [
          finding(
            `The TSS's limit is ${hex(limit)}; it must be at least ${hex(least)}, or a task switch through it raises #TS.${limit + 1 === least ? " The limit is the size minus 1." : ""}`,
          ),
        ];
      const at = Number(base) + MAP_BASE_AT;
      if (least !== 0x67 || base === 0n || !image.holds(Number(base), 0x68)) return [];
      const map = image.word(at);
      if (map === 0 || map >= 0x68 || isStored(analysis, at)) return [];
      return [
        finding(
          `The TSS's I/O map base is ${hex(map)}, inside the TSS: its own fields decide which ports CPL 3 may use. ${hex(limit + 1)} means: no map.`,
        ),
      ];
    }),
  );
}

function isStored(analysis: Analysis, address: number): boolean {
  return analysis.model.statements.some(({ operands }) => {
    const target = operands[0]?.value;
    return target?.kind === "mem" && Number(target.displacement) === address;
  });
}

export const taskStateSegment = addressRule(
  "DESC6",
  "TSS too short, or its I/O map inside it",
  shortTss,
);

/** What a descriptor of a flat segment looks like whose granularity bit was forgotten. */
const ONE_MEBIBYTE = 0xfffff;

function shortLimits(analysis: Analysis): Finding[] {
  const table = onlyGdt(analysis);
  const beyond = selectorLoads(analysis).flatMap(({ use, selector, statement, offset }) => {
    const named = table === undefined ? undefined : namedDescriptor(table, selector);
    if (use !== "cs" || offset === undefined || named?.descriptor.kind !== "code") return [];
    const { limit, accessRights } = named.descriptor.segment;
    if (offset <= limit || accessRights & AR.L) return [];
    return [
      {
        code: "DESC8",
        severity: "warning" as const,
        message: `The target ${hex(offset)} lies beyond the limit ${hex(limit)} of the code segment ${hex(selector.value)}: this raises #GP.`,
        range: statement.callRange,
        related: [{ message: named.descriptor.text, range: named.statement.callRange }],
      },
    ];
  });
  const bytes = staticGdts(analysis).flatMap(({ entries }) =>
    entries.flatMap(({ descriptor, statement }) => {
      if (descriptor.kind !== "code" && descriptor.kind !== "data") return [];
      const { limit, accessRights, base } = descriptor.segment;
      const isFlat = base === 0n && limit === ONE_MEBIBYTE && (accessRights & AR.DB) !== 0;
      if (!isFlat) return [];
      return [
        {
          code: "DESC8",
          severity: "information" as const,
          message:
            "This 32-bit segment ends at 1 MiB: G is 0, so the limit 0xfffff counts bytes. For 4 GiB set G (0x80 of byte 6).",
          range: statement.callRange,
        },
      ];
    }),
  );
  return [...beyond, ...bytes];
}

export const segmentLimits = addressRule(
  "DESC8",
  "Limit too small for what it covers",
  shortLimits,
);
