; Data breakpoints of every kind and size, all causes in DR6, and general detect (DR7.GD).
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

start:
        TEST_START
        SET_GATE 1, debugTrap, INTERRUPT_GATE
        xor     eax, eax
        mov     dr7, eax
        mov     dr6, eax

        ; Data breakpoints: traps, after the access. Sizes 1, 2, 4; write, read/write.
        mov     dword [origin], .data
        mov     eax, area + 16
        mov     dr0, eax
        mov     eax, area + 32
        mov     dr1, eax
        mov     eax, area + 48
        mov     dr2, eax
        ; DR0: reads and writes, 2 bytes; DR1: writes, 4 bytes; DR2: writes, 1 byte
        mov     eax, (7 << 16) | (0xd << 20) | (1 << 24) | 0x2a
        mov     dr7, eax
.data:  mov     al, [area + 15]
        mov     al, [area + 16]
        mov     [area + 17], al
        mov     [area + 18], al
        mov     eax, [area + 14]        ; overlaps
        mov     eax, [area + 32]        ; DR1 is for writes
        mov     [area + 35], al
        mov     [area + 36], al
        mov     [area + 47], ax         ; overlaps
        push    dword [area + 16]
        pop     dword [area + 32]
        mov     esi, area + 30
        mov     edi, area + 28
        mov     ecx, 8
        cld
        rep movsb
        xor     eax, eax
        mov     dr7, eax
        call    report
        REPORT  "data breakpoints"

        ; Two breakpoints by one instruction.
        mov     dword [origin], .both
        mov     eax, area + 32
        mov     dr0, eax
        mov     dr3, eax
        mov     eax, (0xd << 16) | (0xf << 28) | 0x82
        mov     dr7, eax
.both:  mov     dword [area + 32], 5
        nop
        xor     eax, eax
        mov     dr7, eax
        call    report
        REPORT  "two at once"

        ; GD: touching a debug register faults, and clears GD.
        mov     dword [origin], .general
        mov     eax, 0x2000
        mov     dr7, eax
.general:
        mov     eax, dr0
        mov     eax, dr7
        call    mix
        call    report
        REPORT  "general detect"

        EXIT    0

; Each trap mixes the offset of the saved EIP, DR6's cause bits, TF and RF of the saved flags.
debugTrap:
        push    eax
        inc     dword [traps]
        mov     eax, [esp + 4]
        sub     eax, [ss:origin]
        call    mix
        mov     eax, dr6
        and     eax, 0xe00f
        call    mix
        xor     eax, eax
        mov     dr6, eax
        mov     eax, [esp + 12]
        and     eax, TF
        call    mix
        or      dword [esp + 12], 0x10000
        pop     eax
        iretd

report: PRINT   "traps "
        mov     eax, [traps]
        call    putDecimal
        PRINT   "  "
        mov     dword [traps], 0
        ret

traps:  dd      0
origin: dd      0
        align   16
area:   times   128 db 0x5a
