/** A value by its named bits, as Markdown. */
import { decodeBits, type BitLayout } from "../../engine/language";

/** "bit 0 **PE**: Protection Enable", "bits 17:16 **R/W0** = 1: data writes", one line each; what is 0 is left out. */
export function bitLines(layout: BitLayout, value: bigint, verb: string): string {
  const rows = decodeBits(layout, BigInt.asUintN(layout.width, value)).filter(
    (row) => row.value !== 0n,
  );
  const lines = rows.map(({ name, title, bits, value: part, meaning }) => {
    if (title === "reserved") return `- bit ${bits}: reserved`;
    if (!bits.includes(":")) return `- bit ${bits} **${name}**: ${title}`;
    const number = `0x${part.toString(16)}`;
    const said = meaning === number ? "" : ` (${meaning})`;
    return `- bits ${bits} **${name}** = ${number}${said}: ${title}`;
  });
  return lines.length === 0
    ? `${layout.name}: no bit${verb}`
    : [`${layout.name}${verb}:`, "", ...lines].join("\n");
}
