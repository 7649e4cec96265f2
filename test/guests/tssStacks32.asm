; Stack switches through the TSS: from ring 3 to rings 0, 1 and 2, from ring 1 and 2 to 0; what is pushed; bad stack
; selectors in the TSS (#TS); IRET to outer rings and its checks.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

start:
        TEST_START
        SET_GATE 0x31, frame, INTERRUPT_GATE + RING3
        mov     eax, 0x32
        mov     edx, frame
        mov     ecx, CODE1 << 16 | (INTERRUPT_GATE + RING3) << 8
        call    setGate
        mov     eax, 0x33
        mov     ecx, CODE2 << 16 | (INTERRUPT_GATE + RING3) << 8
        call    setGate
        RUN_IN_RING 3, user
        RUN_IN_RING 2, user
        RUN_IN_RING 1, user

        ; Bad stacks in the TSS: the fault itself must go to ring 0 on a good stack.
        mov     word [tssEsp1 + 4], 0
        RUN_IN_RING 3, badRing1
        mov     word [tssEsp1 + 4], DATA0
        RUN_IN_RING 3, badRing1
        mov     word [tssEsp1 + 4], DATA3
        RUN_IN_RING 3, badRing1
        mov     word [tssEsp1 + 4], CODE1
        RUN_IN_RING 3, badRing1
        mov     word [tssEsp1 + 4], 0x1001
        RUN_IN_RING 3, badRing1
        mov     dword [freeDescriptors], 0x0000ffff
        mov     word [tssEsp1 + 4], DATA1

        ; IRET's own checks.
        mov     ebx, esp
        push    dword 2
        push    dword 0
        push    dword start
        TRY     "iret to null cs", iretd
        mov     esp, ebx
        push    dword 2
        push    dword DATA0
        push    dword start
        TRY     "iret to data", iretd
        mov     esp, ebx
        push    dword 2
        push    dword CODE3 & ~3
        push    dword start
        TRY     "iret, rpl below dpl", iretd
        mov     esp, ebx
        push    dword DATA0
        push    dword 0x1000
        push    dword 2
        push    dword CODE3
        push    dword start
        TRY     "iret to ring 3, ss of ring 0", iretd
        mov     esp, ebx
        push    dword 0
        push    dword 0x1000
        push    dword 2
        push    dword CODE3
        push    dword start
        TRY     "iret to ring 3, null ss", iretd
        mov     esp, ebx
        push    dword FREE0 | 3
        push    dword 0x1000
        push    dword 2
        push    dword CODE3
        push    dword start
        mov     dword [freeDescriptors + 4], 0x00cf7300 ; absent, DPL 3
        TRY     "iret to ring 3, absent ss", iretd
        mov     esp, ebx
        push    dword 2
        push    dword FREE0 | 3
        push    dword start
        mov     dword [freeDescriptors + 4], 0x00cf7b00 ; absent code, DPL 3
        TRY     "iret to absent code", iretd
        mov     esp, ebx
        push    dword 2
        push    dword CODE1 & ~3
        push    dword start
        TRY     "iret to ring 1 with rpl 0", iretd
        mov     esp, ebx
        push    dword CODE0
        push    dword start
        push    dword 0x4002            ; NT: a task return, and the back link is null
        popfd
        TRY     "iret with nt", iretd
        mov     esp, ebx
        EXIT    0

user:
        mov     ebx, esp
        mov     eax, 0x31
        int     0x31
        mov     eax, cs
        cmp     al, CODE1
        je      .end
        int     0x32
        mov     eax, cs
        cmp     al, CODE2
        je      .end
        int     0x33
.end:   mov     eax, esp
        sub     eax, ebx
        call    mix
        REPORT  "back"
        ret

badRing1:
        TRY     "ring 3 to 1", int 0x32
        ret

; Prints where it runs and what was pushed.
frame:
        PRINT   "cs:ss "
        mov     eax, cs
        call    putHex16
        mov     eax, ss
        call    putHex16
        PRINT   ", esp below its top "
        mov     eax, cs
        shr     eax, 4
        and     eax, 3                  ; 0, 1, 2 from 0x08, 0x19, 0x2a
        mov     eax, [tssEsp0 + eax * 8]
        sub     eax, esp
        call    putDecimal
        PRINT   ", saved cs "
        mov     eax, [esp + 4]
        call    putHex16
        PRINT   " ss "
        mov     eax, [esp + 16]
        call    putHex16
        PRINT   " esp + "
        mov     eax, [esp + 12]
        sub     eax, ebx
        call    putHex32
        call    newLine
        iretd
