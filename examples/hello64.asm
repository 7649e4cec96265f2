; 64-bit mode: paging is always on, segments are flat, addresses are RIP-relative.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"

start:
        lea     rsp, [rel stackTop]
        call    serialInit
        PRINT   "Hello from 64-bit mode.", 10
        mov     ecx, 0xc0000080         ; IA32_EFER
        rdmsr
        bt      eax, 10                 ; LMA: long mode active
        setc    al
        movzx   eax, al
        PRINT   "EFER.LMA = "
        call    putDecimal
        mov     rax, cr4
        shr     eax, 5                  ; PAE, which long mode requires
        and     eax, 1
        PRINT   ", CR4.PAE = "
        call    putDecimal
        mov     rax, 0x0123456789abcdef
        PRINT   10, "RAX = "
        call    putHex64
        mov     eax, eax                ; a 32-bit write clears bits 63:32
        PRINT   10, "after MOV EAX, EAX = "
        call    putHex64
        call    newLine
        EXIT    64

        align   16
        times   4096 db 0
stackTop:
