; SYSCALL and SYSRET: what they load, save, mask and refuse; 32-bit SYSRET; SYSENTER from 64-bit code; SWAPGS; FS and GS
; bases by MSR and by selector.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

IA32_STAR   equ 0xc0000081
IA32_LSTAR  equ 0xc0000082
IA32_CSTAR  equ 0xc0000083
IA32_FMASK  equ 0xc0000084
IA32_FS_BASE equ 0xc0000100
IA32_GS_BASE equ 0xc0000101
IA32_KERNEL_GS_BASE equ 0xc0000102

; WRITE_MSR number, value
%macro WRITE_MSR 2
        mov     ecx, %1
        mov     rax, %2
        mov     rdx, rax
        shr     rdx, 32
        wrmsr
%endmacro

start:
        TEST_START
        TRY     "syscall, sce 0", syscall
        TRY     "sysret, sce 0", o64 sysret
        mov     ecx, IA32_EFER
        rdmsr
        or      eax, 1
        wrmsr
        WRITE_MSR IA32_STAR, (0x18 | 3) << 48 | CODE0 << 32
        WRITE_MSR IA32_LSTAR, entry
        WRITE_MSR IA32_FMASK, 0x40700 | 0x4000 | 1      ; AC, DF, IF, TF, NT, CF
        WRITE_MSR IA32_KERNEL_GS_BASE, TEST_PAGES + 0x1000
        WRITE_MSR IA32_GS_BASE, TEST_PAGES
        WRITE_MSR IA32_FS_BASE, TEST_PAGES + 0x2000
        mov     qword [abs TEST_PAGES + 8], 0x1111
        mov     qword [abs TEST_PAGES + 0x1008], 0x2222
        mov     qword [abs TEST_PAGES + 0x2008], 0x3333
        mov     rax, [gs:8]
        call    mix
        swapgs
        mov     rax, [gs:8]
        call    mix
        swapgs
        mov     rax, [fs:8]
        call    mix
        mov     rax, [fs:rel start]     ; the base counts with RIP-relative addresses too
        mov     rbx, 8
        mov     rax, [gs:rbx]
        call    mix
        mov     rax, [ds:TEST_PAGES + 8] ; DS, ES, SS, CS bases are 0
        call    mix
        lea     rax, [gs:8]             ; LEA ignores the base
        call    mix
        REPORT  "fs, gs, swapgs"
        mov     eax, DATA3              ; loading a selector replaces the low 32 bits of the base
        mov     fs, eax
        mov     ecx, IA32_FS_BASE
        rdmsr
        call    mix
        xor     eax, eax
        mov     fs, eax                 ; a null selector: the base is 0 or kept, by vendor; not compared
        WRITE_MSR IA32_FS_BASE, 0x0000123456789abc
        rdmsr
        call    mix
        mov     eax, edx
        call    mix
        REPORT  "fs base by selector"

        RUN_IN_RING3 user
        ; From ring 0: allowed; comes back to ring 3 all the same.
        mov     [abs savedRsp], rsp
        mov     ebx, 100
        syscall
        hlt
fromRing0:
        mov     rsp, [abs savedRsp]
        REPORT  "syscall in ring 0"

        ; SYSRET with a 32-bit operand: compatibility mode.
        SET_GATE 0x31, leave32, INTERRUPT_GATE + RING3, 0
        mov     ecx, user32
        mov     r11d, 2 | IOPL3
        mov     [abs savedRsp], rsp
        lea     rsp, [rel ringStack3]
        sysret
after32:
        mov     rsp, [abs savedRsp]
        REPORT  "32-bit sysret"

        WRITE_MSR 0x174, CODE0          ; SYSENTER
        WRITE_MSR 0x175, entryStack0
        WRITE_MSR 0x176, sysenterEntry
        mov     [abs savedRsp], rsp
        RUN_IN_RING3 userSysenter
        EXIT    0

user:
        TRY     "ring 3: sysret", o64 sysret
        TRY     "ring 3: swapgs", swapgs
        TRY     "ring 3: wrmsr", wrmsr
        TRY     "ring 3: rdmsr", rdmsr
        mov     ebx, 1
        mov     rbp, rsp
        push    0x47d7 & ~0x100 | 0x40000 | IOPL3 ; everything that FMASK clears
        popfq
        syscall
back1:  pushfq
        pop     rax
        call    mix
        mov     eax, cs
        call    mix
        mov     eax, ss
        call    mix
        mov     rax, rcx
        sub     rax, back1
        call    mix
        mov     rax, r11
        call    mix
        mov     rax, rsp
        sub     rax, rbp
        call    mix
        push    2 | IOPL3
        popfq
        REPORT  "back in ring 3"
        ret

entry:  mov     [abs userRsp], rsp
        lea     rsp, [rel entryStack0]
        pushfq
        pop     rax
        and     eax, ~ARITHMETIC_FLAGS
        call    mix
        mov     rax, r11
        call    mix
        mov     eax, cs
        call    mix
        mov     eax, ss
        call    mix
        cmp     ebx, 100
        je      fromRing0
        sub     rcx, back1
        mov     rax, rcx
        call    mix
        add     rcx, back1
        REPORT  "in the kernel"
        mov     rsp, [abs userRsp]
        o64 sysret

leave32:
        call    mix
        mov     rax, [rsp + 8]
        call    mix
        mov     rax, [rsp + 32]
        call    mix
        mov     rax, [rsp + 16]
        and     eax, 0x3202
        call    mix
        mov     qword [rsp], after32
        mov     qword [rsp + 8], CODE0
        mov     qword [rsp + 32], DATA0
        mov     rax, [abs savedRsp]
        mov     [rsp + 24], rax
        iretq

userSysenter:
        mov     rbp, rsp
        mov     r8, 0x8888888888888888
        sysenter
        hlt
backSysexit:
        mov     eax, cs
        call    mix
        mov     rax, rsp
        sub     rax, rbp
        call    mix
        REPORT  "sysexit to 64-bit code"
        ret
sysenterEntry:
        mov     eax, cs
        call    mix
        mov     eax, ss
        call    mix
        lea     rax, [rsp]
        sub     rax, entryStack0
        call    mix
        mov     rax, r8
        call    mix
        REPORT  "sysenter from 64-bit code"
        mov     rdx, backSysexit
        mov     rcx, rbp
        o64 sysexit

        bits    32
user32: mov     eax, cs
        inc     eax
        int     0x31
        bits    64

        align   8
savedRsp: dq    0
userRsp:  dq    0
