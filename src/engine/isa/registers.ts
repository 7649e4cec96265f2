/** Segment registers in encoding order (ModRM.reg of MOV Sreg). SDM Vol. 2A, "ModR/M and SIB Bytes". */
export const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"] as const;
export type SegmentName = (typeof SEGMENTS)[number];
/** 0 es, 1 cs, 2 ss, 3 ds, 4 fs, 5 gs. */
export type SegmentIndex = 0 | 1 | 2 | 3 | 4 | 5;
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;

/** General registers in encoding order; a number 0-15 everywhere in the engine. */
export const GPR64 = [
  "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
  "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
] as const; // prettier-ignore
export const GPR32 = [
  "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
  "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d",
] as const; // prettier-ignore
export const GPR16 = [
  "ax", "cx", "dx", "bx", "sp", "bp", "si", "di",
  "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w",
] as const; // prettier-ignore
/** Without a REX prefix 4-7 are ah, ch, dh, bh: see GPR8_HIGH. */
export const GPR8 = [
  "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil",
  "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b",
] as const; // prettier-ignore
export const GPR8_HIGH = ["ah", "ch", "dh", "bh"] as const;

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

/** Registers of the floating-point and vector units, by the stem of their names. */
export const VECTOR_FILES = ["st", "mm", "xmm", "ymm"] as const;
export type VectorFile = (typeof VECTOR_FILES)[number];
