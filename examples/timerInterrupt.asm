; The timer: 8254 channel 0 raises IRQ 0, the 8259 turns it into vector 32, and HLT sleeps in between.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"
%include "include/descriptors.inc"

CODE    equ     0x08
TICKS   equ     5

start:
        mov     esp, stackTop
        call    serialInit
        lgdt    [gdtPointer]
        jmp     CODE:.reload
.reload:
        mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        lidt    [idtPointer]
        call    picRemap
        mov     cx, PIT_HZ / 100        ; 100 Hz
        call    pitPeriodic
        mov     al, 0xfe                ; unmask IRQ 0 only
        out     PIC1_DATA, al
        PRINT   "waiting for "
        mov     eax, TICKS
        call    putDecimal
        PRINT   " ticks", 10
.wait:
        cli
        cmp     dword [ticks], TICKS
        jae     .done
        sti                             ; takes effect after the next instruction,
        hlt                             ; so no interrupt can slip in before HLT
        jmp     .wait
.done:
        PRINT   "done", 10
        EXIT    TICKS

; IF is 0 here (interrupt gate); the registers are the interrupted program's.
timerInterrupt:
        push    eax
        inc     dword [ticks]
        PRINT   "tick "
        mov     eax, [ticks]
        call    putDecimal
        call    newLine
        mov     al, PIC_EOI             ; else the 8259 keeps IRQ 0 and all below it blocked
        out     PIC1, al
        pop     eax
        iretd

%include "include/pic.inc"

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
gdtPointer:
        dw      $ - gdt - 1
        dd      gdt

        align   8
idt:    times   32 dq 0
        GATE32  ADDRESS(timerInterrupt), CODE, INTERRUPT_GATE
idtPointer:
        dw      $ - idt - 1
        dd      idt

ticks:  dd      0

        align   16
        times   4096 db 0
stackTop:
