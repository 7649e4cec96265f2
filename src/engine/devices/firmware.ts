/**
 * What a PC's firmware does to the devices before it starts an image, as the port writes it makes.
 * An image may lean on it: BIOS vectors, a 55 ms timer, an enabled keyboard. It is the state in which
 * SeaBIOS leaves QEMU's devices, with the system flag in the keyboard's configuration byte (0x65, there 0x61).
 */
import type { PortSpace } from "../bus/portSpace";

// prettier-ignore
export const FIRMWARE_WRITES: readonly (readonly [port: number, value: number, why: string])[] = [
  [0x20, 0x11, "master ICW1: edge, cascade, ICW4 follows"],
  [0x21, 0x08, "master ICW2: vectors 08h to 0fh"],
  [0x21, 0x04, "master ICW3: slave on IR2"],
  [0x21, 0x01, "master ICW4: 8086 mode, normal EOI"],
  [0xa0, 0x11, "slave ICW1"],
  [0xa1, 0x70, "slave ICW2: vectors 70h to 77h"],
  [0xa1, 0x02, "slave ICW3: identity 2"],
  [0xa1, 0x01, "slave ICW4"],
  [0x21, 0xb8, "master OCW1: timer, keyboard, cascade and diskette open"],
  [0xa1, 0x8e, "slave OCW1: clock, mouse, coprocessor and disk open"],
  [0x43, 0x34, "counter 0: both bytes, mode 2, binary"],
  [0x40, 0x00, "counter 0: 65,536 clocks, low byte"],
  [0x40, 0x00, "counter 0: high byte"],
  [0x64, 0x60, "keyboard controller: write the configuration byte"],
  [0x60, 0x65, "translate, no auxiliary device, system flag, keyboard interrupt"],
  [0x3fc, 0x08, "COM1 MCR: OUT2 opens the interrupt line"],
];

/** Brings freshly powered devices to the state in which firmware hands over. */
export function runFirmware(ports: PortSpace): void {
  for (const [port, value] of FIRMWARE_WRITES) ports.write(port, 1, value);
}
