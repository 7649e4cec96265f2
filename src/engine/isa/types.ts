/**
 * What one row of the instruction table says: one row per encoding, as in the SDM's opcode tables.
 * Decoder, encoder, formatter, hover text, sensitivity diagnostics and the interpreter's dispatch are derived from
 * these rows; nothing repeats them.
 */

/** Code size of a segment: 16, 32 or 64 (CS.D and CS.L with IA32_EFER.LMA). */
export type Bits = 16 | 32 | 64;
/** Width of an operand in bits. */
export type OperandSize = 8 | 16 | 32 | 64;

/**
 * What an operand slot takes and where it is encoded.
 *  r*: ModRM.reg or the opcode's low bits; rm*: ModRM.rm, register or memory; m*: ModRM.rm, memory only;
 *  rr*: ModRM.rm, register only. Fixed registers and `one` are implied by the opcode. `sx8` is an 8-bit immediate sign-extended to the
 *  operand size, `sx32` a 32-bit one extended to 64. `moffs*`: an absolute offset. `ptr16:*`: a far pointer immediate.
 *  `m16:*`: a far pointer in memory. `m16&*`: a pseudo-descriptor (LGDT) or bounds pair. `str*`: implicit string operands.
 *  `st0` is implied, `sti`: ModRM.rm, register only. mm, xmm, ymm: ModRM.reg; `rr*` of them: ModRM.rm, register only; with `/m*`: ModRM.rm,
 *  register or memory. `xmm0` is implied. `v*`: VEX.vvvv. `is4*`: the upper half of a trailing byte. `vm32x` ...: memory indexed by the dwords
 *  (qwords) of an XMM (YMM) register.
 */
export type OperandKind =
  | "r8"
  | "r16"
  | "r32"
  | "r64"
  | "rm8"
  | "rm16"
  | "rm32"
  | "rm64"
  | "rr8"
  | "rr16"
  | "rr32"
  | "rr64"
  | "m"
  | "m8"
  | "m16"
  | "m32"
  | "m64"
  | "m80"
  | "m128"
  | "m256"
  | "m512"
  | "m16:16"
  | "m16:32"
  | "m16:64"
  | "m16&16"
  | "m32&32"
  | "m16&32"
  | "m16&64"
  | "al"
  | "ax"
  | "eax"
  | "rax"
  | "cl"
  | "cx"
  | "ecx"
  | "rcx"
  | "dx"
  | "es"
  | "cs"
  | "ss"
  | "ds"
  | "fs"
  | "gs"
  | "sreg"
  | "cr"
  | "dr"
  | "tr"
  | "one"
  | "imm8"
  | "imm16"
  | "imm32"
  | "imm64"
  | "sx8"
  | "sx32"
  | "rel8"
  | "rel16"
  | "rel32"
  | "moffs8"
  | "moffs16"
  | "moffs32"
  | "moffs64"
  | "ptr16:16"
  | "ptr16:32"
  | "strsi8"
  | "strsi16"
  | "strsi32"
  | "strsi64" // ds:[rsi], segment may be overridden
  | "strdi8"
  | "strdi16"
  | "strdi32"
  | "strdi64" // es:[rdi]
  | "strbx8" // ds:[rbx+al] of XLAT
  | VectorKind;

/** Operands in the registers of the floating-point and vector units. */
export type VectorKind =
  | "st0"
  | "sti"
  | "mm"
  | "rrmm"
  | "mm/m64"
  | "xmm"
  | "xmm0"
  | "rrxmm"
  | "xmm/m8"
  | "xmm/m16"
  | "xmm/m32"
  | "xmm/m64"
  | "xmm/m128"
  | "ymm"
  | "rrymm"
  | "ymm/m256"
  | "vxmm"
  | "vymm"
  | "vr32"
  | "vr64"
  | "is4xmm"
  | "is4ymm"
  | "vm32x"
  | "vm32y"
  | "vm64x"
  | "vm64y";

export interface OperandSpec {
  readonly kind: OperandKind;
  /** Read, written, both, or only its address or shape is used (LEA, INVLPG, NOP r/m). */
  readonly access: "r" | "w" | "rw" | "n";
}

