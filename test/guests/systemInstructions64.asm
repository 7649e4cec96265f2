; Control and debug registers in 64-bit mode, CR8 and the task priority, single step in 64-bit code, LAR and LSL of
; system descriptors, SGDT and friends, code and data seen through two linear
; addresses.
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
        mov     rax, cr0
        and     eax, 0x80000011         ; PG ET PE
        call    mix
        mov     rax, cr3
        call    mix
        mov     rax, 0xa
        mov     cr8, rax
        xor     eax, eax
        mov     rax, cr8
        call    mix
        xor     eax, eax
        mov     cr8, rax
        smsw    eax
        and     eax, 0x11
        call    mix
        mov     rax, cr0
        or      eax, 8
        mov     cr0, rax
        clts
        mov     rax, cr0
        and     eax, 8
        call    mix
        mov     rax, 0xffffffff00000000
        mov     dr0, rax                ; any linear address
        mov     rbx, dr0
        mov     rax, rbx
        call    mix
        xor     eax, eax
        mov     dr0, rax
        REPORT  "control registers"

        ; LMSW sets PE, never clears it; changes TS, EM, MP.
        mov     eax, 8
        lmsw    ax
        mov     rax, cr0
        and     eax, 0xf
        call    mix
        clts
        REPORT  "lmsw"

        sgdt    [abs table]
        mov     rax, [abs table + 2]
        sub     rax, gdt
        call    mix
        movzx   eax, word [abs table]
        call    mix
        sidt    [abs table]
        mov     rax, [abs table + 2]
        sub     rax, idt
        call    mix
        sldt    eax
        call    mix
        str     eax
        call    mix
        mov     rbx, 0xffffffffffffffff
        str     bx
        mov     rax, rbx
        call    mix
        REPORT  "tables"

        mov     ecx, TSS                ; LAR of a busy 64-bit TSS
        xor     eax, eax
        lar     eax, ecx
        setz    bl
        and     eax, 0xf0ff00
        call    mix
        movzx   eax, bl
        call    mix
        lsl     eax, ecx
        call    mix
        mov     ecx, TSS + 8            ; its upper half is no descriptor
        mov     eax, 0x1234
        lar     eax, ecx
        setz    bl
        call    mix
        movzx   eax, bl
        call    mix
        mov     ecx, CODE3
        lar     eax, ecx
        and     eax, 0xf0ff00
        call    mix
        mov     ecx, DATA0
        verw    cx
        setz    al
        movzx   eax, al
        call    mix
        REPORT  "lar, lsl, verw"

        ; Single step in 64-bit code.
        SET_GATE 1, step, INTERRUPT_GATE, 1
        pushfq
        or      dword [rsp], TF
        popfq
.stepped:
        mov     rax, 0x1122334455667788
        inc     r8
        jmp     .over
        hlt
.over:  lea     rbx, [rel table]
        push    rbx
        pop     rbx
        pushfq
        and     dword [rsp], ~TF
        popfq
        mov     eax, [abs steps]
        call    mix
        REPORT  "single step"

        ; The same frame at two linear addresses: a store through one is seen by a fetch through the other.
        mov     byte [abs TEST_PAGES], 0xb8     ; MOV EAX, imm32
        mov     dword [abs TEST_PAGES + 1], 1
        mov     byte [abs TEST_PAGES + 5], 0xc3
        mov     rax, TEST_PAGES | 7
        mov     [abs TABLE + 8], rax            ; TEST_PAGES + 0x1000: the same frame
        invlpg  [abs TEST_PAGES + 0x1000]
        mov     r12d, TEST_PAGES
        call    r12
        call    mix
        mov     dword [abs TEST_PAGES + 0x1001], 2
        call    r12
        call    mix
        ; Another frame under the same address.
        mov     byte [abs TEST_PAGES + 0x2000], 0xb8
        mov     dword [abs TEST_PAGES + 0x2001], 3
        mov     byte [abs TEST_PAGES + 0x2005], 0xc3
        mov     rax, (TEST_PAGES + 0x2000) | 7
        mov     [abs TABLE], rax
        invlpg  [abs TEST_PAGES]
        call    r12
        call    mix
        mov     rax, TEST_PAGES | 7
        mov     [abs TABLE], rax
        mov     rax, cr3
        mov     cr3, rax
        call    r12
        call    mix
        ; Code that crosses into a page which changes.
        mov     byte [abs TEST_PAGES + 0x3ffe], 0xb8
        mov     dword [abs TEST_PAGES + 0x3fff], 0x11223344
        mov     byte [abs TEST_PAGES + 0x4003], 0xc3
        mov     r12d, TEST_PAGES + 0x3ffe
        call    r12
        call    mix
        mov     byte [abs TEST_PAGES + 0x4001], 0x77
        call    r12
        call    mix
        REPORT  "two addresses, code changes"

        RUN_IN_RING3 user
        EXIT    0

user:   TRY     "ring 3: mov cr0", mov rax, cr0
        TRY     "ring 3: mov to cr8", mov cr8, rax
        TRY     "ring 3: mov dr", mov rax, dr7
        TRY     "ring 3: smsw", smsw eax
        TRY     "ring 3: lmsw", lmsw ax
        TRY     "ring 3: clts", clts
        TRY     "ring 3: invlpg", invlpg [rax]
        TRY     "ring 3: wbinvd", wbinvd
        TRY     "ring 3: invd", invd
        TRY     "ring 3: sgdt", sgdt [abs table]
        TRY     "ring 3: lgdt", lgdt [abs table]
        TRY     "ring 3: str", str eax
        TRY     "ring 3: ltr", ltr ax
        TRY     "ring 3: lldt", lldt ax
        TRY     "ring 3: hlt", hlt
        TRY     "ring 3: rdmsr", rdmsr
        TRY     "ring 3: cpuid", cpuid
        TRY     "ring 3: rdtsc", rdtsc
        ret

step:   inc     dword [abs steps]
        push    rax
        mov     rax, [rsp + 8]
        sub     rax, start
        call    mix
        pop     rax
        iretq

table:  times   16 db 0
steps:  dd      0
