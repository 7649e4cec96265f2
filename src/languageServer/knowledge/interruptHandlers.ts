/**
 * Handlers whose vector the source shows: gates of an IDT that is written out, gates that code fills in at constant places, and entries of
 * the real-mode interrupt vector table. And which vectors the two 8259s raise. SDM Vol. 3A, "Interrupt Descriptor Table (IDT)".
 */
import type { AsmOperand, Bits, Statement } from "../../engine/language";
import { decodeDescriptor, decodeGate, type Descriptor, type Gate } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { portWrites } from "./constants";
import { controlFlowOf } from "./controlFlow";
import { constantAddress, Image } from "./descriptorTables";
import { functionsOf } from "./functions";
import { constantBefore, immediateOf, wholeRegister, writesRegister } from "./registerFlow";

export interface InterruptTable {
  readonly lidt: Statement;
  /** The statement of the pseudo-descriptor's limit. */
  readonly pointer: Statement;
  readonly base: number;
  readonly limit: number;
  /** 8, or 16 in IA-32e mode. */
  readonly entryBytes: number;
}

export interface StaticGate {
  readonly vector: number;
  readonly address: number;
  readonly descriptor: Descriptor;
  readonly gate: Gate;
  readonly raw: bigint;
  readonly statement: Statement;
  readonly table: InterruptTable;
}

export interface InterruptHandler {
  readonly vector: number;
  /** Index of its first statement. */
  readonly index: number;
  /** What puts its address into the table. */
  readonly registeredAt: Statement;
  /** Code size in which the handler is entered. */
  readonly bits: Bits;
}

const INTERRUPT_GATE = 0xe;
const TRAP_GATE = 0xf;

function tableOf(analysis: Analysis, image: Image, lidt: Statement): InterruptTable | undefined {
  const at = constantAddress(lidt);
  if (at === undefined || !image.holds(at, 6)) return undefined;
  const pointer = analysis.statementAtAddress(at);
  const limit = image.word(at);
  const base = image.dword(at + 2);
  if (pointer === undefined || pointer.kind === "instruction") return undefined;
  if (base === 0 || limit < 7) return undefined;
  if (lidt.bits === 64 && image.holds(at + 6, 4) && image.dword(at + 6) !== 0) return undefined;
  const isWide = analysis.model.statements.some(
    ({ bits, kind }) => bits === 64 && kind === "instruction",
  );
  return { lidt, pointer, base, limit, entryBytes: isWide ? 16 : 8 };
}

function gatesOf(analysis: Analysis, image: Image, table: InterruptTable): StaticGate[] {
  const { base, limit, entryBytes } = table;
  const gates: StaticGate[] = [];
  for (let at = base; at + entryBytes <= base + limit + 1; at += entryBytes) {
    if (!image.holds(at, entryBytes)) break;
    const raw = image.qword(at);
    if (raw === 0n) continue;
    const statement = analysis.statementAtAddress(at);
    // A table in memory at an address that is code here is made at run time.
    if (statement === undefined || statement.kind === "instruction") return [];
    const high = entryBytes === 16 ? image.dword(at + 8) : undefined;
    const gate = decodeGate(image.dword(at), image.dword(at + 4), high);
    const upper = entryBytes === 16 ? image.qword(at + 8) : 0n;
    const descriptor = decodeDescriptor(raw, entryBytes === 16, upper);
    const vector = (at - base) / entryBytes;
    gates.push({ vector, address: at, descriptor, gate, raw, statement, table });
  }
  return gates;
}

interface Store {
  readonly statement: Statement;
  readonly address: number;
  /** The address is that of a label: a variable of the program. */
  readonly isLabel: boolean;
  readonly source: AsmOperand | undefined;
}

/** `mov [constant], …`, with a 16-bit value. */
function constantStores(statements: readonly Statement[]): Store[] {
  return statements.flatMap((statement) => {
    const { form, operands } = statement;
    const target = operands[0]?.value;
    if (form?.mnemonic !== "mov" || target?.kind !== "mem") return [];
    if (target.base !== undefined || target.index !== undefined || !target.displacementKnown)
      return [];
    const { displacement, displacementIsAddress: isLabel } = target;
    return [{ statement, address: Number(displacement), isLabel, source: operands[1]?.value }];
  });
}

