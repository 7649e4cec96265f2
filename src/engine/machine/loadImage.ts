/**
 * From a program file to a loaded image: an assembly, a flat binary, an ELF file, or a flat file with a multiboot header.
 * Everything impossible is a `UserError` that says what to do.
 */
import type { Assembly } from "../asm/types";
import { UserError } from "../base/errors";
import { hex } from "../base/hex";
import type { EntryKind, GuestImage } from "./types";

/** Where an image goes when neither it nor the user says so. */
const DEFAULT_LOAD_ADDRESS: Readonly<Record<EntryKind, number>> = {
  real16: 0x7c00,
  protected32: 0x100000,
  long64: 0x100000,
};

/** Video memory and the ROM area of a PC: not RAM, so no image can be loaded there. */
const DEVICE_HOLE = { from: 0xa0000, to: 0x100000 } as const;

/** An image may span at most this much, whatever memory the machine has: it is one contiguous copy. */
const MAX_SPAN = 0x4000_0000;

export interface LoadRequest {
  /** Name for messages. */
  readonly name: string;
  /** The file's bytes; or `assembly`. */
  readonly bytes?: Uint8Array;
  readonly assembly?: Assembly;
  readonly entry?: EntryKind;
  readonly loadAddress?: number;
  /** Checked against the image when given. */
  readonly memoryBytes?: number;
}

/** Makes the image that a machine starts with. */
export function loadImage(request: LoadRequest): GuestImage {
  const image = request.assembly
    ? loadAssembly(request, request.assembly)
    : loadFile(request, request.bytes ?? new Uint8Array(0));
  checkFits(image, request.memoryBytes);
  return image;
}

function loadAssembly(request: LoadRequest, assembly: Assembly): GuestImage {
  if (!assembly.ok) {
    const first = assembly.diagnostics.find((diagnostic) => diagnostic.severity === "error");
    const place = first ? `${first.range.file}:${first.range.line}: ${first.message}` : "";
    throw new UserError("assembly-failed", `${request.name} does not assemble. ${place}`);
  }
  const header = findMultibootHeader(assembly.image);
  const useHeader =
    header?.addresses !== undefined &&
    (request.entry ?? "protected32") === "protected32" &&
    request.loadAddress === undefined;
  if (useHeader) return { ...loadMultiboot(request, assembly.image, header), assembly };
  const entry = request.entry ?? entryForBits(assembly);
  // A PC starts a boot sector at 0x7c00 whatever its `org` says.
  const origin =
    assembly.originGiven && entry !== "real16" ? assembly.origin : DEFAULT_LOAD_ADDRESS[entry];
  const loadAddress = request.loadAddress ?? origin;
  return {
    name: request.name,
    bytes: assembly.image,
    loadAddress,
    entry,
    entryPoint: loadAddress,
    assembly,
  };
}

function entryForBits(assembly: Assembly): EntryKind {
  if (assembly.entryBits === 64) return "long64";
  return assembly.entryBits === 32 ? "protected32" : "real16";
}

function loadFile(request: LoadRequest, bytes: Uint8Array): GuestImage {
  const header = findMultibootHeader(bytes);
  // The multiboot specification: with bit 16 the header's addresses win over those of the executable's own format.
  const addressed = header?.addresses !== undefined && (request.entry ?? "protected32") === "protected32"; // prettier-ignore
  if (addressed && request.loadAddress === undefined) return loadMultiboot(request, bytes, header);
  if (isElf(bytes)) return loadElf(request, bytes, header !== undefined);
  const entry = request.entry ?? "real16";
  const loadAddress = request.loadAddress ?? DEFAULT_LOAD_ADDRESS[entry];
  return { name: request.name, bytes, loadAddress, entry, entryPoint: loadAddress };
}

function checkFits(image: GuestImage, memoryBytes: number | undefined): void {
  const from = image.loadAddress;
  const to = from + image.bytes.length;
  if (image.bytes.length === 0) {
    throw new UserError(
      "image-empty",
      `${image.name} has no bytes to load.`,
      "Write at least one instruction.",
    );
  }
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new UserError("bad-load-address", `The load address ${from} is not an address.`);
  }
  if (memoryBytes !== undefined && to > memoryBytes) {
    throw new UserError(
      "image-too-large",
      `${image.name} takes ${hex(from)} to ${hex(to)}, but the guest has ${hex(memoryBytes)} bytes of memory.`,
      "Give it more memory (--memory, or memory in launch.json) or a lower load address.",
    );
  }
  if (from < DEVICE_HOLE.to && to > DEVICE_HOLE.from) {
    throw new UserError(
      "image-over-devices",
      `${image.name} takes ${hex(from)} to ${hex(to)}, which overlaps video memory and ROM (${hex(DEVICE_HOLE.from)} to ${hex(DEVICE_HOLE.to)}).`,
      "Load it below or above that area (org, --load, or loadAddress in launch.json).",
    );
  }
}

