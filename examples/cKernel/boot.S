# The entry of a kernel in C, in the syntax of the GNU assembler. See docs/EXAMPLES.md, "A kernel built elsewhere".
        .section .multiboot, "a"
        .balign 4
        .long 0x1badb002, 0, -0x1badb002        # multiboot 1: magic, flags, checksum

        .text
        .globl _start
        .type _start, @function
_start:
        mov $stackTop, %esp             # a multiboot loader promises no stack
        pushl %ebx                      # the multiboot information
        pushl %eax                      # the magic number
        call kernelMain
halt:   cli
        hlt
        jmp halt
        .size _start, . - _start

        .bss
        .balign 16
        .skip 4096
stackTop:

        .section .note.GNU-stack, "", @progbits
