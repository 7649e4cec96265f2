; Why classic x86 could not be virtualized by trap-and-emulate. A kernel moved to ring 1 (deprivileged) runs
; sensitive instructions. Some trap, so a VMM could emulate them. Others are not privileged: they fail without a
; word or tell the truth about the real machine, and no VMM hears of it (Popek and Goldberg: sensitive must be
; a subset of privileged).
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"
%include "include/descriptors.inc"

CODE0   equ     0x08
DATA0   equ     0x10
CODE1   equ     0x18 | 1
DATA1   equ     0x20 | 1
TSS     equ     0x28

start:
        mov     esp, stack0
        call    serialInit
        lgdt    [gdtPointer]
        jmp     CODE0:.reload
.reload:
        mov     eax, DATA0
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        lidt    [idtPointer]
        mov     eax, TSS
        ltr     ax
        call    picRemap                ; all lines masked, so IF = 1 is safe below

        push    DATA1                   ; enter ring 1 with IF = 1 and IOPL = 0
        push    stack1
        push    0x202
        push    CODE1
        push    deprivileged
        mov     eax, DATA1
        mov     ds, eax
        mov     es, eax
        iretd

; ---- ring 1: what the kernel sees -----------------------------------------------------------

; SAY "text": the ring 0 part prints (IOPL 0: no ports here).
%macro SAY 1+
        push    esi
        mov     esi, %%text
        int     0x80
        pop     esi
        jmp     %%next
%%text: db      %1, 0
%%next:
%endmacro

; SHOW condition, "text": prints text when the condition holds.
%macro SHOW 2+
        j%-1    %%no
        SAY     %2
%%no:
%endmacro

deprivileged:
        SAY     "POPF that clears IF: "
        pushfd
        and     dword [esp], ~0x200     ; what a kernel does to disable interrupts
        popfd                           ; CPL 1 > IOPL 0: IF keeps its value, no fault
        pushfd
        pop     eax
        test    eax, 0x200
        SHOW    nz, "IF is still 1, no trap", 10
        test    eax, 0x200
        SHOW    z, "IF is 0", 10

        SAY     "CLI: "
        cli
        SAY     "MOV to CR3: "
        mov     cr3, eax
        SAY     "IN from port 0x60: "
        in      al, 0x60
        SAY     "LGDT: "
        lgdt    [gdtPointer]
        SAY     "HLT: "
        hlt

        SAY     "MOV from CS: "
        mov     eax, cs
        and     eax, 3
        cmp     eax, 1
        SHOW    e, "the selector says ring 1", 10
        SAY     "SMSW: "
        smsw    eax
        test    al, 1
        SHOW    nz, "reads the real CR0", 10
        SAY     "SGDT: "
        sgdt    [table]
        cmp     dword [table + 2], gdt
        SHOW    e, "reads the real GDT's address", 10
        SAY     "SIDT: "
        sidt    [table]
        cmp     dword [table + 2], idt
        SHOW    e, "reads the real IDT's address", 10
        SAY     "SLDT: "
        sldt    eax
        test    ax, ax
        SHOW    z, "reads the real LDTR", 10
        SAY     "STR: "
        str     eax
        cmp     ax, TSS
        SHOW    e, "reads the real task register", 10
        SAY     "LAR: "
        mov     ecx, CODE1
        lar     eax, ecx
        shr     eax, 13
        and     eax, 3                  ; DPL
        cmp     eax, 1
        SHOW    e, "sees DPL 1 where the kernel wrote DPL 0", 10
        SAY     "VERR: "
        mov     ecx, DATA0
        verr    cx
        SHOW    nz, "ring 0's own data segment is not readable", 10
        int     0x81                    ; done

; ---- ring 0: where the VMM would sit --------------------------------------------------------

print:  call    putString               ; ESI = text
        iretd

generalProtection:
        pushad
        PRINT   "#GP, a VMM can emulate it", 10
        mov     ebx, [esp + 36]         ; EIP, behind the registers and the error code
        movzx   eax, byte [ebx]
        mov     ecx, 1                  ; CLI, HLT
        cmp     al, 0xe4                ; IN AL, imm8
        je      .two
        cmp     al, 0x0f
        jne     .skip
        mov     ecx, 7                  ; LGDT [disp32]
        cmp     byte [ebx + 1], 0x22
        jne     .skip
        mov     ecx, 3                  ; MOV to CR3
        jmp     .skip
.two:   mov     ecx, 2
.skip:  add     [esp + 36], ecx
        popad
        add     esp, 4
        iretd

finish: PRINT   "five instructions trapped; nine did not, and every one of them was sensitive", 10
        EXIT    9

%include "include/pic.inc"

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT + RING1, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT + RING1, FLAG_4K | FLAG_32
        DESCRIPTOR ADDRESS(tss), 103, TSS_AVAILABLE, 0
gdtPointer:
        dw      $ - gdt - 1
        dd      gdt

        align   8
idt:    times   13 dq 0
        GATE32  ADDRESS(generalProtection), CODE0, INTERRUPT_GATE
        times   0x80 - 14 dq 0
        GATE32  ADDRESS(print), CODE0, INTERRUPT_GATE + RING1
        GATE32  ADDRESS(finish), CODE0, INTERRUPT_GATE + RING1
idtPointer:
        dw      $ - idt - 1
        dd      idt

        align   4
tss:    dd      0, stack0, DATA0
        times   22 dd 0
        dw      0, 104

table:  dw      0
        dd      0

        align   16
        times   2048 db 0
stack1: times   2048 db 0
stack0:
