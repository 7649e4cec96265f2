; MUL, IMUL (one, two and three operands), DIV, IDIV: every size, and #DE exactly where the quotient does not fit.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

CARRY_OVERFLOW equ 0x801                ; the flags that a multiplication defines

; FORM flags, instruction: all triples of EAX, EDX, EBX.
%macro FORM 2+
        mov     ebp, %1
        mov     esi, %%function
        call    runTriples
        jmp     %%next
%%function:
        %2
        ret
%%next:
%endmacro

start:
        TEST_START
        FORM    CARRY_OVERFLOW, mul bl
        REPORT  "mul  8"
        FORM    CARRY_OVERFLOW, mul bx
        REPORT  "mul 16"
        FORM    CARRY_OVERFLOW, mul ebx
        REPORT  "mul 32"
        FORM    CARRY_OVERFLOW, imul bl
        REPORT  "imul  8"
        FORM    CARRY_OVERFLOW, imul bx
        REPORT  "imul 16"
        FORM    CARRY_OVERFLOW, imul ebx
        REPORT  "imul 32"
        FORM    CARRY_OVERFLOW, imul ax, bx
        FORM    CARRY_OVERFLOW, imul edx, ebx
        REPORT  "imul r,r"
        FORM    CARRY_OVERFLOW, imul ax, bx, byte -7
        FORM    CARRY_OVERFLOW, imul eax, ebx, byte 127
        FORM    CARRY_OVERFLOW, imul ax, bx, 0x1234
        FORM    CARRY_OVERFLOW, imul eax, ebx, 0x12345
        REPORT  "imul r,r,imm"
        FORM    0, div bl
        REPORT  "div  8"
        FORM    0, div bx
        REPORT  "div 16"
        FORM    0, div ebx
        REPORT  "div 32"
        FORM    0, idiv bl
        REPORT  "idiv  8"
        FORM    0, idiv bx
        REPORT  "idiv 16"
        FORM    0, idiv ebx
        REPORT  "idiv 32"
        FORM    0xc4, aam               ; SF ZF PF
        FORM    0xc4, aam 16
        FORM    0xc4, aad
        FORM    0xc4, aad 7
        REPORT  "aam, aad"
        PRINT   "divide errors "
        mov     eax, [divideErrors]
        call    putDecimal
        call    newLine

        TRY     "div by zero", div dword [zero]
        mov     eax, 0x80000000
        cdq
        TRY     "most negative by -1", idiv dword [minusOne]
        mov     ax, 0x8000
        TRY     "8 bit, -32768 / 1", idiv byte [one]
        mov     ax, -128
        TRY     "8 bit, -128 / 1", idiv byte [one]
        xor     eax, eax
        TRY     "aam 0", aam 0
        mov     eax, 0x7fffffff
        mov     edx, 2
        TRY     "quotient one too large", div dword [two]
        mov     edx, 1
        TRY     "quotient fits", div dword [two]
        EXIT    0

; ESI = function, EBP = flags to compare. A #DE leaves all registers alone and is counted.
runTriples:
        pushad
        mov     dword [indexA], values
.a:     mov     dword [indexD], values
.d:     mov     dword [indexB], values
.b:     mov     eax, [indexA]
        mov     eax, [eax]
        mov     edx, [indexD]
        mov     edx, [edx]
        mov     ebx, [indexB]
        mov     ebx, [ebx]
        mov     [savedEsp], esp
        mov     dword [resumeAt], .error
        call    esi
        pushfd
        pop     edi
        mov     dword [resumeAt], 0
        and     edi, ebp
        jmp     .mix
.error: mov     esp, [savedEsp]
        inc     dword [divideErrors]
        mov     edi, -1
.mix:   call    mix
        mov     eax, edx
        call    mix
        mov     eax, edi
        call    mix
        add     dword [indexB], 4
        cmp     dword [indexB], valuesEnd
        jb      .b
        add     dword [indexD], 4
        cmp     dword [indexD], valuesEnd
        jb      .d
        add     dword [indexA], 4
        cmp     dword [indexA], valuesEnd
        jb      .a
        popad
        ret

        align   4096
values: dd      0, 1, 2, 7, 0x7f, 0x80, 0xff, 0x7fff, 0x8001, 0xffff, 0x10000, 0x7fffffff, 0x80000001
        dd      0xfffffffe, 0xffffffff, 0x12345678
valuesEnd:
indexA: dd      0
indexD: dd      0
indexB: dd      0
savedEsp: dd    0
divideErrors: dd 0
zero:   dd      0
one:    dd      1
two:    dd      2
minusOne: dd    -1
