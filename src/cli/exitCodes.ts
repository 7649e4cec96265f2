/** Exit statuses of the command line; 64 and up are those of BSD's sysexits where one fits. */
export const EXIT = {
  ok: 0,
  /** The assembler found errors. */
  diagnostics: 1,
  usage: 64,
  badInput: 65,
  engineError: 70,
  tripleFault: 71,
  instructionLimit: 75,
} as const;
