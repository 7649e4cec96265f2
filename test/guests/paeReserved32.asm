; PAE paging: reserved bits (the error code has P and RSVD), and page-directory pointers, which are read when CR3
; is loaded and not at every walk.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

POINTERS equ    0x200000
DIRECTORY equ   0x201000
TABLE   equ     0x202000
DIRECTORY3 equ  0x203000
PAGE    equ     0x400000
FRAME   equ     0x300000
IA32_EFER equ   0xc0000080

start:
        TEST_START
        mov     edi, POINTERS
        xor     eax, eax
        mov     ecx, 4 * 1024
        rep     stosd
        mov     dword [POINTERS], DIRECTORY + 1         ; no R/W or U/S at this level
        mov     dword [POINTERS + 24], DIRECTORY3 + 1
        mov     dword [DIRECTORY], 0x87
        mov     dword [DIRECTORY + 8], 0x200087
        mov     dword [DIRECTORY + 16], TABLE + 7
        mov     dword [DIRECTORY3 + 511 * 8], 0x200087  ; the top 2 MiB
        mov     byte [FRAME + 8], 0xc3
        mov     eax, cr4
        or      eax, 0x20                               ; PAE
        mov     cr4, eax
        mov     eax, POINTERS
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80010000
        mov     cr0, eax
        PRINT   "PAE paging on", 10
        movzx   eax, byte [0xffe00000 + FRAME - 0x200000 + 8]
        call    mix
        REPORT  "top of the address space"

        PRINT   "bit 63 while NXE = 0", 10
        mov     dword [high], 0x80000000
        call    matrix
        PRINT   "reserved bit 51", 10
        mov     dword [high], 0x00080000
        call    matrix
        mov     dword [high], 0
        PRINT   "2 MiB page with a reserved address bit", 10
        mov     dword [DIRECTORY + 16], 0x202087
        mov     eax, cr3
        mov     cr3, eax
        TRY     "read", mov eax, [PAGE]
        mov     dword [DIRECTORY + 16], TABLE + 7

        ; Entries of the pointer table are read when CR3 is loaded, not at every walk.
        mov     dword [POINTERS + 8], DIRECTORY + 1
        TRY     "pointer not yet loaded", mov eax, [0x40000000]
        mov     eax, cr3
        mov     cr3, eax
        TRY     "pointer loaded", mov eax, [0x40000000]
        mov     dword [POINTERS + 8], DIRECTORY + 1 + 2 ; reserved bit
        mov     eax, cr3
        TRY     "reserved bit in a pointer", mov cr3, eax
        mov     dword [POINTERS + 8], 0
        mov     eax, cr3
        mov     cr3, eax
        EXIT    0

; Read, write, execute from ring 0 and 3 with U/S and R/W of the page.
matrix: mov     dword [low], 0
.next:  PRINT   "pte "
        mov     eax, [low]
        call    putDecimal
        PRINT   ": "
        mov     dword [access], readAccess
        call    bothRings
        mov     dword [access], writeAccess
        call    bothRings
        mov     dword [access], fetch
        call    bothRings
        call    newLine
        inc     dword [low]
        cmp     dword [low], 8
        jb      .next
        ret

bothRings:
        call    prepare
        call    [access]
        call    result
        call    prepare
        RUN_IN_RING 3, [access]
result: cmp     dword [faultVector], -1
        jne     .fault
        PRINT   "ok "
        ret
.fault: mov     eax, [faultError]
        call    putHex8
        PRINT   " "
        cmp     dword [faultCr2], PAGE + 8
        je      .end
        PRINT   "cr2! "
.end:   ret

prepare:
        mov     eax, [low]
        or      eax, FRAME
        mov     [TABLE], eax
        mov     eax, [high]
        mov     [TABLE + 4], eax
        mov     eax, cr3
        mov     cr3, eax
        ret

readAccess:
        GUARD   mov eax, [PAGE + 8]
        ret
writeAccess:
        GUARD   mov byte [PAGE + 8], 0xc3
        ret
fetch:  GUARD   call PAGE + 8
        cmp     dword [faultVector], -1
        je      .end
        add     esp, 4                  ; CALL had pushed before the fetch failed
.end:   ret

low:    dd      0
high:   dd      0
access: dd      0
