; One instruction after another that a hypervisor may or must intercept. On bare metal they just work; under a
; hypervisor each of them can be a VM exit. The text must be the same in both cases: that is fidelity.
; Set VM-exit breakpoints, or read the exit counters after a run.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"

CODE    equ     0x08
IA32_EFER           equ 0xc0000080
IA32_KERNEL_GS_BASE equ 0xc0000102

; CHECK condition: prints ok or WRONG.
%macro CHECK 1
        j%-1    %%wrong
        PRINT   "ok", 10
        jmp     %%next
%%wrong:
        PRINT   "WRONG", 10
        inc     dword [rel failures]
%%next:
%endmacro

; SKIPPABLE instruction: #UD or #GP skip it and set [faulted].
%macro SKIPPABLE 1+
        mov     byte [rel faulted], 0
        lea     rax, [rel %%after]
        mov     [rel resumeAt], rax
        %1
%%after:
%endmacro

start:
        lea     rsp, [rel stackTop]
        call    serialInit
        lgdt    [rel gdtPointer]        ; exit reason 46 with descriptor-table exiting
        push    CODE
        lea     rax, [rel .reload]
        push    rax
        retfq
.reload:
        mov     eax, 0x10
        mov     ss, eax
        mov     ds, eax
        mov     es, eax
        lidt    [rel idtPointer]
        call    picRemap                ; 30: I/O instruction

        PRINT   "CPUID:    "            ; 10: always exits
        xor     eax, eax
        cpuid
        cmp     eax, 1
        CHECK   ae
        mov     eax, 1
        xor     ecx, ecx
        cpuid
        mov     [rel features], ecx

        PRINT   "RDMSR:    "            ; 31: unless the MSR bitmap lets it through
        mov     ecx, IA32_EFER
        rdmsr
        test    eax, 1 << 10            ; LMA
        CHECK   nz
        PRINT   "WRMSR:    "            ; 32
        mov     ecx, IA32_KERNEL_GS_BASE
        mov     eax, 0x9abcdef0
        mov     edx, 0x00005678
        wrmsr
        xor     eax, eax
        xor     edx, edx
        rdmsr
        cmp     eax, 0x9abcdef0
        CHECK   e

        PRINT   "OUT, IN:  "            ; 30; the scratch register of the UART keeps a byte
        mov     edx, COM1_SCRATCH
        mov     al, 0x5a
        out     dx, al
        xor     al, al
        in      al, dx
        cmp     al, 0x5a
        CHECK   e

        PRINT   "CR0:      "            ; 28: writes of bits in the guest/host mask
        mov     rax, cr0
        or      eax, 8                  ; TS
        mov     cr0, rax
        mov     rbx, cr0                ; a read never exits: mask and shadow answer it
        test    bl, 8
        CHECK   nz
        PRINT   "CLTS:     "
        clts
        mov     rax, cr0
        test    al, 8
        CHECK   z
        PRINT   "LMSW:     "
        smsw    eax
        lmsw    ax
        mov     rax, cr0
        test    al, 1
        CHECK   nz
        PRINT   "CR3:      "            ; 28 with shadow paging; with EPT the guest may own CR3
        mov     rax, cr3
        mov     cr3, rax
        mov     rbx, cr3
        cmp     rax, rbx
        CHECK   e
        PRINT   "CR4:      "
        mov     rax, cr4
        or      eax, 1 << 7             ; PGE: global pages
        mov     cr4, rax
        mov     rax, cr4
        test    al, 1 << 7
        CHECK   nz
        PRINT   "CR8:      "            ; 28 with CR8 exiting; the task-priority register
        mov     eax, 5
        mov     cr8, rax
        mov     rbx, cr8
        xor     eax, eax
        mov     cr8, rax
        cmp     ebx, 5
        CHECK   e

        PRINT   "INVLPG:   "            ; 14
        invlpg  [rel start]
        test    eax, eax
        CHECK   z
        PRINT   "MOV DR:   "            ; 29
        lea     rax, [rel start]
        mov     dr0, rax
        xor     ebx, ebx
        mov     rbx, dr0
        cmp     rax, rbx
        CHECK   e
        xor     eax, eax
        mov     dr0, rax

        PRINT   "RDTSC:    "            ; 16
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        mov     rbx, rax
        mov     ecx, 100
