; Real-mode segment limits: 64 KiB less one, for data (#GP), stack (#SS) and code; error codes are not pushed. Offsets
; above 0xffff with 32-bit addresses; a word at 0xffff.
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/test16.inc"

start:
        TEST_START
        mov     ebx, 0x10000
        TRY     "byte at ffff", mov al, [0xffff]
        TRY     "word at ffff", mov ax, [0xffff]
        TRY     "dword at fffd", mov eax, [0xfffd]
        TRY     "dword at fffc", mov eax, [0xfffc]
        TRY     "offset 10000", mov al, [ebx]
        TRY     "write at 10000", mov [ebx], al
        mov     ebp, 0x10000
        TRY     "ss, offset 10000", mov al, [ebp]
        mov     ebp, 0xffff
        TRY     "ss, word at ffff", mov ax, [bp]
        mov     si, 0xffff
        mov     di, 0x6000
        TRY     "movsw from ffff", movsw
        mov     esi, 0xfffe
        mov     ecx, 4
        TRY     "a32 rep movsb across", a32 rep movsb
        mov     eax, ecx
        call    mix
        mov     eax, esi
        call    mix
        REPORT  "registers after it"
        TRY     "jump to 10000", jmp dword 0x10000
        EXIT    0
