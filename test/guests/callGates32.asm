; Call gates: to an inner ring with parameters and a stack switch, to the same ring, to conforming code; returns
; outward with RETF n; and every refusal.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

GATE_INNER  equ FREE0 + 0               ; to ring 0, three parameters, DPL 3
GATE_DPL0   equ FREE0 + 8               ; to ring 0, DPL 0
GATE_ABSENT equ FREE0 + 16
GATE_CONFORM equ FREE0 + 24             ; to conforming code
CONFORM     equ FREE0 + 32
GATE_RING1  equ FREE0 + 40              ; to ring 1, one parameter, DPL 3
GATE_NULL   equ FREE0 + 48              ; null code selector
GATE_DATA   equ FREE0 + 56              ; data selector
GATE_16     equ FREE0 + 64              ; 16-bit gate, two parameters
GATE_OUTER  equ FREE0 + 72              ; to ring 3: no call goes outward
CONFORM3    equ FREE0 + 80

start:
        TEST_START
        mov     esi, descriptors
        mov     edi, freeDescriptors
        mov     ecx, (descriptorsEnd - descriptors) / 4
        rep     movsd
        mov     byte [freeDescriptors + 0 + 4], 3       ; parameter counts
        mov     byte [freeDescriptors + 40 + 4], 1
        mov     byte [freeDescriptors + 64 + 4], 2

        call    GATE_DPL0:0x12345678    ; the offset in the instruction is ignored
        mov     eax, esp
        sub     eax, stackTop
        call    mix
        call    GATE_CONFORM:0
        REPORT  "same ring"
        jmp     GATE_DPL0_JUMP:0
jumped:
        mov     esp, stackTop
        REPORT  "jmp through a gate"
        TRY     "gate absent", call GATE_ABSENT:0
        TRY     "gate to null", call GATE_NULL:0
        TRY     "gate to data", call GATE_DATA:0
        TRY     "gate outward", call GATE_OUTER:0
        TRY     "jmp gate outward", jmp GATE_OUTER:0
        RUN_IN_RING 3, user
        RUN_IN_RING 1, ring1
        EXIT    0

GATE_DPL0_JUMP equ FREE0 + 88

user:
        mov     ebx, esp
        push    dword 0x33333333
        push    dword 0x22222222
        push    dword 0x11111111
        call    GATE_INNER:0            ; RETF 12 there drops the parameters on both stacks
        mov     eax, esp
        sub     eax, ebx
        call    mix
        mov     eax, cs
        call    mix
        REPORT  "ring 3 to 0 and back"
        mov     eax, ds                 ; DATA3 is still fine out here
        call    mix
        mov     eax, es                 ; the callee left a ring 0 selector: nulled on return
        call    mix
        mov     eax, DATA3
        mov     es, eax
        REPORT  "segments after the return"
        push    dword 0x44444444
        call    GATE_RING1:0
        mov     eax, esp
        sub     eax, ebx
        call    mix
        REPORT  "ring 3 to 1 and back"
        push    word 0x6666
        push    word 0x5555
        mov     esi, .continue
        call    GATE_16:0               ; saves 16 bits of EIP: no way back by RETF
.continue:
        REPORT  "16-bit gate"
        TRY     "ring 3: gate dpl 0", call GATE_DPL0:0
        TRY     "ring 3: jmp to an inner ring", jmp GATE_INNER:0
        TRY     "ring 3: gate with rpl 3", jmp GATE_ABSENT | 3:0
        TRY     "ring 3: retf inward", call returnInward
        mov     esp, ebx
        ret

ring1:
        mov     ebx, esp
        push    dword 3
        push    dword 2
        push    dword 1
        call    GATE_INNER:0
        mov     eax, esp
        sub     eax, ebx
        call    mix
        mov     eax, es
        call    mix
        mov     eax, DATA1
        mov     es, eax
        REPORT  "ring 1 to 0 and back"
        push    dword 9
        call    GATE_RING1:0            ; same ring: no parameters copied
        mov     eax, esp
        sub     eax, ebx
        call    mix
        mov     esp, ebx
        REPORT  "ring 1 to 1"
        TRY     "ring 1: gate dpl 0", call GATE_DPL0:0
        ret

returnInward:
        push    dword CODE0
        push    dword start
        retf

; Ring 0: DS:ESI-independent view of the new stack: EIP, CS, three parameters, ESP, SS.
innerFunction:
        push    es
        push    eax
        mov     eax, DATA0
        mov     es, eax
        mov     eax, [esp + 12]         ; CS
        call    mix
        mov     eax, [esp + 16]
        call    mix
        mov     eax, [esp + 20]
        call    mix
        mov     eax, [esp + 24]
        call    mix
        mov     eax, [esp + 28]         ; the caller's ESP, below the parameters
        sub     eax, ebx
        call    mix
        mov     eax, [esp + 32]         ; its SS
        call    mix
        mov     eax, cs
        call    mix
        pop     eax
        add     esp, 4                  ; leaves ES = DATA0
        retf    12

ring1Function:
        mov     eax, [esp + 4]
        call    mix
        mov     eax, [esp + 8]
        call    mix
        mov     eax, cs
        call    mix
        mov     eax, ss
        call    mix
        retf    4

sameRing:
        mov     eax, [esp + 4]
        and     eax, 0xffff
        call    mix
        retf

conforming:
        mov     eax, cs                 ; CPL and RPL stay the caller's
        call    mix
        mov     eax, esp
        mov     eax, ss
        call    mix
        retf

; A 16-bit gate pushes words: IP, CS, two parameters, SP, SS.
function16:
        mov     eax, [esp + 2]
        and     eax, 0xffff
        call    mix
        mov     eax, [esp + 4]
        call    mix
        mov     eax, [esp + 10]
        and     eax, 0xffff
        call    mix
        push    dword DATA3
        push    ebx
        push    dword CODE3
        push    esi
        retf

        align   8
descriptors:
        GATE32  ADDRESS(innerFunction), CODE0, 0xec
        GATE32  ADDRESS(sameRing), CODE0, 0x8c
        GATE32  ADDRESS(innerFunction), CODE0, 0x6c
        GATE32  ADDRESS(conforming), CONFORM, 0xec
        DESCRIPTOR 0, 0xfffff, 0x9f, FLAG_4K | FLAG_32
        GATE32  ADDRESS(ring1Function), CODE1, 0xec
        GATE32  ADDRESS(innerFunction), 0, 0xec
        GATE32  ADDRESS(innerFunction), DATA0, 0xec
        GATE32  0, CODE16, 0xe4
        GATE32  ADDRESS(innerFunction), CODE3, 0xec
        DESCRIPTOR 0, 0xfffff, 0xff, FLAG_4K | FLAG_32
        GATE32  ADDRESS(jumped), CODE0, 0x8c
        DESCRIPTOR ADDRESS(function16), 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
descriptorsEnd:
CODE16  equ     FREE0 + 96
