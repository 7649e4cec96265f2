/** From an ELF file to a loaded image, with its lines and symbols. */
import { UserError } from "../base/errors";
import { hex } from "../base/hex";
import { readElf } from "../elf/elfFile";
import type { ElfFile, ElfRefusal, ElfSegment } from "../elf/elfFile";
import { elfDebugInformation } from "./elfDebugInformation";
import { checkMemory, DEVICE_HOLE } from "./imagePlace";
import type { LoadRequest } from "./loadRequest";
import type { EntryKind, GuestImage } from "./types";

/** An image may span at most this much, whatever memory the machine has: it is one contiguous copy. */
const MAX_SPAN = 0x4000_0000;

const MULTIBOOT2_MAGIC = 0xe85250d6;
const MULTIBOOT2_SEARCH_BYTES = 32768;

export function readElfOf(request: LoadRequest, bytes: Uint8Array): ElfFile {
  const result = readElf(bytes);
  if (!result.ok) throw elfError(request, result.refusal);
  return result.file;
}

function elfError({ name }: LoadRequest, { problem, wayOut }: ElfRefusal): UserError {
  return new UserError("bad-elf", `${name} cannot be loaded: ${problem}.`, wayOut);
}

/** Lays the loadable segments out at their physical addresses in one run of bytes; gaps are zero. */
export function loadElf(
  request: LoadRequest,
  bytes: Uint8Array,
  hasMultibootHeader: boolean,
): GuestImage {
  const file = readElfOf(request, bytes);
  if (!hasMultibootHeader && request.entry === undefined) refuseMultiboot2(request, bytes);
  const segments = file.segments
    .filter(({ fileSize }) => fileSize > 0)
    .flatMap((segment) => loadablePart(segment, file, request.memoryBytes));
  if (segments.length === 0) throw elfError(request, { problem: "it has no loadable segment" });
  const from = Math.min(...segments.map(({ physical }) => physical));
  const to = Math.max(...segments.map(({ physical, fileSize }) => physical + fileSize));
  const shift = request.loadAddress === undefined ? 0 : request.loadAddress - from;
  checkSpan(request, from, to);
  // Also what is zero at the start (.bss) needs memory.
  const end = Math.max(...segments.map(({ physical, memorySize }) => physical + memorySize));
  checkMemory(request.name, from + shift, end + shift, request.memoryBytes);
  const image = new Uint8Array(to - from);
  for (const { fileOffset, fileSize, physical } of segments) {
    image.set(bytes.subarray(fileOffset, fileOffset + fileSize), physical - from);
  }
  const native: EntryKind = file.bits === 64 && !hasMultibootHeader ? "long64" : "protected32";
  return {
    name: request.name,
    bytes: image,
    loadAddress: from + shift,
    entry: request.entry ?? native,
    entryPoint: entryOf(request, file) + shift,
    debugInformation: elfDebugInformation(file, {
      name: request.name,
      locateSource: request.locateSource,
      imageOffset: (address) => {
        const home = homeOf(file.segments, address);
        return home ? address - home.virtual + home.physical - from : -1;
      },
    }),
  };
}

/**
 * A segment without what a linker adds and no PC could hold. With `-Ttext 0x100000` and no script the ELF headers lie just below 1 MiB, where the ROM
 * is, and the build id at 128 MiB. Other loaders write them there in vain; the program does not need them.
 */
function loadablePart(
  segment: ElfSegment,
  { sections }: ElfFile,
  memoryBytes = Infinity,
): readonly ElfSegment[] {
  const end = segment.virtual + segment.memorySize;
  const inside = sections.filter(({ address, isLoaded }) => isLoaded && address >= segment.virtual && address < end); // prettier-ignore
  const isBeyondMemory = segment.physical + segment.fileSize > memoryBytes;
  if (isBeyondMemory && inside.length > 0 && inside.every(({ isNote }) => isNote)) return [];
  const isInHole = segment.physical >= DEVICE_HOLE.from && segment.physical < DEVICE_HOLE.to;
  if (!isInHole || sections.length === 0) return [segment];
  const starts = inside.map(({ address }) => address);
  const skipped = Math.min(...starts, segment.virtual + segment.fileSize) - segment.virtual;
  return skipped === segment.fileSize ? [] : [withoutStart(segment, skipped)];
}

function withoutStart(segment: ElfSegment, skipped: number): ElfSegment {
  return {
    fileOffset: segment.fileOffset + skipped,
    virtual: segment.virtual + skipped,
    physical: segment.physical + skipped,
    fileSize: segment.fileSize - skipped,
    memorySize: segment.memorySize - skipped,
  };
}

/** The segment that holds a virtual address. */
function homeOf(segments: readonly ElfSegment[], address: number): ElfSegment | undefined {
  return segments.find(
    ({ virtual, memorySize }) => address >= virtual && address < virtual + memorySize,
  );
}

/** Lines and symbols of an ELF file whose bytes a multiboot header places: `start` is the file offset of the image's first byte. */
export function placedByFile(
  request: LoadRequest,
  bytes: Uint8Array,
  start: number,
): Pick<GuestImage, "debugInformation"> {
  const result = readElf(bytes);
  if (!result.ok) return {};
  const { file } = result;
  return {
    debugInformation: elfDebugInformation(file, {
      name: request.name,
      locateSource: request.locateSource,
      imageOffset: (address) => {
        const home = homeOf(file.segments, address);
        const isInFile = home !== undefined && address < home.virtual + home.fileSize;
        return isInFile ? Math.max(-1, address - home.virtual + home.fileOffset - start) : -1;
      },
    }),
  };
}

function checkSpan(request: LoadRequest, from: number, to: number): void {
  if (from < 0) {
    throw elfError(request, {
      problem: `a segment is to be loaded at the physical address ${hex(BigInt(from))}`,
      wayOut: "Give its sections physical addresses in the linker script: AT(ADDR(.text) - KERNEL_BASE).", // prettier-ignore
    });
  }
  if (to - from > MAX_SPAN) {
    throw elfError(request, {
      problem: `its segments lie ${hex(to - from)} bytes apart`,
      wayOut: "Link it with physical addresses (AT) that are close together.",
    });
  }
}

/** A higher-half kernel starts before paging maps it: at the physical address, as boot loaders do. Some name that one as their entry. */
function entryOf(request: LoadRequest, { entry, segments }: ElfFile): number {
  const home = homeOf(segments, entry);
  if (home) return entry - home.virtual + home.physical;
  const isPhysical = segments.some(
    ({ physical, fileSize }) => entry >= physical && entry < physical + fileSize,
  );
  if (isPhysical) return entry;
  throw elfError(request, {
    problem: `its entry point ${hex(BigInt(entry))} lies in no loadable segment`,
    wayOut: "Define _start, or name the entry with ld -e.",
  });
}

/** Multiboot2 promises other registers and another information structure than this machine sets up. */
function refuseMultiboot2(request: LoadRequest, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(bytes.length, MULTIBOOT2_SEARCH_BYTES) - 16;
  for (let offset = 0; offset <= end; offset += 8) {
    if (view.getUint32(offset, true) !== MULTIBOOT2_MAGIC) continue;
    const sum = [0, 4, 8, 12].reduce((total, at) => total + view.getUint32(offset + at, true), 0);
    if ((sum | 0) !== 0) continue;
    throw new UserError(
      "multiboot2",
      `${request.name} has a multiboot2 header, and this loader knows only multiboot 1.`,
      "Add a multiboot 1 header, or say how it starts (--entry, or entry in launch.json).",
    );
  }
}
