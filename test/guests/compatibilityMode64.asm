; Compatibility mode and the ways between modes: far transfers to 32-bit and 16-bit code and back, segment bases and
; limits that count there, 32-bit interrupts into 64-bit handlers, call gates, defaults of operand size.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

GATE    equ     FREE0                   ; 16-byte call gate to 64-bit code, DPL 3
BASED   equ     FREE0 + 16              ; 32-bit data with a base

start:
        TEST_START
        mov     rax, gateTarget
        mov     [abs freeDescriptors], ax
        mov     word [abs freeDescriptors + 2], CODE0
        mov     byte [abs freeDescriptors + 5], 0xec
        shr     rax, 16
        mov     [abs freeDescriptors + 6], ax
        shr     rax, 16
        mov     [abs freeDescriptors + 8], rax
        mov     rax, 0x0040f34000000fff         ; base 0x400000, limit 0xfff, DPL 3
        mov     [abs freeDescriptors + 16], rax
        mov     rax, 0x00cf9b000000ffff         ; 16-bit default, 4 GiB limit
        btr     rax, 54
        mov     [abs freeDescriptors + 24], rax
        SET_GATE 0x31, from32, INTERRUPT_GATE + RING3, 0

        ; To 32-bit code in ring 0 and back.
        mov     rax, 0xffffffffffffffff
        mov     r8, 0x8888888888888888
        call    dword far [abs to32]
        mov     rax, r8                 ; R8-R15 are out of reach there and survive
        call    mix
        mov     eax, ebx
        call    mix
        REPORT  "32-bit code, ring 0"
        call    dword far [abs to16]
        mov     eax, ebx
        call    mix
        REPORT  "16-bit code, ring 0"
        ; To 32-bit code in ring 3.
        mov     [abs savedRsp], rsp
        push    DATA3
        push    ringStack3
        push    2 | IOPL3
        push    CODE32
        push    user32
        iretq
fromUser:
        mov     rsp, [abs savedRsp]
        mov     eax, DATA0
        mov     ss, eax
        mov     ds, eax
        mov     es, eax
        REPORT  "32-bit code, ring 3"
        ; A call gate leads to 64-bit code, with RSP0, from ring 3 of 64-bit code as well.
        RUN_IN_RING3 user64
        TRY     "jmp far with an immediate", db 0xea, 0, 0, 0, 0, 0, 0
        TRY     "far jump to data", jmp dword far [abs toData]
        TRY     "far jump to null", jmp dword far [abs toNull]
        ; o64 far return and a 32-bit one.
        push    CODE0
        push    .back
        retfq
.back:  sub     rsp, 8
        mov     dword [rsp], .back32
        mov     dword [rsp + 4], CODE0
        retf
.back32:
        mov     rax, rsp
        sub     rax, stackTop
        call    mix
        REPORT  "far returns"
        EXIT    0

gateTarget:
        mov     eax, cs
        call    mix
        mov     eax, ss                 ; null when the ring changed
        call    mix
        mov     rax, [rsp + 8]          ; 64-bit frame: CS, then RSP, SS
        call    mix
        mov     rax, [rsp + 24]
        call    mix
        lea     rax, [rsp + 32]
        sub     rax, entryStack0
        call    mix
        retfq

; From compatibility mode: EBX = code.
from32: call    mix
        mov     rax, [rsp + 8]          ; CS
        call    mix
        mov     rax, [rsp + 32]         ; SS
        call    mix
        mov     rax, r8
        call    mix
        cmp     ebx, 1
        je      .leave
        iretq
.leave: mov     qword [rsp], fromUser
        mov     qword [rsp + 8], CODE0
        mov     rax, [abs savedRsp]
        mov     [rsp + 24], rax
        mov     qword [rsp + 32], DATA0
        iretq

user64: mov     rbx, rsp
        call    dword far [abs toGate]
        mov     rax, rsp
        sub     rax, rbx
        call    mix
        mov     eax, cs
        call    mix
        REPORT  "call gate from 64-bit ring 3"
        ret

        bits    32
code32: mov     eax, 0x12345678         ; default operand size 32
        inc     eax                     ; 40: an instruction here, a REX prefix in 64-bit code
        dec     eax
        push    eax
        pop     ebx
        mov     ecx, cs
        add     ebx, ecx
        push    ds                      ; exist only outside 64-bit code
        pop     ds
        add     bl, [code32]            ; disp32 is absolute here, RIP-relative there
        retf
user32: mov     eax, DATA3
        mov     ds, eax
        mov     es, eax
        mov     eax, cs
        int     0x31
        call    GATE:0                  ; 32-bit code, 64-bit gate
        mov     eax, esp
        sub     eax, ringStack3
        int     0x31
        mov     eax, BASED | 3
        mov     fs, eax
        mov     dword [TEST_PAGES + 0x20], 0x1badcafe
        mov     eax, [fs:0x20]          ; the base counts
        int     0x31
        pushad
        popad
        mov     eax, 0x99
        daa
        int     0x31
        lea     eax, [eax + 0xfffffff0] ; wraps at 32 bits
        int     0x31
        mov     ebx, 1
        int     0x31
        bits    16
code16: mov     ax, 0x1234
        push    ax
        pop     bx
        mov     cx, cs
        add     bx, cx
        o32 retf
        bits    64

        align   8
savedRsp: dq    0
to32:   dd      code32
        dw      CODE32_0
to16:   dd      code16
        dw      CODE16_BASED
toGate: dd      0
        dw      GATE
toData: dd      start
        dw      DATA0
toNull: dd      start
        dw      0
CODE16_BASED equ FREE0 + 24
