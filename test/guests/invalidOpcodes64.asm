; What 64-bit mode took away, and other invalid opcodes; LOCK; length limits; NOP forms and prefix order.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

start:
        TEST_START
        TRY     "push cs", db 0x0e
        TRY     "push es", db 0x06
        TRY     "pop ds", db 0x1f
        TRY     "daa", db 0x27
        TRY     "das", db 0x2f
        TRY     "aaa", db 0x37
        TRY     "aas", db 0x3f
        TRY     "aam", db 0xd4, 0x0a
        TRY     "aad", db 0xd5, 0x0a
        TRY     "pusha", db 0x60
        TRY     "popa", db 0x61
        TRY     "group 1 alias 82", db 0x82, 0xc0, 0x01
        TRY     "far call", db 0x9a, 0, 0, 0, 0, 0, 0
        TRY     "salc", db 0xd6
        TRY     "into", db 0xce
        TRY     "ud2", ud2
        TRY     "lock add to a register", db 0xf0, 0x01, 0xc0
        TRY     "lea of a register", db 0x8d, 0xc0
        TRY     "mov to cs", db 0x8e, 0xc8
        TRY     "mov from cr1", db 0x0f, 0x20, 0xc8
        TRY     "group 5, 7", db 0xff, 0xf8
        TRY     "group 4, 2", db 0xfe, 0xd0
        TRY     "far jump from a register", db 0xff, 0xe8
        TRY     "cmpxchg8b with a register", db 0x0f, 0xc7, 0xc8
        TRY     "bound, evex without evex", db 0x62, 0x00
        TRY     "15 bytes", db 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x48, 0x89, 0xc0
        TRY     "16 bytes", db 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x48, 0x89, 0xc0
        mov     rax, 0x1111111122222222
        xchg    eax, eax                ; 90 is a NOP: does not clear the upper half
        call    mix
        db      0x87, 0xc0              ; XCHG EAX, EAX: does
        call    mix
        mov     r8, 0x3333333344444444
        xchg    rax, r8                 ; 49 90
        call    mix
        db      0x41, 0x90              ; XCHG EAX, R8D
        call    mix
        mov     rax, r8
        call    mix
        db      0x66, 0x48, 0x05, 1, 0, 0, 0 ; REX.W wins over 66
        call    mix
        nop     dword [rax]
        pause
        db      0xf3, 0x0f, 0x1e, 0xfa  ; ENDBR64: a NOP
        db      0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0
        db      0x0f, 0x18, 0x08        ; PREFETCHT0 of anywhere
        call    mix
        REPORT  "nops and prefixes"
        EXIT    0
