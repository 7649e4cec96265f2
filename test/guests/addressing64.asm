; 64-bit addressing: every base and index register, scales, RIP-relative, 32-bit addresses, absolute 64-bit moves, the
; high half, byte registers with and without REX, pushes and pops of all registers, XLAT, ENTER.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN
        jmp     start
%include "../../examples/include/ports.inc"
%include "../../examples/include/serial64.inc"
%include "../../examples/include/descriptors.inc"
%include "include/test64.inc"

%macro FORM 1+
        call    loadRegisters
        mov     rax, %1
        call    mix
%endmacro

area    equ     TEST_PAGES

start:
        TEST_START
        mov     edi, area
        xor     eax, eax
.fill:  mov     [rdi + rax], al
        inc     eax
        cmp     eax, 512
        jb      .fill
        ; an alias of the first GiB in the high half
        mov     qword [abs PML4 + 256 * 8], PDPT | 7
        mov     qword [abs PML4 + 511 * 8], PDPT | 7
        mov     qword [abs PDPT + 510 * 8], DIRECTORY | 7
        mov     rax, cr3
        mov     cr3, rax
        FORM    [rax + 0]
        FORM    [rcx]
        FORM    [rdx]
        FORM    [rbx]
        FORM    [rbp]
        FORM    [rsi]
        FORM    [rdi]
        FORM    [r8]
        FORM    [r9]
        FORM    [r10]
        FORM    [r11]
        FORM    [r12]
        FORM    [r13]
        FORM    [r14]
        FORM    [r15]
        REPORT  "base"
        FORM    [rbx + rcx - area]
        FORM    [r12 + r9 - area]
        FORM    [rbx * 1 + 8]
        FORM    [area + r10 * 2 - 2 * area]
        FORM    [rbp + r14 * 4 - 4 * area]
        FORM    [r13 + r15 * 8 - 8 * area]
        FORM    [r12 + 0x7f]
        FORM    [r12 - 0x80 + 0x100]
        FORM    [r13 + 0x80]
        FORM    [rsp + area - ORIGIN]
        REPORT  "index, scale"
        FORM    [rel nearData]
        FORM    [rel nearData + 100]
        FORM    [abs area + 7]
        FORM    [ebx]
        FORM    [ebx + r9d - area]
        mov     rbx, 0xffffffff00000000 + area
        mov     rax, [ebx]              ; 32-bit address: zero-extended
        call    mix
        mov     rax, [dword rel nearData]
        call    mix
        mov     rax, [qword area + 24]  ; the 64-bit absolute form
        call    mix
        mov     al, [qword area + 25]
        call    mix
        mov     [qword area + 400], rax
        mov     rax, [area + 400]
        call    mix
        REPORT  "rip, absolute, 32-bit"
        mov     rbx, 0xffff800000000000 + area
        mov     rax, [rbx + 16]
        call    mix
        mov     qword [rbx + 408], 0x1357
        mov     rax, [area + 408]
        call    mix
        mov     rax, [abs 0xffffffff80000000 + area + 32] ; disp32, sign-extended
        call    mix
        REPORT  "high half"

        ; byte registers
        mov     rax, 0x1122334455667788
        mov     rsp, 0x7766554433221100
        mov     ah, 0x5a                ; no REX: AH
        mov     spl, 0xa5               ; REX: SPL
        mov     bpl, ah_copy
        mov     r15b, al
        mov     rbx, rsp
        lea     rsp, [rel stackTop]
        call    mix
        mov     rax, rbx
        call    mix
        mov     rax, rbp
        call    mix
        REPORT  "byte registers"
ah_copy equ     0x5a

        call    loadRegisters
        push    rax
        push    rbx
        push    r8
        push    r15
        push    word 0x1234
        push    byte -1
        push    0x12345678
        push    qword [area]
        push    fs
        push    rsp
        pushfq
        pop     rax
        pop     rax
        sub     rax, stackTop
        call    mix
        pop     rax
        call    mix
        pop     rax
        call    mix
        pop     rax
        call    mix
        pop     rax
        call    mix
        pop     ax
        call    mix
        pop     r15
        pop     r8
        pop     qword [area + 416]
        pop     rax
        mov     rax, [area + 416]
        call    mix
        mov     rax, rsp
        sub     rax, stackTop
        call    mix
        REPORT  "push, pop"
        enter   32, 0
        mov     rax, rsp
        sub     rax, stackTop
        call    mix
        leave
        enter   16, 2
        mov     rax, rsp
        sub     rax, stackTop
        call    mix
        leave
        mov     rbx, area
        mov     rax, 0xffffffffffffff05
        xlatb
        call    mix
        xor     eax, eax
        mov     ecx, 3
.loop:  inc     eax
        loop    .loop
        mov     rcx, 0x100000002
.loop32:
        inc     eax
        a32 loop .loop32                ; ECX only
        call    mix
        mov     rax, rcx
        call    mix
        mov     rcx, 0x100000000
        jrcxz   .wrong
        jecxz   .right
.wrong: inc     eax
.right: call    mix
        mov     rax, .target
        jmp     rax
        hlt
.target:
        call    [abs pointer]
        jmp     [abs pointer2]
back:   REPORT  "control transfer"
        EXIT    0

function:
        mov     rax, [rsp]
        sub     rax, start
        ret

loadRegisters:
        mov     eax, area
        mov     ecx, area + 1
        mov     edx, area + 2
        mov     ebx, area + 3
        mov     ebp, area + 5
        mov     esi, area + 6
        mov     edi, area + 7
        mov     r8d, area + 8
        mov     r9d, area + 9
        mov     r10d, area + 10
        mov     r11d, area + 11
        mov     r12d, area + 12
        mov     r13d, area + 13
        mov     r14d, area + 14
        mov     r15d, area + 15
        ret

pointer:  dq    function
pointer2: dq    back
        align   4096
nearData: times   512 db 0x77
