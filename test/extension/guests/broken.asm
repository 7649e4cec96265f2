        bits    32
        mov     eax, undefined_name
        frobnicate ebx
