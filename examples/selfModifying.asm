; Code that rewrites code. x86 promises that a store to code is seen by the next jump to it; whoever caches
; translated code (a binary translator, an emulator) must notice the store.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"

start:
        mov     esp, stackTop
        call    serialInit

        ; 1. Patch the immediate of an instruction in a loop that is already hot.
        xor     ebx, ebx
        mov     ecx, 1000
.patched:
        add     ebx, strict dword 1     ; 81 c3 imm32
        inc     dword [.patched + 2]
        loop    .patched
        PRINT   "1 + 2 + ... + 1000 = "
        mov     eax, ebx
        call    putDecimal
        call    newLine

        ; 2. Replace an instruction by another of the same length.
        mov     eax, 41
        call    change
        mov     byte [change], 0x48     ; INC EAX (40) becomes DEC EAX (48)
        call    change
        call    change
        PRINT   "41 + 1 - 1 - 1 = "
        call    putDecimal
        call    newLine

        ; 3. Write a whole function and call it.
        mov     edi, scratch
        mov     al, 0xb8                ; MOV EAX, imm32
        stosb
        mov     eax, 0x600dc0de
        stosd
        mov     al, 0xc3                ; RET
        stosb
        call    scratch
        PRINT   "made at run time: "
        call    putHex32
        call    newLine

        ; 4. Change the instruction right behind the store.
        mov     byte [.next + 1], 7
.next:  mov     al, 1
        PRINT   "the next instruction gave "
        movzx   eax, al
        call    putDecimal
        call    newLine
        EXIT    7

change: inc     eax
        ret

        align   16
scratch:
        times   16 db 0xcc

        align   16
        times   4096 db 0
stackTop:
