; The local APIC switched off: by SVR, where its table stays masked, and by IA32_APIC_BASE, where it is gone and the 8259 is on the
; INTR pin.
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

VECTOR          equ 0x35

; SET_BASE low half of IA32_APIC_BASE
%macro SET_BASE 1
        mov     ecx, IA32_APIC_BASE
        mov     eax, %1
        xor     edx, edx
        wrmsr
%endmacro

start:
        TEST_START
        SET_GATE 32, tick, INTERRUPT_GATE
        SET_GATE VECTOR, counted, INTERRUPT_GATE
        mov     dword [APIC_SVR], 0x13f
        mov     dword [APIC_LINT1], 0x8400
        mov     dword [APIC_TIMER], VECTOR
        MIX     [APIC_TIMER]
        mov     dword [APIC_SVR], 0x3f
        MIX     [APIC_TIMER]
        mov     eax, [APIC_LINT1]
        and     eax, MASKED
        call    mix
        mov     dword [APIC_TIMER], VECTOR
        MIX     [APIC_TIMER]            ; masks cannot be opened
        mov     dword [APIC_SVR], 0x13f
        MIX     [APIC_TIMER]            ; and they stay closed
        mov     dword [APIC_TIMER], VECTOR
        MIX     [APIC_TIMER]
        REPORT  "by svr"

        mov     dword [APIC_TPR], 0x40
        SET_BASE APIC | 0x100
        mov     eax, 1
        cpuid
        shr     edx, 9
        and     edx, 1
        MIX     edx
        mov     ecx, IA32_APIC_BASE
        rdmsr
        call    mix
        MIX     [APIC_VERSION]
        mov     dword [APIC_TPR], 0x55
        call    picRemap
        mov     al, 0xfe
        out     PIC1_DATA, al
        sti
        call    waitForTick
        cli
        REPORT  "by ia32_apic_base"

        EXIT    0

waitForTick:
        mov     eax, [ticks]
.next:  cmp     eax, [ticks]
        je      .next
        ret

tick:   push    eax
        inc     dword [ticks]
        mov     al, PIC_EOI
        out     PIC1, al
        pop     eax
        iretd

counted:
        mov     dword [APIC_EOI], 0
        iretd

%include "../../examples/include/pic.inc"

        align   4096
ticks:  dd      0
