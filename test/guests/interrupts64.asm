; Interrupts in 64-bit mode: the frame with SS:RSP always pushed, stack alignment, the interrupt stack table, IRETQ to
; the same and to an outer ring, null SS after a change of ring, gates and their refusals.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

start:
        TEST_START
        SET_GATE 0x31, frame, INTERRUPT_GATE + RING3, 0
        SET_GATE 0x32, frame, INTERRUPT_GATE + RING3, 1
        SET_GATE 0x33, frame, TRAP_GATE + RING3, 2
        SET_GATE 0x34, frame, INTERRUPT_GATE, 0
        SET_GATE 0x37, frame, INTERRUPT_GATE, 0
        mov     word [abs idt + 0x37 * 16 + 2], CODE32_0        ; handler in 32-bit code
        SET_GATE 0x38, frame, INTERRUPT_GATE, 0
        mov     word [abs idt + 0x38 * 16 + 2], DATA0
        SET_GATE 0x39, frame, INTERRUPT_GATE, 0
        mov     word [abs idt + 0x39 * 16 + 2], 0

        lea     rbx, [rel stackTop - 8] ; not a multiple of 16
        mov     rsp, rbx
        PRINT   "same ring: "
        int     0x31
        lea     rbx, [rel stackTop - 13]
        mov     rsp, rbx
        PRINT   "same ring, odd rsp: "
        int     0x31
        PRINT   "ist 1: "
        int     0x32
        PRINT   "ist 2: "
        int     0x33
        lea     rsp, [rel stackTop]
        RUN_IN_RING3 user
        TRY     "gate dpl 0 in ring 0", int 0x34
        TRY     "gate to 32-bit code", int 0x37
        TRY     "gate to data", int 0x38
        TRY     "gate to null", int 0x39

        ; Exceptions: the error code lies below the frame; #DF on an IST stack when the stack is unusable.
        SET_GATE 8, doubleFault, INTERRUPT_GATE, 1
        mov     [rel savedRsp], rsp
        mov     rsp, 0x40001000         ; not mapped
        push    rax                     ; #PF, and the frame cannot be pushed: #DF
afterDouble:
        mov     rsp, [rel savedRsp]
        PRINT   "#DF error "
        mov     eax, [rel faultError]
        call    putDecimal
        PRINT   " cr2 "
        mov     rax, cr2
        call    putHex64
        call    newLine
        mov     edx, recordFault
        call    buildIdt

        ; IRETQ in ring 0: a null SS is fine in 64-bit code.
        mov     rbx, rsp
        push    0
        push    rbx
        push    2
        push    CODE0
        push    .null
        iretq
.null:  mov     eax, ss
        call    mix
        mov     eax, DATA0
        mov     ss, eax
        REPORT  "iretq with a null ss"
        push    0
        push    rbx
        push    2
        push    CODE3
        push    .null
        TRY     "iretq to ring 3 with a null ss", iretq
        mov     rsp, rbx
        push    DATA0
        push    rbx
        push    2
        push    CODE3
        push    .null
        TRY     "iretq to ring 3 with ss of ring 0", iretq
        mov     rsp, rbx
        push    DATA0
        push    rbx
        push    2
        push    0
        push    .null
        TRY     "iretq to null cs", iretq
        mov     rsp, rbx
        push    DATA0
        push    rbx
        push    0x4002                  ; NT
        popfq
        TRY     "iretq with nt", iretq
        mov     rsp, rbx
        push    2
        popfq
        EXIT    0

user:   lea     rbx, [rel ringStack3 - 0x105]
        mov     rbp, rsp
        mov     rsp, rbx
        PRINT   "ring 3: "
        int     0x31
        PRINT   "ring 3, ist 1: "
        int     0x32
        PRINT   "ring 3, ist 2, trap gate: "
        int     0x33
        mov     rsp, rbp
        TRY     "ring 3: ud2", ud2
        ret

; RBX = RSP before. Prints the place of the frame and its fields.
frame:  push    rax
        test    byte [rsp + 16], 3      ; SS is null after a change of ring
        jz      .same
        PRINT   "ss "
        mov     eax, ss
        call    putHex16
.same:  PRINT   " rsp & 15 "
        lea     rax, [rsp + 8]
        and     eax, 15
        call    putHex8
        PRINT   " saved cs "
        mov     rax, [rsp + 16]
        call    putHex16
        PRINT   " ss "
        mov     rax, [rsp + 40]
        call    putHex16
        PRINT   " rsp + "
        mov     rax, [rsp + 32]
        sub     rax, rbx
        call    putHex8
        PRINT   " on "
        lea     rax, [rsp + 8]
        sub     rax, istStack1 - 40
        jz      .ist1
        sub     rax, istStack2 - istStack1
        jz      .ist2
        add     rax, istStack2 - 40
        sub     rax, entryStack0 - 40
        jz      .entry
        PRINT   "the same stack", 10
        jmp     .end
.ist1:  PRINT   "ist 1", 10
        jmp     .end
.ist2:  PRINT   "ist 2", 10
        jmp     .end
.entry: PRINT   "rsp0", 10
.end:   pop     rax
        iretq

doubleFault:
        mov     eax, [rsp]
        mov     [rel faultError], eax
        mov     qword [rsp + 8], afterDouble
        add     rsp, 8
        iretq

savedRsp: dq    0
