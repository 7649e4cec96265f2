; 4 MiB pages and global pages, A and D bits of large pages, reserved bits, INVLPG against CR3 reloads, paging off
; and on again.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

DIRECTORY equ   0x200000
OTHER_DIRECTORY equ 0x201000
TABLE   equ     0x202000
A       equ     0x400000
B       equ     0x800000

start:
        TEST_START
        mov     dword [A + 0x10], 0xaaaa
        mov     dword [B + 0x10], 0xbbbb
        mov     edi, DIRECTORY
        xor     eax, eax
        mov     ecx, 3 * 1024
        rep     stosd
        mov     dword [DIRECTORY], 0x83
        mov     dword [DIRECTORY + 4], A + 0x83
        mov     dword [DIRECTORY + 8], B + 0x83
        mov     dword [OTHER_DIRECTORY], 0x83
        mov     dword [OTHER_DIRECTORY + 4], B + 0x83
        mov     dword [OTHER_DIRECTORY + 8], A + 0x83
        mov     eax, cr4
        or      eax, 0x10               ; PSE
        mov     cr4, eax
        mov     eax, DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        call    show
        mov     eax, [DIRECTORY + 4]
        call    mix
        mov     dword [B + 0x20], 1
        mov     eax, [DIRECTORY + 8]
        call    mix
        REPORT  "accessed, dirty"
        mov     eax, OTHER_DIRECTORY
        mov     cr3, eax
        call    show                    ; swapped
        mov     eax, DIRECTORY
        mov     cr3, eax
        call    show
        ; INVLPG of one address drops the whole large page.
        mov     dword [DIRECTORY + 4], B + 0x83
        invlpg  [A + 0x300000]
        call    show
        ; A large page split into small ones.
        mov     dword [TABLE], B + 3
        mov     dword [DIRECTORY + 4], TABLE + 3
        invlpg  [A]
        call    show
        TRY     "next small page", mov eax, [A + 0x1000]
        ; PSE off: bit 7 is ignored, the entry points to a table at 4 MiB.
        mov     dword [DIRECTORY + 4], A + 0x83
        mov     dword [A], B + 3        ; as a table entry
        mov     dword [TABLE], 3
        mov     edi, TABLE
        mov     eax, 3
        mov     ecx, 1024
.map:   stosd
        add     eax, 0x1000
        loop    .map
        mov     dword [DIRECTORY], TABLE + 3
        mov     eax, cr3
        mov     cr3, eax
        mov     eax, cr4
        and     eax, ~0x10
        mov     cr4, eax
        mov     eax, [A + 0x10]
        call    mix
        REPORT  "pse off"
        mov     eax, cr4
        or      eax, 0x10
        mov     cr4, eax
        mov     eax, [A + 0x10]
        call    mix
        REPORT  "pse on"
        ; Paging off and on: CR3 keeps its value.
        mov     eax, cr0
        and     eax, 0x7fffffff
        mov     cr0, eax
        mov     eax, [B + 0x10]
        call    mix
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        mov     eax, [B + 0x10]
        call    mix
        REPORT  "paging off, on"
        ; Global pages: after every change of a global entry, toggle CR4.PGE; this drops them too.
        mov     eax, cr4
        or      eax, 0x80
        mov     cr4, eax
        mov     dword [DIRECTORY + 8], A + 0x183
        invlpg  [B]
        mov     eax, [B + 0x10]
        call    mix
        mov     dword [DIRECTORY + 8], B + 0x83
        mov     eax, cr4
        and     eax, ~0x80
        mov     cr4, eax
        mov     eax, [B + 0x10]
        call    mix
        REPORT  "global"
        TRY     "above the mapping", mov eax, [0xfffffffc]
        EXIT    0

show:   PRINT   "A "
        mov     eax, [A + 0x10]
        call    putHex16
        PRINT   " B "
        mov     eax, [B + 0x10]
        call    putHex16
        call    newLine
        ret
