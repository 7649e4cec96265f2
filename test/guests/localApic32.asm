; The local APIC: what firmware leaves, self-IPIs by every way to address the own processor, priorities and nesting, TPR, IRR and
; ISR, LINT0 as the 8259's way in, the timer's modes, NMI. How fast time passes is left out.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"
%include "include/localApic.inc"

PERIODIC        equ 1 << 17
TO_SELF         equ 1 << 18
TO_ALL          equ 2 << 18
TO_OTHERS       equ 3 << 18
LOGICAL         equ 1 << 11
NMI_MODE        equ 4 << 8
LOW             equ 0x21                ; vectors of two priority classes
LOW_TOO         equ 0x2e
HIGH            equ 0x35
SPURIOUS        equ 0x3f

; SEND bits: an interrupt command, and time for it to arrive.
%macro SEND 1
        mov     dword [APIC_ICR_LOW], %1
        call    settle
%endmacro

start:
        TEST_START
        mov     eax, 1
        cpuid
        shr     edx, 9
        and     edx, 1
        MIX     edx
        mov     ecx, IA32_APIC_BASE
        rdmsr
        call    mix
        MIX     edx
        MIX     [APIC_ID]
        mov     eax, [APIC_VERSION]
        and     eax, 0xf0               ; an integrated APIC
        call    mix
        MIX     [APIC_TPR]
        MIX     [APIC_PPR]
        MIX     [APIC_DFR]
        MIX     [APIC_TIMER]
        MIX     [APIC_ERROR]
        mov     eax, [APIC_SVR]
        and     eax, 0x100
        call    mix
        REPORT  "as firmware leaves it"
        mov     dword [APIC_SVR], 0x100 | SPURIOUS
        mov     dword [APIC_LINT0], 0x8700
        mov     dword [APIC_LINT1], 0x8400

        SET_GATE 2, nmi, INTERRUPT_GATE
        SET_GATE 32, tick, INTERRUPT_GATE
        SET_GATE LOW, low, INTERRUPT_GATE
        SET_GATE LOW_TOO, lowToo, INTERRUPT_GATE
        SET_GATE HIGH, high, INTERRUPT_GATE
        SET_GATE SPURIOUS, spurious, INTERRUPT_GATE

        ; The 8259's interrupt comes through LINT0, and only while that is open.
        call    picRemap
        mov     al, 0xfe
        out     PIC1_DATA, al
        sti
        mov     eax, [ticks]
.tick:  cmp     eax, [ticks]
        je      .tick
        cli
        mov     eax, [APIC_ISR1]        ; ExtINT is not the APIC's to serve
        call    mix
        or      dword [APIC_LINT0], MASKED
        mov     al, 0xff
        out     PIC1_DATA, al
        REPORT  "lint0"

        ; The ways to address oneself. Interrupts are off: the request stays in IRR.
        SEND    TO_SELF | LOW
        call    request
        SEND    TO_ALL | LOW
        call    request
        SEND    TO_OTHERS | LOW
        call    request
        mov     dword [APIC_ICR_HIGH], 0
        SEND    LOW                     ; physical, the own ID
        call    request
        mov     dword [APIC_ICR_HIGH], 0xff000000
        SEND    LOW                     ; physical, all
        call    request
        mov     dword [APIC_LDR], 0x04000000
        mov     dword [APIC_ICR_HIGH], 0x06000000
        SEND    LOGICAL | LOW           ; flat model
        call    request
        mov     dword [APIC_ICR_HIGH], 0x03000000
        SEND    LOGICAL | LOW
        call    request
        mov     dword [APIC_DFR], 0x0fffffff
        mov     dword [APIC_LDR], 0x24000000
        mov     dword [APIC_ICR_HIGH], 0x26000000
        SEND    LOGICAL | LOW           ; cluster 2, members 1 and 2
        call    request
        mov     dword [APIC_ICR_HIGH], 0x16000000
        SEND    LOGICAL | LOW           ; cluster 1
        call    request
        mov     dword [APIC_DFR], -1
        MIX     [APIC_ICR_HIGH]
        mov     eax, [APIC_ICR_LOW]
        and     eax, ~0x1000
        call    mix
        REPORT  "addressed"

        ; The higher vector first; in its class, one waits for the other's EOI.
        mov     dword [order], 0
        mov     dword [APIC_ICR_HIGH], 0
        SEND    TO_SELF | LOW
        SEND    TO_SELF | HIGH
        SEND    TO_SELF | LOW_TOO
        MIX     [APIC_IRR1]
        sti
        call    settle
        cli
        MIX     [order]
        MIX     [APIC_IRR1]
        MIX     [APIC_ISR1]
        MIX     [APIC_TMR1]
        REPORT  "priorities"

        ; A higher class gets in between, the own class and lower ones do not.
        mov     dword [order], 0
        mov     dword [nested], TO_SELF | HIGH
        SEND    TO_SELF | LOW
        sti
        call    settle
        cli
        MIX     [order]
        MIX     [pprInside]
        mov     dword [order], 0
        mov     dword [nested], TO_SELF | LOW_TOO
        SEND    TO_SELF | LOW
        sti
        call    settle
        cli
        MIX     [order]
        mov     dword [nested], 0
        REPORT  "nested"

        ; TPR holds back its class and those below.
        mov     dword [order], 0
        mov     dword [APIC_TPR], 0x2f
        MIX     [APIC_PPR]
        sti
        SEND    TO_SELF | LOW
        SEND    TO_SELF | HIGH
        cli
        MIX     [order]
        MIX     [APIC_IRR1]
        mov     dword [APIC_TPR], 0x10
        sti
        call    settle
        cli
        MIX     [order]
        mov     dword [APIC_TPR], 0
        REPORT  "task priority"

        ; NMI needs no IF, and a second one waits for IRET.
        mov     dword [APIC_ICR_HIGH], 0
        mov     dword [sendsNmi], 1
        SEND    NMI_MODE
        MIX     [nmis]
        MIX     [nmisAtFirstEnd]
        REPORT  "nmi"

        ; One shot: it counts to 0 and stays there.
        mov     dword [order], 0
        mov     dword [APIC_DIVIDE], 0xb
        MIX     [APIC_DIVIDE]
        mov     dword [APIC_TIMER], LOW
        mov     dword [APIC_INITIAL], 100000
        sti
