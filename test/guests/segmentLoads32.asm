; Loading segment registers: null selectors, privilege, type, present bit, limits of the table, LDT.
; The order of the checks shows in the vector and the error code.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

; The free descriptors.
RO_DATA   equ   FREE0 + 0x00            ; read-only data, DPL 0
EXEC_ONLY equ   FREE0 + 0x08            ; code, not readable
ABSENT    equ   FREE0 + 0x10            ; data, P = 0
CONFORM   equ   FREE0 + 0x18            ; conforming code, readable, DPL 0
LDT       equ   FREE0 + 0x20
ABSENT_CODE equ FREE0 + 0x28            ; code, P = 0
DATA_DPL3 equ   FREE0 + 0x30
SYSTEM    equ   FREE0 + 0x38            ; a TSS descriptor, to load as data
ABSENT_LDT equ  FREE0 + 0x40
BUSY_TSS  equ   FREE0 + 0x48
ABSENT_TSS equ  FREE0 + 0x50
FRESH     equ   FREE0 + 0x58            ; data, accessed bit clear
LDT_DATA  equ   4                       ; index 0 in the LDT
LDT_CODE  equ   12

%macro LOAD 3+                          ; name, selector, instruction with AX
        mov     eax, %2
        TRY     %1, %3
        call    resetSegments
%endmacro

start:
        TEST_START
        mov     esi, descriptors
        mov     edi, freeDescriptors
        mov     ecx, (descriptorsEnd - descriptors) / 4
        rep     movsd

        LOAD    "ds null", 0, mov ds, ax
        LOAD    "ds null rpl 3", 3, mov ds, ax
        LOAD    "ss null", 0, mov ss, ax
        LOAD    "ds beyond the gdt", 0x1000, mov ds, ax
        LOAD    "ds beyond the gdt, rpl 2", 0x1002, mov ds, ax
        LOAD    "ds read-only", RO_DATA, mov ds, ax
        LOAD    "ds execute-only code", EXEC_ONLY, mov ds, ax
        LOAD    "ds readable code", CODE0, mov ds, ax
        LOAD    "ds conforming code", CONFORM, mov ds, ax
        LOAD    "ds absent", ABSENT, mov ds, ax
        LOAD    "ds system descriptor", SYSTEM, mov ds, ax
        LOAD    "ds dpl 0 with rpl 3", DATA0 | 3, mov ds, ax
        LOAD    "ds dpl 3", DATA_DPL3, mov ds, ax
        LOAD    "ss dpl 3", DATA_DPL3 | 3, mov ss, ax
        LOAD    "ss rpl 3", DATA0 | 3, mov ss, ax
        LOAD    "ss code", CODE0, mov ss, ax
        LOAD    "ss read-only", RO_DATA, mov ss, ax
        LOAD    "ss absent", ABSENT, mov ss, ax
        LOAD    "fs absent", ABSENT, mov fs, ax
        LOAD    "gs beyond the gdt", 0xfff8, mov gs, ax
        LOAD    "ds from an ldt that is not there", LDT_DATA, mov ds, ax

        LOAD    "jmp far null", 0, jmp 0:start
        LOAD    "jmp far data", 0, jmp DATA0:start
        LOAD    "jmp far absent", 0, jmp ABSENT_CODE:start
        LOAD    "jmp far dpl 3", 0, jmp CODE3:start
        LOAD    "jmp far rpl 3", 0, jmp CODE0 | 3:start
        LOAD    "call far conforming", 0, call CONFORM:farReturn
        LOAD    "jmp far beyond the gdt", 0, jmp 0x7ff8:start
        LOAD    "jmp far ldt descriptor", 0, jmp LDT:start

        LOAD    "lldt of data", DATA0, lldt ax
        LOAD    "lldt absent", ABSENT_LDT, lldt ax
        LOAD    "lldt beyond the gdt", 0x4000, lldt ax
        LOAD    "lldt with ti", LDT | 4, lldt ax
        LOAD    "lldt null", 0, lldt ax
        LOAD    "lldt", LDT, lldt ax
        sldt    eax
        call    mix
        REPORT  "sldt"
        LOAD    "ds from the ldt", LDT_DATA, mov ds, ax
        LOAD    "ds beyond the ldt", 0x24, mov ds, ax
        LOAD    "call far ldt", 0, call LDT_CODE:farReturn
        LOAD    "ltr busy", BUSY_TSS, ltr ax
        LOAD    "ltr absent", ABSENT_TSS, ltr ax
        LOAD    "ltr of data", DATA0, ltr ax
        LOAD    "ltr with ti", TSS | 4, ltr ax
        str     eax
        call    mix
        mov     eax, [gdt + TSS + 4]    ; busy
        and     eax, 0xff00
        call    mix
        REPORT  "str"

        ; The accessed bit is written by a load.
        mov     al, [freeDescriptors + (FRESH - FREE0) + 5]
        call    mix
        mov     eax, FRESH
        mov     fs, eax
        mov     al, [freeDescriptors + (FRESH - FREE0) + 5]
        call    mix
        call    resetSegments
        REPORT  "accessed"

        RUN_IN_RING 3, user
        RUN_IN_RING 1, ring1
        EXIT    0

user:   mov     word [dataSelector], DATA3
        LOAD    "ring 3: ds dpl 0", DATA0, mov ds, ax
        LOAD    "ring 3: ds null", 0, mov ds, ax
        LOAD    "ring 3: ds dpl 3 rpl 0", DATA3 & ~3, mov ds, ax
        LOAD    "ring 3: ss rpl 0", DATA3 & ~3, mov ss, ax
        LOAD    "ring 3: ss null", 3, mov ss, ax
        LOAD    "ring 3: ds conforming code", CONFORM, mov ds, ax
        LOAD    "ring 3: ds code dpl 0", CODE0, mov ds, ax
        LOAD    "ring 3: call conforming", 0, call CONFORM:conformingFunction
        LOAD    "ring 3: call dpl 0", 0, call CODE0:farReturn
        LOAD    "ring 3: lldt", LDT, lldt ax
        LOAD    "ring 3: ltr", TSS, ltr ax
        ret

ring1:  mov     word [dataSelector], DATA1
        LOAD    "ring 1: ds dpl 3", DATA3, mov ds, ax
        LOAD    "ring 1: ds dpl 1", DATA1, mov ds, ax
        LOAD    "ring 1: ds dpl 1 rpl 3", DATA1 | 3, mov ds, ax
        LOAD    "ring 1: ss dpl 3", DATA3, mov ss, ax
        LOAD    "ring 1: call dpl 3", 0, call CODE3:farReturn
        ret

conformingFunction:
        mov     eax, cs                 ; runs at the caller's privilege
        call    mix
        retf
farReturn:
        retf

resetSegments:
        push    eax
        mov     ax, [cs:dataSelector]
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        pop     eax
        ret

dataSelector:
        dw      DATA0
        align   8
descriptors:
        DESCRIPTOR 0, 0xfffff, 0x91, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, 0x99, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, 0x13, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, 0x9f, FLAG_4K | FLAG_32
        DESCRIPTOR ADDRESS(ldt), 15, 0x82, 0
        DESCRIPTOR 0, 0xfffff, 0x1b, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, 0xf3, FLAG_4K | FLAG_32
        DESCRIPTOR ADDRESS(tss), 103, 0x89, 0
        DESCRIPTOR ADDRESS(ldt), 15, 0x02, 0
        DESCRIPTOR ADDRESS(tss), 103, 0x8b, 0
        DESCRIPTOR ADDRESS(tss), 103, 0x09, 0
        DESCRIPTOR 0, 0xfffff, 0x92, FLAG_4K | FLAG_32
descriptorsEnd:
ldt:    DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
        DESCRIPTOR 0, 0xfffff, CODE_SEGMENT, FLAG_4K | FLAG_32
