; Shifts, rotates, double shifts, multiplication and division with 64-bit operands; counts are masked to 6 bits.
; Undefined flags and results are left out, and so are the quotients that only just overflow.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

; COUNTS class, instruction with CL: all values, counts 0-66 and 95-255 in steps of 32. Class: 0 shift, 1 rotate, 2 double shift.
%macro COUNTS 3+                        ; class, size, instruction
        mov     byte [class], %1
        mov     byte [size], %2
        mov     esi, %%function
        call    runCounts
        jmp     %%next
%%function:
        %3
        ret
%%next:
%endmacro
%macro SHIFT 2
%defstr %%name %1
        COUNTS  %2, 64, %1 rax, cl
        COUNTS  %2, 64, %1 qword [operand], cl
        COUNTS  %2, 64, %1 r8, cl
        REPORT  %%name, "64"
        COUNTS  %2, 32, %1 eax, cl      ; clears bits 63:32 even for a count of 0
        COUNTS  %2, 32, %1 r8d, cl
        REPORT  %%name, "32"
        COUNTS  %2, 16, %1 r8w, cl
        COUNTS  %2, 8, %1 sil, cl
        REPORT  %%name, "16, 8"
%endmacro

; TRIPLES flags, instruction: all triples of RAX, RDX, RBX.
%macro TRIPLES 2+
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
        SHIFT   shl, 0
        SHIFT   shr, 0
        SHIFT   sar, 0
        SHIFT   rol, 1
        SHIFT   ror, 1
        SHIFT   rcl, 1
        SHIFT   rcr, 1
        COUNTS  2, 64, shld rax, r8, cl
        COUNTS  2, 64, shld [operand], rax, cl
        COUNTS  2, 32, shld eax, r8d, cl
        REPORT  "shld"
        COUNTS  2, 64, shrd rax, r8, cl
        COUNTS  2, 32, shrd r8d, eax, cl
        REPORT  "shrd"
        TRIPLES 0x801, mul rbx
        REPORT  "mul 64"
        TRIPLES 0x801, imul rbx
        REPORT  "imul 64"
        TRIPLES 0x801, imul ebx
        REPORT  "imul 32"
        TRIPLES 0x801, imul rax, rbx
        TRIPLES 0x801, imul rax, rbx, -7
        TRIPLES 0x801, imul rdx, rbx, 0x12345678
        TRIPLES 0x801, imul eax, ebx, 3
        REPORT  "imul 2, 3 operands"
        TRIPLES 0, div rbx
        REPORT  "div 64"
        TRIPLES 0, idiv rbx
        REPORT  "idiv 64"
        TRIPLES 0, div ebx
        REPORT  "div 32"
        PRINT   "divide errors "
        mov     eax, [divideErrors]
        call    putDecimal
        call    newLine
        mov     rax, 0x8000000000000000
        cqo
        TRY     "most negative by -1", idiv qword [minusOne]
        xor     edx, edx
        TRY     "by zero", div qword [zero]
        EXIT    0

runCounts:
        mov     dword [count], 0
.count: call    definedFlags
        mov     r12d, values
.value: mov     r14d, 2
.flags: mov     rax, [r12]
        mov     r8, 0xa5c3f00f96871e2d
        xor     r8, rax
        mov     [operand], r8
        mov     r13d, esi
        mov     rsi, rax
        mov     ecx, [count]
        push    r14
        popfq
        call    r13
        pushfq
        pop     r15
        test    byte [undefined], 1
        jnz     .next
        call    mix
        mov     rax, r8
        call    mix
        mov     rax, rsi
        call    mix
        mov     rax, [operand]
        call    mix
        mov     rax, r15
        and     eax, ebp
        call    mix
.next:  mov     esi, r13d
        xor     r14d, ARITHMETIC_FLAGS
        test    r14b, 1
        jnz     .flags
        add     r12d, 8
        cmp     r12d, valuesEnd
        jb      .value
        mov     eax, [count]
        cmp     eax, 66
        jb      .one
        or      eax, 31
        add     eax, 31
.one:   inc     eax
        mov     [count], eax
        cmp     eax, 256
        jb      .count
        ret

; EBP = defined flags, [undefined] = 1 when the result is not defined.
definedFlags:
        mov     byte [undefined], 0
        mov     ebp, ARITHMETIC_FLAGS
        mov     ecx, [count]
        and     ecx, 31
        cmp     byte [size], 64
        jne     .masked
        mov     ecx, [count]
        and     ecx, 63
.masked:
        jecxz   .done
        cmp     byte [class], 1
        je      .overflow
        and     ebp, ~0x10              ; AF
        cmp     cl, [size]
        jbe     .overflow
        and     ebp, ~1                 ; CF
        cmp     byte [class], 2
        jne     .overflow
        mov     byte [undefined], 1
.overflow:
        cmp     ecx, 1
        je      .done
        and     ebp, ~0x800             ; OF
.done:  ret

runTriples:
        mov     r12d, values
.a:     mov     r13d, values
.d:     mov     r14d, values
.b:     mov     rax, [r12]
        mov     rdx, [r13]
        mov     rbx, [r14]
        mov     [savedRsp], rsp
        mov     qword [resumeAt], .error
        call    rsi
        pushfq
        pop     r15
        mov     qword [resumeAt], 0
        and     r15d, ebp
        jmp     .mix
.error: mov     rsp, [savedRsp]
        inc     dword [divideErrors]
        mov     r15, -1
.mix:   call    mix
        mov     rax, rdx
        call    mix
        mov     rax, r15
        call    mix
        add     r14d, 8
        cmp     r14d, valuesEnd
        jb      .b
        add     r13d, 8
        cmp     r13d, valuesEnd
        jb      .d
        add     r12d, 8
        cmp     r12d, valuesEnd
        jb      .a
        ret

        align   4096
values: dq      0, 1, 3, 0x7f, 0xff, 0x8001, 0x7fffffff, 0x80000001, 0xffffffff, 0x100000000
        dq      0x7fffffffffffffff, 0x8000000000000001, 0xffffffffffffffff, 0x123456789abcdef0
valuesEnd:
operand: dq     0
savedRsp: dq    0
minusOne: dq    -1
zero:   dq      0
divideErrors: dd 0
count:  dd      0
size:   db      0
class:  db      0
undefined: db   0
