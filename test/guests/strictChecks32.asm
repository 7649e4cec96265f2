; Checks that some emulators leave out: null and refused selectors, EXT in error codes, absent stacks, conforming code
; through a gate, LOCK on what cannot be locked, ICEBP.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

CONFORM  equ    FREE0
GATE     equ    FREE0 + 8               ; call gate, DPL 3, to conforming code
ABSENT_SS equ   (FREE0 + 16) | 1

start:
        TEST_START
        mov     esi, descriptors
        mov     edi, freeDescriptors
        mov     ecx, 6
        rep     movsd
        xor     eax, eax
        TRY     "ltr null", ltr ax
        mov     es, eax
        TRY     "read through a null segment", mov eax, [es:start]
        push    ds
        pop     es
        TRY     "lock mov", db 0xf0, 0x89, 0xc0
        TRY     "lock mov to memory", db 0xf0, 0x89, 0x03
        TRY     "lock cmp", db 0xf0, 0x39, 0x03
        TRY     "lock bt", db 0xf0, 0x0f, 0xa3, 0x03
        mov     ebx, scratch
        TRY     "lock bts", lock bts [ebx], eax
        TRY     "lock nop", db 0xf0, 0x90
        TRY     "icebp", db 0xf1

        ; EXT is set when the first event was not a software interrupt.
        SET_GATE 6, 0, 0
        TRY     "#UD, gate empty", ud2
        TRY     "int 6, gate empty", int 6
        SET_GATE 3, 0, 0
        TRY     "int3, gate empty", int3
        SET_GATE 1, 0, 0
        TRY     "icebp, gate empty", db 0xf1
        mov     eax, 6
        mov     edx, start
        mov     ecx, 0x1000 << 16 | INTERRUPT_GATE << 8
        call    setGate
        TRY     "#UD, gate beyond the gdt", ud2
        call    buildIdt

        mov     eax, 0x32
        mov     edx, ringOne
        mov     ecx, CODE1 << 16 | (INTERRUPT_GATE + RING3) << 8
        call    setGate
        mov     eax, 6
        mov     ecx, CODE1 << 16 | INTERRUPT_GATE << 8
        call    setGate
        mov     word [tssEsp1 + 4], ABSENT_SS
        RUN_IN_RING 3, absentStack
        mov     word [tssEsp1 + 4], DATA3
        RUN_IN_RING 3, wrongStack
        mov     word [tssEsp1 + 4], DATA1
        call    buildIdt
        RUN_IN_RING 3, conforming
        call    controlRegisters
        EXIT    0

absentStack:
        TRY     "int, absent ss", int 0x32
        TRY     "#UD, absent ss", ud2
        ret
wrongStack:
        TRY     "int, ss of dpl 3", int 0x32
        TRY     "#UD, ss of dpl 3", ud2
        ret
conforming:
        mov     ebx, esp
        call    GATE:0
        mov     eax, esp
        sub     eax, ebx
        call    mix
        REPORT  "conforming through a gate"
        xor     eax, eax
        mov     fs, eax
        TRY     "ring 3: read through null", mov eax, [fs:0x100000]
        TRY     "ring 3: icebp", db 0xf1
        ret

conformingFunction:
        mov     eax, cs                 ; CPL stays 3
        call    mix
        mov     eax, ss
        call    mix
        retf

controlRegisters:
        mov     eax, cr0
        and     eax, ~1
        or      eax, 0x80000000
        GUARD   mov cr0, eax
        PRINT   "PG without PE: #"
        mov     eax, [faultVector]
        call    putDecimal
        call    newLine
        mov     eax, cr0
        or      eax, 0x20000000         ; NW
        and     eax, ~0x40000000        ; without CD
        GUARD   mov cr0, eax
        PRINT   "NW without CD: #"
        mov     eax, [faultVector]
        call    putDecimal
        call    newLine
        mov     eax, cr4
        or      eax, 0x80000000         ; reserved
        GUARD   mov cr4, eax
        PRINT   "reserved bit in CR4: #"
        mov     eax, [faultVector]
        call    putDecimal
        call    newLine
        ret

ringOne:
        iretd

        align   8
descriptors:
        DESCRIPTOR 0, 0xfffff, 0x9f, FLAG_4K | FLAG_32
        GATE32  ADDRESS(conformingFunction), CONFORM, 0xec
        DESCRIPTOR 0, 0xfffff, 0x33, FLAG_4K | FLAG_32
scratch: dd     0
