; Debug facilities: single step with TF (over branches, REP, POPF, IRET), instruction breakpoints,
; DR6 and DR7.
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
        SET_GATE 1, debugTrap, INTERRUPT_GATE
        xor     eax, eax
        mov     dr7, eax
        mov     dr6, eax

        ; Single step: a #DB after each instruction; the handler counts and mixes the offsets.
        mov     dword [origin], .step
        pushfd
        or      dword [esp], TF
        popfd                           ; the first trap is after the next instruction
.step:  mov     eax, 1
        add     eax, 2
        jmp     .over
        hlt
.over:  call    .function
        pushfd
        and     dword [esp], ~TF
        popfd                           ; traps once more: TF was 1 when it began
        nop
        call    report
        REPORT  "single step"
        jmp     .repeat
.function:
        ret

.repeat:
        mov     dword [origin], .repeated
        mov     esi, area
        mov     edi, area + 64
        mov     ecx, 5
        pushfd
        or      dword [esp], TF
        popfd
.repeated:
        rep movsb                       ; one trap an iteration
        nop
        pushfd
        and     dword [esp], ~TF
        popfd
        call    report
        REPORT  "single step, rep movsb"

        ; TF set by IRET; INT clears it on the way in.
        SET_GATE 0x31, quietHandler, INTERRUPT_GATE + RING3
        mov     dword [origin], .iret
        pushfd
        or      dword [esp], TF
        push    dword CODE0
        push    dword .iret
        iretd
.iret:  nop
        int     0x31
        nop
        pushfd
        and     dword [esp], ~TF
        popfd
        call    report
        REPORT  "single step, int"

        ; Instruction breakpoint: a fault, before the instruction; RF in the saved flags lets it go on.
        mov     dword [origin], .breakHere
        mov     eax, .breakHere
        mov     dr0, eax
        mov     eax, 0x2                ; G0, execute
        mov     dr7, eax
        nop
.breakHere:
        inc     ebx
        inc     ebx
        xor     eax, eax
        mov     dr7, eax
        call    report
        REPORT  "execute breakpoint"

        ; DR7 and DR6 as they read back.
        mov     eax, 0xffff27ff & ~0x2000
        mov     dr7, eax
        mov     eax, dr7
        call    mix
        xor     eax, eax
        mov     dr7, eax
        mov     eax, dr7
        call    mix
        mov     eax, dr6
        call    mix
        REPORT  "dr7, dr6"

        mov     eax, cr4
        or      eax, 8                  ; DE: DR4 and DR5 do not exist
        mov     cr4, eax
        TRY     "dr4 with CR4.DE", mov eax, dr4
        mov     eax, cr4
        and     eax, ~8
        mov     cr4, eax
        mov     eax, area
        mov     dr0, eax
        RUN_IN_RING 3, user
        EXIT    0

user:
        TRY     "ring 3: mov dr", mov eax, dr0
        pushfd                          ; TF works in ring 3 too
        or      dword [esp], TF
        popfd
        nop
        nop
        pushfd
        and     dword [esp], ~TF
        popfd
        call    report
        REPORT  "ring 3: single step"
        ret

; Each trap mixes the offset of the saved EIP, DR6's cause bits, TF and RF of the saved flags.
debugTrap:
        push    eax
        inc     dword [traps]
        mov     eax, [esp + 4]
        sub     eax, [ss:origin]
        call    mix
        mov     eax, dr6
        and     eax, 0xe00f
        call    mix
        xor     eax, eax
        mov     dr6, eax
        mov     eax, [esp + 12]
        and     eax, TF
        call    mix
        or      dword [esp + 12], 0x10000
        pop     eax
        iretd

quietHandler:
        iretd

report: PRINT   "traps "
        mov     eax, [traps]
        call    putDecimal
        PRINT   "  "
        mov     dword [traps], 0
        ret

traps:  dd      0
origin: dd      0
        align   16
area:   times   128 db 0x5a
