; The virtual interrupt flag: CR4.VME in virtual-8086 mode (CLI, STI, PUSHF, POPF, IRET on VIF, redirection of INT n
; through the bitmap in the TSS) and CR4.PVI in ring 3.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

VM      equ     0x20000
VIF     equ     0x80000
VIP     equ     0x100000
V86_CODE equ    0x9000                  ; linear address of the 16-bit code
LOG_BASE equ    0x8000                  ; what it writes down

start:
        TEST_START
        mov     esi, code16
        mov     edi, V86_CODE
        mov     ecx, code16End - code16
        rep     movsb
        mov     dword [0x40 * 4], ((V86_CODE >> 4) << 16) + (handler16 - code16)
        SET_GATE 13, protectionFault, INTERRUPT_GATE
        SET_GATE 0x42, fromV86, INTERRUPT_GATE + RING3
        mov     word [tssIoMap], 136
        mov     byte [tss + 104 + 0x40 / 8], 0xfe
        mov     eax, cr4
        or      eax, 3                  ; VME, PVI
        mov     cr4, eax
        PRINT   "IOPL 0", 10
        mov     dword [flags], VM | 2
        call    enter
        PRINT   "IOPL 0, virtual interrupts on", 10
        mov     dword [flags], VM | VIF | 2
        call    enter
        PRINT   "IOPL 0, one pending", 10
        mov     dword [flags], VM | VIP | 2
        call    enter
        PRINT   "IOPL 3", 10
        mov     dword [flags], VM | IOPL3 | 2
        call    enter
        PRINT   "IOPL 0, redirection bitmap beyond the TSS", 10
        mov     word [tssIoMap], 0x3000
        mov     dword [flags], VM | 2
        call    enter
        mov     word [tssIoMap], 136
        PRINT   "without VME", 10
        mov     eax, cr4
        and     eax, ~1
        mov     cr4, eax
        call    enter

        SET_GATE 13, ring3Fault, INTERRUPT_GATE
        mov     dword [ringFlags], 2
        PRINT   "ring 3", 10
        RUN_IN_RING 3, user
        call    showResults
        PRINT   "ring 3, one pending", 10
        mov     dword [ringFlags], 2 | VIP
        RUN_IN_RING 3, user
        call    showResults
        mov     eax, cr4
        and     eax, ~2
        mov     cr4, eax
        PRINT   "without PVI", 10
        mov     dword [ringFlags], 2
        RUN_IN_RING 3, user
        call    showResults
        EXIT    0

; Stack for IRET into V86: GS FS DS ES SS ESP EFLAGS CS EIP.
enter:  mov     [returnEsp], esp
        xor     eax, eax
        mov     edi, LOG_BASE
        mov     ecx, 64
        rep     stosd
        push    dword 0
        push    dword 0
        push    dword LOG_BASE >> 4     ; DS
        push    dword 0x0800            ; ES
        push    dword 0x0700            ; SS
        push    dword 0xff0
        push    dword [flags]
        push    dword V86_CODE >> 4     ; CS
        push    dword 0
        xor     edi, edi
        mov     ebp, [flags]
        shr     ebp, 12
        and     ebp, 3
        iretd

; Ends at HLT; else notes the opcode and skips BX bytes.
protectionFault:
        push    eax
        push    ebx
        push    ecx
        mov     ecx, DATA0
        mov     ds, ecx
        movzx   eax, word [esp + 20]    ; CS
        shl     eax, 4
        add     eax, [esp + 16]         ; EIP
        movzx   eax, byte [eax]
        cmp     al, 0xf4
        je      .end
        mov     ah, 0x6f                ; "fault"
        mov     [LOG_BASE + edi], ax
        add     edi, 2
        movzx   ebx, bx
        add     [esp + 16], ebx
        pop     ecx
        pop     ebx
        pop     eax
        add     esp, 4
        iretd
.end:   mov     es, ecx
        mov     ebx, [esp + 24]         ; EFLAGS
        and     ebx, ~0x8d5
        xor     ecx, ecx
.next:  movzx   eax, word [LOG_BASE + ecx]
        call    putHex16
        PRINT   " "
        add     ecx, 2
        cmp     ecx, edi
        jb      .next
        mov     eax, ebx
        call    putHex32
        call    newLine
        mov     esp, [returnEsp]
        ret

; INT 0x42 with IOPL 3, not redirected: the protected-mode handler.
fromV86:
        push    eax
        push    ebx
        mov     ebx, DATA0
        mov     ds, ebx
        mov     word [LOG_BASE + edi], 0x4242
        add     edi, 2
        pop     ebx
        pop     eax
        iretd

; Ring 3 may not use ports here: the flags go to memory. Faults skip one byte and leave their mark.
user:   mov     edi, results
        pushfd
        pop     eax
        stosd
        sti
        pushfd
        pop     eax
        stosd
        cli
        pushfd
        pop     eax
        stosd
        ret

ring3Fault:
        add     esp, 4
        inc     dword [esp]
        mov     dword [edi], 0xdeadfa11
        add     edi, 4
        iretd

showResults:
        mov     esi, results
        mov     ecx, 4
.next:  lodsd
        and     eax, ~0x8d5
        call    putHex32
        PRINT   " "
        mov     dword [esi - 4], 0
        loop    .next
        call    newLine
        ret

results:   times 4 dd 0
flags:     dd   0
returnEsp: dd   0

; DI = place in the log. Status flags are masked.
        bits    16
%macro LOG_FLAGS 0
        pushf
        pop     ax
        and     ax, ~0x8d5
        mov     [di], ax
        add     di, 2
%endmacro

code16: mov     bx, 1
        LOG_FLAGS
        sti
        LOG_FLAGS
        cli
        LOG_FLAGS
        push    word 0x202
        popf
        LOG_FLAGS
        mov     sp, 0xff0
        push    word 0x4402             ; DF and NT, IF off
        popf
        LOG_FLAGS
        cld
        mov     sp, 0xff0
        push    word 2
        popf
        test    bp, 3                   ; with IOPL 3 TF would be set and trap
        jnz     .taken
        push    word 0x102              ; TF
        popf
.taken:
        mov     sp, 0xff0
        mov     bx, 2
        o32 pushf
        mov     sp, 0xff0
        int     0x40
        LOG_FLAGS
        int     0x42
        mov     sp, 0xff0
        sti
        push    word 0x202
        push    cs
        push    word .after - code16
        mov     bx, .after - .iret
.iret:  iret
.after: LOG_FLAGS
        mov     sp, 0xff0
        hlt

; INT 0x40: its own flags and the saved ones.
handler16:
        LOG_FLAGS
        push    bp
        mov     bp, sp
        mov     ax, [bp + 6]
        pop     bp
        and     ax, ~0x8d5
        mov     [di], ax
        add     di, 2
        iret
code16End:
