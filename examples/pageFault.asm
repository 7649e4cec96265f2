; Paging in 32-bit mode: a #PF handler that gives out memory on first touch (demand paging),
; CR2 and the error code, write protection in ring 0 (CR0.WP), and why INVLPG exists.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"
%include "include/descriptors.inc"

CODE            equ 0x08
DIRECTORY       equ 0x200000            ; page directory: 1024 entries of 4 MiB each
LOW_TABLE       equ 0x201000            ; maps 0-4 MiB to itself
DEMAND_TABLE    equ 0x202000            ; maps 0x40000000-0x403fffff, empty at first
FREE_FRAMES     equ 0x210000
DEMAND          equ 0x40000000

PRESENT         equ 1                   ; page-table entry bits
WRITABLE        equ 2

start:
        mov     esp, stackTop
        call    serialInit
        lgdt    [gdtPointer]
        jmp     CODE:.reload
.reload:
        mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        lidt    [idtPointer]

        mov     edi, DIRECTORY
        xor     eax, eax
        mov     ecx, 3 * 1024
        cld
        rep     stosd
        mov     edi, LOW_TABLE
        mov     eax, PRESENT | WRITABLE
        mov     ecx, 1024
.map:   stosd
        add     eax, 0x1000
        loop    .map
        mov     dword [DIRECTORY], LOW_TABLE | PRESENT | WRITABLE
        mov     dword [DIRECTORY + (DEMAND >> 22) * 4], DEMAND_TABLE | PRESENT | WRITABLE

        mov     eax, DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80010000         ; PG, and WP: read-only also binds ring 0
        mov     cr0, eax
        PRINT   "paging on", 10

        ; 1. First touch: the handler maps a frame and the instruction runs again.
        mov     dword [DEMAND + 0x10], 0x11111111
        mov     eax, [DEMAND + 0x2000]
        PRINT   "a fresh page reads "
        call    putHex32
        call    newLine
        mov     eax, [DEMAND + 0x10]
        PRINT   "the first page kept "
        call    putHex32
        call    newLine

        ; 2. A present entry that forbids: error code bit 0 is set now.
        and     dword [DEMAND_TABLE], ~WRITABLE
        invlpg  [DEMAND]
        mov     byte [DEMAND + 0x123], 1

        ; 3. The TLB caches translations; software must drop what it changed.
        mov     eax, [DEMAND_TABLE + 8] ; swap the frames of pages 0 and 2
        xchg    eax, [DEMAND_TABLE]
        mov     [DEMAND_TABLE + 8], eax
        invlpg  [DEMAND]
        invlpg  [DEMAND + 0x2000]
        mov     eax, [DEMAND + 0x2010]
        PRINT   "after the swap page 2 holds "
        call    putHex32
        PRINT   10, "faults: "
        mov     eax, [faults]
        call    putDecimal
        call    newLine
        EXIT    al

; Error code: bit 0 = protection (else not present), bit 1 = write, bit 2 = from ring 3.
pageFault:
        pushad
        inc     dword [faults]
        PRINT   "#PF at "
        mov     eax, cr2                ; the linear address
        call    putHex32
        PRINT   ", error code "
        mov     eax, [esp + 32]
        call    putHex8
        test    al, 1
        jnz     .protection
        PRINT   ": not present, mapping a frame", 10
        mov     edi, [nextFrame]
        add     dword [nextFrame], 0x1000
        mov     edx, edi
        xor     eax, eax
        mov     ecx, 1024
        rep     stosd                   ; a fresh page is empty
        mov     eax, cr2
        shr     eax, 12
        and     eax, 0x3ff
        or      edx, PRESENT | WRITABLE
        mov     [DEMAND_TABLE + eax * 4], edx
        jmp     .end                    ; no INVLPG: not-present entries are never cached
.protection:
        PRINT   ": read-only, making it writable", 10
        mov     ebx, cr2
        mov     eax, ebx
        shr     eax, 12
        and     eax, 0x3ff
        or      dword [DEMAND_TABLE + eax * 4], WRITABLE
        invlpg  [ebx]
.end:
        popad
        add     esp, 4                  ; the error code
        iretd

        align   8
gdt:    dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
gdtPointer:
        dw      $ - gdt - 1
        dd      gdt

        align   8
idt:    times   14 dq 0
        GATE32  ADDRESS(pageFault), CODE, INTERRUPT_GATE
idtPointer:
        dw      $ - idt - 1
        dd      idt

nextFrame: dd   FREE_FRAMES
faults:    dd   0

        align   16
        times   4096 db 0
stackTop:
