; LAR, LSL, VERR, VERW, ARPL: what they say about every kind of descriptor, from ring 0 and ring 3.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

; QUERY name, selector
%macro QUERY 2
        PRINT   %1, " "
        mov     ebx, %2
        call    query
%endmacro

start:
        TEST_START
        mov     esi, descriptors
        mov     edi, freeDescriptors
        mov     ecx, 32
        rep     movsd
        PRINT   "ring 0: lar lsl verr verw", 10
        call    queries
        PRINT   "ring 3: lar lsl verr verw", 10
        RUN_IN_RING 3, queries
        PRINT   "rpl 3 at ring 0", 10
        QUERY   "code0 rpl 3", CODE0 | 3
        QUERY   "conforming rpl 3", FREE0 + 3
        QUERY   "data3 rpl 3", DATA3

        ; ARPL raises the destination's RPL to the source's.
        xor     ebx, ebx
.arpl:  mov     eax, ebx
        and     eax, 3
        or      eax, 0xffff1230
        mov     ecx, ebx
        shr     ecx, 2
        or      ecx, 0x4560
        xor     edx, edx                ; ZF = 1 before
        arpl    ax, cx
        setz    dl
        call    mix
        mov     eax, edx
        call    mix
        inc     ebx
        cmp     ebx, 16
        jb      .arpl
        REPORT  "arpl"
        mov     word [word1], 0x10
        mov     eax, 3
        arpl    [word1], ax
        mov     eax, [word1]
        call    mix
        REPORT  "arpl memory"
        mov     eax, CODE0
        lar     bx, ax                  ; 16-bit: the low half only
        mov     eax, ebx
        call    mix
        mov     ebx, 0xffffffff
        mov     eax, DATA0
        lsl     bx, ax
        mov     eax, ebx
        call    mix
        REPORT  "16-bit lar, lsl"
        EXIT    0

queries:
        QUERY   "null            ", 0
        QUERY   "code0           ", CODE0
        QUERY   "data0           ", DATA0
        QUERY   "code3           ", CODE3
        QUERY   "data3           ", DATA3
        QUERY   "tss             ", TSS
        QUERY   "conforming      ", FREE0
        QUERY   "execute-only    ", FREE0 + 8
        QUERY   "read-only       ", FREE0 + 16
        QUERY   "expand-down     ", FREE0 + 24
        QUERY   "byte granular   ", FREE0 + 32
        QUERY   "ldt             ", FREE0 + 40
        QUERY   "16-bit tss      ", FREE0 + 48
        QUERY   "busy tss        ", FREE0 + 56
        QUERY   "16-bit call gate", FREE0 + 64
        QUERY   "call gate       ", FREE0 + 72
        QUERY   "task gate       ", FREE0 + 80
        QUERY   "interrupt gate  ", FREE0 + 88
        QUERY   "trap gate       ", FREE0 + 96
        QUERY   "reserved type 8 ", FREE0 + 104
        QUERY   "absent data     ", FREE0 + 112
        QUERY   "conforming 3    ", FREE0 + 120
        QUERY   "beyond the gdt  ", 0x2000
        QUERY   "ldt selector    ", 4
        ret

; EBX = selector.
query:
        mov     eax, 0x5a5a5a5a
        lar     eax, ebx
        jnz     .lar
        and     eax, 0xfff0ffff         ; bits 19:16 are undefined
        xor     ecx, ecx                ; ZF = 1 again
.lar:   call    putResult
        mov     eax, 0x5a5a5a5a
        lsl     eax, ebx
        call    putResult
        verr    bx
        call    putZero
        verw    bx
        call    putZero
        call    newLine
        ret

putResult:
        jz      .valid
        cmp     eax, 0x5a5a5a5a         ; refused: the destination is unchanged
        jne     .changed
        PRINT   "-        "
        ret
.changed:
        PRINT   "changed! "
        ret
.valid: call    putHex32
        PRINT   " "
        ret
putZero:
        setz    al
        add     al, '0'
        call    putChar
        ret

word1:  dd      0
        align   8
descriptors:
        DESCRIPTOR 0, 0xfffff, 0x9f, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, 0x99, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0x12345, 0x91, FLAG_32
        DESCRIPTOR 0, 0x00010, 0x97, FLAG_4K | FLAG_32
        DESCRIPTOR 0x12345678, 0xabcde, 0x93, 0
        DESCRIPTOR 0, 15, 0x82, 0
        DESCRIPTOR 0, 43, 0x81, 0
        DESCRIPTOR 0, 103, 0x8b, 0
        GATE32  ADDRESS(start), CODE0, 0x84
        GATE32  ADDRESS(start), CODE0, 0x8c
        GATE32  0, TSS, 0x85
        GATE32  ADDRESS(start), CODE0, 0x8e
        GATE32  ADDRESS(start), CODE0, 0x8f
        DESCRIPTOR 0, 0xfffff, 0x88, FLAG_4K
        DESCRIPTOR 0, 0xfffff, 0x13, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, 0xff, FLAG_4K | FLAG_32
