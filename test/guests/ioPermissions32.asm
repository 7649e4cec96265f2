; Port access outside ring 0: IOPL, then the I/O bitmap in the TSS, one bit a port, all bits of a wide access; the
; bitmap's end; string I/O.
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
        ; 0x80 and 0x81 allowed, 0x82 not; COM1's ports allowed so that ring 3 can print.
        and     byte [tssMap + 0x80 / 8], ~3
        mov     byte [tssMap + 0x3f8 / 8], 0
        mov     dword [ringFlags], 2    ; IOPL 0
        RUN_IN_RING 3, user
        RUN_IN_RING 1, ring1
        PRINT   "iopl 1, ring 1", 10
        mov     dword [ringFlags], 0x1002
        RUN_IN_RING 1, ring1
        ; The bitmap ends early: ports beyond the TSS limit are refused.
        PRINT   "short bitmap", 10
        mov     dword [ringFlags], 2
        and     byte [gdt + TSS + 5], ~2        ; not busy
        mov     word [gdt + TSS], 104 + 0x4b8 / 8 + 1
        and     byte [gdt + TSS + 6], 0xf0
        mov     byte [tssMap + 0x4c0 / 8], 0
        mov     byte [tssMap + 0x4b8 / 8], 0
        mov     eax, TSS
        ltr     ax
        RUN_IN_RING 3, shortMap
        PRINT   "no bitmap", 10
        mov     word [tssIoMap], 0xdfff
        mov     dword [ringFlags], 0x3002
        RUN_IN_RING 3, noMap
        EXIT    0

tssMap  equ     tss + 104

user:
        PRINT   "iopl 0, ring 3", 10
        TRY     "in al, 80", in al, 0x80
        TRY     "in al, 81", in al, 0x81
        TRY     "in al, 82", in al, 0x82
        TRY     "in ax, 80", in ax, 0x80
        TRY     "in ax, 81", in ax, 0x81
        TRY     "in eax, 80", in eax, 0x80
        mov     edx, 0x80
        TRY     "out dx, al", out dx, al
        TRY     "out dx, eax", out dx, eax
        mov     edx, 0x7f
        TRY     "out 7f, ax", out dx, ax
        mov     edx, 0xffff
        TRY     "in al, ffff", in al, dx
        TRY     "in ax, ffff", in ax, dx
        mov     edx, 0x10080
        TRY     "dx only", in al, dx
        mov     esi, tss
        mov     edx, 0x80
        mov     ecx, 2
        TRY     "rep outsb", rep outsb
        mov     edx, 0x82
        mov     ecx, 2
        TRY     "rep outsb, refused", rep outsb
        xor     ecx, ecx
        TRY     "rep outsb, refused, count 0", rep outsb
        mov     edi, esp
        sub     edi, 256
        TRY     "insb, refused", insb
        TRY     "cli", cli
        ret

ring1:
        PRINT   "ring 1", 10
        TRY     "in al, 80", in al, 0x80
        TRY     "in al, 82", in al, 0x82
        ret

shortMap:
        TRY     "in al, 80", in al, 0x80
        mov     edx, 0x4bf
        TRY     "in al, 4bf", in al, dx
        inc     edx
        TRY     "in al, 4c0", in al, dx
        mov     edx, 0x4bf
        TRY     "in ax, 4bf", in ax, dx
        ret

noMap:  TRY     "iopl 3", in al, 0x82
        push    dword 2                 ; POPF cannot lower IOPL outside ring 0
        popfd
        TRY     "iopl still 3", in al, 0x82
        ret
