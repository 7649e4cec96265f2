; A guest for the tests: three VM exits, then the end with the value 3.
        bits    32
        org     0x100000

start:  mov     esp, stackTop
        mov     ebx, 0x11111111         ; line 6: the breakpoint of the tests
        mov     ebx, 0x22222222
        xor     eax, eax
        cpuid                           ; VM exit 10
        mov     al, 'R'
        out     0xe9, al                ; VM exit 30
        mov     al, 3
        out     0xf4, al                ; the end: status (3 << 1) | 1
        hlt

        align   16
        times   256 db 0
stackTop:
