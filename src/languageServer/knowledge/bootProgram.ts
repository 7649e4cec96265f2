/** Boot sectors: what the BIOS hands over (DL, and nothing else that is sure), and where the code begins. */
import type { Analysis } from "../analysis";

const SIGNATURE_OFFSET = 510;

/** Index of the first statement of a boot sector; undefined for other programs. */
export function bootEntry(analysis: Analysis): number | undefined {
  const { image, origin, originGiven, entryBits, ok } = analysis.model.assembly;
  if (!ok || entryBits !== 16 || image.length < 512) return undefined;
  if (image[SIGNATURE_OFFSET] !== 0x55 || image[SIGNATURE_OFFSET + 1] !== 0xaa) return undefined;
  // A master boot record moves itself to 0x600, and a sector with `org 0` sets DS to 0x7c0.
  if (originGiven && origin !== 0x7c00 && origin !== 0 && origin !== 0x600) return undefined;
  const first = analysis.model.statements.findIndex(({ length }) => length > 0);
  return analysis.model.statements[first]?.kind === "instruction" ? first : undefined;
}
