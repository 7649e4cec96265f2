; A hard-disk boot loader that puts an image into the state in which Ringside
; starts it, on any PC with a BIOS. Built for one image:
;   -D ENTRY=16|32|64  -D LOAD=0x100000  -D IMAGE='"path"'
; BIOS INT 13h needs real mode, so the image is first read to 0x10000 (or straight
; to 0x7c00 for ENTRY=16), then copied to LOAD in protected mode.

LOADER_SECTORS equ 4
BUFFER         equ 0x10000
MEMORY_INFO    equ 0x5f0                ; a minimal multiboot information block

        bits    16
        org     0x600
boot:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x600 - 0x40
        mov     si, 0x7c00              ; move out of the image's way
        mov     di, 0x600
        mov     cx, 256
        cld
        rep     movsw
        jmp     0:.moved
.moved:
        sti
        mov     [drive], dl
        mov     ax, 0x800 >> 4          ; the rest of the loader
        mov     cx, LOADER_SECTORS - 1
        call    readSectors
%if ENTRY = 16
        mov     ax, 0x7c00 >> 4
%else
        mov     ax, BUFFER >> 4
%endif
        mov     cx, (imageEnd - image + 511) / 512
        call    readSectors
        jmp     second

; AX = segment, CX = sectors; reads on from [packet.lba].
readSectors:
        mov     [packet.segment], ax
.next:
        mov     si, packet
        mov     dl, [drive]
        mov     ah, 0x42
        int     0x13
        jc      .failed
        add     word [packet.segment], 512 / 16
        inc     word [packet.lba]
        loop    .next
        ret
.failed:
        cli
        hlt
        jmp     .failed

drive:  db      0
        align   4
packet: db      16, 0
        dw      1
        dw      0
.segment:
        dw      0
.lba:   dd      1, 0

        times   440 - ($ - $$) db 0
        dd      0x51de0001              ; disk signature
        dw      0
        db      0x80, 0, 1, 0, 0x0c, 0, 1, 0    ; one active partition, for choosy BIOSes
        dd      0, 64
        times   510 - ($ - $$) db 0
        dw      0xaa55

second:
        cli
%if ENTRY = 16
        mov     dl, 0x80
        xor     ax, ax
        mov     bx, ax
        mov     cx, ax
        mov     si, ax
        mov     di, ax
        mov     bp, ax
        jmp     0:0x7c00
%else
        in      al, 0x92                ; A20 on
        or      al, 2
        and     al, 0xfe
        out     0x92, al
        lgdt    [gdtPointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     8:protected

        align   8
gdt:    dq      0
        dq      0x00cf9b000000ffff
        dq      0x00cf93000000ffff
gdtPointer:
        dw      $ - gdt - 1
        dd      gdt

        bits    32
protected:
        mov     eax, 0x10
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     esp, 0x600 - 0x40
        cld
        mov     esi, BUFFER
        mov     edi, LOAD
        mov     ecx, imageEnd - image
        rep     movsb
        mov     ebx, MEMORY_INFO
        mov     dword [ebx], 1          ; mem_lower and mem_upper are valid
        mov     dword [ebx + 4], 639
        mov     dword [ebx + 8], 63 * 1024
        mov     eax, 0x2badb002
%if ENTRY = 32
        mov     edx, LOAD
        jmp     edx
%else
        jmp     enterLongMode
%include "longMode.asm"
%endif
%endif

        times   LOADER_SECTORS * 512 - ($ - $$) db 0
image:
        incbin  IMAGE
imageEnd:
