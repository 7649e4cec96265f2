; Arithmetic and logic in 64-bit mode: 8, 16, 32 and 64-bit operands, the REX registers, zero-extension of 32-bit
; results, sign-extended immediates; both values of the incoming flags. Undefined flags are masked.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

LOGIC   equ     ARITHMETIC_FLAGS & ~0x10

; FORM flags, instruction: all pairs of RAX and RDX, flags clear and set; R8 = RAX, R9 = RDX.
%macro FORM 2+
        mov     ebp, %1
        mov     esi, %%function
        call    runPairs
        jmp     %%next
%%function:
        %2
        ret
%%next:
%endmacro

%macro BINARY 2                         ; mnemonic, defined flags
%defstr %%name %1
        FORM    %2, %1 al, dl
        FORM    %2, %1 r8b, r9b
        FORM    %2, %1 sil, dl
        FORM    %2, %1 [operand], dl
        FORM    %2, %1 ah, dh
        REPORT  %%name, " 8"
        FORM    %2, %1 ax, dx
        FORM    %2, %1 r8w, r9w
        FORM    %2, %1 dx, [operand]
        FORM    %2, %1 [operand], ax
        REPORT  %%name, "16"
        FORM    %2, %1 eax, edx         ; clears bits 63:32
        FORM    %2, %1 r8d, edx
        FORM    %2, %1 edx, [operand]
        FORM    %2, %1 [operand], r9d
        REPORT  %%name, "32"
        FORM    %2, %1 rax, rdx
        FORM    %2, %1 r8, rdx
        FORM    %2, %1 rax, r9
        FORM    %2, %1 rdx, [operand]
        FORM    %2, %1 [operand], r8
        REPORT  %%name, "64"
        FORM    %2, %1 al, 0x81
        FORM    %2, %1 r8b, -1
        FORM    %2, %1 ax, 0x8001
        FORM    %2, %1 r9w, byte -3
        FORM    %2, %1 eax, 0x80000001
        FORM    %2, %1 r8d, byte 5
        FORM    %2, %1 rax, -0x12345678
        FORM    %2, %1 r8, byte -128
        FORM    %2, %1 qword [operand], 0x12345678
        FORM    %2, %1 byte [rel operand], 0x12    ; RIP counts from behind the immediate
        REPORT  %%name, " immediate"
%endmacro

%macro UNARY 2
%defstr %%name %1
        FORM    %2, %1 al
        FORM    %2, %1 r8b
        FORM    %2, %1 dil
        FORM    %2, %1 ax
        FORM    %2, %1 r9w
        FORM    %2, %1 eax
        FORM    %2, %1 r8d
        FORM    %2, %1 rax
        FORM    %2, %1 r9
        FORM    %2, %1 byte [operand]
        FORM    %2, %1 word [operand]
        FORM    %2, %1 dword [operand]
        FORM    %2, %1 qword [operand]
        REPORT  %%name
%endmacro

