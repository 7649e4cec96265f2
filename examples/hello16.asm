; Real mode, as the processor starts: a boot sector that writes to the serial port.
; 512 bytes with the 0xaa55 mark, so a BIOS boots it too.
        bits    16
        org     0x7c00

        jmp     0:main                  ; some BIOSes enter at 07c0:0000: make CS 0

%include "include/ports.inc"
%include "include/serial16.inc"

main:
        cli
        xor     ax, ax                  ; linear address = segment * 16 + offset
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00              ; the stack grows down, away from the code
        cld
        call    serialInit
        PRINT   "Hello from real mode.", 10, "CS = "
        mov     ax, cs
        call    putHex16
        smsw    ax                      ; CR0, low half: readable at every privilege level
        and     al, 1
        PRINT   ", CR0.PE = "
        add     al, '0'
        call    putChar
        call    newLine
        EXIT    16

        times   510 - ($ - $$) db 0
        dw      0xaa55
