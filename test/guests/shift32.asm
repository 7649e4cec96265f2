; Shifts and rotates: every count from 0 to 255 as CL, by 1, by immediate; register and memory; SHLD and SHRD.
; OF is compared for a count of 1 only, AF never after a shift; CF only where the count does not exceed the size.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

; Flag classes of the instructions under test.
SHIFT   equ     0                       ; SHL SHR SAR
ROTATE  equ     1                       ; ROL ROR RCL RCR: SF ZF AF PF keep their values
DOUBLE  equ     2                       ; SHLD SHRD

%macro FORMS 6                          ; mnemonic, class, size in bits, size name, register, size keyword
%defstr %%name %1
        mov     byte [class], %2
        mov     byte [size], %3
        mov     esi, %%register
        call    runCounts
        mov     esi, %%memory
        call    runCounts
        REPORT  %%name, %4, " cl"
        mov     esi, %%one
        call    runOne
        mov     esi, %%oneMemory
        call    runOne
        REPORT  %%name, %4, " 1"
        mov     byte [count], 3
        mov     esi, %%immediate
        call    runFixed
        mov     byte [count], 33
        mov     esi, %%immediate33
        call    runFixed
        mov     byte [count], 32
        mov     esi, %%immediate32
        call    runFixed
        REPORT  %%name, %4, " imm"
        jmp     %%next
%%register:
        %1      %5, cl
        ret
%%memory:
        mov     [operand], eax
        %1      %6 [operand], cl
        mov     eax, [operand]
        ret
%%one:  %1      %5, 1
        ret
%%oneMemory:
        mov     [operand], eax
        %1      %6 [operand], 1
        mov     eax, [operand]
        ret
%%immediate:
        %1      %5, byte 3
        ret
%%immediate33:
        %1      %5, byte 33
        ret
%%immediate32:
        %1      %6 [operand], byte 32   ; masked to 0: writes nothing, keeps all flags
        ret
%%next:
%endmacro

%macro ALL_SIZES 2
        FORMS   %1, %2, 8, " 8", al, byte
        FORMS   %1, %2, 16, "16", ax, word
        FORMS   %1, %2, 32, "32", eax, dword
%endmacro

%macro DOUBLE_FORMS 5                   ; mnemonic, size, size name, destination, source
%defstr %%name %1
        mov     byte [class], DOUBLE
        mov     byte [size], %2
        mov     esi, %%register
        call    runCounts
        mov     esi, %%memory
        call    runCounts
        REPORT  %%name, %3, " cl"
        mov     byte [count], 1
        mov     esi, %%one
        call    runFixed
        mov     byte [count], 13
        mov     esi, %%immediate
        call    runFixed
        REPORT  %%name, %3, " imm"
        jmp     %%next
%%register:
        %1      %4, %5, cl
        ret
%%memory:
        mov     [operand], eax
        %1      [operand], %5, cl
        mov     eax, [operand]
        ret
%%one:  %1      %4, %5, 1
        ret
%%immediate:
        %1      %4, %5, 13
        ret
%%next:
%endmacro

start:
        TEST_START
        ALL_SIZES shl, SHIFT
        ALL_SIZES shr, SHIFT
        ALL_SIZES sar, SHIFT
        ALL_SIZES rol, ROTATE
        ALL_SIZES ror, ROTATE
        ALL_SIZES rcl, ROTATE
        ALL_SIZES rcr, ROTATE
        DOUBLE_FORMS shld, 16, "16", ax, dx
        DOUBLE_FORMS shld, 32, "32", eax, edx
        DOUBLE_FORMS shrd, 16, "16", ax, dx
        DOUBLE_FORMS shrd, 32, "32", eax, edx
        EXIT    0

; ESI = function: all values with all counts.
runCounts:
        mov     byte [count], 0
.count: call    runFixed
        inc     byte [count]
        jnz     .count
        ret

runOne: mov     byte [count], 1
; ESI = function, [count] = CL: all values, with the arithmetic flags clear and set.
runFixed:
        pushad
        call    definedFlags            ; EBP
        jc      .end
        mov     ebx, values
.value: mov     dword [incoming], 2
.flags: mov     eax, [ebx]
        mov     edx, 0xa5c3f00f
        mov     cl, [count]
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
.end:   popad
        ret

; EBP = flags that [class] defines for [count] and [size]; CF set when the result itself is undefined.
definedFlags:
        mov     ebp, ARITHMETIC_FLAGS
        movzx   ecx, byte [count]
        and     ecx, 31
        jz      .done                   ; no flag changes
        cmp     byte [class], ROTATE
        je      .overflow
        and     ebp, ~0x10              ; AF
        cmp     cl, [size]
        jbe     .overflow
        cmp     byte [class], DOUBLE
        je      .undefined
        and     ebp, ~1                 ; CF
.overflow:
        cmp     ecx, 1
        je      .done
        and     ebp, ~0x800             ; OF
.done:  clc
        ret
.undefined:
        stc
        ret

        align   4096
values: dd      0, 1, 0x80, 0x8000, 0x80000000, 0xffffffff, 0x7fffffff, 0x55555555, 0xaaaaaaaa, 0x12345678
valuesEnd:
incoming: dd    0
operand:  dd    0x600df00d
count:    db    0
size:     db    0
class:    db    0
