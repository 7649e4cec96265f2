; String instructions in 64-bit mode: 64-bit elements, RCX and ECX counts, 32-bit addresses, both directions, overlap,
; a fault in the middle.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

%macro RUN 4+
        call    fill
        mov     rsi, %1
        mov     rdi, %2
        mov     rcx, %3
        mov     rax, 0x8877665544332211
        cmp     rsp, rsp
        %4
        call    mixAll
%endmacro
%macro BOTH 4+
        cld
        RUN     %1, %2, %3, %4
        std
        RUN     %1, %2, %3, %4
        cld
%endmacro
AREA    equ     TEST_PAGES

start:
        TEST_START
        BOTH    AREA + 0x100, AREA + 0x300, 20, rep movsb
        BOTH    AREA + 0x100, AREA + 0x300, 20, rep movsw
        BOTH    AREA + 0x100, AREA + 0x300, 20, rep movsd
        BOTH    AREA + 0x100, AREA + 0x300, 20, rep movsq
        BOTH    AREA + 0x200, AREA + 0x201, 50, rep movsb
        BOTH    AREA + 0x201, AREA + 0x200, 20, rep movsq
        BOTH    AREA + 0x200, AREA + 0x300, 0, rep movsq
        BOTH    AREA + 0x200, AREA + 0x300, 0, movsq
        REPORT  "movs"
        BOTH    0, AREA + 0x200, 9, rep stosb
        BOTH    0, AREA + 0x200, 9, rep stosw
        BOTH    0, AREA + 0x200, 9, rep stosd
        BOTH    0, AREA + 0x200, 9, rep stosq
        REPORT  "stos"
        BOTH    AREA + 0x200, 0, 3, rep lodsb
        BOTH    AREA + 0x200, 0, 3, lodsd       ; clears bits 63:32 of RAX
        BOTH    AREA + 0x200, 0, 3, lodsq
        REPORT  "lods"
        BOTH    AREA + 0x200, AREA + 0x300, 40, repe cmpsb
        BOTH    AREA + 0x200, AREA + 0x300, 40, repe cmpsq
        BOTH    AREA + 0x200, AREA + 0x208, 10, repne cmpsd
        BOTH    AREA + 0x200, AREA + 0x201, 0, repe cmpsq
        REPORT  "cmps"
        BOTH    0, AREA + 0x200, 60, repne scasb
        BOTH    0, AREA + 0x200, 60, repne scasq
        BOTH    0, AREA + 0x200, 60, repe scasw
        REPORT  "scas"
        mov     rbx, 0xffffffff00000000
        BOTH    AREA + 0x100, AREA + 0x300, 0x500000007, a32 rep movsb  ; count in ECX
        mov     rdi, 0x1100000000 + AREA + 0x300
        mov     rsi, 0x2200000000 + AREA + 0x100
        mov     rcx, 0x3300000003
        a32 rep movsd                   ; the upper halves of RSI, RDI, RCX are cleared
        call    mixAll
        REPORT  "32-bit addresses"
        and     dword [abs TABLE + 2 * 8], ~1
        invlpg  [abs TEST_PAGES + 0x2000]
        mov     rsi, AREA + 0x100
        mov     rdi, AREA + 0x1fe4
        mov     rcx, 10
        TRY     "rep movsq into an absent page", rep movsq
        call    mixRegisters
        REPORT  "registers after it"
        mov     rdi, AREA + 0x300e
        mov     rcx, 10
        std
        TRY     "rep stosd downwards", rep stosd
        cld
        call    mixRegisters
        REPORT  "registers after it"
        EXIT    0

fill:   pushfq
        push    rax
        push    rdi
        cld
        mov     edi, AREA
        xor     eax, eax
.next:  imul    edx, eax, 0x4b
        xor     dl, 0x11
        mov     [rdi + rax], dl
        inc     eax
        cmp     eax, 0x600
        jb      .next
        mov     rax, 0x8877665544332211
        mov     [AREA + 0x260], rax
        mov     [AREA + 0x181], rax
        pop     rdi
        pop     rax
        popfq
        ret

mixAll: pushfq
        cld
        call    mixRegisters
        pop     rax
        and     eax, ARITHMETIC_FLAGS
        call    mix
        mov     rsi, AREA
        mov     ecx, 0x600 / 8
.next:  lodsq
        call    mix
        loop    .next
        ret

mixRegisters:
        call    mix
        mov     rax, rsi
        call    mix
        mov     rax, rdi
        call    mix
        mov     rax, rcx
        call    mix
        ret
