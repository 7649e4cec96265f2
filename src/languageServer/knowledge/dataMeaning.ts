/** What a data line holds, where the program shows it: an entry of a GDT or of an IDT. */
import { vectorName, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { staticGdts } from "./descriptorTables";
import { interruptsOf } from "./interruptHandlers";

export function dataMeaning(analysis: Analysis, statement: Statement): string | undefined {
  const { address } = statement;
  for (const table of staticGdts(analysis)) {
    const entry = table.entries.find(
      (each) => each.address <= address && address < each.address + 8,
    );
    if (entry === undefined) continue;
    const selector = `0x${(8 * entry.index).toString(16).padStart(2, "0")}`;
    return `GDT entry ${entry.index} (selector ${selector}): ${entry.descriptor.text}`;
  }
  const gate = interruptsOf(analysis).gates.find(
    (each) => each.address <= address && address < each.address + each.table.entryBytes,
  );
  if (gate === undefined) return undefined;
  const name = gate.vector < 32 ? `, ${vectorName(gate.vector)}` : "";
  return `IDT entry ${gate.vector}${name}: ${gate.descriptor.text}`;
}
