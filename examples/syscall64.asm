; SYSCALL and SYSRET: ring 3 and back without descriptors, gates or stack.
; SYSCALL saves RIP in RCX and RFLAGS in R11 and loads CS and SS from fixed values;
; it does not touch RSP, so switching stacks is the kernel's first duty.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"

IA32_EFER   equ 0xc0000080
IA32_STAR   equ 0xc0000081              ; segment bases for SYSCALL and SYSRET
IA32_LSTAR  equ 0xc0000082              ; the entry in 64-bit mode
IA32_FMASK  equ 0xc0000084              ; RFLAGS bits that SYSCALL clears

KERNEL_CODE equ 0x08                    ; SYSCALL: CS = STAR[47:32], SS = that + 8
SYSRET_BASE equ 0x18                    ; SYSRET: CS = STAR[63:48] + 16, SS = that + 8

start:
        lea     rsp, [rel kernelStack]
        call    serialInit
        lgdt    [rel gdtPointer]
        push    KERNEL_CODE             ; no far JMP with an immediate in 64-bit mode
        lea     rax, [rel .reload]
        push    rax
        retfq
.reload:
        mov     eax, 0x10
        mov     ss, eax
        xor     eax, eax                ; DS and ES may be null in 64-bit mode
        mov     ds, eax
        mov     es, eax

        ; Ring 3 may use a page only if U/S = 1 at every level of the walk to it.
        mov     rax, cr3                ; PML4
        or      dword [rax], 4
        mov     rax, [rax]
        and     rax, ~0xfff             ; PDPT
        or      dword [rax], 4
        mov     rax, [rax]
        and     rax, ~0xfff             ; page directory; its first entry is a 2 MiB page
        or      dword [rax], 4
        mov     rax, cr3
        mov     cr3, rax                ; drop what the TLB knows

        mov     ecx, IA32_EFER
        rdmsr
        or      eax, 1                  ; SCE: enable SYSCALL
        wrmsr
        mov     ecx, IA32_STAR
        xor     eax, eax
        mov     edx, KERNEL_CODE | (SYSRET_BASE << 16)
        wrmsr
        mov     ecx, IA32_LSTAR
        lea     rax, [rel systemCall]
        mov     rdx, rax
        shr     rdx, 32
        wrmsr
        mov     ecx, IA32_FMASK
        mov     eax, 0x200              ; IF: no interrupts until we have a stack
        xor     edx, edx
        wrmsr

        PRINT   "kernel: SYSRET to ring 3", 10
        lea     rcx, [rel user]         ; new RIP
        mov     r11d, 2 | 1             ; new RFLAGS: CF = 1, to see it kept
        o64 sysret

; ---- ring 3 ---------------------------------------------------------------------------------

user:
        setc    [rel carrySeen]
        mov     eax, cs
        mov     [rel userCs], eax
        lea     rsp, [rel userStack]
        lea     rsi, [rel userText]
        mov     eax, 1                  ; write
        syscall
        mov     edi, 7
        mov     eax, 2                  ; exit
        syscall
        hlt

userText:
        db      "user: hello through SYSCALL", 10, 0

; ---- ring 0 ---------------------------------------------------------------------------------

systemCall:
        mov     [rel userRsp], rsp
        lea     rsp, [rel kernelStack]
        push    rcx
        push    r11
        cmp     eax, 1
        jne     .exit
        call    putString
        pop     r11
        pop     rcx
        mov     rsp, [rel userRsp]
        o64 sysret
.exit:
        PRINT   "kernel: user CS was "
        mov     eax, [rel userCs]
        call    putHex16
        PRINT   ", carry arrived: "
        movzx   eax, byte [rel carrySeen]
        call    putDecimal
        PRINT   10, "kernel: CS is now "
        mov     eax, cs
        call    putHex16
        PRINT   ", SS "
        mov     eax, ss
        call    putHex16
        PRINT   ", exit status "
        mov     eax, edi
        call    putDecimal
        call    newLine
        mov     eax, edi
        EXIT    al

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_64
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
        dq      0                                                        ; 0x18: 32-bit user code, not used
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT + RING3, FLAG_4K | FLAG_32   ; 0x20
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT + RING3, FLAG_4K | FLAG_64   ; 0x28
gdtPointer:
        dw      $ - gdt - 1
        dq      gdt

userRsp:        dq 0
userCs:         dd 0
carrySeen:      db 0

        align   16
        times   2048 db 0
userStack:
        times   2048 db 0
kernelStack:
