; INT 16h and INT 09h: keys come from the keyboard controller's own command D2h, so that nobody has to type.
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/bios16.inc"

; SCANCODES code, code ...: as if they came from the keyboard.
%macro SCANCODES 1+
        mov     si, %%codes
        mov     cx, %%end - %%codes
        call    sendCodes
        jmp     %%end
%%codes: db     %1
%%end:
%endmacro

%macro KEY 1
        mov     ax, %1 << 8
        CHECK_BIOS "key", 0x16
%endmacro

start:
        BIOS_START
        mov     ah, 0x01
        int     0x16
        setz    al
        mov     ah, 0
        SHOW_ZERO "no key waits"
        SCANCODES 0x1e, 0x9e, 0x2a, 0x1e, 0x9e, 0xaa, 0x1d, 0x1e, 0x9e, 0x9d, 0x38, 0x1e, 0x9e, 0xb8
        mov     ah, 0x01
        CHECK_BIOS "looked at", 0x16
        KEY     0x00                    ; a, A, Ctrl+A, Alt+A
        KEY     0x00
        KEY     0x10
        KEY     0x00
        SCANCODES 0x3a, 0xba, 0x10, 0x90, 0x2a, 0x10, 0x90, 0xaa, 0x02, 0x82
        mov     ah, 0x02
        int     0x16
        and     ax, 0x00ff
        SHOW_ZERO "shift flags"
        KEY     0x00                    ; Q, q with Caps Lock, 1
        KEY     0x00
        KEY     0x00
        SCANCODES 0x3a, 0xba, 0x01, 0x81, 0x0e, 0x8e, 0x0f, 0x8f, 0x1c, 0x9c, 0x39, 0xb9
        KEY     0x00                    ; Esc, Backspace, Tab, Enter, Space
        KEY     0x00
        KEY     0x00
        KEY     0x00
        KEY     0x00
        SCANCODES 0x3b, 0xbb, 0x57, 0xd7, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x4b, 0xe0, 0xcb, 0x50, 0xd0
        KEY     0x00                    ; F1
        KEY     0x10                    ; F11
        KEY     0x10                    ; grey Up: E0h for the newer function
        KEY     0x00                    ; grey Left: 0 for the older
        KEY     0x00                    ; Down of the keypad
        SCANCODES 0x1d, 0x26, 0xa6, 0x1c, 0x9c, 0x03, 0x83, 0x9d, 0x38, 0x02, 0x82, 0xb8
        KEY     0x00                    ; Ctrl+L, Ctrl+Enter, Ctrl+2, Alt+1
        KEY     0x00
        KEY     0x00
        KEY     0x00
        SCANCODES 0x33, 0xb3, 0x2a, 0x33, 0xb3, 0x28, 0xa8, 0x2b, 0xab, 0x29, 0xa9, 0x0c, 0x8c, 0xaa
        KEY     0x00                    ; , < " | ~ _
        KEY     0x00
        KEY     0x00
        KEY     0x00
        KEY     0x00
        KEY     0x00
        mov     cx, 0x1234
        mov     ax, 0x0500
        int     0x16
        mov     ah, 0
        SHOW_ZERO "stored"
        KEY     0x00
        mov     cx, 20                  ; the buffer holds 15
.fill:  push    cx
        mov     ch, 0x10
        mov     ax, 0x0500
        int     0x16
        pop     cx
        loop    .fill
        mov     ah, 0
        SHOW_ZERO "full"
        mov     bx, 0
.empty: mov     ah, 0x01
        int     0x16
        jz      .emptied
        mov     ah, 0x00
        int     0x16
        inc     bx
        jmp     .empty
.emptied:
        mov     ax, bx
        SHOW_ZERO "keys"

        ; A key that comes while INT 16h waits: the timer's hook types it.
        cli
        mov     word [0x1c * 4], typist
        mov     word [0x1c * 4 + 2], 0
        sti
        KEY     0x00
        EXIT    0

typist: cmp     byte [cs:typed], 0
        jne     .done
        mov     byte [cs:typed], 1
        push    ax
        push    cx
        push    si
        push    ds
        push    cs
        pop     ds
        mov     al, 0xd2
        out     0x64, al
        mov     al, 0x2c                ; z
        out     0x60, al
        pop     ds
        pop     si
        pop     cx
        pop     ax
.done:  iret
typed:  db      0

; CX codes at SI, each after the last was taken.
sendCodes:
        in      al, 0x64
        test    al, 3
        jnz     sendCodes
        mov     al, 0xd2
        out     0x64, al
.wait:  in      al, 0x64
        test    al, 2
        jnz     .wait
        lodsb
        out     0x60, al
.taken: in      al, 0x64
        test    al, 1
        jnz     .taken
        loop    sendCodes
        mov     cx, 0x0200              ; the last interrupt is on its way
.pause: in      al, 0x61
        loop    .pause
        ret
