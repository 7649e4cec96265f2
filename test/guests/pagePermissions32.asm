; The permission matrix of 32-bit paging: every combination of P, R/W and U/S in directory and table entry, for reads
; and writes from ring 0 and ring 3, with CR0.WP 0 and 1: vector, error code, CR2, accessed and dirty bits.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

DIRECTORY equ   0x200000
TABLE   equ     0x201000                ; 0-4 MiB, all allowed
TEST_TABLE equ  0x202000
PAGE    equ     0x400000                ; the page under test: directory entry 1
FRAME   equ     0x300000

start:
        TEST_START
        mov     edi, DIRECTORY
        xor     eax, eax
        mov     ecx, 3 * 1024
        rep     stosd
        mov     edi, TABLE
        mov     eax, 7
        mov     ecx, 1024
.map:   stosd
        add     eax, 0x1000
        loop    .map
        mov     dword [DIRECTORY], TABLE | 7
        mov     dword [FRAME + 8], 0x90c3       ; RET at FRAME + 8
        mov     byte [FRAME + 8], 0xc3
        mov     eax, DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax

        mov     dword [wp], 0
.wp:    mov     eax, cr0
        and     eax, ~0x10000
        or      eax, [wp]
        mov     cr0, eax
        PRINT   "CR0.WP "
        mov     eax, [wp]
        shr     eax, 16
        call    putDecimal
        PRINT   "     R0 read R0 wr.  R3 read R3 write", 10
        mov     dword [pde], 0
.pde:   mov     dword [pte], 0
.pte:   PRINT   "pde "
        mov     eax, [pde]
        call    putDecimal
        PRINT   " pte "
        mov     eax, [pte]
        call    putDecimal
        PRINT   "  "
        mov     dword [access], readAccess
        call    ring0
        mov     dword [access], writeAccess
        call    ring0
        mov     dword [access], readAccess
        call    ring3
        mov     dword [access], writeAccess
        call    ring3
        call    newLine
        inc     dword [pte]
        cmp     dword [pte], 8
        jb      .pte
        inc     dword [pde]
        cmp     dword [pde], 8
        jb      .pde
        add     dword [wp], 0x10000
        cmp     dword [wp], 0x10000
        jbe     .wp

        ; What else can touch the page: stack pushes, descriptor reads, instruction fetch.
        mov     dword [pde], 7
        mov     dword [pte], 7
        call    prepare
        TRY     "fetch", call PAGE + 8
        mov     dword [pte], 3
        call    prepare
        RUN_IN_RING 3, fetchUser
        mov     dword [pte], 6
        call    prepare
        TRY     "fetch, absent", call PAGE + 8
        RUN_IN_RING 3, pushOnPage
        mov     dword [pte], 1
        call    prepare
        TRY     "read-modify-write, read-only, WP = 1", add dword [PAGE], 0
        TRY     "cmpxchg, read-only, no match", cmpxchg [PAGE], ebx
        TRY     "bt, read-only", bt dword [PAGE], 3
        TRY     "across into an absent page", mov eax, [PAGE + 0xffe]
        TRY     "across into a read-only page", mov [PAGE - 2], eax
        TRY     "lgdt from an absent page", lgdt [PAGE + 0x1000]
        TRY     "sgdt to a read-only page", sgdt [PAGE]
        EXIT    0

fetchUser:
        TRY     "fetch from ring 3, supervisor page", call PAGE + 8
        ret

pushOnPage:
        mov     ebx, esp
        mov     esp, PAGE + 0x1000 + 4
        GUARD   push eax
        mov     ecx, esp
        mov     esp, ebx
        mov     eax, [faultVector]
        call    mix
        mov     eax, [faultError]
        call    mix
        mov     eax, [faultCr2]
        call    mix
        mov     eax, ecx
        call    mix
        REPORT  "push to an absent page"
        ret

; Fresh entries, no stale translation.
prepare:
        push    eax
        mov     eax, [pde]
        or      eax, TEST_TABLE
        mov     [DIRECTORY + 4], eax
        mov     eax, [pte]
        or      eax, FRAME
        mov     [TEST_TABLE], eax
        mov     eax, cr3
        mov     cr3, eax
        pop     eax
        ret

ring0:  call    prepare
        call    [access]
        jmp     result
ring3:  call    prepare
        RUN_IN_RING 3, [access]
; Prints the error code, or the A and D bits of directory and table entry. After a fault the A bit of the directory
; entry may be either, so it is not shown; the table entry must be untouched.
result: cmp     dword [faultVector], -1
        jne     .fault
        mov     eax, [DIRECTORY + 4]
        and     eax, 0x20               ; D is ignored in a directory entry that points to a table
        call    putHex8
        mov     al, '/'
        call    putChar
        mov     eax, [TEST_TABLE]
        and     eax, 0x60
        call    putHex8
        PRINT   "   "
        ret
.fault: PRINT   "#"
        mov     eax, [faultVector]
        call    putDecimal
        PRINT   " e"
        mov     eax, [faultError]
        call    putDecimal
        cmp     dword [faultCr2], PAGE + 8
        jne     .strange
        test    dword [TEST_TABLE], 0x60
        jnz     .strange
        PRINT   "  "
        ret
.strange:
        PRINT   "! "
        ret

readAccess:
        GUARD   mov eax, [PAGE + 8]
        ret
writeAccess:
        GUARD   mov dword [PAGE + 8], 0xc3
        ret

wp:     dd      0
pde:    dd      0
pte:    dd      0
access: dd      0
