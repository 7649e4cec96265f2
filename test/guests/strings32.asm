; String instructions: every size, both directions, REP prefixes, overlapping moves, 16-bit addresses, and a fault in
; the middle of a repetition, which must leave the registers at the element that failed.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

BUFFER  equ     0x200000
LOW_BUFFER equ  0x8000                  ; for 16-bit addresses

; RUN esi, edi, ecx, instruction: from a fresh buffer; mixes registers, flags and the whole buffer.
%macro RUN 4+
        call    fill
        mov     esi, %1
        mov     edi, %2
        mov     ecx, %3
        mov     eax, 0x44332211
        cmp     esp, esp                ; known flags: ZF = 1
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

start:
        TEST_START
        BOTH    BUFFER + 100, BUFFER + 300, 50, rep movsb
        BOTH    BUFFER + 100, BUFFER + 300, 50, rep movsw
        BOTH    BUFFER + 300, BUFFER + 100, 20, rep movsd
        BOTH    BUFFER + 100, BUFFER + 300, 0, rep movsb
        BOTH    BUFFER + 100, BUFFER + 300, 5, movsb
        BOTH    BUFFER + 100, BUFFER + 300, 5, movsd
        REPORT  "movs"
        BOTH    BUFFER + 200, BUFFER + 201, 50, rep movsb
        BOTH    BUFFER + 201, BUFFER + 200, 50, rep movsb
        BOTH    BUFFER + 200, BUFFER + 201, 20, rep movsd
        BOTH    BUFFER + 201, BUFFER + 200, 20, rep movsd
        BOTH    BUFFER + 200, BUFFER + 202, 20, rep movsw
        REPORT  "movs, overlapping"
        BOTH    0, BUFFER + 200, 33, rep stosb
        BOTH    0, BUFFER + 200, 33, rep stosw
        BOTH    0, BUFFER + 200, 33, rep stosd
        BOTH    0, BUFFER + 200, 33, stosw
        REPORT  "stos"
        BOTH    BUFFER + 200, 0, 7, rep lodsb
        BOTH    BUFFER + 200, 0, 7, rep lodsw
        BOTH    BUFFER + 200, 0, 7, lodsd
        REPORT  "lods"
        BOTH    BUFFER + 200, BUFFER + 200, 10, repe cmpsb
        BOTH    BUFFER + 200, BUFFER + 456, 20, repe cmpsb
        BOTH    BUFFER + 200, BUFFER + 201, 20, repne cmpsw
        BOTH    BUFFER + 200, BUFFER + 200, 20, repe cmpsd
        BOTH    BUFFER + 200, BUFFER + 200, 0, repe cmpsd
        BOTH    BUFFER + 200, BUFFER + 333, 9, cmpsd
        REPORT  "cmps"
        BOTH    0, BUFFER + 200, 100, repne scasb
        BOTH    0, BUFFER + 200, 100, repe scasb
        BOTH    0, BUFFER + 200, 100, repne scasw
        BOTH    0, BUFFER + 200, 100, repne scasd
        BOTH    0, BUFFER + 200, 0, repne scasd
        BOTH    0, BUFFER + 200, 3, scasd
        REPORT  "scas"
        BOTH    LOW_BUFFER + 0x30000, LOW_BUFFER + 0x50100, 0x70010, a16 rep movsb
        BOTH    LOW_BUFFER + 0x30000, LOW_BUFFER + 0x50100, 0x70003, a16 rep stosd
        RUN     0x1fffe, 0x28000, 6, a16 rep movsb
        REPORT  "16-bit addresses"

        ; An outside loop: LOOP, LOOPE, LOOPNE, JECXZ, JCXZ.
        mov     ecx, 5
        xor     eax, eax
.loop:  inc     eax
        loop    .loop
        call    mix
        mov     ecx, 0x10003
.loop16:
        inc     eax
        a16 loop .loop16
        call    mix
        mov     eax, ecx
        call    mix
        mov     ecx, 10
.loope: cmp     ecx, 7
        setne   al
        cmp     al, 1
        loope   .loope
        mov     eax, ecx
        call    mix
        mov     ecx, 10
.loopne:
        cmp     ecx, 4
        loopne  .loopne
        mov     eax, ecx
        call    mix
        mov     ecx, 0x10000
        jecxz   .wrong
        jcxz    .right
.wrong: inc     eax
.right: call    mix
        REPORT  "loops"

        ; With paging, only the first page is there.
        call    pagingOn
        mov     esi, BUFFER
        mov     edi, 0x400ff0
        mov     ecx, 32
        TRY     "rep movsb into an absent page", rep movsb
        mov     eax, ecx
        call    mix
        mov     eax, edi
        call    mix
        mov     eax, esi
        call    mix
        REPORT  "registers after the fault"
        mov     edi, 0x400fe0
        mov     ecx, 9
        TRY     "rep stosd into an absent page", rep stosd
        mov     eax, ecx
        call    mix
        mov     eax, edi
        call    mix
        REPORT  "registers after the fault"
        std
        mov     esi, BUFFER + 400
        mov     edi, 0x40000e
        mov     ecx, 32
        TRY     "rep movsw downwards", rep movsw
        cld
        mov     eax, ecx
        call    mix
        mov     eax, edi
        call    mix
        REPORT  "registers after the fault"
        EXIT    0

PAGES   equ     0x300000
pagingOn:
        mov     edi, PAGES
        xor     eax, eax
        mov     ecx, 2 * 1024
        rep     stosd
        mov     dword [PAGES], 0x83             ; 0-4 MiB, a large page
        mov     dword [PAGES + 4], PAGES + 0x1003
        mov     dword [PAGES + 0x1000], 0x210003 ; 0x400000 only
        mov     eax, cr4
        or      eax, 0x10                       ; PSE
        mov     cr4, eax
        mov     eax, PAGES
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        ret

; 512 bytes at BUFFER with a period of 256, and a pattern for the 16-bit addresses.
fill:   pushfd
        pushad
        cld
        mov     edi, BUFFER
        xor     eax, eax
.next:  imul    edx, eax, 0x4b
        xor     dl, 0x11
        mov     [edi + eax], dl
        inc     eax
        cmp     eax, 512
        jb      .next
        mov     dword [edi + 220], 0x44332211   ; something for SCAS to find
        mov     byte [edi + 470], 0
        mov     edi, LOW_BUFFER
        mov     ecx, 256
        mov     eax, 0x01020304
.low:   stosd
        add     eax, 0x03050709
        loop    .low
        mov     eax, 0x51525354
        mov     [0xfffc], eax
        mov     [0], eax
        mov     [4], eax
        popad
        popfd
        ret

mixAll: pushfd
        cld
        push    edi
        push    esi
        push    ecx
        call    mix
        pop     eax
        call    mix
        pop     eax
        call    mix
        pop     eax
        call    mix
        pop     eax
        and     eax, ARITHMETIC_FLAGS
        call    mix
        mov     esi, BUFFER
        mov     ecx, 128
.next:  lodsd
        call    mix
        loop    .next
        mov     esi, LOW_BUFFER - 64
        mov     ecx, 0x200
.low:   lodsd
        call    mix
        loop    .low
        ret
