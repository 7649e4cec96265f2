; Two-operand and one-operand arithmetic and logic: every size, register and memory forms, edge operands, both
; values of the incoming flags. Undefined flags are masked.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

%macro BINARY_FORMS 4                   ; mnemonic, size name, accumulator, data register
%defstr %%name %1
        mov     esi, %%registers
        call    runBinary
        REPORT  %%name, %2, " r,r"
        mov     esi, %%toMemory
        call    runBinary
        REPORT  %%name, %2, " m,r"
        mov     esi, %%fromMemory
        call    runBinary
        REPORT  %%name, %2, " r,m"
        jmp     %%next
%%registers:
        %1      %3, %4
        ret
%%toMemory:
        mov     [operand], eax
        %1      [operand], %4
        mov     eax, [operand]
        ret
%%fromMemory:
        mov     [operand], edx
        %1      %3, [operand]
        ret
%%next:
%endmacro

%macro BINARY 2                         ; mnemonic, defined flags
        mov     ebp, %2
        BINARY_FORMS %1, " 8", al, dl
        BINARY_FORMS %1, "16", ax, dx
        BINARY_FORMS %1, "32", eax, edx
%endmacro

%macro UNARY_FORMS 4                    ; mnemonic, size name, register, size keyword
%defstr %%name %1
        mov     esi, %%register
        call    runUnary
        REPORT  %%name, %2, " r"
        mov     esi, %%memory
        call    runUnary
        REPORT  %%name, %2, " m"
        jmp     %%next
%%register:
        %1      %3
        ret
%%memory:
        mov     [operand], eax
        %1      %4 [operand]
        mov     eax, [operand]
        ret
%%next:
%endmacro

%macro UNARY 2
        mov     ebp, %2
        UNARY_FORMS %1, " 8", al, byte
        UNARY_FORMS %1, "16", ax, word
        UNARY_FORMS %1, "32", eax, dword
%endmacro

%macro IMMEDIATE_FORMS 2                ; mnemonic, defined flags
%defstr %%name %1
        mov     ebp, %2
        mov     esi, %%accumulator8
        call    runUnary
        mov     esi, %%accumulator16
        call    runUnary
        mov     esi, %%accumulator32
        call    runUnary
        mov     esi, %%signExtended16
        call    runUnary
        mov     esi, %%signExtended32
        call    runUnary
        mov     esi, %%memory
        call    runUnary
        mov     esi, %%high
        call    runUnary
        REPORT  %%name, " immediate"
        jmp     %%next
%%accumulator8:
        %1      al, 0x7f
        ret
%%accumulator16:
        %1      ax, 0x8001
        ret
%%accumulator32:
        %1      eax, 0x80000001
        ret
%%signExtended16:
        mov     dx, ax
        %1      dx, byte -3
        mov     ax, dx
        ret
%%signExtended32:
        mov     edx, eax
        %1      edx, byte -128
        mov     eax, edx
        ret
%%memory:
        mov     [operand], eax
        %1      word [operand + 1], 0x1234
        mov     eax, [operand]
        ret
%%high: %1      ah, 0x81
        ret
%%next:
%endmacro

start:
        TEST_START
        BINARY  add, ARITHMETIC_FLAGS
        BINARY  adc, ARITHMETIC_FLAGS
        BINARY  sub, ARITHMETIC_FLAGS
        BINARY  sbb, ARITHMETIC_FLAGS
        BINARY  cmp, ARITHMETIC_FLAGS
        BINARY  and, ARITHMETIC_FLAGS & ~0x10
        BINARY  or, ARITHMETIC_FLAGS & ~0x10
        BINARY  xor, ARITHMETIC_FLAGS & ~0x10
        UNARY   inc, ARITHMETIC_FLAGS
        UNARY   dec, ARITHMETIC_FLAGS
        UNARY   neg, ARITHMETIC_FLAGS
        UNARY   not, ARITHMETIC_FLAGS
        IMMEDIATE_FORMS add, ARITHMETIC_FLAGS
        IMMEDIATE_FORMS adc, ARITHMETIC_FLAGS
        IMMEDIATE_FORMS sub, ARITHMETIC_FLAGS
        IMMEDIATE_FORMS sbb, ARITHMETIC_FLAGS
        IMMEDIATE_FORMS cmp, ARITHMETIC_FLAGS
        IMMEDIATE_FORMS and, ARITHMETIC_FLAGS & ~0x10
        IMMEDIATE_FORMS or, ARITHMETIC_FLAGS & ~0x10
        IMMEDIATE_FORMS xor, ARITHMETIC_FLAGS & ~0x10

        mov     ebp, ARITHMETIC_FLAGS & ~0x10
%macro TEST_FORM 1+
        mov     esi, %%function
        call    runBinary
        jmp     %%next
%%function:
        %1
        ret
%%next:
%endmacro
        TEST_FORM test al, dl
        TEST_FORM test ax, dx
        TEST_FORM test edx, eax
        TEST_FORM test al, 0x80
        TEST_FORM test eax, 0x80000000
        TEST_FORM test dh, ah
        REPORT  "test"

        mov     ebp, ARITHMETIC_FLAGS
        TEST_FORM xadd al, dl
        TEST_FORM xadd ax, dx
        TEST_FORM xadd edx, eax
        TEST_FORM xadd al, ah
        REPORT  "xadd"
        TEST_FORM cmpxchg dl, ah
        TEST_FORM cmpxchg dx, cx
        TEST_FORM cmpxchg edx, ecx
        TEST_FORM cmpxchg eax, edx
        REPORT  "cmpxchg"
        TEST_FORM xchg al, dh
        TEST_FORM xchg ax, dx
        TEST_FORM xchg eax, edx
        REPORT  "xchg"
        TEST_FORM movsx eax, dl
        TEST_FORM movzx eax, dh
        TEST_FORM movsx eax, dx
        TEST_FORM movzx eax, dx
        TEST_FORM movsx ax, dl
        TEST_FORM movzx ax, ah
        REPORT  "movx"
        TEST_FORM cbw
        TEST_FORM cwde
        TEST_FORM cwd
        TEST_FORM cdq
        TEST_FORM bswap eax
        TEST_FORM lea eax, [eax + edx * 4 + 3]
        TEST_FORM lea ax, [eax + edx - 1]
        TEST_FORM lea eax, [bx + si + 7]
        REPORT  "moves"
        TEST_FORM lahf
        REPORT  "lahf"
        TEST_FORM salc
        REPORT  "salc"
        mov     ebp, ARITHMETIC_FLAGS
        TEST_FORM sahf
        TEST_FORM clc
        TEST_FORM stc
        TEST_FORM cmc
        REPORT  "flag instructions"
        call    cmpxchg8bTest
        EXIT    0

cmpxchg8bTest:
        mov     dword [operand], 0x11111111
        mov     dword [operand + 4], 0x22222222
        mov     eax, 0x11111111
        mov     edx, 0x22222222
        mov     ebx, 0x33333333
        mov     ecx, 0x44444444
        cmpxchg8b [operand]
        call    mixState
        cmpxchg8b [operand]             ; not equal now: loads EDX:EAX
        call    mixState
        lock cmpxchg8b [operand]
        call    mixState
        REPORT  "cmpxchg8b"
        ret

mixState:
        pushfd
        pop     esi
        and     esi, ARITHMETIC_FLAGS
        push    eax
        call    mix
        mov     eax, edx
        call    mix
        mov     eax, [operand]
        call    mix
        mov     eax, [operand + 4]
        call    mix
        mov     eax, esi
        call    mix
        pop     eax
        ret

; ESI = function, EBP = defined flags: all pairs of values, with all arithmetic flags clear and set.
runBinary:
        pushad
        mov     dword [first], values
.first: mov     dword [second], values
.second:
        mov     dword [incoming], 2
.flags: mov     eax, [first]
        mov     eax, [eax]
        mov     edx, [second]
        mov     edx, [edx]
        mov     ecx, 0x0badf00d
        push    dword [incoming]
        popfd
        call    esi
        pushfd
        pop     edi
        call    mix
        mov     eax, edx
        call    mix
        mov     eax, edi
        and     eax, ebp
        call    mix
        xor     dword [incoming], ARITHMETIC_FLAGS
        test    byte [incoming], 1
        jnz     .flags
        add     dword [second], 4
        cmp     dword [second], valuesEnd
        jb      .second
        add     dword [first], 4
        cmp     dword [first], valuesEnd
        jb      .first
        popad
        ret

; ESI = function, EBP = defined flags: all values.
runUnary:
        pushad
        mov     ebx, values
.value: mov     dword [incoming], 2
.flags: mov     eax, [ebx]
        push    dword [incoming]
        popfd
        call    esi
        pushfd
        pop     edi
        call    mix
        mov     eax, edi
        and     eax, ebp
        call    mix
        xor     dword [incoming], ARITHMETIC_FLAGS
        test    byte [incoming], 1
        jnz     .flags
        add     ebx, 4
        cmp     ebx, valuesEnd
        jb      .value
        popad
        ret

        align   4096
values: dd      0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff, 0x8000, 0xffff
        dd      0x10000, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x12345678, 0x9abcdef0
valuesEnd:
first:    dd    0
second:   dd    0
incoming: dd    0
operand:  dq    0
