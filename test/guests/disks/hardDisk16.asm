; A hard disk of 1008 KiB that starts as drive 80h: the extensions of INT 13h by sector number.
        bits    16
        org     0x7c00

TOTAL   equ 2016                        ; two cylinders of 16 heads and 63 sectors
CONTENT equ 100
BUFFER  equ 0x9000

        jmp     0:start
%include "../../../examples/include/ports.inc"
%include "../../../examples/include/serial16.inc"

start:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti
        mov     [startDrive], dl
        call    serialInit
        mov     si, first
        mov     ah, 0x42
        int     0x13
        jc      .failed
        jmp     second
.failed:
        PRINT   "cannot read the second part", 10
        EXIT    1
startDrive: db 0
        align   4
first:  db      16, 0
        dw      (codeEnd - second + 511) / 512, second, 0
        dq      1

        times   440 - ($ - $$) db 0
        dd      0x51de0002
        dw      0
        db      0x80, 0, 1, 0, 0x0c, 15, 63, 1  ; one active partition to the end
        dd      0, TOTAL
        times   510 - ($ - $$) db 0
        dw      0xaa55

second:
        jmp     go
%include "../include/bios16.inc"

; PACKET count, sector: for the next call.
%macro PACKET 2
        mov     byte [packet], 16
        mov     word [packet + 2], %1
        mov     word [packet + 4], 0x1000
        mov     word [packet + 6], (BUFFER - 0x1000) >> 4
        mov     dword [packet + 8], %2
        mov     dword [packet + 12], 0
        mov     si, packet
        mov     dl, [startDrive]
%endmacro

; What a call leaves: AX, the packet's count, CF.
%macro SHOW_PACKET 1
        mov     bx, [packet + 2]
        SHOW    %1
%endmacro

go:     mov     cx, 0
        mov     dh, 0
        mov     ah, 0x41
        mov     bx, 0x55aa
        int     0x13
        and     cx, 5                   ; extended access, and parameters
        SHOW    "extensions"
        mov     cx, 0
        mov     ax, 0x4200
        PACKET  3, CONTENT
        int     0x13
        SHOW_PACKET "read"
        mov     si, BUFFER
        mov     cx, 3 * 512
        call    checksum
        mov     cx, 0
        mov     ax, 0x4200
        PACKET  1, TOTAL - 1
        int     0x13
        SHOW_PACKET "the last sector"
        mov     si, BUFFER
        mov     cx, 512
        call    checksum
        mov     cx, 0
        mov     ax, 0x4200
        PACKET  1, 0x7fffffff
        int     0x13
        mov     bx, 0
        SHOW    "far beyond the end"
        mov     di, BUFFER
        mov     cx, 512
        mov     ax, 0x4321
.fill:  stosw
        add     ax, 0x1357
        loop    .fill
        mov     ax, 0x4300
        PACKET  2, 1234
        int     0x13
        SHOW_PACKET "write"
        mov     di, BUFFER
        mov     cx, 1024
        mov     al, 0
        rep     stosb
        mov     ax, 0x4200
        PACKET  2, 1234
        int     0x13
        SHOW_PACKET "read back"
        mov     si, BUFFER
        mov     cx, 1024
        call    checksum
        mov     cx, 0
        mov     ax, 0x4400
        PACKET  2, 1234
        int     0x13
        SHOW_PACKET "verify"
        mov     ax, 0x4700
        PACKET  1, 5
        int     0x13
        SHOW_PACKET "seek"
        mov     word [parameters], 26
        mov     si, parameters
        mov     dl, [startDrive]
        mov     ax, 0x4800
        int     0x13
        mov     bx, [parameters]
        mov     cx, [parameters + 24]
        SHOW    "parameters"
        mov     ah, 0x15
        mov     dl, [startDrive]
        mov     al, 0
        mov     cx, 0
        int     0x13
        mov     bx, 0
        mov     cx, 0
        mov     dx, 0
        mov     al, 0
        SHOW    "type"
        mov     ax, 0x0201
        mov     bx, BUFFER
        mov     cx, 0x0001
        mov     dh, 0
        mov     dl, [startDrive]
        int     0x13
        mov     bx, [BUFFER + 510]
        SHOW    "the boot sector"
        mov     ah, 0x7f
        mov     dl, [startDrive]
        mov     al, 0
        int     0x13
        mov     bx, 0
        SHOW    "no such function"
        EXIT    0

        align   4
packet:     times 16 db 0
parameters: times 32 db 0
        align   512
codeEnd:
        times   CONTENT * 512 - ($ - $$) db 0
%assign i 0
%rep 4
        times   256 dw (i * 0x3579 + 0x1468) & 0xffff
%assign i i + 1
%endrep
        times   (TOTAL - 1) * 512 - ($ - $$) db 0
        times   128 dd 0xcafef00d