.shot:  cmp     dword [order], 0
        je      .shot
        cli
        MIX     [order]
        MIX     [APIC_CURRENT]
        MIX     [APIC_INITIAL]
        ; Masked, it counts all the same.
        mov     dword [APIC_TIMER], LOW | MASKED
        mov     dword [APIC_INITIAL], 100000
        mov     eax, [APIC_CURRENT]
        dec     eax
        shr     eax, 17                 ; not 0, not more than was set
        call    mix
.zero:  call    settle                  ; under a hypervisor each look costs two VM exits
        cmp     dword [APIC_CURRENT], 0
        jne     .zero
        MIX     [APIC_IRR1]
        ; Periodic: again and again.
        mov     dword [order], 0
        mov     dword [APIC_TIMER], LOW | PERIODIC
        mov     dword [APIC_DIVIDE], 0
        mov     dword [APIC_INITIAL], 100000
        sti
.three: cmp     dword [order], 0x111
        jb      .three
        cli
        mov     dword [APIC_INITIAL], 0
        MIX     [APIC_CURRENT]
        REPORT  "timer"
        EXIT    0

; Reports whether LOW is requested, and lets it come.
request:
        mov     eax, [APIC_IRR1]
        call    mix
        sti
        call    settle
        cli
        ret

settle: push    ecx
        mov     ecx, 1000
.next:  loop    .next
        pop     ecx
        ret

; Each handler puts its digit into `order`.
%macro NOTE 1
        shl     dword [order], 4
        or      dword [order], %1
%endmacro

low:    push    eax
        NOTE    1
        mov     eax, [nested]
        test    eax, eax
        jz      .end
        mov     dword [nested], 0
        mov     [APIC_ICR_LOW], eax
        mov     eax, [APIC_PPR]
        mov     [pprInside], eax
        sti
        call    settle
        cli
        NOTE    9
.end:   mov     dword [APIC_EOI], 0
        pop     eax
        iretd

lowToo: NOTE    2
        mov     dword [APIC_EOI], 0
        iretd

high:   NOTE    3
        mov     dword [APIC_EOI], 0
        iretd

tick:   push    eax
        inc     dword [ticks]
        mov     al, PIC_EOI
        out     PIC1, al
        pop     eax
        iretd

spurious:
        iretd                           ; not in service: no EOI

nmi:    inc     dword [nmis]
        cmp     dword [sendsNmi], 0
        je      .end
        mov     dword [sendsNmi], 0
        SEND    NMI_MODE
        push    dword [nmis]
        pop     dword [nmisAtFirstEnd]
.end:   iretd

%include "../../examples/include/pic.inc"

        align   4096
order:          dd 0
nested:         dd 0
pprInside:      dd 0
ticks:          dd 0
nmis:           dd 0
nmisAtFirstEnd: dd 0
sendsNmi:       dd 0
