/** Many iterations of REP MOVS and REP STOS in one go: as far as page, segment, count and budget reach. SDM Vol. 2B, "REP/REPE/REPZ/REPNE/REPNZ". */
import { ES, RAX, RCX, RDI, RSI } from "../isa/registers";
import {
  SEGMENT_READ_SIZE,
  SEGMENT_STRIDE,
  SEGMENT_WRITE_SIZE,
  STATE,
  TLB_DELTA,
  TLB_WRITE_TAG,
} from "../cpu/layout";
import { RFLAGS } from "../cpu/systemState";
import { I32, I64, type FunctionBuilder, type ModuleBuilder } from "../wasm/moduleBuilder";
import { pushTlbEntry, SIZES, STORE_OPS } from "./memoryFunctions";

/** (segment of the source, bytes an element, address mask, iterations allowed) -> iterations done; 0 if this is not a case for it. */
export interface BulkFunctions {
  readonly movs: number;
  readonly stos: number;
}

const [SEGMENT, SIZE, MASK, ALLOWED] = [0, 1, 2, 3];

/** One of the two operands: where it is and what it allows. */
interface Side {
  readonly register: number;
  readonly write: boolean;
  /** Pushes the address of the segment's derived state. */
  segment(): void;
  readonly offset: number;
  readonly va: number;
  readonly host: number;
}

class BulkWriter {
  private readonly count: number;
  private readonly bytes: number;
  private readonly entry: number;
  private readonly done: number;

  constructor(private readonly f: FunctionBuilder) {
    this.count = f.local(I64);
    this.bytes = f.local(I64);
    this.entry = f.local(I32);
    this.done = f.local(I32);
  }

  private side(register: number, write: boolean): Side {
    const { f } = this;
    const segment = write
      ? () => f.i32(ES * SEGMENT_STRIDE)
      : () => f.get(SEGMENT).i32(SEGMENT_STRIDE).op("i32.mul");
    return { register, write, segment, offset: f.local(I64), va: f.local(I64), host: f.local(I32) };
  }

  private giveUp(): void {
    this.f.if();
    this.f.i32(0).op("return").end();
  }

  /** count := min(count, i64 on the stack / size, unsigned). */
  private limitBytes(): void {
    const { f } = this;
    f.get(SIZE).op("i64.extend_i32_u", "i64.div_u");
    this.limit();
  }

  private limit(): void {
    const { f, bytes } = this;
    f.set(bytes).get(bytes).get(this.count);
    f.get(bytes).get(this.count).op("i64.lt_u", "select").set(this.count);
  }

  /** Address of the side, and how far it reaches in page and address size. */
  private place(side: Side): void {
    const { f } = this;
    f.i32(0)
      .mem("i64.load", side.register * 8)
      .get(MASK)
      .op("i64.and")
      .set(side.offset);
    side.segment();
    f.mem("i64.load", STATE.segments).get(side.offset).op("i64.add");
    f.i32(0).mem("i64.load", STATE.linearMask).op("i64.and").set(side.va);
    f.i64(4096).get(side.va).i64(4095).op("i64.and", "i64.sub");
    this.limitBytes();
    // Up to the last offset: what is beyond wraps.
    f.get(MASK).get(side.offset).op("i64.sub");
    this.limitBytes();
  }

  /** Host address of the side, or out: outside the segment, or not in the TLB. */
  private reach(side: Side): void {
    const { f } = this;
    f.get(side.offset);
    f.get(this.bytes).op("i64.add").i64(1).op("i64.sub");
    side.segment();
    const size = side.write ? SEGMENT_WRITE_SIZE : SEGMENT_READ_SIZE;
    f.mem("i64.load", STATE.segments + size).op("i64.ge_u");
    this.giveUp();
    pushTlbEntry(f.get(side.va))
      .tee(this.entry)
      .mem("i64.load", side.write ? TLB_WRITE_TAG : 0);
    f.get(side.va).i64(~0xfffn).op("i64.and", "i64.ne");
    this.giveUp();
    f.get(this.entry).mem("i32.load", TLB_DELTA).get(side.va).op("i32.wrap_i64", "i32.add");
    f.set(side.host);
  }

