; Error codes of refused interrupts in 64-bit mode (vector * 8 + 2, and EXT for hardware events), SS after an IST switch in
; the same ring, non-canonical addresses, reserved control bits: where emulators tend to be lax.
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
        SET_GATE 0x31, showSs, INTERRUPT_GATE, 1
        SET_GATE 0x34, showSs, INTERRUPT_GATE, 0
        SET_GATE 0x35, showSs, INTERRUPT_GATE & ~0x80, 0
        SET_GATE 0x36, showSs, 0x85, 0                  ; a task gate has no meaning here
        SET_GATE 0x37, showSs, 0x8c, 0                  ; a call gate
        int     0x31
        TRY     "absent", int 0x35
        TRY     "task gate", int 0x36
        TRY     "call gate", int 0x37
        TRY     "beyond the idt", int 0x90
        RUN_IN_RING3 user
        SET_GATE 6, 0, 0, 0
        TRY     "#UD, gate empty", ud2
        mov     edx, recordFault
        call    buildIdt

        mov     rbx, 0x0000800000000000
        TRY     "read, not canonical", mov rax, [rbx]
        TRY     "write, not canonical", mov [rbx], rax
        TRY     "ends canonical", mov rax, [rbx - 1]
        mov     rbp, rbx
        TRY     "through rbp: #SS", mov rax, [rbp]
        mov     rbp, rsp
        TRY     "jmp, not canonical", jmp rbx
        TRY     "call, not canonical", call rbx
        mov     rsp, rbp
        push    rbx
        TRY     "ret, not canonical", ret
        mov     rsp, rbp
        TRY     "invlpg, not canonical: no fault", invlpg [rbx]
        TRY     "lea, not canonical", lea rax, [rbx]
        mov     rsi, rbx
        mov     edi, TEST_PAGES
        mov     ecx, 1
        TRY     "movsb, not canonical", movsb
        push    DATA0
        push    rbp
        push    2
        push    CODE0
        push    rbx
        TRY     "iretq, not canonical", iretq
        mov     rsp, rbp

        mov     ecx, 0xc0000100         ; FS base
        xor     eax, eax
        mov     edx, 0x00008000
        TRY     "wrmsr fs base, not canonical", wrmsr
        mov     ecx, 0xc0000082         ; LSTAR
        TRY     "wrmsr lstar, not canonical", wrmsr
        mov     ecx, 0x176              ; SYSENTER_EIP
        TRY     "wrmsr sysenter eip, not canonical", wrmsr
        mov     ecx, IA32_EFER
        rdmsr
        or      eax, 0x10000
        TRY     "wrmsr efer, reserved bit", wrmsr
        rdmsr
        and     eax, ~0x100
        TRY     "wrmsr efer, lme off while paging", wrmsr
        mov     ecx, 0x12345
        TRY     "rdmsr, unknown", rdmsr
        mov     rax, cr4
        and     eax, ~0x20
        TRY     "cr4: pae off in long mode", mov cr4, rax
        mov     rax, cr0
        mov     rdx, 0x100000000
        or      rax, rdx
        TRY     "cr0: bit 32", mov cr0, rax
        mov     rax, cr0
        and     eax, ~1
        TRY     "cr0: pe off, pg on", mov cr0, rax
        mov     rax, 0x10
        TRY     "cr8: bit 4", mov cr8, rax
        mov     rax, 0x100000000
        TRY     "dr7: bit 32", mov dr7, rax
        mov     rax, cr3
        mov     rdx, 0x0010000000000000
        or      rax, rdx
        TRY     "cr3: bit 52", mov cr3, rax
        mov     rax, 0x80000 << 32 | TEST_PAGES | 3     ; bit 51
        mov     [abs TABLE], rax
        invlpg  [abs TEST_PAGES]
        TRY     "reserved bit in an entry", mov rax, [abs TEST_PAGES]
        mov     byte [abs gdt + CODE32_0 + 6], 0xef     ; L and D both set
        TRY     "far jump, l and d", jmp dword far [abs to32]
        mov     rax, 0xffffffffffffffff
        db      0x48, 0x66, 0x05, 1, 0  ; REX before another prefix is ignored: ADD AX, 1
        call    mix
        REPORT  "rex before 66"
        EXIT    0

user:
        TRY     "ring 3: gate dpl 0", int 0x34
        TRY     "ring 3: int 14", int 14
        TRY     "ring 3: absent, dpl 0", int 0x35
        mov     rbx, 0x0000800000000000
        TRY     "ring 3: not canonical", mov rax, [rbx]
        mov     rbp, rsp
        lea     rsp, [rbx + 16]
        GUARD   push rax
        mov     rsp, rbp
        PRINT   "ring 3: push, rsp not canonical"
        call    reportFault
        ret

showSs: PRINT   "ist, same ring: ss "
        mov     eax, ss
        call    putHex16
        call    newLine
        iretq

to32:   dd      start
        dw      CODE32_0
