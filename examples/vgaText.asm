; The text screen: 80 x 25 cells of two bytes at 0xb8000, character and attribute. It is memory, but a device's.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"

SCREEN  equ     0xb8000
COLUMNS equ     80
ROWS    equ     25
WHITE_ON_BLUE equ 0x1f                  ; attribute: background 7:4, foreground 3:0

start:
        mov     esp, stackTop
        call    serialInit
        mov     edi, SCREEN
        mov     eax, (WHITE_ON_BLUE << 8 | ' ') * 0x10001
        mov     ecx, COLUMNS * ROWS / 2
        cld
        rep     stosd                   ; clear: two cells at a time

        mov     esi, text
        mov     edi, SCREEN + (12 * COLUMNS + 30) * 2
        mov     ah, WHITE_ON_BLUE
.put:   lodsb
        test    al, al
        jz      .readBack
        stosw
        jmp     .put

.readBack:
        PRINT   "row 12 reads back: "
        mov     esi, SCREEN + (12 * COLUMNS + 30) * 2
        mov     ecx, textEnd - text
.get:   lodsw
        call    putChar
        loop    .get
        call    newLine
        PRINT   "cell 0: "
        movzx   eax, word [SCREEN]
        call    putHex16
        call    newLine
        EXIT    0

text:   db      "written to 0xb8000"
textEnd:
        db      0

        align   16
        times   4096 db 0
stackTop:
