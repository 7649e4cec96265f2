; Stack and control transfer: PUSH and POP of everything, PUSHAD, ENTER and LEAVE with nesting, CALL and RET near
; and far, indirect jumps, XLAT, 16-bit operand sizes in 32-bit code.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

AREA    equ     0x200000                ; the stack under test lies in 256 bytes here
AREA_TOP equ    AREA + 256

; RUN instructions: with known registers on the test stack; mixes all registers and the stack's contents.
%macro RUN 1+
        call    enterArea
        %1
        call    leaveArea
%endmacro

; The upper half of the slot is either zeroed or left alone, by processor: make both the same.
%macro PUSH_SEGMENT 1
        mov     dword [esp - 4], 0
        push    %1
%endmacro

start:
        TEST_START
        RUN     push eax
        RUN     push ax
        RUN     push esp                ; the value before the push
        RUN     push byte -5
        RUN     push word 0x1234
        RUN     push dword 0x12345678
        RUN     push dword [datum]
        RUN     push word [datum]
        RUN     push dword [esp - 16]
        RUN     PUSH_SEGMENT cs
        RUN     PUSH_SEGMENT ds
        RUN     o16 push es
        RUN     PUSH_SEGMENT fs
        REPORT  "push"
        RUN     pop eax
        RUN     pop ax
        RUN     pop dword [datum]
        RUN     pop word [datum]
        RUN     pop dword [esp + 12]    ; the address uses ESP after the pop
        REPORT  "pop"
        RUN     pushad
        RUN     popad
        RUN     o16 pusha
        RUN     o16 popa
        REPORT  "pushad"
        RUN     enter 0, 0
        RUN     enter 20, 0
        RUN     enter 8, 1
        RUN     enter 12, 3
        RUN     o16 enter 12, 2
        RUN     leave
        REPORT  "enter, leave"
        push    esp
        pop     esp                     ; POP ESP: the value read, not incremented
        call    here
here:   pop     eax
        sub     eax, here
        call    mix
        REPORT  "call pushes the next address"

        mov     esp, stackTop
        ; near calls and returns
        mov     eax, nearOne
        call    eax
        call    [pointer]
        call    mix
        push    dword 5
        push    dword 6
        call    popsTwo
        mov     eax, esp
        sub     eax, stackTop
        call    mix
        jmp     [jumpPointer]
nearOne: mov     eax, 1
        call    mix
        ret
jumped: mov     eax, jumped - start
        call    mix
        REPORT  "near"

        ; far, to the same ring
        call    CODE0:farFunction
        call    far [farPointer]
        mov     eax, esp
        sub     eax, stackTop
        call    mix
        push    dword 1
        push    dword 2
        call    far [farPointerPop]
        mov     eax, esp
        sub     eax, stackTop
        call    mix
        jmp     far [farJump]
farJumped:
        push    dword CODE0
        push    dword .returned
        retf
.returned:
        pushfd
        push    dword CODE0
        push    dword .interrupted
        iretd
.interrupted:
        mov     eax, esp
        sub     eax, stackTop
        call    mix
        REPORT  "far"

        mov     ebx, table
        mov     eax, 0xffffff03
        xlatb
        call    mix
        REPORT  "xlat"

        ; MOV to SS and LSS, segment overrides, moffs forms
        mov     eax, ds
        mov     [stackPointer + 4], ax
        lss     esp, [stackPointer]
        mov     eax, esp
        call    mix
        mov     esp, stackTop
        mov     eax, [datum]
        mov     [es:datum + 4], eax
        mov     al, [fs:datum + 5]
        mov     [gs:datum], al
        mov     eax, [datum]
        call    mix
        lds     esi, [farData]
        les     edi, [farData]
        lfs     edi, [farData]
        lgs     edi, [farData]
        mov     eax, esi
        call    mix
        mov     eax, gs
        call    mix
        REPORT  "far pointers"

        ; 8-bit registers, all pairs
        mov     eax, 0x11223344
        mov     ebx, 0x55667788
        mov     ecx, 0x99aabbcc
        mov     edx, 0xddeeff00
        xchg    al, ah
        mov     bh, al
        mov     cl, bh
        add     dh, cl
        xchg    ch, dl
        call    mix
        mov     eax, ebx
        call    mix
        mov     eax, ecx
        call    mix
        mov     eax, edx
        call    mix
        REPORT  "byte registers"
        mov     ebx, bounds
        mov     eax, 5
        TRY     "bound, inside", bound eax, [ebx]
        mov     eax, 11
        TRY     "bound, above", bound eax, [ebx]
        mov     eax, -1
        TRY     "bound, below", bound eax, [ebx]
        SET_GATE 4, overflowTrap, INTERRUPT_GATE
        mov     al, 0x7f
        inc     al
        into
afterInto:
        PRINT   "after into", 10
        clc
        mov     al, 0
        inc     al
        into
        TRY     "ud2", ud2
        TRY     "far pointer from a register", db 0xff, 0xd8
        TRY     "lock on a register", db 0xf0, 0x01, 0xc0
        TRY     "15 bytes", db 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x89, 0xc0
        TRY     "16 bytes", db 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x89, 0xc0
        TRY     "mov to cs", db 0x8e, 0xc8
        TRY     "lea of a register", db 0x8d, 0xc0
        TRY     "mov from cr1", db 0x0f, 0x20, 0xc8
        EXIT    0

overflowTrap:
        cmp     dword [esp], afterInto
        jne     .end
        PRINT   "into: #OF is a trap, EIP is behind it", 10
.end:   iretd

popsTwo:
        mov     eax, [esp + 4]
        call    mix
        mov     eax, [esp + 8]
        call    mix
        ret     8
farFunction:
        mov     eax, [esp + 4]
        and     eax, 0xffff
        call    mix
        retf
farFunctionPop:
        mov     eax, [esp + 8]
        call    mix
        retf    8

enterArea:
        pop     dword [returnTo]
        mov     [savedEsp], esp
        mov     edi, AREA
        mov     ecx, 64
        mov     eax, 0x11335577
.fill:  stosd
        add     eax, 0x01010101
        loop    .fill
        mov     eax, 0xa0a1a2a3
        mov     ebx, 0xb0b1b2b3
        mov     ecx, 0xc0c1c2c3
        mov     edx, 0xd0d1d2d3
        mov     esi, 0x51525354
        mov     edi, 0xd1d2d3d4
        mov     ebp, AREA + 0xa0
        mov     esp, AREA + 0x80
        jmp     [returnTo]

; Keeps the pushed return address out of the area under test.
leaveArea:
        pop     dword [returnTo]
        mov     [esp0], esp
        mov     esp, [savedEsp]
        call    mix
        mov     eax, ebx
        call    mix
        mov     eax, ecx
        call    mix
        mov     eax, edx
        call    mix
        mov     eax, esi
        call    mix
        mov     eax, edi
        call    mix
        mov     eax, ebp
        call    mix
        mov     eax, [esp0]
        call    mix
        mov     eax, [datum]
        call    mix
        mov     esi, AREA
        mov     ecx, 64
.next:  lodsd
        mov     ebx, [esp0]             ; the word that CALL wrote is not part of the result
        sub     ebx, 4
        lea     edx, [esi - 4]
        sub     edx, ebx
        add     edx, 3
        cmp     edx, 7
        jb      .skip
        call    mix
.skip:  loop    .next
        jmp     [returnTo]

        align   4
datum:      dd  0x76543210, 0xfedcba98
returnTo:   dd  0
savedEsp:   dd  0
esp0:       dd  0
pointer:    dd  nearOne
jumpPointer: dd jumped
farPointer: dd  farFunction
            dw  CODE0
farPointerPop: dd farFunctionPop
            dw  CODE0
farJump:    dd  farJumped
            dw  CODE0
stackPointer: dd stackTop - 32
            dw  0
farData:    dd  0x12345678
            dw  DATA0
bounds:     dd  0, 10
table:      db  10, 11, 12, 13
