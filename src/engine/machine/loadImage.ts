/**
 * From a program file to a loaded image: an assembly, a flat binary, an ELF file, or a flat file with a multiboot header.
 * Everything impossible is a `UserError` that says what to do.
 */
import type { Assembly } from "../asm/types";
import { UserError } from "../base/errors";
import { hex } from "../base/hex";
import { isElf } from "../elf/elfFile";
import { checkPlace, DEVICE_HOLE } from "./imagePlace";
import { loadElf, placedByFile } from "./loadElf";
import type { LoadRequest } from "./loadRequest";
import type { EntryKind, GuestImage } from "./types";

/** Where an image goes when neither it nor the user says so. */
const DEFAULT_LOAD_ADDRESS: Readonly<Record<EntryKind, number>> = {
  real16: 0x7c00,
  protected32: 0x100000,
  long64: 0x100000,
};

/** Makes the image that a machine starts with. */
export function loadImage(request: LoadRequest): GuestImage {
  const image = request.assembly
    ? loadAssembly(request, request.assembly)
    : loadFile(request, request.bytes ?? new Uint8Array(0));
  checkPlace(image.name, image.loadAddress, image.bytes.length, request.memoryBytes);
  return withCommandLine(withDisk(image, request), request);
}

function withCommandLine(image: GuestImage, { append }: LoadRequest): GuestImage {
  if (append === undefined) return image;
  if (image.entry === "real16") {
    throw new UserError(
      "no-command-line",
      `${image.name} starts as ${image.entry}: a BIOS passes no command line.`,
      "Leave out append, or start it with entry protected32 or long64.",
    );
  }
  return { ...image, append };
}

function withDisk(image: GuestImage, { disk, bootDrive }: LoadRequest): GuestImage {
  if (disk === undefined && bootDrive === undefined) return image;
  if (image.entry !== "real16") {
    throw new UserError(
      "no-bios",
      `${image.name} starts as ${image.entry}, where there is no BIOS that could read a disk.`,
      "Leave out disk and bootDrive, or start it with entry real16.",
    );
  }
  return {
    ...image,
    ...(disk === undefined ? {} : { disk }),
    ...(bootDrive === undefined ? {} : { bootDrive }),
  };
}

const SECTOR_BYTES = 512;

/** A disk image: its first sector ends with the signature that a BIOS looks for. */
function isBootDisk(bytes: Uint8Array): boolean {
  return bytes.length >= SECTOR_BYTES && bytes[510] === 0x55 && bytes[511] === 0xaa;
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
  if (useHeader) return { ...loadMultiboot(request, assembly.image, header), debugInformation: assembly }; // prettier-ignore
  const entry = request.entry ?? entryForBits(assembly);
  // A PC starts a boot sector at 0x7c00 whatever its `org` says.
  const origin =
    assembly.originGiven && entry !== "real16" ? assembly.origin : DEFAULT_LOAD_ADDRESS[entry];
  const loadAddress = request.loadAddress ?? origin;
  const isDisk = entry === "real16" && request.loadAddress === undefined && isWholeDisk(assembly.image); // prettier-ignore
  return {
    name: request.name,
    bytes: isDisk ? assembly.image.slice(0, SECTOR_BYTES) : assembly.image,
    ...(isDisk ? { disk: assembly.image } : {}),
    loadAddress,
    entry,
    entryPoint: loadAddress,
    debugInformation: assembly,
  };
}

/** A boot sector with its whole disk behind it: too long to lie in memory from 0x7c00 on, it is read by INT 13h. */
function isWholeDisk(bytes: Uint8Array): boolean {
  return isBootDisk(bytes) && DEFAULT_LOAD_ADDRESS.real16 + bytes.length > DEVICE_HOLE.from;
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
  if (request.entry === undefined && request.loadAddress === undefined && isBootDisk(bytes))
    return bootDisk(request.name, bytes);
  const entry = request.entry ?? "real16";
  const loadAddress = request.loadAddress ?? DEFAULT_LOAD_ADDRESS[entry];
  return { name: request.name, bytes, loadAddress, entry, entryPoint: loadAddress };
}

/** As a PC does it: the BIOS loads the first sector, which reads the rest from the disk. */
function bootDisk(name: string, disk: Uint8Array): GuestImage {
  const loadAddress = DEFAULT_LOAD_ADDRESS.real16;
  const bytes = disk.slice(0, SECTOR_BYTES);
  return { name, bytes, loadAddress, entry: "real16", entryPoint: loadAddress, disk };
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
    ...(isElf(bytes) ? placedByFile(request, bytes, start) : {}),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
