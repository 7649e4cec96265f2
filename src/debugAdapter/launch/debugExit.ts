/** QEMU's isa-debug-exit: the written value, shifted left, with bit 0 set. A process has 8 bits for it. */
export function debugExitStatus(value: number): number {
  return ((value << 1) | 1) & 0xff;
}
