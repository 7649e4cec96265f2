/** Data breakpoint ids name a memory range: "gpa:0x7000/4". */
import { hex } from "../../engine/index";
import type { AddressSpace } from "../../engine/index";

export interface DataPlace {
  readonly space: AddressSpace;
  readonly address: bigint;
  readonly length: number;
}

/** Longer ranges than this are not watched: VS Code asks for at most a page's worth by mistake rather than by wish. */
const MAX_LENGTH = 0x100000;

export function dataId(place: DataPlace): string {
  return `${place.space}:${hex(place.address)}/${place.length}`;
}

export function parseDataId(id: string): DataPlace | undefined {
  const match = /^(gva|gpa|hpa):(0x[0-9a-f]{1,16})\/(\d+)$/.exec(id);
  if (!match) return undefined;
  const length = Number(match[3]);
  if (length < 1 || length > MAX_LENGTH) return undefined;
  return { space: match[1] as AddressSpace, address: BigInt(match[2] ?? "0"), length };
}
