; Bit instructions, conditions and decimal adjustment: BT family with register and memory bit offsets, BSF, BSR,
; SETcc, CMOVcc and Jcc over all flag values, DAA and friends over all inputs.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

%macro BIT_FORMS 1
%defstr %%name %1
        mov     ecx, -80
%%next: call    fillField
        clc
        %1      word [field + 16], cx   ; the offset reaches beyond the operand, both ways
        call    mixField
        %1      dword [field + 16], ecx
        call    mixField
        lock_%1 dword [field + 16], ecx
        call    mixField
        mov     eax, 0x5a5aa5a5
        %1      eax, ecx                ; in a register it wraps
        call    mixField
        mov     eax, 0x5a5aa5a5
        %1      ax, cx
        call    mixField
        %1      dword [field + 16], 37  ; an immediate wraps too
        call    mixField
        %1      ax, 17
        call    mixField
        inc     ecx
        cmp     ecx, 80
        jle     %%next
        REPORT  %%name
%endmacro
%macro lock_bt 2
        bt      %1, %2
%endmacro
%macro lock_bts 2
        lock bts %1, %2
%endmacro
%macro lock_btr 2
        lock btr %1, %2
%endmacro
%macro lock_btc 2
        lock btc %1, %2
%endmacro

; All 16 conditions for the flags on the stack.
%macro CONDITION 1
        push    dword [flags]
        popfd
        set%-1  al                      ; the opposite condition
        call    mix
        push    dword [flags]
        popfd
        mov     eax, 0x11111111
        mov     edx, 0x22222222
        cmov%+1 eax, edx
        call    mix
        push    dword [flags]
        popfd
        cmov%+1 ax, word [flags]
        call    mix
        mov     eax, 1
        push    dword [flags]
        popfd
        j%+1    short %%taken
        inc     eax
%%taken:
        call    mix
        push    dword [flags]
        popfd
        j%+1    near %%takenNear
        inc     eax
%%takenNear:
        call    mix
%endmacro

; All values of AX times CF and AF.
%macro DECIMAL 2                        ; mnemonic, defined flags
%defstr %%name %1
        xor     ebx, ebx
%%value:
        xor     ecx, ecx
%%flags:
        movzx   eax, cl
        and     eax, 0x11               ; AF and CF
        or      eax, 2
        push    eax
        popfd
        mov     eax, ebx
        %1
        pushfd
        pop     edx
        and     edx, %2
        call    mix
        mov     eax, edx
        call    mix
        add     ecx, 1
        cmp     ecx, 18
        jb      %%flags
        add     ebx, 0x0d
        cmp     ebx, 0x8000
        jb      %%value
        REPORT  %%name
%endmacro

start:
        TEST_START
        BIT_FORMS bt
        BIT_FORMS bts
        BIT_FORMS btr
        BIT_FORMS btc

        mov     ebx, 1
.scan:  bsf     eax, ebx
        call    mix
        bsr     eax, ebx
        call    mix
        pushfd
        pop     eax
        and     eax, 0x40               ; ZF
        call    mix
        lea     ebx, [ebx * 2 + ebx]
        cmp     ebx, 0x10000001
        jb      .scan
        mov     ebx, 0x80000000
        bsf     eax, ebx
        call    mix
        bsr     eax, ebx
        call    mix
        bsf     ax, word [bitWord]
        call    mix
        bsr     ax, word [bitWord]
        call    mix
        xor     ebx, ebx
        bsf     edx, ebx                ; source 0: ZF = 1, destination not compared
        pushfd
        pop     eax
        and     eax, 0x40
        call    mix
        REPORT  "bsf, bsr"

        mov     ebx, 63
.conditions:
        mov     esi, 2                  ; spread six bits over CF PF AF ZF SF OF
        mov     edi, flagBits
        xor     ecx, ecx
.spread:
        bt      ebx, ecx
        jnc     .clear
        or      esi, [edi + ecx * 4]
.clear: inc     ecx
        cmp     ecx, 6
        jb      .spread
        mov     [flags], esi
        CONDITION o
        CONDITION no
        CONDITION b
        CONDITION nb
        CONDITION z
        CONDITION nz
        CONDITION be
        CONDITION a
        CONDITION s
        CONDITION ns
        CONDITION p
        CONDITION np
        CONDITION l
        CONDITION ge
        CONDITION le
        CONDITION g
        dec     ebx
        jns     .conditions
        REPORT  "conditions"

        DECIMAL daa, 0xd5               ; SF ZF AF PF CF
        DECIMAL das, 0xd5
        DECIMAL aaa, 0x11               ; AF CF
        DECIMAL aas, 0x11
        EXIT    0

fillField:
        push    ecx
        mov     edi, field
        mov     ecx, 32
.next:  mov     al, cl
        imul    eax, eax, 0x35
        stosb
        loop    .next
        pop     ecx
        ret

; Mixes CF, EAX and the bit field.
mixField:
        pushfd
        call    mix
        mov     eax, [esp]
        and     eax, 1
        call    mix
        push    esi
        mov     esi, field
.next:  lodsd
        call    mix
        cmp     esi, field + 32
        jb      .next
        pop     esi
        popfd
        mov     eax, 0x0f0ff0f0
        ret

        align   4096
field:  times   8 dd 0
flags:  dd      0
flagBits: dd    1, 4, 0x10, 0x40, 0x80, 0x800
bitWord: dw     0x0ff0
