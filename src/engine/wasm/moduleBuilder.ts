import { InvariantError } from "../base/errors";
import {
  I32,
  I64,
  MEMORY_OPCODES,
  OPCODES,
  type MemoryOp,
  type PlainOp,
  type ValueType,
} from "./opcodes";

function pushUnsigned(out: number[], value: number): void {
  let rest = value >>> 0;
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  out.push(rest);
}

function pushSigned(out: number[], value: bigint): void {
  let rest = value;
  for (;;) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)) {
      out.push(byte);
      return;
    }
    out.push(byte | 0x80);
  }
}

function pushSigned32(out: number[], value: number): void {
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
      out.push(byte);
      return;
    }
    out.push(byte | 0x80);
  }
}

/** A branch target: a block or loop that is open. */
export interface Label {
  readonly depth: number;
}

/** Emits one function's body. Methods return `this` so that a computation reads from left to right. */
export class FunctionBuilder {
  readonly code: number[] = [];
  private readonly localTypes: ValueType[] = [];
  private depth = 0;

  constructor(
    readonly index: number,
    readonly params: readonly ValueType[],
    readonly results: readonly ValueType[],
  ) {}

  /** A new local variable. */
  local(type: ValueType): number {
    this.localTypes.push(type);
    return this.params.length + this.localTypes.length - 1;
  }

  get locals(): readonly ValueType[] {
    return this.localTypes;
  }

  op(...names: readonly PlainOp[]): this {
    for (const name of names) this.code.push(OPCODES[name]);
    return this;
  }

  get(local: number): this {
    this.code.push(0x20);
    pushUnsigned(this.code, local);
    return this;
  }

  set(local: number): this {
    this.code.push(0x21);
    pushUnsigned(this.code, local);
    return this;
  }

  tee(local: number): this {
    this.code.push(0x22);
    pushUnsigned(this.code, local);
    return this;
  }

  i32(value: number): this {
    this.code.push(0x41);
    pushSigned32(this.code, value);
    return this;
  }

  i64(value: bigint | number): this {
    this.code.push(0x42);
    if (typeof value === "number" && Number.isInteger(value) && value === (value | 0)) {
      pushSigned32(this.code, value);
    } else pushSigned(this.code, BigInt.asIntN(64, BigInt(value)));
    return this;
  }

  /** A load or store: address below on the stack, static `offset` added. */
  mem(name: MemoryOp, offset = 0): this {
    this.code.push(MEMORY_OPCODES[name], 0);
    pushUnsigned(this.code, offset);
    return this;
  }

  call(functionIndex: number): this {
    this.code.push(0x10);
    pushUnsigned(this.code, functionIndex);
    return this;
  }

  /** Calls entry `index on the stack` of the imported table; `type` is from ModuleBuilder.type. */
  callIndirect(type: number): this {
    this.code.push(0x11);
    pushUnsigned(this.code, type);
    this.code.push(0);
    return this;
  }

  private open(opcode: number, result?: ValueType): Label {
    this.code.push(opcode, result ?? 0x40);
    this.depth++;
    return { depth: this.depth };
  }

  block(result?: ValueType): Label {
    return this.open(0x02, result);
  }

  loop(result?: ValueType): Label {
    return this.open(0x03, result);
  }

  if(result?: ValueType): Label {
    return this.open(0x04, result);
  }

  else(): this {
    this.code.push(0x05);
    return this;
  }

  end(): this {
    this.code.push(0x0b);
    this.depth--;
    return this;
  }

  br(label: Label): this {
    this.code.push(0x0c);
    pushUnsigned(this.code, this.depth - label.depth);
    return this;
  }

  brIf(label: Label): this {
    this.code.push(0x0d);
    pushUnsigned(this.code, this.depth - label.depth);
    return this;
  }

  /** br_table over `labels`, `fallback` for indexes beyond them. */
  brTable(labels: readonly Label[], fallback: Label): this {
    this.code.push(0x0e);
    pushUnsigned(this.code, labels.length);
    for (const label of labels) pushUnsigned(this.code, this.depth - label.depth);
    pushUnsigned(this.code, this.depth - fallback.depth);
    return this;
  }

