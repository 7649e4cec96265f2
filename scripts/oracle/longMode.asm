; Included by the loaders: from flat 32-bit protected mode to the state in which a `long64` image starts.
; 64-bit mode, interrupts off, the first 4 GiB identity-mapped with 2 MiB pages,
; RDI = multiboot information. Jumps to LOAD and does not come back.
; Clobbers everything; expects EBX = multiboot information.

LONG_MODE_TABLES equ 0x80000            ; PML4, PDPT, four page directories

enterLongMode:
        ; PML4[0] -> PDPT; PDPT[0..3] -> four directories, 2048 entries of 2 MiB
        mov     edi, LONG_MODE_TABLES
        xor     eax, eax
        mov     ecx, 6 * 4096 / 4
        cld
        rep     stosd
        mov     dword [LONG_MODE_TABLES], (LONG_MODE_TABLES + 0x1000) + 7
        mov     edi, LONG_MODE_TABLES + 0x1000
        mov     eax, (LONG_MODE_TABLES + 0x2000) + 7
        mov     ecx, 4
.pointer:
        mov     [edi], eax
        add     edi, 8
        add     eax, 0x1000
        loop    .pointer
        mov     edi, LONG_MODE_TABLES + 0x2000
        mov     eax, 0x87               ; present, writable, user, 2 MiB page
        mov     ecx, 2048
.page:
        mov     [edi], eax
        add     edi, 8
        add     eax, 0x200000
        loop    .page

        mov     eax, cr4
        or      eax, 1 << 5             ; CR4.PAE
        mov     cr4, eax
        mov     eax, LONG_MODE_TABLES
        mov     cr3, eax
        mov     ecx, 0xc0000080         ; IA32_EFER
        rdmsr
        or      eax, 1 << 8             ; LME
        wrmsr
        mov     eax, cr0
        or      eax, 1 << 31            ; PG
        mov     cr0, eax
        lgdt    [.gdtPointer]
        jmp     8:.long

        bits    64
.long:
        mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     edi, ebx
        mov     eax, LOAD
        jmp     rax

        align   8
.gdt:
        dq      0
        dq      0x00af9b000000ffff      ; 64-bit code
        dq      0x00cf93000000ffff      ; data
.gdtPointer:
        dw      $ - .gdt - 1
        dq      .gdt
        bits    32
