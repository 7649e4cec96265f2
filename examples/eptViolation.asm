; Guest-physical addresses with no RAM behind them. On bare metal nobody answers on the bus, and a read gives all
; ones. Under a hypervisor with nested paging the same access is an EPT violation: the hypervisor must
; find out that it is no RAM and do what the bus would have done. A guest must not see the difference.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN

%include "include/multiboot.inc"
        MULTIBOOT start
%include "include/ports.inc"
%include "include/serial32.inc"

HOLE    equ     0xd0000000              ; below 4 GiB, above RAM, no device
SCREEN  equ     0xb8000                 ; a device: VGA text memory
SCRATCH equ     0x300000                ; RAM, not touched before

start:
        mov     esp, stackTop
        call    serialInit

        PRINT   "RAM at first touch:  "
        mov     eax, [SCRATCH]          ; a violation too where RAM is given out lazily
        mov     dword [SCRATCH], 0x12345678
        mov     eax, [SCRATCH]
        call    putHex32

        PRINT   10, "device memory:       "
        mov     word [SCREEN], 0x0741   ; every access to a device may exit
        mov     ax, [SCREEN]
        call    putHex16

        PRINT   10, "hole, 4 bytes:       "
        mov     eax, [HOLE]
        call    putHex32
        PRINT   10, "hole, after a write: "
        mov     dword [HOLE], 0         ; goes nowhere
        movzx   eax, byte [HOLE + 3]
        call    putHex8
        PRINT   10, "hole, read-modify:   "
        mov     eax, 0x00ff00ff
        and     eax, [HOLE + 0x1000]
        call    putHex32
        call    newLine
        EXIT    0

        align   16
        times   4096 db 0
stackTop:
