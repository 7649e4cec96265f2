/** Memory as the debugger reads and writes it: page by page through the guest's translation, without side effects on it. */
import type { ViewedMachine } from "./guestContext";
import { translate } from "./translation";
import type { AddressSpace } from "./types";

const PAGE_SIZE = 4096n;

/** Calls `visit` for each piece that lies within a page; stops at the first that has no memory. */
function eachPiece(
  machine: ViewedMachine,
  space: AddressSpace,
  address: bigint,
  length: number,
  isThere: (hpa: number) => boolean,
  visit: (hpa: number, offset: number, count: number) => void,
): number {
  let done = 0;
  while (done < length) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const { hpa } = translate(machine, space, at);
    if (hpa === undefined || !isThere(Number(hpa))) break;
    const count = Math.min(length - done, Number(PAGE_SIZE - (at % PAGE_SIZE)));
    visit(Number(hpa), done, count);
    done += count;
  }
  return done;
}

/** The readable prefix. */
export function readSpace(
  machine: ViewedMachine,
  space: AddressSpace,
  address: bigint,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(length);
  const { ram } = machine;
  const isThere = (hpa: number): boolean => ram.isVisible(hpa);
  const done = eachPiece(machine, space, address, length, isThere, (hpa, offset, count) => {
    bytes.set(ram.peekBytes(hpa, count), offset);
  });
  return bytes.slice(0, done);
}

/** Bytes written. Protection does not apply; decoded code is dropped. */
export function writeSpace(
  machine: ViewedMachine,
  space: AddressSpace,
  address: bigint,
  bytes: Uint8Array,
): number {
  const { ram } = machine;
  const isThere = (hpa: number): boolean => ram.isRam(hpa);
  return eachPiece(machine, space, address, bytes.length, isThere, (hpa, offset, count) => {
    ram.writeBytes(hpa, bytes.subarray(offset, offset + count));
  });
}
