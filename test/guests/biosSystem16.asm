; INT 11h, 12h, 15h and 1Ah: what the computer has, its memory map, the A20 gate, waiting, ticks and the clock.
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/bios16.inc"

start:
        BIOS_START
        CALL_BIOS "memory", 0x12
        int     0x11
        and     ax, 0x0e31              ; diskette, 80 x 25 colour, one serial port; not: coprocessor, mouse, number of drives
        SHOW    "equipment"

        mov     ax, 0x2402
        CALL_BIOS "A20 status", 0x15
        mov     ax, 0x2400
        CALL_BIOS "A20 off", 0x15
        mov     ax, 0x2402
        CALL_BIOS "A20 status", 0x15
        mov     ax, 0x2401
        CALL_BIOS "A20 on", 0x15
        mov     ax, 0x2402
        CALL_BIOS "A20 status", 0x15
        mov     ax, 0x2403
        CALL_BIOS "A20 support", 0x15

        ; Sizes, compared with what the CMOS tells.
        mov     ax, 0xe801
        int     0x15
        setc    [carry]
        mov     si, bx
        mov     al, 0x35
        out     0x70, al
        in      al, 0x71
        mov     ah, al
        mov     al, 0x34
        out     0x70, al
        in      al, 0x71
        sub     ax, si
        cmp     ax, 4                   ; a BIOS may keep a little at the end of memory for tables
        mov     ax, 0
        mov     bx, 0
        mov     dx, 0
        SHOW    "E801h: 64 KiB blocks as in the CMOS"
        mov     ax, 0xe801
        int     0x15
        mov     bx, 0
        mov     dx, 0
        SHOW    "E801h: kilobytes below 16 MiB"
        mov     ah, 0x88
        int     0x15
        cmp     ax, 0x3c00
        mov     ax, 0
        SHOW    "88h: at least 15 MiB"

        ; The map: the first two ranges, and the one from 1 MiB on.
        xor     ebx, ebx
.range: mov     eax, 0xe820
        mov     edx, 0x534d4150
        mov     ecx, 20
        mov     di, range
        int     0x15
        jc      .ranges
        cmp     eax, 0x534d4150
        jne     .ranges
        cmp     dword [range], 0x100000
        ja      .skip
        push    ebx
        PRINT   "range "
        mov     eax, [range]
        call    putHex32
        mov     al, ' '
        call    putChar
        mov     eax, [range + 8]
        cmp     dword [range], 0x100000 ; its length depends on the memory
        jne     .length
        xor     eax, eax
.length:
        call    putHex32
        mov     al, ' '
        call    putChar
        mov     eax, [range + 16]
        call    putHex32
        mov     al, ' '
        call    putChar
        mov     ax, cx
        call    putHex16
        call    newLine
        pop     ebx
.skip:  test    ebx, ebx
        jnz     .range
.ranges:
        mov     eax, 0xe820
        mov     edx, 0x12345678
        xor     ebx, ebx
        mov     ecx, 20
        int     0x15
        mov     bx, 0
        SHOW    "E820h without its signature"
        mov     ah, 0xc0
        int     0x15
        setc    [carry]
        mov     al, [es:bx + 2]         ; the model, and that there is a second 8259 and a clock
        mov     cl, [es:bx + 5]
        and     cx, 0x0060
        xor     bx, bx
        mov     es, bx
        mov     dx, 0
        SHOW    "configuration"
        mov     ah, 0x7f
        CALL_BIOS "no such function", 0x15

        ; Copy 8 words to 2 MiB and back to elsewhere.
        mov     si, table
        mov     cx, 8
        mov     ah, 0x87
        int     0x15
        mov     byte [table + 0x1c], 0x00
        mov     word [table + 0x1a], copied
        mov     byte [table + 0x14], 0x20
        mov     word [table + 0x12], 0
        mov     si, table
        mov     cx, 8
        mov     ah, 0x87
        CALL_BIOS "block move", 0x15
        push    ds
        pop     es
        mov     si, copied
        mov     cx, 16
        call    checksum

        ; Ticks go on; a wait of 200 ms is three or four of them.
        mov     ah, 0x01
        mov     cx, 0x0012
        mov     dx, 0x3456
        int     0x1a
        mov     ah, 0x00
        int     0x1a
        sub     dx, 0x3456
        cmp     dx, 2
        mov     dx, 0
        SHOW    "ticks as set"
        mov     ah, 0x00
        int     0x1a
        push    dx
        mov     cx, 200000 >> 16
        mov     dx, 200000 & 0xffff
        mov     ah, 0x86
        CALL_BIOS "waited", 0x15
        mov     ah, 0x00
        int     0x1a
        pop     bx
        sub     dx, bx
        xor     ax, ax
        mov     bx, ax
        mov     cx, ax
        cmp     dx, 3
        jb      .wrong
        cmp     dx, 5
        ja      .wrong
        inc     ax
.wrong: mov     dx, 0
        SHOW    "for three to five ticks"

        ; The user's hook in the timer interrupt.
        cli
        mov     word [0x1c * 4], hook
        mov     word [0x1c * 4 + 2], 0
        sti
.hooked:
        hlt
        cmp     byte [hooks], 3
        jb      .hooked
        mov     ax, 1
        SHOW    "hooked"

        mov     ah, 0x03
        mov     cx, 0x1234
        mov     dx, 0x5600
        CALL_BIOS "clock set", 0x1a
        mov     ah, 0x02
        int     0x1a
        mov     al, 0
        and     dh, 0xf0                ; a second may have passed
        SHOW    "clock"
        mov     ah, 0x05
        mov     cx, 0x2024
        mov     dx, 0x0229
        CALL_BIOS "date set", 0x1a
        mov     ah, 0x04
        int     0x1a
        mov     al, 0
        SHOW    "date"
        EXIT    0

hook:   inc     byte [cs:hooks]
        iret
hooks:  db      0
        align   4
range:  times 5 dd 0
table:  dq 0, 0
        dw 0xffff, words                ; from here
        db 0, 0x93, 0, 0
        dw 0xffff, 0                    ; to 2 MiB
        db 0x20, 0x93, 0, 0
        dq 0, 0
words:  dw 1, 0x2345, 3, 0x6789, 5, 0xabcd, 7, 0xef01
copied: times 8 dw 0
