; Exceptions during exceptions: benign, contributory, page fault (SDM Vol. 3A, "Conditions for Generating a Double
; Fault"), and the error code of #DF.
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
TABLE   equ     0x201000

start:
        TEST_START
        mov     edi, DIRECTORY
        xor     eax, eax
        mov     ecx, 1024
        rep     stosd
        mov     edi, TABLE
        mov     eax, 3
        mov     ecx, 1024
.map:   stosd
        add     eax, 0x1000
        loop    .map
        mov     dword [DIRECTORY], TABLE + 3
        mov     eax, DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        SET_GATE 8, doubleFault, INTERRUPT_GATE

        SET_GATE 14, 0, 0
        TRY     "#PF, gate 14 empty", mov eax, [0x400004]
        SET_GATE 13, 0, 0
        mov     eax, 0x1000
        TRY     "#GP, gate 13 empty", mov fs, ax
        TRY     "#PF, gates 13 and 14 empty", mov eax, [0x400008]
        call    buildIdt
        SET_GATE 8, doubleFault, INTERRUPT_GATE
        SET_GATE 11, 0, 0
        TRY     "int, absent gate, #NP gate empty", int 0x35
        call    buildIdt
        SET_GATE 8, doubleFault, INTERRUPT_GATE

        EXIT    0

doubleFault:
        push    dword 8
        jmp     recordFault
