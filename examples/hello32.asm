; Protected mode with flat segments, entered the way a multiboot loader does it.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"

start:
        mov     esp, stackTop           ; a multiboot loader promises no stack
        mov     ebp, eax
        call    serialInit
        PRINT   "Hello from protected mode.", 10
        cmp     ebp, MULTIBOOT_LOADED
        jne     .unknown
        PRINT   "Loaded by a multiboot loader", 10
.unknown:
        mov     eax, cs
        and     eax, 3                  ; CPL = the low two bits of CS
        PRINT   "CPL = "
        call    putDecimal
        mov     eax, cr0
        and     eax, 1                  ; PE
        PRINT   ", CR0.PE = "
        call    putDecimal
        mov     eax, cr0
        shr     eax, 31                 ; PG
        PRINT   ", CR0.PG = "
        call    putDecimal
        call    newLine
        EXIT    32

        align   16
        times   4096 db 0
stackTop:
