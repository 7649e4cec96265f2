/** What a register is. */
import {
  CR0_LAYOUT,
  CR3_LAYOUT,
  CR4_LAYOUT,
  CR8_LAYOUT,
  DR6_LAYOUT,
  DR7_LAYOUT,
  GPR16,
  GPR32,
  GPR64,
  GPR8,
  GPR8_HIGH,
  SEGMENTS,
  type BitLayout,
} from "../../engine/language";

const SYSTEM: Readonly<Record<string, { readonly text: string; readonly bits?: BitLayout }>> = {
  cr0: { text: "control register 0: operating mode", bits: CR0_LAYOUT },
  cr2: { text: "control register 2: linear address of the last page fault" },
  cr3: { text: "control register 3: root of the page tables", bits: CR3_LAYOUT },
  cr4: { text: "control register 4: architectural extensions", bits: CR4_LAYOUT },
  cr8: { text: "control register 8: task priority (64-bit mode)", bits: CR8_LAYOUT },
  dr6: { text: "debug status", bits: DR6_LAYOUT },
  dr7: { text: "debug control", bits: DR7_LAYOUT },
};

const SEGMENT_TEXT: Readonly<Record<string, string>> = {
  es: "extra segment; destination of string instructions",
  cs: "code segment; its RPL is the CPL",
  ss: "stack segment",
  ds: "data segment",
  fs: "segment with a base of its own in 64-bit mode (IA32_FS_BASE)",
  gs: "segment with a base of its own in 64-bit mode (IA32_GS_BASE, SWAPGS)",
};

function generalText(name: string): string | undefined {
  const has = (list: readonly string[]): number => list.indexOf(name);
  if (has(GPR64) >= 0) return "64 bits";
  const wide = has(GPR32);
  if (wide >= 0)
    return `low 32 bits of ${GPR64[wide] ?? ""}; a write clears the upper 32 bits in 64-bit mode`;
  const word = has(GPR16);
  if (word >= 0) return `low 16 bits of ${GPR64[word] ?? ""}`;
  const byte = has(GPR8);
  if (byte >= 0) return `low 8 bits of ${GPR64[byte] ?? ""}`;
  const high = has(GPR8_HIGH);
  return high >= 0 ? `bits 15:8 of ${GPR64[high] ?? ""}; not with a REX prefix` : undefined;
}

/** Markdown; `name` in lower case. */
export function registerCard(name: string): string | undefined {
  const general = generalText(name);
  if (general !== undefined) return `**${name}**: ${general}`;
  const segment = SEGMENTS.find((each) => each === name);
  if (segment !== undefined) return `**${name}**: ${SEGMENT_TEXT[segment] ?? ""}`;
  const system = SYSTEM[name];
  if (system === undefined)
    return /^dr[0-3]$/.test(name)
      ? `**${name}**: address of breakpoint ${name[2] ?? ""}`
      : undefined;
  const rows = system.bits?.fields
    .filter((field) => field.supported)
    .map((field) => {
      const place = field.high === field.low ? String(field.low) : `${field.high}:${field.low}`;
      return `| ${place} | ${field.name} | ${field.title} |`;
    });
  const table = rows === undefined ? [] : ["", "| bits | name | |", "|---|---|---|", ...rows];
  return [`**${name}**: ${system.text}`, ...table].join("\n");
}