  private setBytes(): void {
    const { f } = this;
    f.get(this.count).get(SIZE).op("i64.extend_i32_u", "i64.mul").set(this.bytes);
  }

  private begin(sides: readonly Side[]): void {
    const { f } = this;
    f.i32(0).mem("i32.load", STATE.flagSystem).i32(RFLAGS.DF).op("i32.and");
    this.giveUp();
    f.i32(0)
      .mem("i64.load", RCX * 8)
      .get(MASK)
      .op("i64.and")
      .set(this.count);
    f.get(ALLOWED).op("i64.extend_i32_u");
    this.limit();
    for (const side of sides) this.place(side);
  }

  /** Moves the registers; a 32-bit one gets its upper half cleared, as by the instruction itself. */
  private end(sides: readonly Side[]): void {
    const { f } = this;
    for (const { register } of sides) this.advance(register, "i64.add", this.bytes);
    this.advance(RCX, "i64.sub", this.count);
    f.get(this.count).op("i32.wrap_i64");
  }

  private advance(register: number, op: "i64.add" | "i64.sub", amount: number): void {
    const { f } = this;
    f.i32(0)
      .i32(0)
      .mem("i64.load", register * 8)
      .get(amount)
      .op(op)
      .get(MASK)
      .op("i64.and");
    // 16-bit registers keep what is above them.
    f.i32(0)
      .mem("i64.load", register * 8)
      .i64(~0xffffn)
      .op("i64.and");
    f.i64(0).get(MASK).i64(0xffff).op("i64.eq", "select", "i64.or");
    f.mem("i64.store", register * 8);
  }

  movs(): void {
    const { f, count } = this;
    const source = this.side(RSI, false);
    const destination = this.side(RDI, true);
    this.begin([source, destination]);
    f.get(count).i64(2).op("i64.lt_u");
    this.giveUp();
    this.setBytes();
    this.reach(source);
    this.reach(destination);
    // Copying upwards onto itself repeats a pattern: no further than it is long.
    f.get(destination.host).get(source.host).op("i32.sub").tee(this.done);
    f.get(this.bytes).op("i32.wrap_i64", "i32.lt_u").if();
    f.get(this.done).op("i64.extend_i32_u");
    this.limitBytes();
    f.get(count).op("i64.eqz");
    this.giveUp();
    this.setBytes();
    f.end();
    f.get(destination.host).get(source.host).get(this.bytes).op("i32.wrap_i64").memoryCopy();
    this.end([source, destination]);
  }

  /** One element, then copies of all that is filled. */
  stos(): void {
    const { f, count, done } = this;
    const destination = this.side(RDI, true);
    const rest = f.local(I32);
    this.begin([destination]);
    f.get(count).i64(2).op("i64.lt_u");
    this.giveUp();
    this.setBytes();
    this.reach(destination);
    this.storeElement(destination.host);
    f.get(SIZE).set(done);
    const filled = f.block();
    const again = f.loop();
    f.get(this.bytes).op("i32.wrap_i64").get(done).op("i32.sub").tee(rest).op("i32.eqz");
    f.brIf(filled);
    f.get(destination.host).get(done).op("i32.add").get(destination.host);
    f.get(rest).get(done).get(rest).get(done).op("i32.lt_u", "select").tee(rest).memoryCopy();
    f.get(done).get(rest).op("i32.add").set(done);
    f.br(again).end().end();
    this.end([destination]);
  }

  private storeElement(host: number): void {
    const { f } = this;
    const value = (): FunctionBuilder =>
      f
        .get(host)
        .i32(0)
        .mem("i64.load", RAX * 8);
    for (const size of SIZES) {
      f.get(SIZE)
        .i32(size / 8)
        .op("i32.eq")
        .if();
      value().mem(STORE_OPS[size]);
      f.end();
    }
  }
}

export function defineBulkFunctions(module: ModuleBuilder): BulkFunctions {
  const define = (): FunctionBuilder => module.function([I32, I32, I64, I32], [I32]);
  const movs = define();
  new BulkWriter(movs).movs();
  const stos = define();
  new BulkWriter(stos).stos();
  return { movs: movs.index, stos: stos.index };
}
