/**
 * The caller's registers as the BIOS's entry code pushes them (rom.ts) and its exit code pops them again:
 * what a service writes here, the caller has after IRET.
 */
import { linear, type MemoryBus } from "./memory";

/** Bytes from SS:SP upwards. PUSHAD puts EDI lowest; IP, CS and FLAGS are from the INT. */
export const FRAME = {
  es: 0,
  ds: 2,
  edi: 4,
  esi: 8,
  ebp: 12,
  ebx: 20,
  edx: 24,
  ecx: 28,
  eax: 32,
  /** Vector of the service. */
  vector: 36,
  /** Not 0: the entry code halts until an interrupt and calls again. */
  again: 37,
  ip: 38,
  cs: 40,
  flags: 42,
} as const;

type Field = keyof typeof FRAME;

const CARRY = 0x01;
const ZERO = 0x40;

export class CallFrame {
  /** `pointer` is SS:SP, the segment in the high half. */
  constructor(
    private readonly memory: MemoryBus,
    private readonly pointer: number,
  ) {}

  /** The stack wraps within its segment. */
  private at(field: Field, byte = 0): number {
    return linear(this.pointer >>> 16, (this.pointer & 0xffff) + FRAME[field] + byte);
  }

  get8(field: Field, byte = 0): number {
    return this.memory.read8(this.at(field, byte));
  }

  get16(field: Field): number {
    return this.get8(field) | (this.get8(field, 1) << 8);
  }

  get32(field: Field): number {
    return (this.get16(field) | (this.get8(field, 2) << 16) | (this.get8(field, 3) << 24)) >>> 0;
  }

  set8(field: Field, value: number, byte = 0): void {
    this.memory.write8(this.at(field, byte), value);
  }

  set16(field: Field, value: number): void {
    this.set8(field, value);
    this.set8(field, value >>> 8, 1);
  }

  set32(field: Field, value: number): void {
    this.set16(field, value);
    this.set8(field, value >>> 16, 2);
    this.set8(field, value >>> 24, 3);
  }

  get al(): number {
    return this.get8("eax");
  }
  set al(value: number) {
    this.set8("eax", value);
  }
  get ah(): number {
    return this.get8("eax", 1);
  }
  set ah(value: number) {
    this.set8("eax", value, 1);
  }
  get ax(): number {
    return this.get16("eax");
  }
  set ax(value: number) {
    this.set16("eax", value);
  }
  get bl(): number {
    return this.get8("ebx");
  }
  set bl(value: number) {
    this.set8("ebx", value);
  }
  get bh(): number {
    return this.get8("ebx", 1);
  }
  set bh(value: number) {
    this.set8("ebx", value, 1);
  }
  get bx(): number {
    return this.get16("ebx");
  }
  set bx(value: number) {
    this.set16("ebx", value);
  }
  get cl(): number {
    return this.get8("ecx");
  }
  set cl(value: number) {
    this.set8("ecx", value);
  }
  get ch(): number {
    return this.get8("ecx", 1);
  }
  set ch(value: number) {
    this.set8("ecx", value, 1);
  }
  get cx(): number {
    return this.get16("ecx");
  }
  set cx(value: number) {
    this.set16("ecx", value);
  }
  get dl(): number {
    return this.get8("edx");
  }
  set dl(value: number) {
    this.set8("edx", value);
  }
  get dh(): number {
    return this.get8("edx", 1);
  }
  set dh(value: number) {
    this.set8("edx", value, 1);
  }
  get dx(): number {
    return this.get16("edx");
  }
  set dx(value: number) {
    this.set16("edx", value);
  }

  set carry(on: boolean) {
    this.setFlag(CARRY, on);
  }

  set zero(on: boolean) {
    this.setFlag(ZERO, on);
  }

  private setFlag(mask: number, on: boolean): void {
    const flags = this.get8("flags");
    this.set8("flags", on ? flags | mask : flags & ~mask);
  }
}