/** How a row is encoded. */
export interface Encoding {
  /** Opcode map: 0 one byte, 1 = 0F, 2 = 0F 38, 3 = 0F 3A; 9 and 10 are of XOP. */
  readonly map: 0 | 1 | 2 | 3 | 9 | 10;
  /** The last opcode byte; with `plusReg` the low three bits are the register. */
  readonly opcode: number;
  readonly plusReg: boolean;
  /** A prefix that belongs to the opcode. "none": the row is refused when F2 or F3 stands before it, and also 66 unless that selects its operand size (the NP rows of the SDM). */
  readonly mandatory?: 0x66 | 0xf2 | 0xf3 | "none";
  /** undefined: no ModRM. "reg": ModRM.reg is an operand. 0-7: an opcode extension. */
  readonly modrm?: "reg" | number;
  /** A byte behind the operands that belongs to the opcode (3DNow!). */
  readonly suffix?: number;
  /** VEX (XOP in its maps) instead of the escape bytes and the mandatory prefix; `w` and `l` as the row needs them, undefined: ignored. */
  readonly vex?: { readonly w?: 0 | 1; readonly l?: 0 | 1 };
  /** ModRM.mod restriction. */
  readonly mod?: "reg" | "mem";
  /** A whole third byte, as in VMCALL (0F 01 C1): implies ModRM. */
  readonly fixedModrm?: number;
  /** Effective operand size that this row needs (via 66 / REX.W / code size). 0: whatever it is. */
  readonly operandSize: 0 | 16 | 32 | 64;
  /** In 64-bit mode the operand size is 64 without REX.W ("d64": 66 selects 16; "f64": 66 is ignored). */
  readonly size64?: "d64" | "f64";
  /** Effective address size that this row needs (JCXZ family). 0: any. */
  readonly addressSize: 0 | 16 | 32 | 64;
  /** Immediate fields in order. "ib" 1 byte, "iw" 2, "id" 4, "iq" 8, "cb/cw/cd" relative, "mo" moffs (address size), "p16/p32" far pointer. */
  readonly immediates: readonly (
    "ib" | "iw" | "id" | "iq" | "cb" | "cw" | "cd" | "mo" | "p16" | "p32"
  )[];
}

/** Arithmetic and system flags by their letters: C P A Z S T I D O, plus "L" IOPL, "N" NT, "R" RF, "V" VM, "K" AC. */
export interface FlagEffects {
  readonly read: string;
  readonly written: string;
  readonly undefined: string;
  /** Always cleared / always set by the instruction. */
  readonly cleared: string;
  readonly set: string;
}

/** Sensitivity in the sense of Popek and Goldberg, by what happens when the instruction runs deprivileged. */
export type Sensitivity =
  | "innocuous"
  | "privileged" // always faults at CPL > 0
  | "iopl-sensitive" // faults when CPL > IOPL (and, for I/O, the bitmap denies)
  | "sensitive-unprivileged" // runs or answers differently without a trap: what breaks trap-and-emulate
  | "conditional" // traps only under a control bit (CR4.TSD, CR4.PCE, ...)
  | "transfer" // control transfer into entry points that the VMM owns
  | "vm-instruction";

export interface InstructionForm {
  /** Unique and stable: `mnemonic_operand_operand`, made longer where two encodings share it. */
  readonly id: string;
  /** Lower case, NASM's spelling. */
  readonly mnemonic: string;
  /** Other spellings that mean the same row (jz/je): also lower case. */
  readonly aliases: readonly string[];
  readonly operands: readonly OperandSpec[];
  readonly encoding: Encoding;
  /** "legacy": not valid in 64-bit mode; "long": valid only there. */
  readonly modes: "any" | "legacy" | "long";
  /** True: #UD in real and virtual-8086 mode (SLDT, LAR, VMX ...). */
  readonly protectedOnly: boolean;
  /** 0: needs CPL 0, #GP(0) otherwise. 3: any. I/O rows use sensitivity "iopl-sensitive". */
  readonly cpl: 0 | 3;
  /** Whether a LOCK prefix is legal (with a memory destination). */
  readonly lock: boolean;
  /** Which repeat prefixes mean something: "rep" (MOVS, STOS, LODS, INS, OUTS), "repcc" (CMPS, SCAS). */
  readonly repeat: "none" | "rep" | "repcc";
  readonly flags: FlagEffects;
  readonly sensitivity: Sensitivity;
  /** The basic exit reason's name if the row can cause a VM exit of its own (not through its memory operand), and when. */
  readonly vmExit?: { readonly reason: string; readonly when: string };
  /** Name of the semantics that executes it; `undefined` where the CPU does not execute it ("known, not executed": raises #UD). Same for all rows of a family ("add"). */
  readonly semantics?: string;
  /** Condition code 0-15 for Jcc, SETcc, CMOVcc. */
  readonly condition?: number;
  /** CPUID feature that must be present, #UD otherwise: "cmov", "popcnt", "vmx", "fsgsbase", "invpcid", ... */
  readonly feature?: string;
}
