; Provokes VM exits: for each row of caseTable (in provocations.inc) a guest is set up anew, entered, and what the exit says is
; sent over COM1, a line of fields a case. Nothing here knows what is right: two processors must send the same.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"
%include "include/vmcs.inc"
%include "include/vmx.inc"

; The guest's world, below 1 MiB so that real-address mode reaches it. Copied from `template` before each case.
AREA            equ 0x20000
AREA_CODE       equ AREA                ; the case's instructions
AREA_IDT64      equ AREA + 0x1000
AREA_IDT32      equ AREA + 0x2000
AREA_IDT16      equ AREA + 0x2800
AREA_GDT        equ AREA + 0x3000
AREA_TSS64      equ AREA + 0x3800
AREA_TSS32      equ AREA + 0x3900
AREA_DATA       equ AREA + 0x4000
AREA_STACK      equ AREA + 0x5000
AREA_END        equ AREA + 0x6000
; Zeroed before each case.
IO_BITMAP_A     equ AREA + 0x6000
IO_BITMAP_B     equ AREA + 0x7000
MSR_BITMAP      equ AREA + 0x8000
MSR_AREA        equ AREA + 0x9000
EPTP_LIST       equ AREA + 0xa000
PML_LOG         equ AREA + 0xb000
PAGE_TABLES     equ AREA + 0xc000       ; PML4, PDPT, directory of 2 MiB pages: the host's and the 64-bit guest's
PAGE_DIRECTORY  equ AREA + 0xf000       ; 4 MiB pages of the 32-bit guest
PAE_POINTERS    equ AREA + 0x10000      ; and its directory
EPT_TABLES      equ AREA + 0x12000      ; PML4, PDPT, directory, table of the first 2 MiB

EPT_LEAF        equ 7 | 6 << 3
CASE_BYTES      equ 40                  ; code, its length, fields of the mode, fields of the case, memory
PS              equ 0x80

start:
        lea     rsp, [rel hostStack]
        call    serialInit
        mov     rax, cr0                ; a PC's firmware may leave CD and NW set
        and     eax, ~0x60000000
        mov     cr0, rax
        mov     al, 0xff                ; no interrupts but those that a case provokes
        out     PIC1_DATA, al
        out     PIC2_DATA, al
        call    vmxLoadDescriptors
        call    vmxLoadSegments
        call    buildTables
        mov     eax, PAGE_TABLES
        mov     cr3, rax
        call    vmxOn
        call    vmxMakeCurrent
nextCase:
        mov     rbx, [rel caseRow]
        cmp     qword [rbx], 0
        je      finished
        call    buildTables
        call    buildWorld
        lea     rsi, [rel vmxHostTable]
        call    writeFields
        lea     rsi, [rel commonTable]
        call    writeFields
        call    writeControlRegisters
        mov     rbx, [rel caseRow]
        mov     rsi, [rbx + 16]         ; the mode's fields
        call    writeFields
        mov     rbx, [rel caseRow]
        mov     rsi, [rbx + 24]         ; the case's own
        call    writeFields
        mov     rbx, [rel caseRow]
        mov     rsi, [rbx + 32]
        call    writeMemory
        mov     eax, 2                  ; INVEPT, all contexts
        invept  rax, [rel zeros]
        call    loadGuestRegisters
        cmp     byte [rel launched], 0
        jne     .resume
        vmlaunch
        jmp     .failed
.resume:
        vmresume
.failed:
        pushfq
        pop     rax
        and     eax, 0x41               ; CF, ZF
        call    putCase
        push    rax
        mov     al, 'f'
        call    putChar
        pop     rax
        call    putHex8
        mov     ebx, VMCS_INSTRUCTION_ERROR
        vmread  rax, rbx
        call    putHex8
        call    newLine
        add     qword [rel caseRow], CASE_BYTES
        jmp     nextCase

finished:
        PRINT   "end", 10
        EXIT    0

vmExit:
        mov     byte [rel launched], 1
        call    unblockNmis
        push    rdi
        push    rcx
        push    rax
        call    putCase
        lea     rsi, [rel shownFields]
.next:  mov     eax, [rsi]
        cmp     eax, -1
        je      .end
        vmread  rax, rax
        jbe     .absent
        call    putShortHex
        jmp     .sent
.absent:
        mov     al, '-'
        call    putChar
.sent:  mov     al, ' '
        call    putChar
        add     rsi, 4
        jmp     .next
.end:   pop     rax
        call    putShortHex
        mov     al, ' '
        call    putChar
        pop     rax
        call    putShortHex
        mov     al, ' '
        call    putChar
        pop     rax
        call    putShortHex
        call    putLog
        call    newLine
        ; An entry failure before any entry leaves the launch state as it was.
        mov     eax, VMCS_EXIT_REASON
        vmread  rax, rax
        test    eax, EXIT_ENTRY_FAILED
        jz      .launched
        mov     al, [rel wasLaunched]
        mov     [rel launched], al
        jmp     .done
.launched:
        mov     byte [rel wasLaunched], 1
.done:  add     qword [rel caseRow], CASE_BYTES
        jmp     nextCase

; The case's number; keeps RAX.
putCase:
        push    rax
        mov     rax, [rel caseRow]
        lea     rbx, [rel caseTable]
        sub     rax, rbx
        xor     edx, edx
        mov     ebx, CASE_BYTES
        div     rbx
        call    putDecimal
        mov     al, ' '
        call    putChar
        pop     rax
        ret

; The first words of the page-modification log, from its end, as far as they are written.
putLog:
        mov     rbx, PML_LOG + 511 * 8
.next:  mov     rax, [rbx]
        test    rax, rax
        jz      .end
        push    rax
        mov     al, ' '
        call    putChar
        pop     rax
        call    putShortHex
        sub     rbx, 8
        cmp     rbx, PML_LOG + 504 * 8
        ja      .next
.end:   ret

; An exit may leave NMIs blocked: IRET unblocks them, so that the next case starts as the first.
unblockNmis:
        push    rax
        mov     rax, rsp
        push    HOST_DATA
        push    rax
        pushfq
        push    HOST_CODE
        lea     rax, [rel .here]
        push    rax
        iretq
.here:  pop     rax
        ret

; RAX in hexadecimal without leading zeros; keeps all registers.
putShortHex:
        push    rax
        push    rcx
        push    rdx
        mov     rdx, rax
        mov     ecx, 64
.skip:  cmp     ecx, 4
        je      .digit
        mov     rax, rdx
        shr     rax, 60
        jnz     .digit
        shl     rdx, 4
        sub     ecx, 4
        jmp     .skip
.digit: mov     rax, rdx
        shr     rax, 60
        add     al, '0'
        cmp     al, '9'
        jbe     .send
        add     al, 'a' - '0' - 10
.send:  call    putChar
        shl     rdx, 4
        sub     ecx, 4
        jnz     .digit
        pop     rdx
        pop     rcx
        pop     rax
        ret

; RSI = table of dq field, value; a field that the processor lacks is passed over.
writeFields:
        mov     rax, [rsi]
        cmp     rax, -1
        je      .end
        vmwrite rax, [rsi + 8]
        add     rsi, 16
        jmp     writeFields
.end:   ret

; RSI = table of dq address, value.
writeMemory:
        mov     rax, [rsi]
        cmp     rax, -1
        je      .end
        mov     rdx, [rsi + 8]
        mov     [rax], rdx
        add     rsi, 16
        jmp     writeMemory
.end:   ret

writeControlRegisters:
        mov     rax, cr0
        mov     ebx, VMCS_HOST_CR0
        vmwrite rbx, rax
        mov     ebx, VMCS_GUEST_CR0
        vmwrite rbx, rax
        mov     rax, cr3
        mov     ebx, VMCS_HOST_CR3
        vmwrite rbx, rax
        mov     ebx, VMCS_GUEST_CR3
        vmwrite rbx, rax
        mov     eax, 0x2020             ; PAE, VMXE
        mov     ebx, VMCS_HOST_CR4
        vmwrite rbx, rax
        mov     ebx, VMCS_GUEST_CR4
        vmwrite rbx, rax
        ret

; Identity maps: the host's and the guests', and EPT.
buildTables:
        cld
        mov     edi, IO_BITMAP_A
        xor     eax, eax
        mov     ecx, (PAGE_TABLES - IO_BITMAP_A) / 8
        rep     stosq
        ; The host runs on these: what it uses is written with what it holds already.
        mov     qword [PAGE_TABLES], PAGE_TABLES + 0x1000 + 0x27
        mov     edi, PAGE_TABLES + 8
        mov     ecx, 511
        rep     stosq
        mov     qword [PAGE_TABLES + 0x1000], PAGE_TABLES + 0x2000 + 0x27
        mov     edi, PAGE_TABLES + 0x1008
        mov     ecx, 511
        rep     stosq
        mov     edi, PAGE_TABLES + 0x2000
        mov     eax, PS | 0x67
        mov     ecx, 512