.spin:  loop    .spin
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        cmp     rax, rbx
        CHECK   a

        PRINT   "PAUSE:    "            ; 40
        pause
        test    rsp, rsp
        CHECK   nz
        PRINT   "WBINVD:   "            ; 54
        wbinvd
        test    rsp, rsp
        CHECK   nz
        PRINT   "INVD:     "            ; 13: always exits. Drops caches without write-back:
        wbinvd                          ; on silicon nothing may be dirty
        invd
        test    rsp, rsp
        CHECK   nz

        PRINT   "SGDT:     "            ; 46
        sgdt    [rel table]
        lea     rax, [rel gdt]
        cmp     [rel table + 2], rax
        CHECK   e
        PRINT   "SLDT:     "            ; 47
        sldt    eax
        test    ax, ax
        CHECK   z

        PRINT   "XSETBV:   "            ; 55: always exits
        test    dword [rel features], 1 << 26   ; CPUID: XSAVE
        jz      .noXsave
        mov     rax, cr4
        or      eax, 1 << 18            ; OSXSAVE
        mov     cr4, rax
        xor     ecx, ecx                ; XCR0
        xgetbv
        xsetbv                          ; the value it has
        mov     ebx, eax
        xgetbv
        cmp     eax, ebx
        CHECK   e
        jmp     .exceptions
.noXsave:
        PRINT   "ok", 10

.exceptions:
        PRINT   "UD2:      "            ; 0 with bit 6 of the exception bitmap
        SKIPPABLE ud2
        cmp     byte [rel faulted], 6
        CHECK   e
        PRINT   "LTR #GP:  "            ; 47; the hypervisor must raise what the CPU would
        mov     edx, 0x1230             ; a selector beyond the GDT
        SKIPPABLE ltr dx                ; ringside: allow(DESC3)
        cmp     byte [rel faulted], 13
        CHECK   e

        ; 18: always exits. Without a hypervisor it is #UD; with one, its answer or again #UD.
        PRINT   "VMCALL:   "
        mov     eax, 0x7fffffff         ; a hypercall that nobody has
        SKIPPABLE vmcall
        test    rsp, rsp
        CHECK   nz

        PRINT   "HLT:      "            ; 12; the timer wakes us: 1 when it comes from outside
        mov     cx, PIT_HZ / 1000
        call    pitOneShot
        mov     al, 0xfe
        out     PIC1_DATA, al
        sti
        hlt
        cli
        cmp     dword [rel ticks], 1
        CHECK   e

        PRINT   "failures: "
        mov     eax, [rel failures]
        call    putDecimal
        call    newLine
        mov     eax, [rel failures]
        EXIT    al

%macro FAULT_HANDLER 3                  ; name, vector, bytes of error code
%1:     add     rsp, %3
        mov     byte [rel faulted], %2
        push    rax
        mov     rax, [rel resumeAt]
        mov     [rsp + 8], rax          ; RIP in the frame
        pop     rax
        iretq
%endmacro
        FAULT_HANDLER invalidOpcode, 6, 0
        FAULT_HANDLER generalProtection, 13, 8

timerInterrupt:
        push    rax
        inc     dword [rel ticks]
        mov     al, PIC_EOI
        out     PIC1, al
        pop     rax
        iretq

%include "include/pic.inc"

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_64
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
gdtPointer:
        dw      $ - gdt - 1
        dq      gdt

        align   16
idt:    times   6 dq 0, 0
        GATE64  ADDRESS(invalidOpcode), CODE, INTERRUPT_GATE, 0
        times   6 dq 0, 0
        GATE64  ADDRESS(generalProtection), CODE, INTERRUPT_GATE, 0
        times   18 dq 0, 0
        GATE64  ADDRESS(timerInterrupt), CODE, INTERRUPT_GATE, 0
idtPointer:
        dw      $ - idt - 1
        dq      idt

table:    times 10 db 0
          align 8
resumeAt: dq    0
features: dd    0
ticks:    dd    0
failures: dd    0
faulted:  db    0

        align   16
        times   4096 db 0
stackTop:
