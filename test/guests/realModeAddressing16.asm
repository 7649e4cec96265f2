; 16-bit addressing: every ModRM form with its default segment, displacements, wrap-around at 64 KiB, segment
; overrides, 32-bit addresses and operands in 16-bit code, far pointers, linear addresses above 1 MiB (A20 on).
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/test16.inc"

DATA    equ     0x2000                  ; segment: linear 0x20000

; FORM address: reads through it, with known base registers.
%macro FORM 1+
        call    loadRegisters
        mov     ax, %1
        call    mix
%endmacro

start:
        TEST_START
        mov     ax, DATA
        mov     es, ax
        xor     di, di
        xor     ax, ax
        xor     cx, cx
.fill:  mov     ax, di                  ; each word holds its own offset, a bit stirred
        imul    ax, ax, 0x4321
        stosw
        loop    .fill                   ; CX = 0: 65536 times; each word twice
        mov     fs, [one]
        xor     eax, eax
        mov     ds, [dataSegment]
        mov     ss, [cs:dataSegment]
        FORM    [bx + si]
        FORM    [bx + di]
        FORM    [bp + si]
        FORM    [bp + di]
        FORM    [si]
        FORM    [di]
        FORM    [0x1234]
        FORM    [bx]
        FORM    [bx + si + 0x10]
        FORM    [bx + di - 0x10]
        FORM    [bp + si + 0x7f]
        FORM    [bp + di - 0x80]
        FORM    [si - 2]
        FORM    [di + 2]
        FORM    [bp + 0]
        FORM    [bx - 1]
        FORM    [bx + si + 0x1000]
        FORM    [bx + di + 0x8000]      ; wraps
        FORM    [bp + si + 0xfff0]
        FORM    [bp + di + 0x7fff]
        FORM    [si + 0x4000]
        FORM    [di - 0x4000]
        FORM    [bp + 0x2000]
        FORM    [bx + 0x2000]
        call    say
        db      "modrm 16 ", 0
        FORM    [es:bx + si]
        FORM    [ds:bp + 2]
        FORM    [ss:si]
        FORM    [cs:0x7c02]
        FORM    [fs:di]
        call    say
        db      "overrides ", 0
        FORM    [ebx + esi]
        FORM    [ebx + esi * 2]
        FORM    [ecx * 4 + 0x100]
        FORM    [ebp + 4]
        FORM    [esp + 2]
        FORM    [eax + edx * 8 - 4]
        FORM    [dword 0x1234]
        call    loadRegisters
        mov     eax, [bx + si]
        call    mix
        mov     al, [di + 1]
        call    mix
        mov     [si], eax
        mov     ecx, [si - 1]
        mov     eax, ecx
        call    mix
        lea     eax, [bx + si + 0xff00] ; truncated to 16 bits, then zero-extended
        call    mix
        lea     ax, [ebx + esi]
        call    mix
        call    say
        db      "32-bit in 16-bit code ", 0

        ; PUSH, POP, CALL and RET with SP; far jumps; retf n.
        mov     ss, [cs:zero]
        mov     sp, 0x7c00
        push    sp
        pop     ax
        and     eax, 0xffff
        call    mix
        push    word 0x1111
        push    dword 0x22223333
        pop     ax
        call    mix
        pop     eax
        call    mix
        push    word 7
        push    word 8
        call    0:farFunction
        mov     ax, sp
        call    mix
        push    word 9
        call    far [cs:farPointer]
        add     sp, 0
        mov     ax, sp
        call    mix
        mov     sp, 0x7c00
        pusha
        popa
        pushad
        popad
        enter   10, 2
        mov     ax, bp
        call    mix
        mov     ax, sp
        call    mix
        leave
        mov     ax, sp
        call    mix
        jmp     0x10:jumped - 0x100     ; another CS for the same address
jumped:
        mov     ax, cs
        and     eax, 0xffff
        call    mix
        jmp     0:again
again:
        call    say
        db      "stack, far ", 0

        ; FFFF:0010 is linear 0x100000 with A20 on.
        mov     ax, 0xffff
        mov     gs, ax
        mov     word [gs:0x20], 0x1357
        mov     ax, [gs:0x20]
        and     eax, 0xffff
        call    mix
        mov     ax, 0x0011
        mov     es, ax
        mov     word [es:0], 0x2468     ; linear 0x110: the same with A20 off
        mov     ax, [gs:0x20]
        and     eax, 0xffff
        call    mix
        call    say
        db      "above 1 MiB ", 0
        mov     ds, [cs:dataSegment]
        mov     word [0xfffe], 0xabcd
        xor     eax, eax
        mov     ax, [0xfffe]
        call    mix
        mov     al, [0xffff]
        call    mix
        ; IP wraps: a jump across 64 KiB.
        call    say
        db      "end of the segment ", 0
        lds     si, [cs:farPointer2]
        mov     ax, ds
        call    mix
        les     di, [cs:farPointer2]
        lss     sp, [cs:stackPointer]
        lfs     bx, [cs:farPointer2]
        mov     ax, fs
        call    mix
        call    say
        db      "lds ", 0
        EXIT    0

loadRegisters:
        xor     eax, eax
        mov     ebx, 0x0100
        mov     ecx, 0x0010
        mov     edx, 0x0200
        mov     esi, 0x0022
        mov     edi, 0x0444
        mov     ebp, 0xfff0
        ret

farFunction:
        mov     bp, sp
        mov     ax, [bp + 4]
        and     eax, 0xffff
        call    mix
        retf    4
farFunction2:
        mov     bp, sp
        mov     ax, [bp]
        call    mix
        retf    2

; Prints the text behind the call and the checksum, with DS = 0 meanwhile.
say:    pop     si
        push    ds
        mov     ds, [cs:zero]
        call    putString
        call    reportHash
.skip:  lodsb
        test    al, al
        jnz     .skip
        pop     ds
        xor     eax, eax
        jmp     si

zero:        dw 0
one:         dw 0x2001
dataSegment: dw DATA
farPointer:  dw farFunction2, 0
farPointer2: dw 0x1111, 0x2222
stackPointer: dw 0x7b00, 0
