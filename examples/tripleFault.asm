; How a kernel dies: #UD with no handler, then #GP on the way to its handler, which makes #DF (vector 8),
; then a fault on the way to that one: triple fault, and the processor enters shutdown.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"

start:
        mov     esp, stackTop
        call    serialInit
        PRINT   "an IDT with no entries, then UD2", 10
        mov     edx, COM1_LSR
.drain: in      al, dx
        test    al, 0x40                ; let the UART send its last byte: it dies with us
        jz      .drain
        lidt    [emptyIdt]
        ud2                             ; #UD -> #GP (beyond the limit) -> #DF -> shutdown
        PRINT   "not reached", 10
        EXIT    1

emptyIdt:
        dw      0                       ; limit 0: no vector fits
        dd      0

        align   16
        times   4096 db 0
stackTop:
