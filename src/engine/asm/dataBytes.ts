/** Bytes of `db` and its kin, with the values of this pass. */
import { append } from "../base/longLists";
import { Evaluator, type Surroundings } from "./evaluate";
import type { Expression } from "./expressionTree";
import type { DataItem } from "./statementTree";
import type { Token } from "./tokens";

export interface DataSurroundings extends Surroundings {
  baseOf(segment: number): number;
  warn(token: Token, name: string, message: string): void;
}

const SIZE_NAMES: Readonly<Record<number, string>> = {
  1: "byte",
  2: "word",
  4: "dword",
  8: "qword",
};

/** A statement that gives more than this is refused. */
const MOST_BYTES = 1 << 28;

/** Grows as bytes come; reserved space is zeros. */
class ByteList {
  bytes = new Uint8Array(64);
  length = 0;
  reserved = 0;

  room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  push(source: readonly number[] | Uint8Array): void {
    this.room(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Repeats what was pushed from `start` on, so that it is there `count` times. */
  repeat(start: number, count: number): void {
    const size = this.length - start;
    if (count === 0) {
      this.length = start;
      return;
    }
    this.room(size * (count - 1));
    for (let i = 1; i < count; i++) this.bytes.copyWithin(start + i * size, start, start + size);
    this.length = start + size * count;
  }
}

export interface DataResult {
  readonly bytes: Uint8Array;
  /** Nothing but `?`. */
  readonly onlyReserved: boolean;
  readonly hasReserved: boolean;
  /** A later pass has more to say. */
  readonly isTentative: boolean;
}

/** A number in the data that is an address: for the listing, which brackets it. */
export interface AddressPiece {
  readonly at: number;
  readonly length: number;
  /** Offset in its section. */
  readonly offset: bigint;
  /** A distance to another section, or to a plain address. */
  readonly relative: boolean;
}

/** What the listing shows of data besides plain bytes. */
export interface DataMarks {
  addresses: AddressPiece[];
  /** Runs of `?`. */
  reserved: { readonly at: number; readonly length: number; readonly element: number }[];
  /** Numbers that do not fit. */
  overflows: { readonly at: number }[];
}

export class DataWriter {
  /** Filled if it is there. */
  marks: DataMarks | undefined;
  private readonly list = new ByteList();
  private readonly evaluator: Evaluator;
  private failed = false;
  private written = false;
  private reserved = false;
  private tentative = false;

  constructor(private readonly around: DataSurroundings) {
    this.evaluator = new Evaluator(around);
  }

  /** Undefined: an error was reported. */
  write(items: readonly DataItem[], place: Token): DataResult | undefined {
    this.items(items, place);
    if (this.failed) return undefined;
    return {
      bytes: this.list.bytes.slice(0, this.list.length),
      onlyReserved: !this.written && this.list.length > 0,
      hasReserved: this.reserved,
      isTentative: this.tentative,
    };
  }

  private items(items: readonly DataItem[], place: Token): void {
    let joins = false;
    for (const item of items) {
      const start = this.list.length;
      this.item(item, place);
      joins = this.marks !== undefined && this.markJoins(this.marks, start, joins);
    }
  }

  /** Joins what was just reserved to a run of the same elements in front of it. True: the item was nothing but a run. */
  private markJoins({ reserved }: DataMarks, start: number, joins: boolean): boolean {
    const last = reserved[reserved.length - 1];
    if (last?.at !== start || start + last.length !== this.list.length) return false;
    const before = reserved[reserved.length - 2];
    if (joins && before?.element === last.element && before.at + before.length === start) {
      reserved.splice(-2, 2, { ...before, length: before.length + last.length });
    }
    return true;
  }

  /** `n dup` repeats the marks too; a run of reserved elements becomes a longer one. */
  private repeatMarks(marks: DataMarks, from: DataMarks, start: number, count: number): void {
    const size = this.list.length - start;
    const addresses = marks.addresses.splice(from.addresses.length);
    const reserved = marks.reserved.splice(from.reserved.length);
    const overflows = marks.overflows.splice(from.overflows.length);
    const [only] = reserved;
    if (only?.at === start && only.length === size && count > 0) {
      marks.reserved.push({ ...only, length: size * count });
      return;
    }
    for (let i = 0; i < count; i++) {
      const moved = <T extends { readonly at: number }>(mark: T): T => ({ ...mark, at: mark.at + i * size }); // prettier-ignore
      append(marks.addresses, addresses.map(moved));
      append(marks.reserved, reserved.map(moved));
      append(marks.overflows, overflows.map(moved));
    }
  }

  private fail(token: Token, code: string, message: string): void {
    this.failed = true;
    this.around.report(token, code, message);
  }

  private item(item: DataItem, place: Token): void {
    const count = this.count(item.repeat);
    if (count === undefined) return;
    const start = this.list.length;
    const { marks } = this;
    const marked = marks && {
      addresses: [...marks.addresses],
      reserved: [...marks.reserved],
      overflows: [...marks.overflows],
    };
    switch (item.kind) {
      case "bytes": {
        this.list.push(item.bytes);
        const rest = item.bytes.length % item.element;
        if (rest > 0) this.list.push(new Uint8Array(item.element - rest));
        this.written = true;
        break;
      }
      case "number":
        this.number(item.expression, item.element);
        this.written = true;
        break;
      case "reserve":
        marks?.reserved.push({ at: start, length: item.element, element: item.element });
        this.list.push(new Uint8Array(item.element));
        this.reserved = true;
        break;
      case "list":
        this.items(item.items, place);
        break;
    }
    const size = this.list.length - start;
    if (marks && marked && count !== 1) this.repeatMarks(marks, marked, start, count);
    if (size * count + start > MOST_BYTES) {
      this.fail(place, "too-long", "the data of this line is too long");
      this.list.length = start;
    } else this.list.repeat(start, count);
  }

  /** The product of all `n dup` in front. */
  private count(repeat: readonly Expression[]): number | undefined {
    let count = 1;
    for (const expression of repeat) {
      const value = this.evaluator.evaluate(expression);
      if (value === undefined) {
        this.failed = true;
        return undefined;
      }
      if (!value.isSimple) {
        this.fail(expression.token, "dup", "non-constant argument supplied to DUP");
        return undefined;
      }
      if (value.scalar < 0n) {
        this.fail(expression.token, "dup", "negative argument supplied to DUP");
        return undefined;
      }
      count *= Number(value.scalar);
    }
    return count;
  }

  private number(expression: Expression, element: number): void {
    const { around } = this;
    const { token } = expression;
    if (element > 8) {
      // NASM says so when it writes.
      if (around.critical)
        this.fail(token, "data-size", `integer supplied as ${element * 8}-bit data`); // prettier-ignore
      else {
        this.tentative = true;
        this.list.push(new Uint8Array(element));
      }
      return;
    }
    this.evaluator.external = undefined;
    const value = this.evaluator.evaluate(expression);
    if (value === undefined) this.failed = true;
    else if (this.evaluator.external && around.critical) {
      const message = "binary output format does not support external references";
      this.fail(token, "external-reference", message);
    } else if (!value.isJustUnknown && !value.isRelocatable(around.segment)) {
      this.fail(token, "not-relocatable", "expression is not simple or relocatable");
    } else {
      let number = value.scalar;
      const isDistance = value.isSelfRelative(around.segment);
      if (value.segments.length > 0) {
        this.marks?.addresses.push({
          at: this.list.length,
          length: element,
          offset: number,
          relative: isDistance,
        });
      }
      if (!isDistance && overflows(number, element)) {
        this.marks?.overflows.push({ at: this.list.length });
        this.tentative ||= !around.critical;
        if (around.critical)
          around.warn(token, "number-overflow", `${SIZE_NAMES[element]!} data exceeds bounds`);
      }
      for (const { segment, factor } of value.segments) {
        number += BigInt(around.baseOf(segment)) * factor;
      }
      this.pushNumber(number, element);
      return;
    }
    this.pushNumber(0n, element);
  }

  private pushNumber(value: bigint, element: number): void {
    const { list } = this;
    list.room(element);
    let low = Number(BigInt.asUintN(32, value));
    for (let i = 0; i < Math.min(4, element); i++) {
      list.bytes[list.length++] = low & 0xff;
      low >>>= 8;
    }
    if (element <= 4) return;
    let high = Number(BigInt.asUintN(32, value >> 32n));
    for (let i = 4; i < element; i++) {
      list.bytes[list.length++] = high & 0xff;
      high >>>= 8;
    }
  }
}

/** Fits in that many bytes neither as it is nor as a negative number; NASM allows down to -256 in a byte. */
function overflows(value: bigint, bytes: number): boolean {
  if (bytes >= 8) return false;
  const limit = 1n << BigInt(bytes * 8);
  return value < -limit || value >= limit;
}
