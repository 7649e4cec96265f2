; What plain trap-and-emulate gets right and what it cannot: two ways to guard a counter against the timer.
; CLI and STI are privileged as long as IOPL < CPL: they trap, and the VMM turns interrupts off for this kernel.
; POPF is not: at ring 1 the processor keeps IF without a word, the VMM never hears of it, and the timer
; interrupts a critical section. On bare metal, and under every technique that is faithful, both sections hold.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"
%include "include/descriptors.inc"

CODE    equ     0x08
DATA    equ     0x10
IF      equ     1 << 9
ROUNDS  equ     100000                  ; several periods of the timer

start:
        mov     esp, stackTop
        call    serialInit
        lgdt    [gdtPointer]
        jmp     CODE:.reload
.reload:
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        lidt    [idtPointer]
        call    picRemap
        mov     cx, PIT_HZ / 1000       ; 1000 Hz
        call    pitPeriodic
        mov     al, 0xfe                ; unmask IRQ 0 only
        out     PIC1_DATA, al
        sti
        call    oneTick                 ; the timer works

        PRINT   "CLI ... STI:   "
        cli
        call    critical
        sti
        call    report
        call    oneTick

        PRINT   "POPF ... POPF: "
        pushfd
        pushfd
        and     dword [esp], ~IF        ; what spin_lock_irqsave may look like
        popfd                           ; bare metal: interrupts are off from here
        call    critical
        popfd                           ; and on again, if they were
        call    report
        call    oneTick

        cmp     dword [interrupted], 0
        jne     .broken
        PRINT   "both sections held", 10
        EXIT    0
.broken:
        PRINT   "POPF did not turn interrupts off, and nobody said so", 10
        EXIT    1

; Waits until the timer has interrupted once more.
oneTick:
        mov     eax, [ticks]
.wait:  cmp     eax, [ticks]
        je      .wait
        ret

; The section: no tick may come while it runs. EDX = ticks that came.
critical:
        mov     edx, [ticks]
        neg     edx
        mov     ecx, ROUNDS
.work:  inc     dword [shared]
        loop    .work
        add     edx, [ticks]
        ret

; Says whether the section was left alone.
report:
        test    edx, edx
        jnz     .no
        PRINT   "left alone", 10
        ret
.no:    inc     dword [interrupted]
        PRINT   "interrupted by the timer", 10
        ret

timerInterrupt:
        push    eax
        inc     dword [ticks]
        mov     al, PIC_EOI
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
shared: dd      0
interrupted:
        dd      0

        align   16
        times   4096 db 0
stackTop:
