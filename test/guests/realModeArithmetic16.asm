; 16-bit arithmetic in real mode: all ALU instructions with 8, 16 and 32-bit operands, shifts, multiplication, decimal
; adjustment, strings with segment overrides.
        bits    16
        org     0x7c00
        jmp     0:start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial16.inc"
%include "include/test16.inc"

; FORM flags, instruction: all pairs of EAX and EDX, flags clear and set.
%macro FORM 2+
        mov     bp, %1
        mov     si, %%function
        call    runPairs
        jmp     %%next
%%function:
        %2
        ret
%%next:
%endmacro
%macro SIZES 2
%defstr %%name %1
        FORM    %2, %1 al, dl
        FORM    %2, %1 ax, dx
        FORM    %2, %1 eax, edx
        REPORT  %%name
%endmacro
LOGIC   equ     ARITHMETIC_FLAGS & ~0x10

start:
        TEST_START
        SIZES   add, ARITHMETIC_FLAGS
        SIZES   adc, ARITHMETIC_FLAGS
        SIZES   sub, ARITHMETIC_FLAGS
        SIZES   sbb, ARITHMETIC_FLAGS
        SIZES   cmp, ARITHMETIC_FLAGS
        SIZES   and, LOGIC
        SIZES   or, LOGIC
        SIZES   xor, LOGIC
        SIZES   test, LOGIC
        FORM    ARITHMETIC_FLAGS, inc al
        FORM    ARITHMETIC_FLAGS, inc ax
        FORM    ARITHMETIC_FLAGS, dec dx
        FORM    ARITHMETIC_FLAGS, dec eax
        FORM    ARITHMETIC_FLAGS, neg ax
        FORM    ARITHMETIC_FLAGS, not dx
        REPORT  "unary"
        FORM    LOGIC, shl ax, 1
        FORM    LOGIC, sar dx, 1
        FORM    LOGIC & ~0x801, shr ax, 5
        FORM    ARITHMETIC_FLAGS, rol ax, 1
        FORM    ARITHMETIC_FLAGS, rcr dx, 1
        FORM    ARITHMETIC_FLAGS & ~0x800, ror al, 3
        FORM    ARITHMETIC_FLAGS & ~0x800, rcl eax, 7
        REPORT  "shifts"
        FORM    0x801, mul dl
        FORM    0x801, mul dx
        FORM    0x801, imul dx
        FORM    0x801, imul eax, edx
        FORM    0x801, imul ax, dx, -3
        REPORT  "multiplication"
        FORM    0xd5, daa
        FORM    0xd5, das
        FORM    0x11, aaa
        FORM    0x11, aas
        FORM    0xc4, aam
        FORM    0xc4, aad
        REPORT  "decimal"
        FORM    ARITHMETIC_FLAGS, cbw
        FORM    ARITHMETIC_FLAGS, cwde
        FORM    ARITHMETIC_FLAGS, cwd
        FORM    ARITHMETIC_FLAGS, cdq
        FORM    ARITHMETIC_FLAGS, movzx eax, dl
        FORM    ARITHMETIC_FLAGS, movsx ax, dh
        FORM    ARITHMETIC_FLAGS, xchg ax, dx
        FORM    ARITHMETIC_FLAGS, bswap eax
        FORM    ARITHMETIC_FLAGS, sahf
        FORM    ARITHMETIC_FLAGS, cmc
        REPORT  "others"

        ; Strings: DS:SI with an override, ES:DI without; SI and DI wrap at 64 KiB.
        mov     ax, 0x3000
        mov     es, ax
        mov     fs, ax
        xor     di, di
        mov     cx, 0x8000
        mov     ax, 0x1111
.fill:  stosw
        add     ax, 0x0123
        loop    .fill
        mov     si, 0xfff0
        mov     di, 0x0100
        mov     cx, 0x20
        fs rep movsb
        call    mixIndexes
        mov     si, 0x0008
        mov     di, 0xfff8
        mov     cx, 0x10
        std
        fs rep movsw
        cld
        call    mixIndexes
        mov     si, 0x10
        mov     di, 0x4010
        mov     cx, 0x100
        fs repe cmpsb
        call    mixIndexes
        mov     al, 0x34
        mov     di, 0x77
        mov     cx, 0xffff
        repne scasb
        call    mixIndexes
        mov     si, 0xfffc
        fs lodsd
        call    mix
        mov     ecx, 0x10005            ; CX counts, not ECX
        mov     di, 0x200
        rep stosb
        call    mixIndexes
        mov     esi, 0x20000            ; 32-bit addresses: ESI, EDI, ECX
        mov     edi, 0x300
        mov     ecx, 3
        mov     ax, 0x1000
        mov     ds, ax
        mov     esi, 0x8000
        a32 rep movsd
        push    cs
        pop     ds
        call    mixIndexes
        xor     si, si
        mov     cx, 0x4000
.sum:   fs lodsd
        call    mix
        loop    .sum
        REPORT  "strings"
        EXIT    0

mixIndexes:
        pushf
        push    eax
        mov     eax, esi
        call    mix
        mov     eax, edi
        call    mix
        mov     eax, ecx
        call    mix
        pop     eax
        pop     word [flagsNow]
        push    eax
        movzx   eax, word [flagsNow]
        and     eax, ARITHMETIC_FLAGS
        call    mix
        pop     eax
        ret

; SI = function, BP = flags to compare.
runPairs:
        pushad
        mov     bx, values
.a:     mov     di, values
.d:     mov     word [incoming], 2
.flags: mov     eax, [bx]
        mov     edx, [di]
        push    word [incoming]
        popf
        call    si
        pushf
        pop     cx
        call    mix
        mov     eax, edx
        call    mix
        and     cx, bp
        movzx   eax, cx
        call    mix
        xor     word [incoming], ARITHMETIC_FLAGS
        test    byte [incoming], 1
        jnz     .flags
        add     di, 4
        cmp     di, valuesEnd
        jb      .d
        add     bx, 4
        cmp     bx, valuesEnd
        jb      .a
        popad
        ret

flagsNow: dw    0
incoming: dw    0
        align   4
values: dd      0, 1, 2, 9, 0x0a, 0x7f, 0x80, 0x99, 0xff, 0x100, 0x7fff, 0x8000, 0xffff
        dd      0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x12345678, 0x9abcdef0
valuesEnd:
