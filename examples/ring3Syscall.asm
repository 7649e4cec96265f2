; A user program in ring 3 that asks the kernel for services with INT 0x80.
; What it takes: ring 3 segments, a TSS that holds the kernel's stack, a gate with DPL 3, and IRET to get out.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"
%include "include/descriptors.inc"

KERNEL_CODE equ 0x08
KERNEL_DATA equ 0x10
USER_CODE   equ 0x18 | 3                ; RPL 3: a selector says who asks
USER_DATA   equ 0x20 | 3
TSS         equ 0x28

SYSCALL_PUT_CHAR equ 1                  ; EBX = character
SYSCALL_EXIT     equ 2                  ; EBX = status

start:
        mov     esp, kernelStack
        call    serialInit
        lgdt    [gdtPointer]
        jmp     KERNEL_CODE:.reload     ; CS takes a new descriptor only by a far transfer
.reload:
        mov     eax, KERNEL_DATA
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        mov     ss, eax
        lidt    [idtPointer]
        mov     eax, TSS
        ltr     ax

        ; Privilege only ever drops by a return: build the frame that IRET expects.
        PRINT   "kernel: entering ring 3", 10
        push    USER_DATA               ; SS
        push    userStack               ; ESP
        push    2                       ; EFLAGS: IF = 0, IOPL = 0
        push    USER_CODE               ; CS
        push    user                    ; EIP
        mov     eax, USER_DATA
        mov     ds, eax                 ; IRET would null a ring 0 segment in DS
        mov     es, eax
        iretd

; ---- ring 3 ---------------------------------------------------------------------------------

user:
        mov     esi, .text
.next:  movzx   ebx, byte [esi]
        inc     esi
        test    ebx, ebx
        jz      .privileged
        mov     eax, SYSCALL_PUT_CHAR
        int     0x80
        jmp     .next
.privileged:
        cli                             ; IOPL 0 < CPL 3: #GP, the kernel skips it
        mov     eax, SYSCALL_EXIT
        mov     ebx, cs
        and     ebx, 3                  ; status = our CPL
        int     0x80
.text:  db      "user: hello through INT 0x80", 10, 0

; ---- ring 0 ---------------------------------------------------------------------------------

; The processor has loaded SS:ESP from the TSS and pushed SS, ESP, EFLAGS, CS, EIP.
systemCall:
        cmp     eax, SYSCALL_PUT_CHAR
        je      .putChar
        cmp     eax, SYSCALL_EXIT
        je      .exit
        mov     eax, -1
        iretd
.putChar:
        mov     al, bl
        call    putChar
        iretd
.exit:
        PRINT   "kernel: user exits with status "
        mov     eax, ebx
        call    putDecimal
        PRINT   ", its stack was "
        mov     eax, [esp + 12]         ; ESP in the frame
        cmp     eax, userStack
        jne     .other
        PRINT   "the user's", 10
        EXIT    3
.other: PRINT   "something else", 10
        EXIT    1

generalProtection:
        add     esp, 4                  ; the error code
        PRINT   "kernel: #GP in ring "
        mov     eax, [esp + 4]          ; CS in the frame
        and     eax, 3
        call    putDecimal
        call    newLine
        inc     dword [esp]             ; skip the one-byte CLI
        iretd

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT + RING3, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT + RING3, FLAG_4K | FLAG_32
        DESCRIPTOR ADDRESS(tss), 103, TSS_AVAILABLE, 0
gdtPointer:
        dw      $ - gdt - 1
        dd      gdt

        align   8
idt:    times   13 dq 0                 ; vectors 0-12: none
        GATE32  ADDRESS(generalProtection), KERNEL_CODE, INTERRUPT_GATE
        times   0x80 - 14 dq 0
        GATE32  ADDRESS(systemCall), KERNEL_CODE, INTERRUPT_GATE + RING3
idtPointer:
        dw      $ - idt - 1
        dd      idt

        align   4
tss:    dd      0
        dd      kernelStack             ; ESP0
        dd      KERNEL_DATA             ; SS0
        times   25 - 3 dd 0
        dw      0, 104                  ; I/O bitmap beyond the limit: no port for ring 3

        align   16
        times   2048 db 0
userStack:
        times   2048 db 0
kernelStack:
