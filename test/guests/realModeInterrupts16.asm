; Real mode: the interrupt vector table, what INT, exceptions and IRET push and pop, faults against traps, single step,
; LIDT that moves the table.
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/test16.inc"

start:
        TEST_START
        call    maskInterrupts
        SET_VECTOR 0x40, showFrame
        mov     bx, sp
        stc
        sti
        int     0x40
        cli
        clc
        int     0x40
        push    word 0x0ad7             ; as an INT sees them
        popf
        int     0x40
        cld
        cli
        TRY     "int3", int3
        TRY     "int 3, two bytes", db 0xcd, 3
        xor     cx, cx
        TRY     "div by zero", div cx
        mov     ax, 0x100
        mov     cl, 1
        TRY     "div overflow", div cl
        mov     al, 0x7f
        inc     al
        TRY     "into", into
        clc
        mov     al, 1
        inc     al
        TRY     "into without OF", into
        mov     ax, 5
        TRY     "bound, inside", bound ax, [bounds]
        mov     ax, 11
        TRY     "bound, outside", bound ax, [bounds]
        TRY     "ud2", ud2
        TRY     "lock on a register", db 0xf0, 0x01, 0xc0
        TRY     "lldt in real mode", lldt ax
        TRY     "str in real mode", str ax
        TRY     "lar in real mode", lar ax, bx
        TRY     "verr in real mode", verr ax
        TRY     "arpl in real mode", db 0x63, 0xc0
        TRY     "sgdt", sgdt [table]
        TRY     "smsw", smsw ax
        TRY     "mov from cr0", mov eax, cr0
        TRY     "clts", clts
        TRY     "hlt is allowed, so is in", in al, 0x80
        TRY     "mov from dr7", mov eax, dr7

        ; IRET takes all flags at CPL 0; PUSHF and POPF, 16 and 32 bits.
        push    word 0x7fd7 & ~0x100 & ~0x200 & ~0x400
        push    word 0
        push    word .back
        iret
.back:  pushf
        pop     ax
        and     eax, 0xffff
        call    mix
        push    dword 0x00240002
        popfd
        pushfd
        pop     eax
        call    mix
        push    word 2
        popf                            ; 16 bits: AC and ID stay
        pushfd
        pop     eax
        call    mix
        push    dword 2
        popfd
        REPORT  "flags"
        push    dword 0x00000002
        push    dword 0
        push    dword .back32
        o32 iret
.back32:
        mov     ax, sp
        sub     ax, bx
        call    mix
        REPORT  "iretd"

        ; Single step in real mode.
        SET_VECTOR 1, stepHandler
        pushf
        pop     ax
        or      ax, 0x100
        push    ax
        popf
        mov     ax, 1
        mov     cx, 2
.loop:  dec     ax
        loop    .loop
        int     0x41 - 1                ; INT clears TF
        pushf
        pop     ax
        and     ax, ~0x100
        push    ax
        popf
        nop
        mov     ax, [steps]
        and     eax, 0xffff
        call    mix
        REPORT  "single step"

        ; The table is where IDTR says, as long as its limit.
        sidt    [table]
        mov     eax, [table + 2]
        call    mix
        mov     si, 0
        mov     di, 0x6000
        mov     cx, 0x200
        rep     movsw
        mov     word [0x6000 + 0x42 * 4], movedHandler
        mov     word [0x6000 + 0x42 * 4 + 2], 0
        lidt    [movedTable]
        int     0x42
        call    mix
        REPORT  "moved table"
        lidt    [realTable]
        EXIT    0

; IP, CS and FLAGS on the stack; IF and TF are clear now.
showFrame:
        push    bp
        mov     bp, sp
        push    ax
        pushf
        mov     ax, bx
        sub     ax, bp
        call    putHex16
        PRINT   " flags "
        mov     ax, [bp + 6]
        call    putHex16
        PRINT   " now "
        pop     ax
        and     ax, 0x700
        call    putHex16
        call    newLine
        pop     ax
        pop     bp
        iret

stepHandler:
        inc     word [steps]
        push    bp
        mov     bp, sp
        push    eax
        movzx   eax, word [bp + 2]
        call    mix
        pop     eax
        pop     bp
        iret

movedHandler:
        mov     eax, 0x4242
        iret

maskInterrupts:
        mov     al, 0xff
        out     PIC1_DATA, al
        out     PIC2_DATA, al
        ret

bounds:     dw  0, 10
steps:      dw  0
table:      times 6 db 0
movedTable: dw  0x3ff
            dd  0x6000
realTable:  dw  0x3ff
            dd  0
