; EFLAGS: which bits POPF and IRET may change at which CPL and IOPL; CLI and STI; the one-instruction shadow of STI
; and MOV SS; RF, NT, AC and ID.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

; SET_FLAGS value: POPF, then prints what stayed.
%macro SET_FLAGS 1
        push    dword %1
        popfd
        pushfd
        pop     eax
        call    show
%endmacro
%macro SET_FLAGS_16 1
        push    word %1
        popfw
        pushfd
        pop     eax
        call    show
%endmacro

start:
        TEST_START
        call    picRemap
        PRINT   "ring 0", 10
        SET_FLAGS 0x00200202
        SET_FLAGS 0x00247ed7 & ~0x100
        SET_FLAGS 0xffc08028 | 2
        SET_FLAGS 0x00010002            ; RF is never set by POPF
        SET_FLAGS_16 0x7ed7 & ~0x100
        SET_FLAGS_16 0
        SET_FLAGS 2
        call    iretFlags
        mov     dword [ringFlags], 0x3002
        PRINT   "ring 3, IOPL 3", 10
        RUN_IN_RING 3, matrix
        mov     dword [ringFlags], 0x1202
        PRINT   "ring 1, IOPL 1", 10
        RUN_IN_RING 1, matrix
        mov     dword [ringFlags], 0x0202
        PRINT   "ring 3, IOPL 0", 10
        RUN_IN_RING 3, quiet
        call    showResults
        mov     dword [ringFlags], 0x2202
        PRINT   "ring 3, IOPL 2", 10
        RUN_IN_RING 3, quiet
        call    showResults
        mov     dword [ringFlags], 0x1002
        PRINT   "ring 2, IOPL 1", 10
        RUN_IN_RING 2, quiet
        call    showResults

        ; LAHF, SAHF, and the flags that POPF keeps fixed.
        mov     ah, 0xff
        sahf
        lahf
        movzx   eax, ah
        call    putHex16
        mov     ah, 0
        sahf
        lahf
        movzx   eax, ah
        PRINT   " lahf "
        call    putHex16
        call    newLine
        EXIT    0

matrix:
        SET_FLAGS 0x00200202
        SET_FLAGS 0x00247ed7 & ~0x100
        SET_FLAGS 2
        SET_FLAGS_16 0x3202
        SET_FLAGS 0x00003002
        TRY     "cli", cli
        TRY     "sti", sti
        TRY     "cli", cli
        ret

; Without ports: results go to memory, ring 0 prints them.
quiet:  mov     edi, results
        push    dword 0x00200002
        popfd
        pushfd
        pop     eax
        stosd
        push    dword 0x003b7ad7 & ~0x100 ; also VM, RF, VIF, VIP
        popfd
        pushfd
        pop     eax
        stosd
        push    word 0x3002
        popfw
        pushfd
        pop     eax
        stosd
        push    dword 2
        popfd
        GUARD   cli
        mov     eax, [faultVector]
        stosd
        GUARD   sti
        mov     eax, [faultVector]
        stosd
        GUARD   in al, 0x80
        mov     eax, [faultVector]
        stosd
        GUARD   hlt
        mov     eax, [faultVector]
        stosd
        ret

showResults:
        mov     esi, results
        mov     ecx, 7
.next:  lodsd
        call    show
        loop    .next
        ret

show:   push    eax
        push    dword 2
        popfd
        call    putHex32
        call    newLine
        pop     eax
        ret

; IRET to the same ring may change IF and IOPL here, and sets RF for one instruction.
iretFlags:
        pushfd
        push    dword CODE0
        push    dword .one
        or      dword [esp + 8], 0x00253ad7 & ~0x100
        iretd
.one:   pushfd
        pop     eax
        call    show
        push    dword 2
        push    dword CODE0
        push    dword .two
        iretd
.two:   pushfd
        pop     eax
        call    show
        ret

%include "../../examples/include/pic.inc"
results: times  16 dd 0
