; Alignment checks: CR0.AM and EFLAGS.AC, at CPL 3 only, error code 0, before the page fault of the same access.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

start:
        TEST_START
        mov     eax, cr0
        or      eax, 0x40000            ; AM
        mov     cr0, eax
        push    dword 0x40002           ; AC; without effect at CPL 0
        popfd
        TRY     "ring 0", mov eax, [area + 1]
        mov     dword [ringFlags], 0x43002
        RUN_IN_RING 3, user
        RUN_IN_RING 2, lower
        mov     eax, cr0
        and     eax, ~0x40000
        mov     cr0, eax
        PRINT   "AM 0", 10
        RUN_IN_RING 3, lower
        EXIT    0

user:
        TRY     "byte", mov al, [area + 1]
        TRY     "word, even", mov ax, [area + 2]
        TRY     "word, odd", mov ax, [area + 1]
        TRY     "dword at 2", mov eax, [area + 2]
        TRY     "dword at 4", mov eax, [area + 4]
        TRY     "write dword at 1", mov [area + 1], eax
        TRY     "read-modify-write", add dword [area + 3], 1
        mov     esi, area + 1
        mov     edi, area + 16
        TRY     "movsd", movsd
        mov     ebx, esp
        dec     esp
        GUARD   push eax
        mov     esp, ebx
        mov     eax, [faultVector]
        call    mix
        REPORT  "push"
        TRY     "sgdt", sgdt [area + 1]
        TRY     "cmpxchg8b at 4", cmpxchg8b [area + 4]
        ret
lower:  TRY     "dword at 2", mov eax, [area + 2]
        ret

        align   16
area:   times   64 db 0
