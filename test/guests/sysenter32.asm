; SYSENTER and SYSEXIT in 32-bit mode: fixed flat segments from one MSR, no stack, no flags saved.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

IA32_SYSENTER_CS  equ 0x174
IA32_SYSENTER_ESP equ 0x175
IA32_SYSENTER_EIP equ 0x176
; SYSENTER takes CS = MSR, SS = +8; SYSEXIT CS = +16, SS = +24, both with RPL 3.
BASE    equ     FREE0

start:
        TEST_START
        mov     esi, descriptors
        mov     edi, freeDescriptors
        mov     ecx, 8
        rep     movsd
        mov     ecx, IA32_SYSENTER_CS
        xor     edx, edx
        xor     eax, eax
        wrmsr
        TRY     "ring 0: sysenter, cs 0", sysenter
        TRY     "ring 0: sysexit, cs 0", sysexit
        RUN_IN_RING 3, refused
        mov     ecx, IA32_SYSENTER_CS
        mov     eax, BASE
        xor     edx, edx
        wrmsr
        mov     ecx, IA32_SYSENTER_ESP
        mov     eax, entryStack2
        wrmsr
        mov     ecx, IA32_SYSENTER_EIP
        mov     eax, kernel
        wrmsr
        rdmsr
        cmp     eax, kernel
        sete    al
        movzx   eax, al
        call    mix
        REPORT  "msr reads back"
        mov     dword [ringFlags], 0x3202
        RUN_IN_RING 3, user
        mov     dword [ringFlags], 0x3002
        EXIT    0

refused:
        TRY     "ring 3: sysenter, cs 0", sysenter
        TRY     "ring 3: sysexit", sysexit
        ret

user:
        mov     [userEsp], esp
        mov     ebx, 0xb0b0b0b0
        stc
        sysenter
        hlt                             ; SYSENTER saved nothing: the kernel chooses where to return
back:
        mov     eax, cs
        call    mix
        mov     eax, ss
        call    mix
        mov     eax, esp
        sub     eax, [userEsp]
        call    mix
        mov     eax, ds
        call    mix
        REPORT  "after sysexit"
        TRY     "ring 3 again: hlt", hlt
        ret

kernel:
        pushfd
        pop     eax
        and     eax, 0x20301            ; VM and IF are cleared, CF and IOPL not
        call    mix
        mov     eax, cs
        call    mix
        mov     eax, ss
        call    mix
        mov     eax, esp
        sub     eax, entryStack2
        call    mix
        mov     eax, ebx
        call    mix
        mov     eax, ds                 ; still the user's
        call    mix
        REPORT  "in the kernel"
        mov     ecx, [userEsp]
        mov     edx, back
        sysexit

userEsp: dd     0
        align   8
descriptors:
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT + RING3, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT + RING3, FLAG_4K | FLAG_32
