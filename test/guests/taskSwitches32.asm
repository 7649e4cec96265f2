; Hardware task switches: JMP, CALL, IRET with NT, task gates in the GDT and the IDT, 16-bit and 32-bit TSS, error codes
; on the new stack, tasks in ring 3, with an LDT, with another CR3, in virtual-8086 mode; what is refused, and where.
        bits    32
ORIGIN  equ     0x100000
        org     ORIGIN
%include "../../examples/include/multiboot.inc"
        MULTIBOOT start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial32.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test32.inc"

TASK    equ     FREE0                   ; 32-bit TSS, filled anew for every case
TASK16  equ     FREE0 + 8
GATE    equ     FREE0 + 16              ; task gate, DPL 3
HANDLER equ     FREE0 + 24              ; TSS of the #TS, #NP, #SS handler
LDT     equ     FREE0 + 32
ABSENT  equ     FREE0 + 40              ; TSS, not present
SMALL   equ     FREE0 + 48              ; TSS of 0x67 bytes
ABSENT_DATA equ FREE0 + 56
PRIVATE equ     FREE0 + 64              ; TSS, DPL 0
NT      equ     0x4000
TS      equ     8
TASK_GATE equ   0x85
DIRECTORY equ   0x400000
OTHER_DIRECTORY equ 0x401000

; FIELD offset, value: a field of the task's TSS.
%macro FIELD 2
        mov     dword [task + %1], %2
%endmacro

start:
        TEST_START
        mov     esi, descriptors
        mov     edi, freeDescriptors
        mov     ecx, DESCRIPTORS * 2
        rep     movsd
        mov     edi, handlerTss
        mov     edx, handlerTask
        mov     eax, handlerStack
        call    initializeTask

        ; JMP there, JMP back.
        call    resetTask
        FIELD   0x20, jumped
        FIELD   0x28, 0x11111111        ; EAX to EDX
        FIELD   0x2c, 0x22222222
        FIELD   0x30, 0x33333333
        FIELD   0x34, 0x44444444
        FIELD   0x3c, 0x55555555
        FIELD   0x40, 0x66666666
        FIELD   0x44, 0x77777777
        FIELD   0x58, DATA3             ; FS, GS
        FIELD   0x5c, 0
        FIELD   0x24, 0x0cd7            ; status flags, DF
        mov     eax, 0xaaaaaaaa
        mov     ebx, 0xbbbbbbbb
        jmp     TASK:0x12345678         ; the offset does not count
        call    mixAll
        call    showBusy
        call    mixTask
        REPORT  "jmp"
        ; A second time: it goes on behind its own JMP.
        clts
        jmp     TASK:0
        mov     eax, cr0
        and     eax, TS
        call    mix
        clts
        REPORT  "jmp again"

        ; CALL and IRET.
        call    resetTask
        FIELD   0x20, called
        mov     ecx, 0xcccccccc
        call    TASK:0
        call    mixAll
        call    showBusy
        call    mixTask
        REPORT  "call"
        ; A task that has returned stays behind its IRET.
        call    TASK:0
        call    mixAll
        call    mixTask
        REPORT  "call again"

        ; Through a task gate.
        call    resetTask
        FIELD   0x20, called
        call    GATE:0
        call    mixAll
        REPORT  "call through a gate"
        call    resetTask
        FIELD   0x20, jumped
        jmp     GATE:0
        call    mixAll
        REPORT  "jmp through a gate"

        ; INT n and an exception with an error code through task gates.
        call    resetTask
        FIELD   0x20, called
        mov     eax, 0x32
        mov     edx, 0
        mov     ecx, TASK << 16 | (TASK_GATE + RING3) << 8
        call    setGate
        int     0x32
        call    mixAll
        REPORT  "int"
        call    resetTask
        FIELD   0x20, faultTask
        mov     eax, 13
        mov     edx, 0
        mov     ecx, TASK << 16 | TASK_GATE << 8
        call    setGate
        mov     eax, 0x1234
        mov     fs, eax                 ; #GP(0x1234), the task steps over it
.after: call    mixAll
        call    mixTask
        REPORT  "#GP through a task gate"
        call    buildIdt

        ; Ring 3, from ring 3.
        call    resetTask
        call    makeRing3
        FIELD   0x20, user
        call    TASK:0
        call    mixAll
        REPORT  "task in ring 3"
        RUN_IN_RING 3, callsTask
        ; Local descriptors.
        call    resetTask
        FIELD   0x20, called
        FIELD   0x60, LDT
        FIELD   0x54, 4                 ; DS
        call    TASK:0
        sldt    eax
        call    mix
        REPORT  "ldt"
        ; 16-bit TSS: its EIP lies below 64 KiB of a segment with a base; here, code at 0x7000.
        mov     esi, low
        mov     edi, 0x7000
        mov     ecx, LOW_BYTES
        rep     movsb
        mov     eax, DATA0
        mov     fs, eax
        call    TASK16:0
        call    mixAll
        movzx   eax, word [task16 + 0x12]
        call    mix
        movzx   eax, word [task16 + 0xe]
        call    mix
        movzx   eax, word [task16]
        call    mix
        REPORT  "16-bit tss"
        ; Virtual-8086 mode.
        call    resetTask
        FIELD   0x24, 0x23002           ; VM, IOPL 3
        FIELD   0x4c, 0x700             ; CS
        FIELD   0x50, 0x6f0             ; SS
        FIELD   0x54, 0x1234            ; DS
        FIELD   0x48, 0x2345            ; ES
        FIELD   0x20, virtual - low
        FIELD   0x38, 0x80
        SET_GATE 0x33, fromVirtual, INTERRUPT_GATE + RING3
        jmp     TASK:0
backFromVirtual:
        call    mixAll
        REPORT  "virtual-8086"

        ; Refusals in the old task.
        call    resetTask
        TRY     "jmp to the task itself", jmp TSS:0
        TRY     "jmp to an absent tss", jmp ABSENT:0
        TRY     "jmp to a small tss", jmp SMALL:0
        TRY     "call to a small tss", call SMALL:0
        mov     word [freeDescriptors + (GATE - FREE0) + 2], ABSENT
        TRY     "gate to an absent tss", call GATE:0
        mov     word [freeDescriptors + (GATE - FREE0) + 2], DATA0
        TRY     "gate to data", call GATE:0
        mov     word [freeDescriptors + (GATE - FREE0) + 2], 0
        TRY     "gate to null", call GATE:0
        mov     byte [freeDescriptors + (GATE - FREE0) + 5], 0x65
        TRY     "absent gate", call GATE:0
        mov     byte [freeDescriptors + (GATE - FREE0) + 5], 0xe5
        mov     word [freeDescriptors + (GATE - FREE0) + 2], TASK
        RUN_IN_RING 3, refused
        mov     eax, 0x32
        mov     edx, 0
        mov     ecx, ABSENT << 16 | TASK_GATE << 8
        call    setGate
        TRY     "int to an absent tss", int 0x32
        mov     ecx, TSS << 16 | TASK_GATE << 8
        mov     eax, 0x32
        call    setGate
        TRY     "int to a busy tss", int 0x32
        mov     ebx, esp
        mov     dword [tss], TASK
        push    dword NT | 2
        popfd
        TRY     "iret to a task that is not busy", iretd
        mov     dword [tss], ABSENT
        push    dword NT | 2
        popfd
        TRY     "iret to an absent task", iretd
        push    dword 2
        popfd
        mov     esp, ebx

        ; Refusals in the new task: the handler is a task of its own.
%assign vector 10
%rep 4
        mov     eax, vector
        mov     edx, 0
        mov     ecx, HANDLER << 16 | TASK_GATE << 8
        call    setGate
%assign vector vector + 1
%endrep
        call    resetTask
        FIELD   0x4c, DATA0
        PRINT   "cs is data: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x4c, 0
        PRINT   "cs is null: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x4c, CODE3 & ~3
        PRINT   "cs with rpl below dpl: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x50, CODE0
        PRINT   "ss is code: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x50, DATA3
        PRINT   "ss of ring 3: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x54, 0x1000
        PRINT   "ds beyond the gdt: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x58, TSS
        PRINT   "fs is a tss: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x48, ABSENT_DATA
        PRINT   "es is absent: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x50, ABSENT_DATA
        PRINT   "ss is absent: "
        jmp     TASK:0
        call    resetTask
        FIELD   0x60, DATA0
        PRINT   "ldt is data: "
        jmp     TASK:0
        call    buildIdt

        ; Each task has its page tables.
        call    buildPages
        mov     eax, DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        mov     dword [0x800000], 0xaaaa
        mov     dword [0xc00000], 0xbbbb
        call    resetTask
        FIELD   0x20, paged
        FIELD   0x1c, OTHER_DIRECTORY
        mov     eax, DIRECTORY
        mov     [tss + 0x1c], eax
        call    TASK:0
        mov     eax, [0x800000]
        call    mix
        mov     eax, cr3
        call    mix
        REPORT  "cr3"
        EXIT    0

; Tasks.
jumped: call    mixAll
        mov     eax, cr0
        and     eax, TS
        call    mix
        clts
        cld
        call    showBusy
        jmp     TSS:0
        call    mixAll
        jmp     TSS:0

called: call    mixAll
        call    showBusy
        iretd
        call    mixAll
        iretd

faultTask:
        mov     eax, [esp]              ; the error code
        call    mix
        mov     eax, esp
        sub     eax, taskStack
        call    mix
        mov     dword [tss + 0x20], start.after
        iretd

user:   call    mixAll
        mov     eax, cs
        call    mix
        iretd

callsTask:
        mov     byte [freeDescriptors + 5], 0xe9        ; DPL 3
        call    resetTask
        FIELD   0x20, called
        call    TASK:0
        mov     eax, cs
        call    mix
        REPORT  "call from ring 3"
        call    resetTask
        FIELD   0x20, called
        call    GATE:0
        mov     eax, cs
        call    mix
        REPORT  "gate from ring 3"
        ret

refused:
        TRY     "ring 3: tss of ring 0", call PRIVATE:0
        TRY     "ring 3: rpl 3", call TASK | 3:0
        ret

paged:  mov     eax, [0x800000]
        call    mix
        mov     eax, cr3
        call    mix
        iretd

fromVirtual:
        mov     eax, DATA0
        mov     ds, eax
        mov     es, eax
        mov     eax, [esp + 4]          ; CS, SS, ES, DS as pushed
        call    mix
        mov     eax, [esp + 16]
        call    mix
        mov     eax, [esp + 20]
        call    mix
        mov     eax, [esp + 24]
        call    mix
        str     eax
        call    mix
        jmp     TSS:0

; For #TS, #NP, #SS, #GP of a task that could not begin: says which, then back to the first task.
handlerTask:
        pop     eax
        call    putHex32
        PRINT   " from "
        mov     eax, [handlerTss]
        call    putHex16
        str     eax
        call    mix
        call    newLine
        jmp     TSS:0
        jmp     handlerTask

; Code for 16-bit and virtual-8086 tasks, copied to 0x7000.
        align   16
low:    movzx   esp, sp                 ; a 16-bit TSS leaves the upper halves undefined
        movzx   eax, ax
        movzx   ebx, bx
        movzx   ecx, cx
        movzx   edx, dx
        movzx   esi, si
        movzx   edi, di
        movzx   ebp, bp
        push    ebx
        mov     ebx, mixAll
        call    ebx
        pop     ebx
        iretd
        bits    16
virtual:
        push    ds
        pop     ax
        int     0x33
        bits    32
LOW_BYTES equ   $ - low

; The TSS of TASK as a task that could run in ring 0.
resetTask:
        pushad
        mov     byte [freeDescriptors + 5], 0xe9
        mov     edi, task
        mov     edx, called
        mov     eax, taskStack
        call    initializeTask
        popad
        ret

; EDI = TSS, EDX = EIP, EAX = ESP.
initializeTask:
        push    edi
        push    eax
        mov     ecx, 26
        xor     eax, eax
        cld
        rep     stosd
        pop     eax
        pop     edi
        mov     [edi + 0x38], eax
        mov     [edi + 0x20], edx
        mov     dword [edi + 0x24], 2
        mov     dword [edi + 4], entryStack1
        mov     dword [edi + 8], DATA0
        mov     eax, DATA0
        mov     [edi + 0x48], eax
        mov     dword [edi + 0x4c], CODE0
        mov     [edi + 0x50], eax
        mov     [edi + 0x54], eax
        mov     word [edi + 0x66], 0x68
        ret

makeRing3:
        FIELD   0x4c, CODE3
        FIELD   0x50, DATA3
        FIELD   0x48, DATA3
        FIELD   0x54, DATA3
        FIELD   0x24, 2 | IOPL3
        ret

; All general registers, selectors and flags.
mixAll: pushfd
        push    eax
        call    mix
        mov     eax, ebx
        call    mix
        mov     eax, ecx
        call    mix
        mov     eax, edx
        call    mix
        mov     eax, esi
        call    mix
        mov     eax, edi
        call    mix
        mov     eax, ebp
        call    mix
        mov     eax, [esp + 4]
        call    mix
        mov     eax, ds
        call    mix
        mov     eax, es
        call    mix
        mov     eax, fs
        call    mix
        mov     eax, gs
        call    mix
        mov     eax, ss
        call    mix
        pop     eax
        popfd
        ret

; Busy bits of both descriptors, links.
showBusy:
        push    eax
        PRINT   "busy "
        movzx   eax, byte [freeDescriptors - (FREE0 - TSS) + 5]
        call    putHex16
        movzx   eax, byte [freeDescriptors + 5]
        call    putHex16
        PRINT   " links "
        mov     eax, [tss]
        call    putHex16
        mov     eax, [task]
        call    putHex16
        call    newLine
        pop     eax
        ret

; What the switch saved in the TSS of TASK.
mixTask:
        push    eax
        push    ecx
        xor     ecx, ecx
.next:  mov     eax, [task + ecx]
        call    mix
        add     ecx, 4
        cmp     ecx, 0x68
        jb      .next
        pop     ecx
        pop     eax
        ret

; 4 MiB pages, identity; the other directory has 8 and 12 MiB swapped.
buildPages:
        mov     eax, cr4
        or      eax, 0x10
        mov     cr4, eax
        mov     edi, DIRECTORY
        mov     eax, 0x83
        mov     ecx, 8
.next:  mov     [edi], eax
        mov     [edi + 0x1000], eax
        add     edi, 4
        add     eax, 0x400000
        loop    .next
        mov     dword [OTHER_DIRECTORY + 8], 0xc00083
        mov     dword [OTHER_DIRECTORY + 12], 0x800083
        ret

        align   8
descriptors:
        DESCRIPTOR ADDRESS(task), 0x67, TSS_AVAILABLE + RING3, 0
        DESCRIPTOR ADDRESS(task16), 0x2b, 0x81, 0
        dw      0, TASK
        db      0, TASK_GATE + RING3
        dw      0
        DESCRIPTOR ADDRESS(handlerTss), 0x67, TSS_AVAILABLE, 0
        DESCRIPTOR ADDRESS(localTable), 7, 0x82, 0
        DESCRIPTOR ADDRESS(task), 0x67, TSS_AVAILABLE & ~0x80, 0
        DESCRIPTOR ADDRESS(task), 0x66, TSS_AVAILABLE, 0
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT & ~0x80, FLAG_4K | FLAG_32
        DESCRIPTOR ADDRESS(task), 0x67, TSS_AVAILABLE, 0
DESCRIPTORS equ ($ - descriptors) / 8

        align   16
localTable:
        DESCRIPTOR 0, 0xfffff, DATA_SEGMENT, FLAG_4K | FLAG_32
task:   times   26 dd 0
handlerTss:
        times   26 dd 0
task16: dw      0, 0, 0, 0, 0, 0, 0, 0x7000, 0x0803
        dw      0x1111, 0x2222, 0x3333, 0x4444, 0x6f00, 0x5555, 0x6666, 0x7777
        dw      DATA0, CODE0, DATA0, DATA0, 0
        align   16
        times   1024 db 0
taskStack:
        times   1024 db 0
handlerStack:
