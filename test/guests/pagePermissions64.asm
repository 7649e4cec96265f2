; The permission matrix of four-level paging: P, R/W, U/S in directory and table entry, NX at both, WP, for reads,
; writes and fetches from ring 0 and ring 3; A and D bits; larger pages; staleness is avoided by reloading CR3.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

PAGE    equ     TEST_PAGES + 0x5000
ENTRY   equ     TABLE + 5 * 8
UPPER   equ     DIRECTORY + (TEST_PAGES >> 21) * 8
NX      equ     1 << 63

start:
        TEST_START
        mov     byte [abs PAGE + 8], 0xc3
        mov     ecx, IA32_EFER
        rdmsr
        or      eax, 1 << 11            ; NXE
        wrmsr
        xor     r12d, r12d              ; WP
.wp:    mov     rax, cr0
        and     eax, ~0x10000
        or      eax, r12d
        mov     cr0, rax
        PRINT   "CR0.WP "
        mov     eax, r12d
        shr     eax, 16
        call    putDecimal
        PRINT   "              R0 read write fetch  R3 read write fetch", 10
        xor     r13d, r13d              ; bits of the directory entry, bit 3 = NX
.upper: xor     r14d, r14d              ; bits of the table entry
.entry: PRINT   "pde "
        mov     eax, r13d
        call    putHex8
        PRINT   " pte "
        mov     eax, r14d
        call    putHex8
        mov     r15d, readAccess
        call    fromRing0
        mov     r15d, writeAccess
        call    fromRing0
        mov     r15d, fetch
        call    fromRing0
        mov     r15d, readAccess
        call    fromRing3
        mov     r15d, writeAccess
        call    fromRing3
        mov     r15d, fetch
        call    fromRing3
        call    newLine
        inc     r14d
        cmp     r14d, 16
        jb      .entry
        add     r13d, 2                 ; an absent directory entry is shown once
        cmp     r13d, 2
        jne     .odd
        inc     r13d
.odd:   cmp     r13d, 16
        jb      .upper
        add     r12d, 0x10000
        cmp     r12d, 0x10000
        jbe     .wp

        ; 2 MiB page with A and D; 1 GiB pages are optional and left out.
        mov     rax, 0x600083
        mov     [abs DIRECTORY + 3 * 8], rax
        mov     rax, cr3
        mov     cr3, rax
        mov     rax, [abs 0x600000]
        mov     rax, [abs DIRECTORY + 3 * 8]
        call    mix
        mov     byte [abs 0x7fffff], 1
        mov     rax, [abs DIRECTORY + 3 * 8]
        call    mix
        REPORT  "2 MiB page, accessed, dirty"
        mov     rax, [abs PML4]
        and     eax, 0x60
        call    mix
        mov     rax, [abs PDPT]
        and     eax, 0x60
        call    mix
        REPORT  "upper levels"
        TRY     "absent at level 3", mov rax, [abs 0x7fffffff]
        mov     rbx, 0x0000008000000000
        TRY     "absent at level 4", mov rax, [rbx]
        mov     rbx, 0x00007ffffffffff8
        TRY     "last canonical address below", mov rax, [rbx]
        mov     rbx, 0xffff800000000000
        TRY     "first canonical address above", mov rax, [rbx]
        mov     rbx, PAGE + 0xffc
        mov     r14d, 7
        mov     r13d, 7
        call    prepare
        and     dword [abs ENTRY + 8], ~1
        TRY     "qword across into an absent page", mov rax, [rbx]
        and     dword [abs ENTRY + 8], ~2
        or      dword [abs ENTRY + 8], 1
        mov     rax, cr3
        mov     cr3, rax
        TRY     "qword written across into a read-only page", mov [rbx], rax
        mov     eax, [rbx]              ; nothing of it was written
        call    mix
        REPORT  "first half"
        EXIT    0

prepare:
        mov     eax, r13d
        and     eax, 7
        or      eax, TABLE
        mov     ecx, r13d
        shr     ecx, 3
        shl     rcx, 63
        or      rax, rcx
        mov     [abs UPPER], rax
        mov     eax, r14d
        and     eax, 7
        or      eax, PAGE
        mov     ecx, r14d
        shr     ecx, 3
        shl     rcx, 63
        or      rax, rcx
        mov     [abs ENTRY], rax
        mov     rax, cr3
        mov     cr3, rax
        ret

fromRing0:
        call    prepare
        call    r15
        jmp     result
fromRing3:
        call    prepare
        mov     edx, r15d
        call    runInRing3
; Prints the error code, or the A and D bits of the table entry.
result: mov     al, ' '
        call    putChar
        cmp     dword [abs faultVector], -1
        jne     .fault
        PRINT   " ok "
        mov     rax, [abs ENTRY]
        jmp     .bits
.fault: PRINT   "e"
        mov     eax, [abs faultError]
        call    putHex8
        PRINT   " "
        mov     rax, [abs faultCr2]
        cmp     rax, PAGE + 8
        je      .right
        PRINT   "!"
.right: mov     rax, [abs ENTRY]
.bits:  and     eax, 0x60
        call    putHex8
        ret

readAccess:
        GUARD   mov rax, [abs PAGE + 8]
        ret
writeAccess:
        GUARD   mov byte [abs PAGE + 8], 0xc3
        ret
fetch:  mov     rbx, rsp
        mov     eax, PAGE + 8
        GUARD   call rax
        mov     rsp, rbx
        ret
