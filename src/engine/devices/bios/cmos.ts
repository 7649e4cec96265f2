/** The clock and its memory, through its ports. */
import type { BiosCall } from "./service";

const INDEX = 0x70;
const DATA = 0x71;
/** MC146818 data sheet, "Address Map"; the century is the PC/AT's. */
const REGISTERS = { seconds: 0, minutes: 2, hours: 4, day: 7, month: 8, year: 9, B: 0x0b, century: 0x32 } as const; // prettier-ignore

export type CmosRegister = keyof typeof REGISTERS;

export function readCmos({ ports }: BiosCall, register: CmosRegister): number {
  ports.write(INDEX, 1, REGISTERS[register]);
  return ports.read(DATA, 1);
}

export function writeCmos({ ports }: BiosCall, register: CmosRegister, value: number): void {
  ports.write(INDEX, 1, REGISTERS[register]);
  ports.write(DATA, 1, value);
}
