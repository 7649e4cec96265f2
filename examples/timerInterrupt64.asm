; The timer again, in 64-bit mode: 16-byte gates, and SS:RSP pushed on every interrupt.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"

CODE    equ     0x08
TICKS   equ     5

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
        call    picRemap
        mov     cx, PIT_HZ / 100        ; 100 Hz
        call    pitPeriodic
        mov     al, 0xfe                ; unmask IRQ 0 only
        out     PIC1_DATA, al
        mov     [rel idleRsp], rsp
.wait:
        cli
        cmp     dword [rel ticks], TICKS
        jae     .done
        sti                             ; takes effect after the next instruction,
        hlt                             ; so no interrupt can slip in before HLT
        jmp     .wait
.done:
        PRINT   "done", 10
        EXIT    TICKS

timerInterrupt:
        push    rax
        inc     dword [rel ticks]
        PRINT   "tick "
        mov     eax, [rel ticks]
        call    putDecimal
        mov     rax, [rsp + 8 + 24]     ; RSP in the frame: pushed though CPL did not change
        cmp     rax, [rel idleRsp]
        jne     .end
        PRINT   ", frame holds RSP"
.end:   call    newLine
        mov     al, PIC_EOI
        out     PIC1, al
        pop     rax
        iretq

%include "include/pic.inc"

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_64
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
gdtPointer:
        dw      $ - gdt - 1
        dq      gdt

        align   16
idt:    times   32 dq 0, 0
        GATE64  ADDRESS(timerInterrupt), CODE, INTERRUPT_GATE, 0
idtPointer:
        dw      $ - idt - 1
        dq      idt

idleRsp: dq     0
ticks:   dd     0

        align   16
        times   4096 db 0
stackTop:
