/**
 * The local APIC's registers by offset in its page. SDM Vol. 3A, "Local APIC Register Address Map"; every register is
 * the first four bytes of a 16-byte slot.
 */

/** Offsets in the page. */
export const REGISTER = {
  id: 0x020,
  version: 0x030,
  taskPriority: 0x080,
  processorPriority: 0x0a0,
  endOfInterrupt: 0x0b0,
  logicalDestination: 0x0d0,
  destinationFormat: 0x0e0,
  spuriousVector: 0x0f0,
  /** Eight slots each: 256 vectors. */
  inService: 0x100,
  triggerMode: 0x180,
  request: 0x200,
  errorStatus: 0x280,
  commandLow: 0x300,
  commandHigh: 0x310,
  timer: 0x320,
  thermalSensor: 0x330,
  performanceCounters: 0x340,
  lint0: 0x350,
  lint1: 0x360,
  error: 0x370,
  initialCount: 0x380,
  currentCount: 0x390,
  divideConfiguration: 0x3e0,
} as const;

export const PAGE_BYTES = 0x1000;
/** "Version" of an integrated APIC, and the number of its last LVT entry. SDM Vol. 3A, "Local APIC Version Register". */
export const VERSION = 0x00050014;

/** Entries of the local vector table. SDM Vol. 3A, "Local Vector Table". */
export const LVT = {
  vector: 0xff,
  deliveryMode: 0x700,
  remoteIrr: 1 << 14,
  levelTriggered: 1 << 15,
  masked: 1 << 16,
  timerMode: 3 << 17,
} as const;

export const TIMER_MODE = { oneShot: 0, periodic: 1 << 17, tscDeadline: 2 << 17 } as const;

/** Delivery modes, as in bits 10:8 of LVT entries and of the interrupt command register. */
export const DELIVERY = {
  fixed: 0,
  lowestPriority: 1 << 8,
  systemManagement: 2 << 8,
  nmi: 4 << 8,
  init: 5 << 8,
  startUp: 6 << 8,
  external: 7 << 8,
} as const;

/** The entries of the local vector table, with the bits that can be written. */
export const LVT_WRITABLE = {
  [REGISTER.timer]: LVT.vector | LVT.masked | TIMER_MODE.periodic,
  [REGISTER.thermalSensor]: LVT.vector | LVT.deliveryMode | LVT.masked,
  [REGISTER.performanceCounters]: LVT.vector | LVT.deliveryMode | LVT.masked,
  [REGISTER.lint0]: 0x1a7ff,
  [REGISTER.lint1]: 0x1a7ff,
  [REGISTER.error]: LVT.vector | LVT.masked,
} as const;

export type LvtOffset = keyof typeof LVT_WRITABLE;

/** SDM Vol. 3A, "Spurious-Interrupt Vector Register": bit 8 switches the APIC on. */
export const SOFTWARE_ENABLE = 0x100;
export const SPURIOUS_WRITABLE = 0x1ff;

/** Interrupt command register, low half. SDM Vol. 3A, "Interrupt Command Register (ICR)". */
export const COMMAND = {
  vector: 0xff,
  deliveryMode: 0x700,
  logicalDestination: 1 << 11,
  assert: 1 << 14,
  levelTriggered: 1 << 15,
  shorthand: 3 << 18,
  /** All but the delivery status, which is always idle here. */
  writable: 0xccfff,
} as const;

export const SHORTHAND = { none: 0, self: 1 << 18, all: 2 << 18, others: 3 << 18 } as const;
export const BROADCAST = 0xff;

/** SDM Vol. 3A, "Error Status Register (ESR)". */
export const ERROR = {
  sendIllegalVector: 0x20,
  receivedIllegalVector: 0x40,
  illegalRegister: 0x80,
} as const;

/** Vectors below are the processor's own. */
export const FIRST_LEGAL_VECTOR = 16;

/** IA32_APIC_BASE. SDM Vol. 3A, "Local APIC Status and Location". */
export const BASE_MSR = { bootstrap: 0x100, enable: 0x800, reset: 0xfee0_0900 } as const;
