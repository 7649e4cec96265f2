; INT 10h on text pages: modes, cursor, teletype, characters, strings, scrolling, pages. What the calls return, and the
; cells that they leave at B8000h.
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/bios16.inc"

%macro SCREEN 1
        PRINT   %1, " cells "
        push    es
        push    0xb800
        pop     es
        xor     si, si
        mov     cx, 8000                ; pages 0 and 1
        call    checksum
        pop     es
%endmacro

start:
        BIOS_START
        mov     ax, 0x0003
        int     0x10
        mov     ah, 0x0f
        CALL_BIOS "mode", 0x10
        SCREEN  "cleared"
        mov     cx, 0
        mov     dx, 0
        mov     bx, 0
        mov     ah, 0x03
        CALL_BIOS "cursor", 0x10

        mov     si, text
.teletype:
        lodsb
        test    al, al
        jz      .written
        mov     ah, 0x0e
        mov     bx, 0x0007
        int     0x10
        jmp     .teletype
.written:
        mov     ah, 0x03
        mov     bh, 0
        CALL_BIOS "after teletype", 0x10
        SCREEN  "teletype"

        mov     ah, 0x02
        mov     bh, 0
        mov     dx, 0x0a4d              ; near the end of a row
        int     0x10
        mov     ax, 0x0900 + 'x'
        mov     bx, 0x001e
        mov     cx, 7
        int     0x10
        mov     ah, 0x03
        CALL_BIOS "09h leaves the cursor", 0x10
        mov     ah, 0x08
        mov     bh, 0
        int     0x10
        cmp     al, 'x'
        SHOW_ZERO "cell at the cursor"
        mov     ah, 0x0a
        mov     al, 'y'
        mov     bx, 0x004f
        mov     cx, 3
        int     0x10
        SCREEN  "09h, 0ah"

        mov     ax, 0x0602              ; up two lines, in a window
        mov     bh, 0x2f
        mov     cx, 0x0105
        mov     dx, 0x0c28
        int     0x10
        SCREEN  "scrolled up"
        mov     ax, 0x0703
        mov     bh, 0x17
        mov     cx, 0x0200
        mov     dx, 0x184f
        int     0x10
        SCREEN  "scrolled down"
        mov     ax, 0x0600              ; 0 lines: clear; the corner is beyond the screen
        mov     bh, 0x70
        mov     cx, 0x1440
        mov     dx, 0xffff
        int     0x10
        mov     ax, 0x0630              ; more lines than the window has
        mov     bh, 0x07
        mov     cx, 0x0000
        mov     dx, 0x0007
        int     0x10
        SCREEN  "cleared windows"

        ; Teletype at the last cell scrolls the screen.
        mov     ah, 0x02
        mov     bh, 0
        mov     dx, 0x184e
        int     0x10
        mov     cx, 5
.bottom:
        mov     ax, 0x0e00 + '!'
        mov     bx, 0
        int     0x10
        loop    .bottom
        mov     ah, 0x03
        mov     bh, 0
        CALL_BIOS "after the last row", 0x10
        SCREEN  "last row"

        ; Strings: attribute in BL, with and without moving the cursor; attributes in the string; control characters.
        mov     ax, 0x1300
        mov     bx, 0x0031
        mov     cx, stringEnd - string
        mov     dx, 0x0510
        mov     bp, string
        int     0x10
        mov     ah, 0x03
        mov     bh, 0
        CALL_BIOS "1300h", 0x10
        mov     ax, 0x1301
        mov     bx, 0x0042
        mov     cx, stringEnd - string
        mov     dx, 0x0648
        int     0x10
        mov     ah, 0x03
        mov     bh, 0
        CALL_BIOS "1301h", 0x10
        mov     ax, 0x1303
        mov     bx, 0x0000
        mov     cx, 3
        mov     dx, 0x1000
        mov     bp, colours
        int     0x10
        mov     ah, 0x03
        mov     bh, 0
        CALL_BIOS "1303h", 0x10
        SCREEN  "strings"

        ; Another page: teletype writes on the page that shows, whatever BH says.
        mov     ax, 0x0501
        int     0x10
        mov     ah, 0x0f
        CALL_BIOS "page 1", 0x10
        mov     ah, 0x02
        mov     bh, 1
        mov     dx, 0x0203
        int     0x10
        mov     ax, 0x0e00 + 'P'
        mov     bx, 0
        int     0x10
        mov     ah, 0x03
        mov     bh, 1
        CALL_BIOS "its cursor", 0x10
        mov     ah, 0x03
        mov     bh, 0
        CALL_BIOS "that of page 0", 0x10
        SCREEN  "page 1"
        mov     dx, 0x3d4               ; where the adapter shows from
        mov     al, 0x0c
        out     dx, al
        inc     dx
        in      al, dx
        mov     ah, al
        dec     dx
        mov     al, 0x0d
        out     dx, al
        inc     dx
        in      al, dx
        SHOW    "start address"

        mov     ax, 0x0001
        int     0x10
        mov     ah, 0x0f
        CALL_BIOS "40 columns", 0x10
        mov     ax, 0x0083              ; bit 7: the memory stays
        int     0x10
        mov     ah, 0x0f
        CALL_BIOS "80 columns again", 0x10
        SCREEN  "kept"
        mov     ax, 0x0003
        int     0x10
        mov     cx, 0x2000
        mov     ah, 0x01
        int     0x10
        mov     ah, 0x03
        mov     bh, 0
        CALL_BIOS "hidden cursor", 0x10
        mov     ax, 0x1a00
        CALL_BIOS "display", 0x10
        mov     ah, 0x12
        mov     bl, 0x10
        CALL_BIOS "adapter", 0x10

        ; Pixels of the 256-colour mode.
        mov     ax, 0x0013
        int     0x10
        mov     ah, 0x0f
        CALL_BIOS "256 colours", 0x10
        mov     ax, 0x0c9c
        mov     bx, 0
        mov     cx, 319
        mov     dx, 199
        int     0x10
        mov     ax, 0x0c35
        mov     cx, 17
        mov     dx, 3
        int     0x10
        mov     ah, 0x0d
        mov     al, 0
        CHECK_BIOS "pixel", 0x10
        push    0xa000
        pop     es
        xor     si, si
        mov     cx, 64000
        PRINT   "pixels "
        call    checksum
        EXIT    0

text:   db      "Hello,", 13, 10, "two", 9, "lines", 8, 8, 8, "X", 7, 13, "T", 10, "down", 0
string: db      "a string", 13, 10, "goes on"
stringEnd:
colours: db     'r', 0x04, 'g', 0x02, 'b', 0x01