.large: stosq
        add     eax, 0x200000
        loop    .large
        mov     edi, PAGE_DIRECTORY
        mov     eax, PS | 0x67
        mov     ecx, 1024
.huge:  stosd
        add     eax, 0x400000
        loop    .huge
        mov     edi, PAE_POINTERS
        xor     eax, eax
        mov     ecx, 512
        rep     stosq
        mov     qword [PAE_POINTERS], PAE_POINTERS + 0x1000 + 1
        mov     edi, PAE_POINTERS + 0x1000
        mov     eax, PS | 0x67
        mov     ecx, 512
.pae:   stosq
        add     eax, 0x200000
        loop    .pae
        mov     edi, EPT_TABLES
        xor     eax, eax
        mov     ecx, 2 * 512
        rep     stosq
        mov     qword [EPT_TABLES], EPT_TABLES + 0x1000 + 7
        mov     qword [EPT_TABLES + 0x1000], EPT_TABLES + 0x2000 + 7
        mov     edi, EPT_TABLES + 0x2000
        mov     eax, EPT_LEAF | PS
        mov     ecx, 512
.ept:   stosq
        add     eax, 0x200000
        loop    .ept
        mov     qword [EPT_TABLES + 0x2000], EPT_TABLES + 0x3000 + 7
        mov     edi, EPT_TABLES + 0x3000
        mov     eax, EPT_LEAF
        mov     ecx, 512
.page:  stosq
        add     eax, 0x1000
        loop    .page
        ret

buildWorld:
        mov     edi, AREA
        xor     eax, eax
        mov     ecx, (AREA_END - AREA) / 8
        rep     stosq
        mov     edi, AREA_GDT
        lea     rsi, [rel template]
        mov     ecx, templateEnd - template
        rep     movsb
        ; Each vector leads to a VMCALL at the data page + 0x800.
        xor     ecx, ecx
.gate:  mov     eax, ecx
        shl     eax, 4
        mov     dword [AREA_IDT64 + rax], (AREA_DATA + 0x800) & 0xffff | 8 << 16
        mov     dword [AREA_IDT64 + rax + 4], (AREA_DATA & 0xffff0000) | 0xee00
        shr     eax, 1
        mov     dword [AREA_IDT32 + rax], (AREA_DATA + 0x800) & 0xffff | 0x28 << 16
        mov     dword [AREA_IDT32 + rax + 4], (AREA_DATA & 0xffff0000) | 0xee00
        shr     eax, 1
        mov     dword [AREA_IDT16 + rax], 0x4800 | (AREA >> 4) << 16
        inc     ecx
        cmp     ecx, 256
        jb      .gate
        mov     dword [AREA_DATA + 0x800], 0x90c1010f   ; vmcall
        mov     rbx, [rel caseRow]
        mov     edi, AREA_CODE
        mov     rsi, [rbx]
        mov     rcx, [rbx + 8]
        rep     movsb
        ret

loadGuestRegisters:
        mov     eax, 0x11
        mov     ecx, 0x22
        mov     edx, 0x33
        mov     ebx, AREA_DATA
        mov     ebp, AREA_DATA + 0x40
        mov     esi, AREA_DATA + 0x80
        mov     edi, AREA_DATA + 0xc0
        mov     r8d, 0x88
        mov     r9d, 0x99
        mov     r10d, AREA_DATA + 0x100
        mov     r11d, 0xbb
        mov     r12d, AREA_DATA + 0x140
        mov     r13d, 0xdd
        mov     r14d, 0xee
        mov     r15d, 0xff
        ret

        align   8
caseRow: dq     caseTable
zeros:  dq      0, 0
launched: db    0
wasLaunched: db 0

        align   8
template:                               ; the guest's GDT
        dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_64          ; 0x08
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32          ; 0x10
        DESCRIPTOR AREA_TSS64, 103, TSS_AVAILABLE | 2, 0                ; 0x18
        dq      0
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32          ; 0x28
        DESCRIPTOR AREA_TSS32, 103, TSS_AVAILABLE | 2, 0                ; 0x30
        DESCRIPTOR AREA_TSS32 + 0x100, 103, TSS_AVAILABLE, 0            ; 0x38
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT + RING3, FLAG_4K | FLAG_64  ; 0x40
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT + RING3, FLAG_4K | FLAG_32  ; 0x48
        dw      0, 0x38, 0x8500, 0                                      ; 0x50: task gate to 0x38
        DESCRIPTOR 0, 0xffff, 0x82, 0                                   ; 0x58: an LDT
templateEnd:

%include "provocations.inc"

        align   16
        times   4096 db 0
hostStack:
