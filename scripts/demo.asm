; The guest of `npm run demo`: asks the processor who it is, switches paging on, says so on the serial line.
bits 32
org 0x100000

PAGE_DIRECTORY equ 0x200000
PAGE_TABLE     equ 0x201000
COM1           equ 0x3f8

start:
        mov     esp, 0x90000
        xor     eax, eax
        cpuid                           ; @cpuid: leaves the guest
        mov     [vendor], ebx
        mov     [vendor + 4], edx
        mov     [vendor + 8], ecx
        call    mapMemory
        mov     eax, PAGE_DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        mov     esi, message            ; @paging is on
        call    print
        xor     eax, eax
        out     0xf4, al

; The first 4 MiB, each page at its own address.
mapMemory:
        mov     edi, PAGE_TABLE
        mov     eax, 3                  ; present, writable
.next:  stosd
        add     eax, 0x1000
        cmp     eax, 0x400003
        jb      .next
        mov     dword [PAGE_DIRECTORY], PAGE_TABLE + 3
        mov     byte [message], 'P'
        ret

; ESI: text, ends with 0
print:
        mov     dx, COM1
.next:  lodsb
        test    al, al
        jz      .done
        out     dx, al
        jmp     .next
.done:  ret

message:
        db      "-aging is on, "
vendor: db      "            ", 10, 0
