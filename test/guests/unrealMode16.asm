; From real mode to protected mode and back: descriptor caches survive the way ("unreal mode"), 16-bit protected mode,
; CR0.PE without a far jump, 32-bit code called from 16-bit code.
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/test16.inc"

start:
        TEST_START
        mov     al, 0xff
        out     PIC1_DATA, al
        out     PIC2_DATA, al
        lgdt    [gdtPointer]

        ; Protected mode, 16-bit code segment.
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     bx, ds                  ; the real-mode selector is still there, its cache too
        jmp     0x08:.protected
.protected:
        mov     ax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        PRINT   "16-bit protected mode, cs "
        mov     ax, cs
        call    putHex16
        smsw    ax
        and     ax, 1
        PRINT   " pe "
        call    putHex16
        call    newLine
        call    0x18:thirtyTwo          ; 32-bit code segment; a 16-bit far call
        PRINT   "back from 32-bit code", 10
        mov     ax, 0x20                ; 4 GiB limit
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        jmp     0:.real
.real:  mov     ss, [cs:zero]           ; SS: base 0 again; its limit is still 64 KiB
        ; DS keeps its 4 GiB limit as long as it is not loaded; a load in real mode changes the base only.
        mov     edi, 0x200000
        mov     dword [edi], 0x600df00d
        mov     eax, [edi]
        call    mix
        mov     ax, 0x1000
        mov     ds, ax
        mov     eax, [dword 0x1f0000]   ; the same place, base 0x10000
        call    mix
        mov     ax, cs
        mov     ds, ax
        mov     es, ax
        REPORT  "unreal mode"
        mov     eax, [dword 0x200000]
        call    mix
        REPORT  "ds loaded again, limit kept"

        ; PE on and off with no jump: CS keeps its cache.
        cli
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     bx, cs
        and     al, 0xfe
        mov     cr0, eax
        mov     ax, bx
        call    putHex16
        PRINT   " cs after pe on and off", 10
        EXIT    0

        bits    32
thirtyTwo:
        mov     eax, 0x12345678
        push    eax
        pop     edx
        cmp     eax, edx
        sete    byte [flag]
        o16 retf
        bits    16

flag:   db      0
zero:   dw      0
        align   8
gdt:    dq      0
        dw      0xffff, 0, 0x9b00, 0            ; 0x08: 16-bit code
        dw      0xffff, 0, 0x9300, 0            ; 0x10: data, 64 KiB
        dw      0xffff, 0, 0x9b00, 0x00cf       ; 0x18: 32-bit code
        dw      0xffff, 0, 0x9300, 0x008f       ; 0x20: data, 4 GiB
gdtPointer:
        dw      $ - gdt - 1
        dd      gdt
