; Boots a `long64` image on an emulator that only knows multiboot: this is the
; multiboot kernel, the image is its first module. It copies the module to LOAD
; (given with -D) and enters it in 64-bit mode.
        bits    32
        org     0x2000000               ; far above the image, below 64 MiB

        jmp     start
        align   4
header:
        dd      0x1badb002
        dd      1 << 16
        dd      -(0x1badb002 + (1 << 16))
        dd      header, 0x2000000, 0, 0, start

start:
        mov     esp, stackTop
        mov     esi, [ebx + 24]         ; mods_addr
        mov     ecx, [esi + 4]          ; end of the first module
        mov     esi, [esi]              ; its start
        sub     ecx, esi
        mov     edi, LOAD
        cld
        rep     movsb
        jmp     enterLongMode

%include "longMode.asm"

        align   16
        times   1024 db 0
stackTop:
