/** Control registers, RFLAGS, debug registers and IA32_EFER as bit tables. */
import { bit, bits, layout, masksOf, unsupported } from "./bitFields";

// SDM Vol. 3A, "Control Registers".
// prettier-ignore
export const CR0_LAYOUT = layout("CR0", 64, [
  bit(0, "PE", "Protection Enable"),
  bit(1, "MP", "Monitor Coprocessor"),
  bit(2, "EM", "Emulation"),
  bit(3, "TS", "Task Switched"),
  bit(4, "ET", "Extension Type"),
  bit(5, "NE", "Numeric Error"),
  bit(16, "WP", "Write Protect"),
  bit(18, "AM", "Alignment Mask"),
  bit(29, "NW", "Not Write-through"),
  bit(30, "CD", "Cache Disable"),
  bit(31, "PG", "Paging"),
]);

// prettier-ignore
export const CR3_LAYOUT = layout("CR3", 64, [
  bit(3, "PWT", "Page-level Write-Through"),
  bit(4, "PCD", "Page-level Cache Disable"),
  bits(51, 12, "BASE", "Physical page number of the top paging structure"),
]);

/** CR3 when CR4.PCIDE = 1. */
// prettier-ignore
export const CR3_PCID_LAYOUT = layout("CR3", 64, [
  bits(11, 0, "PCID", "Process-Context Identifier"),
  bits(51, 12, "BASE", "Physical page number of the top paging structure"),
]);

// prettier-ignore
export const CR4_LAYOUT = layout("CR4", 64, [
  bit(0, "VME", "Virtual-8086 Mode Extensions"),
  bit(1, "PVI", "Protected-Mode Virtual Interrupts"),
  bit(2, "TSD", "Time Stamp Disable"),
  bit(3, "DE", "Debugging Extensions"),
  bit(4, "PSE", "Page Size Extensions"),
  bit(5, "PAE", "Physical Address Extension"),
  bit(6, "MCE", "Machine-Check Enable"),
  bit(7, "PGE", "Page Global Enable"),
  bit(8, "PCE", "Performance-Monitoring Counter Enable"),
  bit(9, "OSFXSR", "OS support for FXSAVE and FXRSTOR"),
  bit(10, "OSXMMEXCPT", "OS support for unmasked SIMD floating-point exceptions"),
  bit(11, "UMIP", "User-Mode Instruction Prevention"),
  unsupported(bit(12, "LA57", "57-bit linear addresses")),
  bit(13, "VMXE", "VMX-Enable"),
  unsupported(bit(14, "SMXE", "SMX-Enable")),
  bit(16, "FSGSBASE", "FSGSBASE-Enable"),
  bit(17, "PCIDE", "PCID-Enable"),
  bit(18, "OSXSAVE", "XSAVE and Processor Extended States Enable"),
  unsupported(bit(19, "KL", "Key-Locker Enable")),
  bit(20, "SMEP", "Supervisor-Mode Execution Prevention"),
  bit(21, "SMAP", "Supervisor-Mode Access Prevention"),
  unsupported(bit(22, "PKE", "Protection keys for user-mode pages")),
  unsupported(bit(23, "CET", "Control-flow Enforcement Technology")),
  unsupported(bit(24, "PKS", "Protection keys for supervisor-mode pages")),
  unsupported(bit(25, "UINTR", "User Interrupts Enable")),
]);

// prettier-ignore
export const CR8_LAYOUT = layout("CR8", 64, [
  bits(3, 0, "TPL", "Task Priority Level"),
]);

// SDM Vol. 3A, "Extended Feature Enable Register".
// prettier-ignore
export const EFER_LAYOUT = layout("IA32_EFER", 64, [
  bit(0, "SCE", "SYSCALL Enable"),
  bit(8, "LME", "IA-32e Mode Enable"),
  bit(10, "LMA", "IA-32e Mode Active"),
  bit(11, "NXE", "Execute Disable Bit Enable"),
]);

// SDM Vol. 1, "EFLAGS Register".
// prettier-ignore
export const RFLAGS_LAYOUT = layout("RFLAGS", 64, [
  bit(0, "CF", "Carry"),
  bit(1, "1", "always 1"),
  bit(2, "PF", "Parity"),
  bit(4, "AF", "Auxiliary Carry"),
  bit(6, "ZF", "Zero"),
  bit(7, "SF", "Sign"),
  bit(8, "TF", "Trap"),
  bit(9, "IF", "Interrupt Enable"),
  bit(10, "DF", "Direction"),
  bit(11, "OF", "Overflow"),
  bits(13, 12, "IOPL", "I/O Privilege Level"),
  bit(14, "NT", "Nested Task"),
  bit(16, "RF", "Resume"),
  bit(17, "VM", "Virtual-8086 Mode"),
  bit(18, "AC", "Alignment Check / Access Control"),
  bit(19, "VIF", "Virtual Interrupt"),
  bit(20, "VIP", "Virtual Interrupt Pending"),
  bit(21, "ID", "Identification"),
]);

// SDM Vol. 3B, "Debug Status Register (DR6)".
// prettier-ignore
export const DR6_LAYOUT = layout("DR6", 64, [
  bit(0, "B0", "Breakpoint 0 condition detected"),
  bit(1, "B1", "Breakpoint 1 condition detected"),
  bit(2, "B2", "Breakpoint 2 condition detected"),
  bit(3, "B3", "Breakpoint 3 condition detected"),
  bit(11, "BLD", "Bus-lock detected when 0; reads 1 here", { 0: "bus lock", 1: "none" }),
  bit(13, "BD", "Debug register access detected"),
  bit(14, "BS", "Single step"),
  bit(15, "BT", "Task switch"),
  bit(16, "RTM", "Outside a transactional region; reads 1 here", { 0: "in RTM", 1: "none" }),
]);
/** DR6 with no condition pending: the bits that always read 1. */
export const DR6_FIXED_ONES = 0xffff0ff0;

const BREAK_ON: Readonly<Record<number, string>> = {
  0: "instruction execution",
  1: "data writes",
  2: "I/O reads or writes",
  3: "data reads or writes",
};
const BREAK_LENGTH: Readonly<Record<number, string>> = {
  0: "1 byte",
  1: "2 bytes",
  2: "8 bytes",
  3: "4 bytes",
};

// SDM Vol. 3B, "Debug Control Register (DR7)".
// prettier-ignore
export const DR7_LAYOUT = layout("DR7", 64, [
  bit(0, "L0", "Local breakpoint 0 enable"),
  bit(1, "G0", "Global breakpoint 0 enable"),
  bit(2, "L1", "Local breakpoint 1 enable"),
  bit(3, "G1", "Global breakpoint 1 enable"),
  bit(4, "L2", "Local breakpoint 2 enable"),
  bit(5, "G2", "Global breakpoint 2 enable"),
  bit(6, "L3", "Local breakpoint 3 enable"),
  bit(7, "G3", "Global breakpoint 3 enable"),
  bit(8, "LE", "Local exact breakpoint enable"),
  bit(9, "GE", "Global exact breakpoint enable"),
  bit(10, "1", "always 1"),
  bit(11, "RTM", "Restricted transactional memory"),
  bit(13, "GD", "General detect enable"),
  bits(17, 16, "R/W0", "Breakpoint 0 condition", BREAK_ON),
  bits(19, 18, "LEN0", "Breakpoint 0 length", BREAK_LENGTH),
  bits(21, 20, "R/W1", "Breakpoint 1 condition", BREAK_ON),
  bits(23, 22, "LEN1", "Breakpoint 1 length", BREAK_LENGTH),
  bits(25, 24, "R/W2", "Breakpoint 2 condition", BREAK_ON),
  bits(27, 26, "LEN2", "Breakpoint 2 length", BREAK_LENGTH),
  bits(29, 28, "R/W3", "Breakpoint 3 condition", BREAK_ON),
  bits(31, 30, "LEN3", "Breakpoint 3 length", BREAK_LENGTH),
]);
/** DR7 after reset and after a VM exit. */
export const DR7_RESET = 0x400;

// SDM Vol. 3A, "Extended Control Registers (Including XCR0)".
// prettier-ignore
export const XCR0_LAYOUT = layout("XCR0", 64, [
  bit(0, "X87", "x87 state (always 1)"),
  bit(1, "SSE", "SSE state"),
  unsupported(bit(2, "AVX", "AVX state")),
]);

/** Masks by the manual's names: `CR0.PE`, `RFLAGS.IOPL`. */
export const CR0 = masksOf(CR0_LAYOUT);
export const CR4 = masksOf(CR4_LAYOUT);
export const EFER = masksOf(EFER_LAYOUT);
export const RFLAGS = masksOf(RFLAGS_LAYOUT);
export const DR6 = masksOf(DR6_LAYOUT);
export const DR7 = masksOf(DR7_LAYOUT);