  /** memory.copy: destination, source, length on the stack. */
  memoryCopy(): this {
    this.code.push(0xfc, 0x0a, 0, 0);
    return this;
  }

  finish(): number[] {
    if (this.depth !== 0)
      throw new InvariantError(`function ${this.index}: ${this.depth} blocks are open`);
    const body: number[] = [];
    pushUnsigned(body, this.localTypes.length);
    for (const type of this.localTypes) body.push(1, type);
    for (const byte of this.code) body.push(byte);
    body.push(0x0b);
    return body;
  }
}

/** Builds a module with one imported memory ("env"."memory"), imported functions first, then defined ones. */
export class ModuleBuilder {
  private readonly types: string[] = [];
  private readonly imports: { name: string; type: number }[] = [];
  private readonly functions: { builder: FunctionBuilder; type: number; exportName?: string }[] =
    [];

  private tableSize = 0;

  constructor(private readonly memoryPages: number) {}

  /** Declares the imported table "env"."table" of at least so many functions. */
  importTable(size: number): void {
    this.tableSize = size;
  }

  /** The index of a function type, for `callIndirect`. */
  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = JSON.stringify([params, results]);
    const found = this.types.indexOf(key);
    if (found >= 0) return found;
    this.types.push(key);
    return this.types.length - 1;
  }

  /** Declares an imported function "env".name; all imports come before the first `function`. */
  importFunction(
    name: string,
    params: readonly ValueType[],
    results: readonly ValueType[],
  ): number {
    if (this.functions.length > 0) throw new InvariantError("imports come before functions");
    this.imports.push({ name, type: this.type(params, results) });
    return this.imports.length - 1;
  }

  function(
    params: readonly ValueType[],
    results: readonly ValueType[],
    exportName?: string,
  ): FunctionBuilder {
    const index = this.imports.length + this.functions.length;
    const builder = new FunctionBuilder(index, params, results);
    const type = this.type(params, results);
    this.functions.push(
      exportName === undefined ? { builder, type } : { builder, type, exportName },
    );
    return builder;
  }

  build(): Uint8Array {
    const out: number[] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    const section = (id: number, items: readonly number[][]): void => {
      if (items.length === 0) return;
      const body: number[] = [];
      pushUnsigned(body, items.length);
      for (const item of items) for (const byte of item) body.push(byte);
      out.push(id);
      pushUnsigned(out, body.length);
      for (const byte of body) out.push(byte);
    };
    section(1, this.types.map(encodeType));
    section(2, [
      ...this.imports.map(encodeImport),
      encodeMemoryImport(this.memoryPages),
      ...(this.tableSize > 0 ? [encodeTableImport(this.tableSize)] : []),
    ]);
    section(
      3,
      this.functions.map(({ type }) => unsignedBytes(type)),
    );
    section(
      7,
      this.functions.flatMap(({ builder, exportName }) =>
        exportName === undefined
          ? []
          : [[...nameBytes(exportName), 0, ...unsignedBytes(builder.index)]],
      ),
    );
    section(
      10,
      this.functions.map(({ builder }) => {
        const body = builder.finish();
        const sized = unsignedBytes(body.length);
        for (const byte of body) sized.push(byte);
        return sized;
      }),
    );
    return Uint8Array.from(out);
  }
}

function unsignedBytes(value: number): number[] {
  const out: number[] = [];
  pushUnsigned(out, value);
  return out;
}

function nameBytes(name: string): number[] {
  return [...unsignedBytes(name.length), ...Array.from(name, (char) => char.charCodeAt(0))];
}

function encodeType(key: string): number[] {
  const [params, results] = JSON.parse(key) as [number[], number[]];
  return [0x60, params.length, ...params, results.length, ...results];
}

function encodeImport({ name, type }: { name: string; type: number }): number[] {
  return [...nameBytes("env"), ...nameBytes(name), 0, ...unsignedBytes(type)];
}

function encodeMemoryImport(pages: number): number[] {
  return [...nameBytes("env"), ...nameBytes("memory"), 2, 0, ...unsignedBytes(pages)];
}

function encodeTableImport(size: number): number[] {
  return [...nameBytes("env"), ...nameBytes("table"), 1, 0x70, 0, ...unsignedBytes(size)];
}

export { I32, I64 };
export type { ValueType };