start:
        TEST_START
        BINARY  add, ARITHMETIC_FLAGS
        BINARY  adc, ARITHMETIC_FLAGS
        BINARY  sub, ARITHMETIC_FLAGS
        BINARY  sbb, ARITHMETIC_FLAGS
        BINARY  cmp, ARITHMETIC_FLAGS
        BINARY  and, LOGIC
        BINARY  or, LOGIC
        BINARY  xor, LOGIC
        UNARY   inc, ARITHMETIC_FLAGS
        UNARY   dec, ARITHMETIC_FLAGS
        UNARY   neg, ARITHMETIC_FLAGS
        UNARY   not, ARITHMETIC_FLAGS
        FORM    LOGIC, test rax, rdx
        FORM    LOGIC, test eax, edx
        FORM    LOGIC, test r8b, 0x80
        FORM    LOGIC, test rax, -0x80000000
        FORM    LOGIC, test qword [operand], 1
        REPORT  "test"
        FORM    ARITHMETIC_FLAGS, xadd rax, rdx
        FORM    ARITHMETIC_FLAGS, xadd eax, r9d
        FORM    ARITHMETIC_FLAGS, xadd [operand], rdx
        FORM    ARITHMETIC_FLAGS, lock xadd [operand], r8b
        REPORT  "xadd"
        FORM    ARITHMETIC_FLAGS, cmpxchg rdx, r9
        FORM    ARITHMETIC_FLAGS, cmpxchg edx, r9d
        FORM    ARITHMETIC_FLAGS, cmpxchg [operand], rdx
        FORM    ARITHMETIC_FLAGS, lock cmpxchg [operand], edx
        FORM    ARITHMETIC_FLAGS, cmpxchg r8b, dl
        REPORT  "cmpxchg"
        FORM    ARITHMETIC_FLAGS, movzx rax, dl
        FORM    ARITHMETIC_FLAGS, movsx rax, r9w
        FORM    ARITHMETIC_FLAGS, movsxd rax, edx
        FORM    ARITHMETIC_FLAGS, movsx r8d, dl
        FORM    ARITHMETIC_FLAGS, movzx eax, word [operand]
        FORM    ARITHMETIC_FLAGS, cbw
        FORM    ARITHMETIC_FLAGS, cwde
        FORM    ARITHMETIC_FLAGS, cdqe
        FORM    ARITHMETIC_FLAGS, cwd
        FORM    ARITHMETIC_FLAGS, cdq
        FORM    ARITHMETIC_FLAGS, cqo
        FORM    ARITHMETIC_FLAGS, bswap rax
        FORM    ARITHMETIC_FLAGS, bswap r8d
        FORM    ARITHMETIC_FLAGS, xchg rax, r8
        FORM    ARITHMETIC_FLAGS, xchg eax, edx
        FORM    ARITHMETIC_FLAGS, xchg eax, eax
        FORM    ARITHMETIC_FLAGS, xchg [operand], dl
        FORM    ARITHMETIC_FLAGS, lahf
        FORM    ARITHMETIC_FLAGS, sahf
        FORM    ARITHMETIC_FLAGS, cmovc rax, rdx
        FORM    ARITHMETIC_FLAGS, cmovc eax, edx        ; zero-extends even if not moved
        FORM    ARITHMETIC_FLAGS, cmovnc eax, edx
        FORM    ARITHMETIC_FLAGS, setg r8b
        REPORT  "moves"
        FORM    1, bt rax, 77
        FORM    1, bts rax, rdx
        FORM    1, btr r8, 63
        FORM    1, btc r9d, edx
        REPORT  "bits"
        FORM    0, bsf r10, [one]
        FORM    0, bsr r10, [one]
        FORM    0, lea rax, [rax + rdx * 8 - 5]
        FORM    0, lea eax, [rax + rdx * 2]
        FORM    0, lea rax, [eax + edx]
        FORM    0, lea ax, [rdx + 1]
        REPORT  "lea"
        mov     rax, 0x1111
        mov     rdx, 0x2222
        mov     rbx, 0x3333
        mov     rcx, 0x4444
        mov     [pair], rax
        mov     [pair + 8], rdx
        cmpxchg16b [pair]
        call    mixPair
        cmpxchg16b [pair]
        call    mixPair
        REPORT  "cmpxchg16b"
        TRY     "cmpxchg16b, not aligned", cmpxchg16b [pair + 8]
        EXIT    0

mixPair:
        pushfq
        call    mix
        mov     rax, rdx
        call    mix
        mov     rax, [pair]
        call    mix
        mov     rax, [pair + 8]
        call    mix
        pop     rax
        and     eax, 0x40
        call    mix
        xor     eax, eax
        ret

; ESI = function, EBP = flags to compare.
runPairs:
        mov     r12d, values
.a:     mov     r13d, values
.d:     mov     r14d, 2
.flags: mov     rax, [r12]
        mov     rdx, [r13]
        mov     r8, rax
        mov     r9, rdx
        mov     rcx, 0x1122334455667788
        mov     [operand], rcx
        mov     ecx, esi
        mov     rsi, rax
        mov     rdi, rdx
        xor     r10d, r10d
        push    r14
        popfq
        call    rcx
        pushfq
        pop     r15
        mov     r11, rsi
        mov     esi, ecx
        call    mix
        mov     rax, rdx
        call    mix
        mov     rax, r8
        call    mix
        mov     rax, r9
        call    mix
        mov     rax, r10
        call    mix
        mov     rax, r11
        call    mix
        mov     rax, rdi
        call    mix
        mov     rax, [operand]
        call    mix
        mov     rax, r15
        and     eax, ebp
        call    mix
        xor     r14d, ARITHMETIC_FLAGS
        test    r14b, 1
        jnz     .flags
        add     r13d, 8
        cmp     r13d, valuesEnd
        jb      .d
        add     r12d, 8
        cmp     r12d, valuesEnd
        jb      .a
        ret

        align   4096
pair:   dq      0, 0
values: dq      0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000
        dq      0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x123456789abcdef0
valuesEnd:
operand: dq     0
one:    dq      0x0000010000100000