// ------------------------------------------------------------------------------------------------------------ multiboot

interface MultibootHeader {
  readonly offset: number;
  /** With flag bit 16. Multiboot Specification 0.6.96, "The address fields of Multiboot header". */
  readonly addresses?: {
    readonly header: number;
    readonly load: number;
    readonly loadEnd: number;
    readonly bssEnd: number;
    readonly entry: number;
  };
}

const MULTIBOOT_MAGIC = 0x1badb002;
/** Page-align modules, memory information, video mode: what we accept among the "must understand" bits 0-15. */
const MULTIBOOT_KNOWN_REQUIREMENTS = 0x0007;
const MULTIBOOT_SEARCH_BYTES = 8192;

/** The first valid header in the first 8 KiB. A header is valid when magic + flags + checksum is 0 in 32 bits. */
function findMultibootHeader(bytes: Uint8Array): MultibootHeader | undefined {
  const view = viewOf(bytes);
  const end = Math.min(bytes.length, MULTIBOOT_SEARCH_BYTES) - 12;
  for (let offset = 0; offset <= end; offset += 4) {
    if (view.getUint32(offset, true) !== MULTIBOOT_MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    if (((MULTIBOOT_MAGIC + flags + view.getUint32(offset + 8, true)) | 0) !== 0) continue;
    if ((flags & 0xffff & ~MULTIBOOT_KNOWN_REQUIREMENTS) !== 0) {
      throw new UserError(
        "multiboot-requirements",
        `The multiboot header at offset ${hex(offset)} requires features ${hex(flags & 0xffff)} that this loader does not have.`,
        "Only bits 0 to 2 of the flags are known.",
      );
    }
    if ((flags & 0x10000) === 0 || offset + 32 > bytes.length) return { offset };
    const field = (index: number): number => view.getUint32(offset + 12 + index * 4, true);
    const addresses = { header: field(0), load: field(1), loadEnd: field(2), bssEnd: field(3), entry: field(4) }; // prettier-ignore
    return { offset, addresses };
  }
  return undefined;
}

function loadMultiboot(
  request: LoadRequest,
  bytes: Uint8Array,
  { offset, addresses }: MultibootHeader,
): GuestImage {
  if (!addresses) throw new UserError("multiboot-addresses", "The multiboot header has no address fields."); // prettier-ignore
  // load_addr -1: load from the start of the file.
  const load = addresses.load === 0xffffffff ? addresses.header - offset : addresses.load;
  const start = offset - (addresses.header - load);
  const length = addresses.loadEnd === 0 ? bytes.length - start : addresses.loadEnd - load;
  if (load < 0 || start < 0 || length <= 0 || start + length > bytes.length) {
    throw new UserError(
      "multiboot-addresses",
      `The multiboot header at offset ${hex(offset)} of ${request.name} describes bytes that the file does not have.`,
      "Check header_addr, load_addr and load_end_addr.",
    );
  }
  return {
    name: request.name,
    bytes: bytes.slice(start, start + length),
    loadAddress: load,
    entry: "protected32",
    entryPoint: addresses.entry,
  };
}

// ------------------------------------------------------------------------------------------------------------------ ELF

interface Segment {
  readonly offset: number;
  readonly virtual: number;
  readonly physical: number;
  readonly fileSize: number;
}

const ELF_EXECUTABLE = 2;
const ELF_MACHINE_386 = 3;
const ELF_MACHINE_X86_64 = 62;
const PROGRAM_LOAD = 1;

function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

function elfError(request: LoadRequest, problem: string, wayOut?: string): UserError {
  return new UserError("bad-elf", `${request.name} cannot be loaded: ${problem}.`, wayOut);
}

/** Lays the loadable segments out at their physical addresses in one run of bytes; gaps are zero. */
function loadElf(request: LoadRequest, bytes: Uint8Array, multiboot: boolean): GuestImage {
  const wide = bytes[4] === 2;
  const view = viewOf(bytes);
  checkElfHeader(request, bytes, view, wide);
  const segments = readSegments(request, bytes, view, wide);
  const from = Math.min(...segments.map((segment) => segment.physical));
  const to = Math.max(...segments.map((segment) => segment.physical + segment.fileSize));
  if (to - from > MAX_SPAN) {
    throw elfError(
      request,
      `its segments lie ${hex(to - from)} bytes apart`,
      "Link it with physical addresses (AT) that are close together.",
    );
  }
  const image = new Uint8Array(to - from);
  for (const segment of segments) {
    const content = bytes.subarray(segment.offset, segment.offset + segment.fileSize);
    image.set(content, segment.physical - from);
  }
  const entryPoint = entryOf(wide ? toNumber(view.getBigUint64(24, true)) : view.getUint32(24, true), segments); // prettier-ignore
  const native: EntryKind = wide && !multiboot ? "long64" : "protected32";
  const shift = request.loadAddress === undefined ? 0 : request.loadAddress - from;
  return {
    name: request.name,
    bytes: image,
    loadAddress: from + shift,
    entry: request.entry ?? native,
    entryPoint: entryPoint + shift,
  };
}

function checkElfHeader(
  request: LoadRequest,
  bytes: Uint8Array,
  view: DataView,
  wide: boolean,
): void {
  if (bytes.length < (wide ? 64 : 52)) throw elfError(request, "the ELF header is cut off");
  if (bytes[5] !== 1) throw elfError(request, "it is big-endian");
  const machine = view.getUint16(18, true);
  if (machine !== (wide ? ELF_MACHINE_X86_64 : ELF_MACHINE_386)) {
    throw elfError(request, `it is for another machine (e_machine ${machine})`, "Build it for i386 or x86-64."); // prettier-ignore
  }
  if (view.getUint16(16, true) !== ELF_EXECUTABLE) {
    throw elfError(request, "it is not an executable", "Link it at a fixed address (ld -static, no PIE)."); // prettier-ignore
  }
}

function readSegments(
  request: LoadRequest,
  bytes: Uint8Array,
  view: DataView,
  wide: boolean,
): readonly Segment[] {
  const table = wide ? toNumber(view.getBigUint64(32, true)) : view.getUint32(28, true);
  const size = view.getUint16(wide ? 54 : 42, true);
  const count = view.getUint16(wide ? 56 : 44, true);
  const least = wide ? 56 : 32;
  if (count > 0 && (size < least || table + size * count > bytes.length)) {
    throw elfError(request, "its program headers are cut off");
  }
  const segments: Segment[] = [];
  for (let at = table; at < table + size * count; at += size) {
    if (view.getUint32(at, true) !== PROGRAM_LOAD) continue;
    const segment = wide ? wideSegment(view, at) : narrowSegment(view, at);
    if (segment.fileSize === 0) continue;
    if (segment.offset + segment.fileSize > bytes.length) {
      throw elfError(request, `the segment at ${hex(segment.physical)} is cut off`);
    }
    segments.push(segment);
  }
  if (segments.length === 0) throw elfError(request, "it has no loadable segment");
  return segments;
}

/** ELF-32, "Program Header". */
function narrowSegment(view: DataView, at: number): Segment {
  return {
    offset: view.getUint32(at + 4, true),
    virtual: view.getUint32(at + 8, true),
    physical: view.getUint32(at + 12, true),
    fileSize: view.getUint32(at + 16, true),
  };
}

/** ELF-64 Object File Format, "Program header table". */
function wideSegment(view: DataView, at: number): Segment {
  return {
    offset: toNumber(view.getBigUint64(at + 8, true)),
    virtual: toNumber(view.getBigUint64(at + 16, true)),
    physical: toNumber(view.getBigUint64(at + 24, true)),
    fileSize: toNumber(view.getBigUint64(at + 32, true)),
  };
}

/** A higher-half kernel is linked at a virtual address but starts before paging maps it: enter at the physical one, as boot loaders do. */
function entryOf(entry: number, segments: readonly Segment[]): number {
  const home = segments.find(
    ({ virtual, fileSize }) => entry >= virtual && entry < virtual + fileSize,
  );
  return home ? entry - home.virtual + home.physical : entry;
}

/** Addresses above 2^53 are kernel halves: their low bits are lost, so keep differences exact by wrapping at 2^48. */
function toNumber(value: bigint): number {
  return Number(value & 0xffff_ffff_ffffn);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
