/** Why the interpreter returned. */
export const STATUS = {
  /** The budget is used up; STATE.rip is the next instruction. */
  budget: 0,
  /** No translated block for STATE.rip in this context. */
  lookup: 1,
  /** STATE.microOp is a system event for TypeScript; it has not been executed. */
  system: 2,
  /** The instruction at STATE.rip did not complete; why is recorded in TypeScript. */
  abort: 3,
  /** PENDING.leave was set; the instruction completed and STATE.rip is the next one. */
  leave: 4,
  /** A breakpoint stands at STATE.rip. */
  breakpoint: 5,
  /** The block at STATE.rip, not yet executed, has become hot: it is worth a region. */
  hot: 6,
} as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

/** Handler numbers below FIRST_KIND are not instructions. */
export const HANDLER_LINK = 0;
export const HANDLER_SYSTEM = 1;
export const HANDLER_BREAKPOINT = 2;
/** The block is part of a region: call it (regions/regionCode.ts). */
export const HANDLER_REGION = 3;
export const FIRST_KIND = 4;

/** Look-ups after which a block is hot: about as much time in tier 0 as compiling a region takes. */
export const HOT = 8192;

/** Regions that there can be at one time, some 50 KiB each in V8; then all are dropped. */
export const MAX_REGIONS = 512;
