; A diskette of 1.44 MB that starts as drive 00h: INT 13h by cylinder, head and sector, errors, writing, and INT 19h.
        bits    16
        org     0x7c00

HEADS   equ 2
SECTORS equ 18
BUFFER  equ 0x9000

; A sector with contents to read: cylinder 0, head 1, sector 18.
CONTENT equ 35 * 512

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
        mov     ax, 0x0200 + (codeEnd - second + 511) / 512
        mov     bx, second
        mov     cx, 0x0002
        mov     dh, 0
        int     0x13
        jc      .failed
        jmp     second
.failed:
        PRINT   "cannot read the second part", 10
        EXIT    1
startDrive: db 0

        times   510 - ($ - $$) db 0
        dw      0xaa55

second:
        jmp     go
%include "../include/bios16.inc"

; READ "name", count, cylinder, head, sector
%macro READ 5
        mov     ax, 0x0200 + (%2)
        mov     bx, BUFFER
        mov     cx, ((%3) & 0xff) << 8 | ((%3) >> 8) << 6 | (%5)
        mov     dh, %4
        mov     dl, 0
        int     0x13
        mov     bx, 0
        SHOW    %1
%endmacro

go:     cmp     byte [0x500], 0x5a
        je      again
        mov     dl, [startDrive]
        mov     ax, 0
        CALL_BIOS "reset", 0x13
        READ    "three sectors", 3, 0, 1, 18
        mov     si, BUFFER
        mov     cx, 3 * 512
        call    checksum
        READ    "the last of the disk", 1, 79, 1, 18
        mov     si, BUFFER
        mov     cx, 512
        call    checksum
        mov     dl, 0
        mov     ah, 0x01
        int     0x13
        mov     al, 0
        SHOW    "status"
        READ    "sector 0", 1, 0, 0, 0
        READ    "sector 19", 1, 0, 0, 19
        READ    "cylinder 80", 1, 80, 0, 1
        READ    "no sectors", 0, 0, 0, 1
        mov     dl, 0
        mov     ah, 0x01
        int     0x13
        mov     al, 0
        SHOW    "status"
        mov     ah, 0x08
        mov     dl, 0
        int     0x13
        mov     al, 0
        mov     bh, 0
        SHOW    "parameters"
        mov     ax, 0
        mov     es, ax
        mov     ah, 0x15
        mov     dl, 0
        int     0x13
        mov     al, 0
        SHOW    "type"
        mov     ah, 0x41
        mov     bx, 0x55aa
        mov     cx, 0
        mov     dx, 0
        int     0x13
        mov     al, 0
        SHOW    "no extensions"
        mov     ah, 0x02
        mov     dl, 0x01
        mov     al, 1
        mov     cx, 1
        int     0x13
        mov     al, 0
        mov     bx, 0
        SHOW    "no second drive"

        ; Write two sectors that end a track, read them back.
        mov     di, BUFFER
        mov     cx, 512
        mov     ax, 0x1234
.fill:  stosw
        add     ax, 0x3579
        loop    .fill
        mov     si, BUFFER
        mov     cx, 1024
        call    checksum
        mov     ax, 0x0302
        mov     bx, BUFFER
        mov     cx, 0x0511
        mov     dx, 0x0100
        int     0x13
        mov     bx, 0
        SHOW    "written"
        mov     di, BUFFER
        mov     cx, 1024
        mov     al, 0
        rep     stosb
        READ    "read back", 2, 5, 1, 17
        mov     si, BUFFER
        mov     cx, 1024
        call    checksum
        mov     ax, 0x0402
        mov     cx, 0x0511
        mov     dx, 0x0100
        CALL_BIOS "verified", 0x13
        mov     byte [0x500], 0x5a
        int     0x19

again:  PRINT   "started again", 10
        EXIT    0
        align   512
codeEnd:
; Contents to read.
        times   CONTENT - ($ - $$) db 0
%assign i 0
%rep 4
        times   256 dw (i * 0x1357 + 0x2468) & 0xffff
%assign i i + 1
%endrep
        times   (2 * 80 * 18 - 1) * 512 - ($ - $$) db 0
        times   128 dd 0xfeedface