/** The label whose address a store writes: `mov word [n], label`, or a register that was loaded with it. */
function storedLabel(analysis: Analysis, { statement, source }: Store): number | undefined {
  if (source?.kind === "imm")
    return source.known && source.isAddress ? Number(source.value) : undefined;
  const register = wholeRegister(source);
  return register === undefined ? undefined : labelIn(analysis, statement, register);
}

/** The label whose address a register holds when a statement begins. */
function labelIn(analysis: Analysis, statement: Statement, register: number): number | undefined {
  const loaded = constantBefore(analysis, statement, register);
  const operand = loaded?.from.operands[1]?.value;
  return operand?.kind === "imm" && operand.isAddress ? Number(operand.value) : undefined;
}

/** Real mode: the offset goes to vector * 4, the segment beside it. */
function vectorTableHandlers(analysis: Analysis, stores: readonly Store[]): InterruptHandler[] {
  const flow = controlFlowOf(analysis);
  const written = new Set(stores.map(({ address }) => address));
  return stores.flatMap((store) => {
    const { address, statement, isLabel } = store;
    if (isLabel || statement.bits !== 16 || address < 0 || address >= 0x400 || address % 4 !== 0)
      return [];
    const target = storedLabel(analysis, store);
    const index = target === undefined ? undefined : flow.indexAt(target);
    if (index === undefined || !written.has(address + 2)) return [];
    return [{ vector: address / 4, index, registeredAt: statement, bits: 16 as const }];
  });
}

/** Gates that code writes into a table at a constant place: the low word of the offset comes first. */
function storedGates(
  analysis: Analysis,
  tables: readonly InterruptTable[],
  stores: readonly Store[],
): InterruptHandler[] {
  const flow = controlFlowOf(analysis);
  return stores.flatMap((store) =>
    tables.flatMap(({ base, limit, entryBytes }) => {
      const at = store.address - base;
      if (at < 0 || at > limit || at % entryBytes !== 0) return [];
      const target = storedLabel(analysis, store);
      const index = target === undefined ? undefined : flow.indexAt(target);
      const { bits } = analysis.model.statements[index ?? -1] ?? {};
      if (index === undefined || bits === undefined) return [];
      return [{ vector: at / entryBytes, index, registeredAt: store.statement, bits }];
    }),
  );
}

interface GateFunction {
  readonly entry: number;
  /** Registers that hold the handler's address and the vector at its entry. */
  readonly offset: number;
  readonly vector: number;
}

/** Functions that write the gate whose vector they get in a register: `mov [idt + ecx * 8], ax`, before anything changes both. */
function gateFunctions(analysis: Analysis, tables: readonly InterruptTable[]): GateFunction[] {
  const { flow, entries } = functionsOf(analysis);
  const { statements } = analysis.model;
  const bases = new Set(tables.map(({ base }) => BigInt(base)));
  return [...entries].flatMap((entry) => {
    let at: number | undefined = entry;
    const written: Statement[] = [];
    for (let steps = 0; at !== undefined && steps < GATE_FUNCTION; steps++) {
      const statement: Statement = statements[at]!;
      const [target, source] = statement.operands.map(({ value }) => value);
      const offset = wholeRegister(source);
      const isGate = target?.kind === "mem" && target.scale === 8 && bases.has(target.displacement);
      if (isGate && statement.form?.mnemonic === "mov" && offset !== undefined) {
        const vector = target.index?.class === "gpr" ? target.index.number : -1;
        const isKept = [offset, vector].every((register) =>
          written.every((each) => writesRegister(each, register) === false),
        );
        return isKept && vector >= 0 ? [{ entry, offset, vector }] : [];
      }
      if (flow.transfers[at]!.kind !== "next") return [];
      written.push(statement);
      at = flow.next(at);
    }
    return [];
  });
}

/** Statements from the entry of such a function to the store. */
const GATE_FUNCTION = 12;

function handlersOfCalls(
  analysis: Analysis,
  tables: readonly InterruptTable[],
): InterruptHandler[] {
  const { flow } = functionsOf(analysis);
  const { statements } = analysis.model;
  const functions = tables.length === 0 ? [] : gateFunctions(analysis, tables);
  return functions.flatMap(({ entry, offset, vector }) =>
    flow.predecessors(entry).flatMap((call) => {
      const statement = statements[call]!;
      if (flow.transfers[call]!.kind !== "call") return [];
      const target = labelIn(analysis, statement, offset);
      const index = target === undefined ? undefined : flow.indexAt(target);
      const number = constantBefore(analysis, statement, vector)?.value;
      const { bits } = statements[index ?? -1] ?? {};
      if (index === undefined || number === undefined || bits === undefined) return [];
      return [{ vector: Number(number), index, registeredAt: statement, bits }];
    }),
  );
}

