; The keyboard: the 8042 raises IRQ 1, port 0x60 holds a scan code (set 1). Echoes letters and digits
; to the serial port until Enter. Needs someone who types.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"
%include "include/descriptors.inc"

CODE    equ     0x08

start:
        mov     esp, stackTop
        call    serialInit
        lgdt    [gdtPointer]
        jmp     CODE:.reload
.reload:
        mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        lidt    [idtPointer]
        call    picRemap
.drain:                                 ; forget what was typed before we were ready
        in      al, KEYBOARD_STATUS
        test    al, 1                   ; output buffer full?
        jz      .ready
        in      al, KEYBOARD_DATA
        jmp     .drain
.ready:
        mov     al, 0xfd                ; unmask IRQ 1 only
        out     PIC1_DATA, al
        PRINT   "type, then press Enter", 10
.wait:
        cli
        cmp     byte [done], 0
        jne     .end
        sti
        hlt
        jmp     .wait
.end:
        PRINT   10, "done", 10
        EXIT    0

keyboardInterrupt:
        push    eax
        in      al, KEYBOARD_DATA       ; reading the byte lowers the line
        movzx   eax, al
        cmp     al, keymapEnd - keymap  ; bit 7 = key released: not in the table
        jae     .end
        mov     al, [keymap + eax]
        test    al, al
        jz      .end
        cmp     al, 10
        je      .enter
        call    putChar
        jmp     .end
.enter: mov     byte [done], 1
.end:   mov     al, PIC_EOI
        out     PIC1, al
        pop     eax
        iretd

; Scan code set 1 -> character; 0 = ignored.
keymap: db      0, 0, "1234567890-=", 0, 0
        db      "qwertyuiop[]", 10, 0
        db      "asdfghjkl;'`", 0, "\"
        db      "zxcvbnm,./", 0, 0, 0, " "
keymapEnd:

%include "include/pic.inc"

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
gdtPointer:
        dw      $ - gdt - 1
        dd      gdt

        align   8
idt:    times   33 dq 0
        GATE32  ADDRESS(keyboardInterrupt), CODE, INTERRUPT_GATE
idtPointer:
        dw      $ - idt - 1
        dd      idt

done:   db      0

        align   16
        times   4096 db 0
stackTop:
