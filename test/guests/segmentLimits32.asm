; Segment limits and types at the time of use: #GP for DS, #SS for SS, byte and page granularity, expand-down, 16-bit
; stacks, wrap-around, null selectors, read-only and execute-only segments, the limit of CS.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

BYTE_LIMIT  equ FREE0                   ; base 0x200000, limit 0xfff
PAGE_LIMIT  equ FREE0 + 8               ; limit 1 page: 0x1fff
EXPAND_DOWN equ FREE0 + 16              ; 32-bit, valid from 0x1000
EXPAND_16   equ FREE0 + 24              ; 16-bit, valid from 0x1000 to 0xffff
READ_ONLY   equ FREE0 + 32
EXECUTE     equ FREE0 + 40              ; execute-only
READABLE    equ FREE0 + 48              ; code, readable
SMALL_CODE  equ FREE0 + 56              ; code with a limit
STACK16     equ FREE0 + 64              ; 16-bit stack, limit 0xffff
DOWN_STACK  equ FREE0 + 72              ; 32-bit expand-down stack
BIG_OFFSET  equ FREE0 + 80              ; base 0xfffff000: wraps

start:
        TEST_START
        mov     esi, descriptors
        mov     edi, freeDescriptors
        mov     ecx, (descriptorsEnd - descriptors) / 4
        rep     movsd
        mov     eax, BYTE_LIMIT
        mov     fs, eax
        TRY     "byte at limit", mov al, [fs:0xfff]
        TRY     "byte past limit", mov al, [fs:0x1000]
        TRY     "word across", mov ax, [fs:0xfff]
        TRY     "dword, last fits", mov eax, [fs:0xffc]
        TRY     "dword across", mov eax, [fs:0xffd]
        TRY     "write across", mov [fs:0xffd], eax
        TRY     "dword wrapping", mov eax, [fs:0xfffffffe]
        TRY     "lea does not check", lea eax, [fs:0x100000]
        mov     eax, PAGE_LIMIT
        mov     fs, eax
        TRY     "page granular, inside", mov al, [fs:0x1fff]
        TRY     "page granular, outside", mov al, [fs:0x2000]
        mov     eax, EXPAND_DOWN
        mov     fs, eax
        TRY     "expand-down, below", mov al, [fs:0xfff]
        TRY     "expand-down, first", mov al, [fs:0x1000]
        TRY     "expand-down, word across", mov ax, [fs:0xfff]
        mov     eax, EXPAND_16
        mov     fs, eax
        TRY     "expand-down 16, below", mov al, [fs:0xfff]
        TRY     "expand-down 16, inside", mov al, [fs:0x1000]
        TRY     "expand-down 16, last", mov al, [fs:0xffff]
        TRY     "expand-down 16, above", mov al, [fs:0x10000]
        mov     eax, READ_ONLY
        mov     fs, eax
        TRY     "read-only, read", mov al, [fs:0]
        TRY     "read-only, write", mov [fs:0], al
        mov     eax, READABLE
        mov     fs, eax
        TRY     "code, read", mov al, [fs:0]
        TRY     "code, write", mov [fs:0], al
        TRY     "cs write", mov [cs:hash], al
        xor     eax, eax
        mov     fs, eax
        TRY     "null, read", mov al, [fs:0x200000]
        TRY     "null, write", mov [fs:0x200000], al
        mov     ecx, 0
        mov     es, eax
        mov     edi, 0x200000
        TRY     "null es, rep stosb of 0", rep stosb
        push    ds
        pop     es

        ; Stacks: #SS(0).
        call    stacks
        ; CS limit: a jump beyond faults at the jump; running off the end faults at the last instruction.
        mov     byte [0x200000], 0x90
        mov     byte [0x200001], 0xcb           ; RETF
        mov     byte [0x20000f], 0x90           ; NOP, the last byte
        mov     byte [0x200008], 0xeb           ; JMP to 0x18
        mov     byte [0x200009], 0x0e
        TRY     "small code, inside", call SMALL_CODE:0
        TRY     "small code, offset outside", call SMALL_CODE:0x10
        mov     ebx, esp
        TRY     "small code, runs off", call SMALL_CODE:0xf
        mov     esp, ebx
        TRY     "small code, jumps off", call SMALL_CODE:8
        mov     esp, ebx
        mov     eax, BYTE_LIMIT
        mov     fs, eax
        mov     esi, 0xff0
        mov     edi, 0x201000
        mov     ecx, 32
        TRY     "fs rep movsb", fs rep movsb
        mov     eax, ecx
        call    mix
        mov     eax, esi
        call    mix
        REPORT  "stops at the limit"
        lgdt    [gdtPointer]
        lidt    [shortIdt]
        TRY     "vector beyond the idt limit", int 0x30
        lidt    [idtPointer]
        EXIT    0

stacks:
        mov     ebx, esp
        mov     eax, BYTE_LIMIT
        mov     dword [savedEsp], esp
        TRY     "ss:esp + ebp form", mov al, [ss:ebp]
        RUN_IN_RING 3, userStacks
        mov     esp, ebx
        ret

; At ring 3 the fault handler has the ring 0 stack, so the stack under test may be anything.
userStacks:
        mov     [savedEsp], esp
        mov     ecx, SMALL_STACK
        mov     ebp, 0xfff
        mov     dx, ss
        mov     ss, ecx
        mov     esp, 0x1000
        call    stackGuards
        mov     ss, edx
        mov     esp, [savedEsp]
        call    putResults
        mov     ecx, DOWN_STACK3
        mov     ss, ecx
        mov     esp, 0x2004
        mov     ebp, 0x1fff
        call    stackGuards
        mov     ss, edx
        mov     esp, [savedEsp]
        call    putResults
        ret

SMALL_STACK equ (FREE0 + 88) | 3
DOWN_STACK3 equ (FREE0 + 72) | 3

%macro STACK_GUARD 1+
        mov     dword [expectedEip], %%at
        mov     dword [faultVector], -1
        mov     dword [resumeAt], %%after
%%at:   %1
%%after:
        mov     dword [resumeAt], 0
        mov     eax, [faultVector]
        stosd
        mov     eax, [faultError]
        stosd
%endmacro

; Runs on the stack under test, which holds one return address.
stackGuards:
        pop     esi
        mov     edi, results
        STACK_GUARD push eax
        STACK_GUARD pop eax
        mov     eax, esp
        stosd
        STACK_GUARD mov al, [ebp]
        STACK_GUARD mov ax, [ebp]
        STACK_GUARD mov al, [ebp + 1]
        STACK_GUARD mov eax, [esp + 0x10000]
        sub     esp, 0xffe
        STACK_GUARD push eax
        STACK_GUARD pushad
        STACK_GUARD call start
        STACK_GUARD enter 16, 0
        jmp     esi

putResults:
        push    edi
        push    esi
        mov     ebx, edi
        mov     esi, results
.next:  lodsd
        call    putHex16
        mov     al, ' '
        call    putChar
        cmp     esi, ebx
        jb      .next
        call    newLine
        pop     esi
        pop     edi
        ret

results: times 32 dd 0
savedEsp: dd    0
shortIdt: dw    0x30 * 8 + 6            ; one byte short of vector 0x30
        dd      idt
        align   8
descriptors:
        DESCRIPTOR 0x200000, 0xfff, 0x93, FLAG_32
        DESCRIPTOR 0x200000, 1, 0x93, FLAG_4K | FLAG_32
        DESCRIPTOR 0x200000, 0xfff, 0x97, FLAG_32
        DESCRIPTOR 0x200000, 0xfff, 0x97, 0
        DESCRIPTOR 0x200000, 0xfffff, 0x91, FLAG_4K | FLAG_32
        DESCRIPTOR 0x200000, 0xfffff, 0x99, FLAG_4K | FLAG_32
        DESCRIPTOR 0x200000, 0xfffff, 0x9b, FLAG_4K | FLAG_32
        DESCRIPTOR 0x200000, 15, 0x9b, FLAG_32
        DESCRIPTOR 0x200000, 0xffff, 0x93, 0
        DESCRIPTOR 0x200000, 0x1fff, 0xf7, FLAG_32
        DESCRIPTOR 0xfffff000, 0xfffff, 0x93, FLAG_4K | FLAG_32
        DESCRIPTOR 0x200000, 0xfff, 0xf3, FLAG_32
descriptorsEnd:
