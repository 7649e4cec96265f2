; Four-level paging built by hand, with W^X: code is not writable, data is not executable (NX).
; Index of a 48-bit address at each level: 47:39 PML4, 38:30 PDPT, 29:21 page directory, 20:12 page table.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"

CODE        equ 0x08
PML4        equ 0x300000
PDPT        equ 0x301000
DIRECTORY   equ 0x302000
TABLE       equ 0x303000                ; 0-2 MiB in 4 KiB pages
HIGH_PDPT   equ 0x304000                ; for the kernel half
HIGH_BASE   equ 0xffff800000000000      ; first address of the upper half

PRESENT     equ 1
WRITABLE    equ 2
LARGE       equ 1 << 7                  ; a 2 MiB page in a directory entry
NO_EXECUTE  equ 1 << 63
IA32_EFER   equ 0xc0000080

start:
        lea     rsp, [rel stackTop]
        call    serialInit
        lgdt    [rel gdtPointer]
        push    CODE
        lea     rax, [rel .reload]
        push    rax
        retfq
.reload:
        mov     eax, 0x10
        mov     ss, eax
        mov     ds, eax
        mov     es, eax
        lidt    [rel idtPointer]

        mov     edi, PML4
        xor     eax, eax
        mov     ecx, 5 * 512
        cld
        rep     stosq
        mov     qword [PML4], PDPT | PRESENT | WRITABLE
        mov     qword [PDPT], DIRECTORY | PRESENT | WRITABLE
        mov     qword [DIRECTORY], TABLE | PRESENT | WRITABLE
        mov     qword [DIRECTORY + 8], 0x200000 | PRESENT | WRITABLE | LARGE
        ; The same memory once more at the start of the upper half.
        mov     qword [PML4 + 256 * 8], HIGH_PDPT | PRESENT | WRITABLE
        mov     qword [HIGH_PDPT], DIRECTORY | PRESENT | WRITABLE

        ; 512 small pages: code pages read-only, all others not executable.
        mov     r8, NO_EXECUTE | PRESENT | WRITABLE
        mov     edi, TABLE
        xor     esi, esi
.map:
        lea     rax, [r8 + rsi]
        lea     rdx, [rel codeEnd]
        cmp     rsi, ORIGIN
        jb      .store
        cmp     rsi, rdx
        jae     .store
        lea     rax, [rsi + PRESENT]
.store: stosq
        add     rsi, 0x1000
        cmp     rsi, 0x200000
        jb      .map

        mov     ecx, IA32_EFER
        rdmsr
        or      eax, 1 << 11            ; NXE: bit 63 of an entry means no-execute, not reserved
        wrmsr
        mov     rax, cr0
        or      rax, 1 << 16            ; WP
        mov     cr0, rax
        mov     eax, PML4
        mov     cr3, rax                ; also drops the TLB
        PRINT   "own page tables in use", 10

        ; One frame, two linear addresses.
        lea     rbx, [rel datum]
        mov     qword [rbx], 0x5eed
        mov     rdx, HIGH_BASE
        mov     rax, [rdx + rbx]
        PRINT   "through the upper half: "
        call    putHex16
        call    newLine

        PRINT   "write to a code page:   "
        lea     rax, [rel .afterWrite]
        mov     [rel resumeAt], rax
        mov     byte [rel start], 0x90
.afterWrite:
        PRINT   "execute a data page:    "
        lea     rax, [rel .afterExecute]
        mov     [rel resumeAt], rax
        lea     rax, [rel datum]
        mov     byte [rax], 0xc3        ; RET, which must not run
        jmp     rax
.afterExecute:
        PRINT   "read an unmapped page:  "
        lea     rax, [rel .afterRead]
        mov     [rel resumeAt], rax
        mov     rax, [0x40000000]
.afterRead:
        PRINT   "page-table entry after use: "
        mov     eax, [TABLE + (ORIGIN >> 12) * 8]
        and     eax, 0x60               ; bit 5 accessed, bit 6 dirty
        call    putHex8
        call    newLine
        EXIT    0

; Reports and goes on at resumeAt. Error code bit 4 = instruction fetch.
pageFault:
        push    rax
        PRINT   "#PF, error code "
        mov     eax, [rsp + 8]
        call    putHex8
        PRINT   ", CR2 "
        mov     rax, cr2
        call    putHex64
        call    newLine
        mov     rax, [rel resumeAt]
        mov     [rsp + 16], rax         ; RIP in the frame
        pop     rax
        add     rsp, 8
        iretq

        align   4096
codeEnd:

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_64
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
gdtPointer:
        dw      $ - gdt - 1
        dq      gdt

        align   16
idt:    times   14 dq 0, 0
        GATE64  ADDRESS(pageFault), CODE, INTERRUPT_GATE, 0
idtPointer:
        dw      $ - idt - 1
        dq      idt

resumeAt: dq    0

        align   4096
datum:  dq      0

        align   4096
        times   4096 db 0
stackTop:
