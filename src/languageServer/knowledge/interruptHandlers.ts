/** Handlers of interrupt vectors, where the program shows them for sure: gates written out in an IDT that LIDT names, and vectors that code writes to the IVT. */
import { decodeDescriptor, type Descriptor, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { constantAddress, Image } from "./descriptorTables";
import { immediateOf } from "./registerFlow";

export interface StaticGate {
  readonly vector: number;
  readonly address: number;
  /** Bytes of the entry: 8, or 16 in a 64-bit program. */
  readonly size: number;
  readonly descriptor: Descriptor;
}

function gatesOf(image: Image, lidt: Statement): StaticGate[] {
  const at = constantAddress(lidt);
  if (at === undefined || !image.holds(at, 6)) return [];
  const limit = image.word(at);
  const base = image.dword(at + 2);
  const size = lidt.bits === 64 ? 16 : 8;
  // The real-mode table (limit 3FFh at 0) is no IDT; a base that code fills in is 0 in the image.
  if (lidt.bits === 16 || base === 0) return [];
  const gates: StaticGate[] = [];
  for (let vector = 0; vector < 256 && size * vector + size - 1 <= limit; vector++) {
    const address = base + size * vector;
    if (!image.holds(address, size)) break;
    const upper = size === 16 ? image.qword(address + 8) : 0n;
    const descriptor = decodeDescriptor(image.qword(address), size === 16, upper);
    if (descriptor.kind !== "null") gates.push({ vector, address, size, descriptor });
  }
  return gates;
}

const gatesKnown = new WeakMap<Analysis, readonly StaticGate[]>();

/** Entries of the IDTs of a program that are written out in its source. */
export function staticGates(analysis: Analysis): readonly StaticGate[] {
  let gates = gatesKnown.get(analysis);
  if (gates === undefined) {
    const image = new Image(analysis);
    gates = analysis.model.statements
      .filter((each) => each.form?.mnemonic === "lidt")
      .flatMap((each) => gatesOf(image, each));
    gatesKnown.set(analysis, gates);
  }
  return gates;
}

/** `mov word [n * 4], handler` in 16-bit code: the address that is written and what to. */
function vectorWrite(
  statement: Statement,
): { readonly address: number; readonly value: bigint | undefined } | undefined {
  const [target, source] = statement.operands;
  const memory = target?.value;
  if (statement.bits !== 16 || statement.form?.mnemonic !== "mov" || memory?.kind !== "mem")
    return undefined;
  const isPlain = memory.base === undefined && memory.index === undefined;
  if (!isPlain || !memory.displacementKnown || memory.displacementIsAddress) return undefined;
  const address = Number(memory.displacement);
  if (address < 0 || address >= 0x400) return undefined;
  const value = source?.value;
  const isLabel = value?.kind === "imm" && value.isAddress;
  return { address, value: isLabel ? immediateOf(value) : undefined };
}

/** Lines between the two halves of a vector. */
const NEARBY = 8;

/** A vector counts when its segment is written nearby too: any other write to low memory may be something else. */
function writtenVectors(analysis: Analysis): Map<number, number> {
  const writes = analysis.model.statements.flatMap((statement, index) => {
    const write = vectorWrite(statement);
    return write === undefined ? [] : [{ ...write, index }];
  });
  const handlers = new Map<number, number | undefined>();
  for (const { address, value, index } of writes) {
    if (address % 4 !== 0 || value === undefined) continue;
    const isWhole = writes.some(
      (other) => other.address === address + 2 && Math.abs(other.index - index) <= NEARBY,
    );
    if (!isWhole) continue;
    const vector = address / 4;
    const isSecond = handlers.has(vector) && handlers.get(vector) !== Number(value);
    handlers.set(vector, isSecond ? undefined : Number(value));
  }
  const sure = [...handlers].flatMap(([vector, target]) =>
    target === undefined ? [] : [[vector, target] as const],
  );
  return new Map(sure);
}

const handlersKnown = new WeakMap<Analysis, ReadonlyMap<string, number>>();

function findHandlers(analysis: Analysis): Map<string, number> {
  const handlers = new Map<string, number>();
  const doubtful = new Set<string>();
  for (const { vector, descriptor } of staticGates(analysis)) {
    if (descriptor.kind !== "gate" || descriptor.system === "task-gate") continue;
    const key = `protected ${vector}`;
    const target = Number(descriptor.gate.offset);
    if (handlers.has(key) && handlers.get(key) !== target) doubtful.add(key);
    handlers.set(key, target);
  }
  for (const key of doubtful) handlers.delete(key);
  for (const [vector, target] of writtenVectors(analysis)) handlers.set(`real ${vector}`, target);
  return handlers;
}

/** Address of the handler that `int n` at a statement goes to. */
export function handlerOf(analysis: Analysis, statement: Statement): number | undefined {
  if (statement.form?.mnemonic !== "int") return undefined;
  const vector = immediateOf(statement.operands[0]?.value);
  if (vector === undefined) return undefined;
  let handlers = handlersKnown.get(analysis);
  if (handlers === undefined) {
    handlers = findHandlers(analysis);
    handlersKnown.set(analysis, handlers);
  }
  return handlers.get(`${statement.bits === 16 ? "real" : "protected"} ${vector}`);
}