function handlersOfGates(analysis: Analysis, gates: readonly StaticGate[]): InterruptHandler[] {
  const flow = controlFlowOf(analysis);
  return gates.flatMap(({ vector, gate, statement }) => {
    const index = flow.indexAt(Number(gate.offset));
    const { bits, kind } = analysis.model.statements[index ?? -1] ?? {};
    if (index === undefined || bits === undefined || kind !== "instruction") return [];
    if (gate.type !== INTERRUPT_GATE && gate.type !== TRAP_GATE) return [];
    return [{ vector, index, registeredAt: statement, bits }];
  });
}

/** Vector and IRQ that the 8259s raise. */
export type HardwareVectors = ReadonlyMap<number, number>;

/** The BIOS's bases. */
const BIOS_BASES: readonly (readonly [number, number])[] = [
  [0x08, 0],
  [0x70, 8],
];
const GENERAL_PROTECTION = 13;
const COMMAND_PORTS: Readonly<Record<number, number>> = { 0x20: 0x21, 0xa0: 0xa1 };
const FIRST_IRQ: Readonly<Record<number, number>> = { 0x21: 0, 0xa1: 8 };

/** ICW1 has bit 4 set; the next byte to the data port is ICW2, the first vector. Intel 8259A data sheet, "Initialization Command Words". */
function programmedBases(analysis: Analysis): [number, number][] {
  const awaited = new Set<number>();
  const bases: [number, number][] = [];
  for (const { port, value } of portWrites(analysis)) {
    const data = COMMAND_PORTS[port];
    if (data !== undefined && value !== undefined && value & 0x10) awaited.add(data);
    else if (awaited.delete(port) && value !== undefined)
      bases.push([value & 0xf8, FIRST_IRQ[port] ?? 0]);
  }
  return bases;
}

export interface Interrupts {
  readonly tables: readonly InterruptTable[];
  readonly gates: readonly StaticGate[];
  readonly handlers: readonly InterruptHandler[];
  readonly hardware: HardwareVectors;
}

function findInterrupts(analysis: Analysis): Interrupts {
  const { statements } = analysis.model;
  const image = new Image(analysis);
  const tables = statements
    .filter(({ form }) => form?.mnemonic === "lidt")
    .flatMap((lidt) => tableOf(analysis, image, lidt) ?? []);
  const gates = tables.flatMap((table) => gatesOf(analysis, image, table));
  const stores = constantStores(statements);
  const handlers = [
    ...handlersOfGates(analysis, gates),
    ...storedGates(analysis, tables, stores),
    ...vectorTableHandlers(analysis, stores),
    ...handlersOfCalls(analysis, tables),
  ];
  const bases = programmedBases(analysis);
  const is16 = handlers.some(({ bits }) => bits === 16);
  const used = bases.length === 0 && is16 ? BIOS_BASES : bases;
  const hardware = new Map(
    used.flatMap(([base, irq]) =>
      [0, 1, 2, 3, 4, 5, 6, 7].map((line): [number, number] => [base + line, irq + line]),
    ),
  );
  // With the BIOS's bases IRQ 5 and #GP share a vector, and real mode has handlers for #GP (limits in "unreal mode").
  if (used === BIOS_BASES) hardware.delete(GENERAL_PROTECTION);
  return { tables, gates, handlers, hardware };
}

/** Made once for a program. */
export const interruptsOf = oncePerAnalysis((analysis): Interrupts => findInterrupts(analysis));

/** Address of the handler that `int n` at a statement goes to; undefined where that is not sure. */
export function handlerOf(analysis: Analysis, statement: Statement): number | undefined {
  if (statement.form?.mnemonic !== "int") return undefined;
  const number = immediateOf(statement.operands[0]?.value);
  const isReal = statement.bits === 16;
  const found = new Set(
    interruptsOf(analysis)
      .handlers.filter(({ vector, bits }) => BigInt(vector) === number && (bits === 16) === isReal)
      .map(({ index }) => analysis.model.statements[index]!.address),
  );
  return found.size === 1 ? [...found][0] : undefined;
}
