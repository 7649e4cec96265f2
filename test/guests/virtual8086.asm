; Virtual-8086 mode: entered by IRET with VM, IOPL-sensitive instructions, real-mode segments, I/O through the bitmap,
; left by an interrupt; IDT gates and what is pushed.
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
V86_CODE equ    0x9000                  ; linear address of the 16-bit code

start:
        TEST_START
        mov     esi, code16
        mov     edi, V86_CODE
        mov     ecx, code16End - code16
        rep     movsb
        SET_GATE 13, protectionFault, INTERRUPT_GATE
        SET_GATE 0x31, fromV86, INTERRUPT_GATE + RING3
        SET_GATE 0x32, fromV86, INTERRUPT_GATE + RING3
        PRINT   "IOPL 0", 10
        mov     dword [flags], VM | 2
        call    enter
        PRINT   "IOPL 3", 10
        mov     dword [flags], VM | IOPL3 | 2
        call    enter
        and     byte [tss + 104 + 0x80 / 8], 0xfe
        PRINT   "port 0x80 allowed", 10
        call    enter
        EXIT    0

; Stack for IRET into V86: GS FS DS ES SS ESP EFLAGS CS EIP.
enter:  mov     [returnEsp], esp
        push    dword 0x4444
        push    dword 0x3333
        push    dword V86_CODE >> 4     ; DS
        push    dword 0x0800            ; ES
        push    dword 0x0800            ; SS
        push    dword 0xff0
        push    dword [flags]
        push    dword V86_CODE >> 4     ; CS
        push    dword 0
        xor     eax, eax
        xor     ebx, ebx
        iretd

; Prints what trapped and skips it.
protectionFault:
        pushad
        mov     eax, DATA0
        mov     ds, eax
        mov     es, eax
        cld
        mov     ebp, [esp + 32]         ; error code
        movzx   ebx, word [esp + 40]    ; CS
        shl     ebx, 4
        add     ebx, [esp + 36]         ; EIP
        PRINT   "#GP "
        mov     eax, ebp
        call    putHex16
        PRINT   " on "
        mov     al, [ebx]
        call    putHex8
        PRINT   " vm "
        mov     eax, [esp + 44]
        shr     eax, 17
        and     eax, 1
        call    putDecimal
        call    newLine
        movzx   eax, byte [ebx]
        mov     ecx, 1
        cmp     al, 0xcd                ; INT n; with BL = 1 it ends the run
        jne     .notInt
        cmp     byte [esp + 16], 1
        jne     .two
        mov     esp, [returnEsp]
        ret
.notInt:
        cmp     al, 0xe4                ; IN AL, imm8
        je      .two
        cmp     al, 0xe6                ; OUT imm8, AL
        je      .two
        cmp     al, 0x0f
        jne     .skip
        mov     ecx, 3
        jmp     .skip
.two:   mov     ecx, 2
.skip:  add     [esp + 36], ecx
        popad
        add     esp, 4
        iretd

; INT 0x31 with BL = character or 0 to leave; all data segments are nulled in here.
fromV86:
        pushad
        mov     eax, ds
        mov     edx, DATA0
        mov     ds, edx
        mov     es, edx
        cld
        call    mix                     ; 0: the processor cleared DS
        mov     eax, fs
        call    mix
        mov     eax, [entryTop]
        sub     eax, esp
        call    mix
        mov     eax, [esp + 32 + 0]     ; EIP
        call    mix
        mov     eax, [esp + 32 + 4]     ; CS
        call    mix
        mov     eax, [esp + 32 + 8]     ; EFLAGS
        and     eax, ~0x8d5
        call    mix
        mov     eax, [esp + 32 + 16]    ; SS
        call    mix
        mov     eax, [esp + 32 + 20]    ; ES
        call    mix
        mov     eax, [esp + 32 + 24]    ; DS
        call    mix
        mov     eax, [esp + 32 + 28]    ; FS
        call    mix
        mov     eax, [esp + 32 + 32]    ; GS
        call    mix
        mov     eax, [esp + 28]         ; the guest's EAX
        call    mix
        cmp     bl, 1
        je      .leave
        popad
        iretd
.leave: REPORT  "v86 frames"
        mov     esp, [returnEsp]
        ret

flags:     dd   0
returnEsp: dd   0
entryTop:  dd   entryStack0

        align   16
code16:
        bits    16
        mov     ax, cs
        int     0x31
        mov     ax, ss
        mov     bx, sp
        int     0x31
        xor     bx, bx
        mov     ax, [es:0]              ; 0800:0000
        mov     ax, 0x1234
        mov     ds, ax                  ; any value: base = 0x12340
        mov     ax, ds
        int     0x31
        call    0x0900:code16Far - code16
        int     0x31
        cli
        sti
        pushf
        pop     ax
        and     ax, 0xf700
        int     0x31
        push    word 0x7202
        popf
        pushf
        pop     ax
        and     ax, 0xf700
        int     0x31
        in      al, 0x80
        out     0x80, al
        mov     cr0, eax
        hlt
        mov     eax, 0x12345678         ; 32-bit operands work
        push    eax
        pop     eax
        int     0x31
        smsw    ax
        and     ax, 1
        int     0x31
        mov     bl, 1
        int     0x31
code16Far:
        mov     ax, 0x5555
        retf
code16End:
        bits    32
