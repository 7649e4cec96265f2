; Interrupt and trap gates: IF on the way in, error codes on the stack, faults against traps, privilege of software
; interrupts, absent gates, and what a fault during delivery turns into.
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
        call    picRemap                ; all masked, so IF = 1 is safe
        SET_GATE 0x31, showFrame, INTERRUPT_GATE + RING3
        SET_GATE 0x32, showFrame, TRAP_GATE + RING3
        SET_GATE 0x33, showFrame, INTERRUPT_GATE
        SET_GATE 0x34, showFrame, INTERRUPT_GATE & ~0x80
        SET_GATE 0x35, showFrame, 0x8c                  ; a call gate is no interrupt gate
        mov     eax, 0x36
        mov     edx, showFrame
        mov     ecx, DATA0 << 16 | INTERRUPT_GATE << 8
        call    setGate
        mov     eax, 0x37
        mov     ecx, CODE3 << 16 | INTERRUPT_GATE << 8
        call    setGate
        mov     eax, 0x38
        mov     ecx, 0x1000 << 16 | INTERRUPT_GATE << 8
        call    setGate
        mov     eax, 0x39
        mov     ecx, INTERRUPT_GATE << 8
        call    setGate

        PRINT   "interrupt gate: "
        sti
        int     0x31
        PRINT   "trap gate: "
        int     0x32
        PRINT   "trap gate, all flags: "
        push    dword 0x4ed7 & ~0x4100 | 0x200 ; NT and TF off
        popfd
        int     0x32
        cli
        cld
        PRINT   "interrupt gate from IF = 0: "
        int     0x31
        TRY     "int, absent gate", int 0x34
        TRY     "int, call gate in the idt", int 0x35
        TRY     "int, gate to data", int 0x36
        TRY     "int, gate to ring 3", int 0x37
        TRY     "int, gate beyond the gdt", int 0x38
        TRY     "int, gate to null", int 0x39
        TRY     "int beyond the idt", int 0x80
        TRY     "int, empty slot", int 0x3f
        TRY     "int3", int3
        TRY     "int 3, two bytes", db 0xcd, 3
        xor     ecx, ecx
        TRY     "div", div ecx
        mov     eax, 0x40
        TRY     "mov ds", mov ds, ax
        push    dword 0                 ; INT 14 pushes no error code: make room, then see
        mov     eax, esp
        mov     [savedEsp], eax
        PRINT   "int 13 pushes "
        SET_GATE 13, countPushed, INTERRUPT_GATE
        int     13
        PRINT   "#GP pushes "
        mov     eax, 0x1000
        mov     ebp, .afterGp
        mov     fs, ax
.afterGp:
        mov     esp, stackTop
        call    buildIdt
        RUN_IN_RING 3, user

        ; Delivery faults: the gate of the first exception is bad.
        SET_GATE 13, recordDouble, INTERRUPT_GATE & ~0x80
        mov     eax, 0x1000
        TRY     "#GP, its gate absent", mov fs, ax      ; contributory twice: #DF
        SET_GATE 0, showFrame, INTERRUPT_GATE & ~0x80
        xor     ecx, ecx
        TRY     "#DE, its gate absent", div ecx
        EXIT    0

user:
        PRINT   "ring 3, interrupt gate: "
        int     0x31
        TRY     "ring 3: int, gate dpl 0", int 0x33
        TRY     "ring 3: int 14", int 14
        TRY     "ring 3: int, absent, dpl 0", int 0x34
        TRY     "ring 3: int3, gate dpl 0", int3
        TRY     "ring 3: ud2", ud2
        TRY     "ring 3: hlt", hlt
        ret

recordDouble:
        jmp     recordDouble

; Prints CS, EFLAGS saved and EFLAGS now.
showFrame:
        pushfd
        push    eax
        cld
        mov     eax, [esp + 12]
        call    putHex16
        PRINT   " saved "
        mov     eax, [esp + 16]
        call    putHex32
        PRINT   " now "
        mov     eax, [esp + 4]
        and     eax, ~0x8d5             ; the prints' own arithmetic does not count
        call    putHex32
        call    newLine
        pop     eax
        popfd
        iretd

countPushed:
        mov     eax, [savedEsp]
        sub     eax, esp
        shr     eax, 2
        call    putDecimal
        call    newLine
        cmp     eax, 4
        je      .fault
        iretd
.fault: jmp     ebp

%include "../../examples/include/pic.inc"
savedEsp: dd    0
