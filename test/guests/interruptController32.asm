; 8259 and 8254: initialization, masks, IRR and ISR, priorities and nesting, EOI kinds, the timer's modes and counters,
; the shadows of STI and MOV SS. Everything that depends on how fast time passes is left out.
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
        call    picRemap
        in      al, PIC1_DATA
        movzx   eax, al
        call    mix
        mov     al, 0x5a
        out     PIC2_DATA, al
        in      al, PIC2_DATA
        movzx   eax, al
        call    mix
        mov     al, 0xff
        out     PIC2_DATA, al
        REPORT  "masks read back"

        SET_GATE 32, timer, INTERRUPT_GATE
        SET_GATE 39, spurious, INTERRUPT_GATE

        ; A tick while masked is remembered in IRR, and comes when unmasked.
        mov     cx, 1000
        call    pitOneShot
        call    waitForRequest
        call    readIrr
        and     eax, 1
        call    mix
        call    readIsr
        call    mix
        sti
        nop
        nop
        mov     eax, [ticks]
        call    mix                     ; 0: still masked
        mov     al, 0xfe
        out     PIC1_DATA, al
        mov     ecx, 100                ; the line takes its time to reach the processor
.settle:
        loop    .settle
        cli
        mov     eax, [ticks]
        call    mix
        mov     eax, [isrInside]        ; ISR bit 0 inside the handler
        call    mix
        call    readIsr                 ; EOI was sent
        call    mix
        call    readIrr
        and     eax, 1
        call    mix
        REPORT  "masked, then delivered"

        ; IF = 0 holds it back; STI opens after the next instruction.
        mov     cx, 1000
        call    pitOneShot
        call    waitForRequest
        mov     ebx, 0
        sti
        inc     ebx                     ; runs before the interrupt
        inc     ebx
        cli
        mov     eax, [ebxInside]
        call    mix
        mov     eax, [ticks]
        call    mix
        REPORT  "sti shadow"

        mov     cx, 1000
        call    pitOneShot
        call    waitForRequest
        mov     ebx, 0
        mov     edx, ss
        sti
        mov     ss, edx                 ; one shadow follows the other
        inc     ebx
        inc     ebx
        cli
        mov     eax, [ticks]
        call    mix
        REPORT  "sti, then mov ss"

        mov     cx, 1000
        call    pitOneShot
        call    waitForRequest
        sti
        cli                             ; nothing gets in between
        mov     eax, [ticks]
        call    mix
        sti
        nop
        cli
        mov     eax, [ticks]
        call    mix
        REPORT  "sti, cli"

        ; IRETD that sets IF: no shadow.
        mov     cx, 1000
        call    pitOneShot
        call    waitForRequest
        mov     ebx, 7
        push    dword 0x202
        push    dword CODE0
        push    dword .after
        iretd
.after: inc     ebx
        cli
        mov     eax, [ebxInside]
        call    mix
        REPORT  "iret opens at once"

        ; The same for POPF.
        mov     cx, 1000
        call    pitOneShot
        call    waitForRequest
        mov     ebx, 9
        push    dword 0x202
        popfd
        inc     ebx
        cli
        mov     eax, [ebxInside]
        call    mix
        REPORT  "popf opens at once"

        ; Mode 2 ticks again and again; HLT waits for each.
        mov     dword [ticks], 0
        mov     cx, 2000
        call    pitPeriodic
.halt:  sti
        hlt
        cli
        cmp     dword [ticks], 4
        jb      .halt
        mov     al, 0xff
        out     PIC1_DATA, al
        mov     eax, [ticks]
        call    mix
        REPORT  "hlt, mode 2"

        ; Counter access: latch, read-back status.
        mov     al, 0xb0                ; channel 2, low and high byte, mode 0
        out     PIT_COMMAND, al
        mov     al, 0xe8                ; read-back: status of channel 2
        out     PIT_COMMAND, al
        in      al, PIT_CHANNEL2
        movzx   eax, al
        and     eax, 0x3f               ; access and mode
        call    mix
        mov     al, 0xb4 | 2
        out     PIT_COMMAND, al
        mov     al, 0xe8
        out     PIT_COMMAND, al
        in      al, PIT_CHANNEL2
        movzx   eax, al
        and     eax, 0x3f
        call    mix
        REPORT  "read-back"
        EXIT    0

; Waits until the request is in IRR. At most 2^24 reads.
waitForRequest:
        push    ecx
        mov     ecx, 1 << 24
.next:  call    readIrr
        test    al, 1
        jnz     .end
        loop    .next
.end:   pop     ecx
        ret

readIrr:
        mov     al, 0x0a
        out     PIC1, al
        in      al, PIC1
        movzx   eax, al
        ret
readIsr:
        mov     al, 0x0b
        out     PIC1, al
        in      al, PIC1
        movzx   eax, al
        ret

timer:  push    eax
        inc     dword [ticks]
        mov     [ebxInside], ebx
        call    readIsr
        mov     [isrInside], eax
        mov     al, PIC_EOI
        out     PIC1, al
        pop     eax
        iretd
spurious:
        inc     dword [spuriousCount]
        iretd

%include "../../examples/include/pic.inc"
ticks:  dd      0
isrInside: dd   0
ebxInside: dd   0
spuriousCount: dd 0
