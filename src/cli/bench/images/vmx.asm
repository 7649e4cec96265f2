; A hypervisor and its guest: the guest executes CPUID in a loop, each leaves to the hypervisor, whose handler reads
; three fields of the VMCS, moves RIP on and resumes.
%define BITS 64
%include "image.inc"
        bits    64
        ; The examples' own text goes nowhere: only marked lines count.
%macro PRINT 1+
%endmacro
%macro EXIT 1
        jmp     vmxBroken
%endmacro
putDecimal:
newLine:
        ret
vmxBroken:
        jmp     finished
IA32_FEATURE_CONTROL    equ 0x3a
%include "include/descriptors.inc"
%include "include/vmcs.inc"
%include "include/vmx.inc"

; A round is one exit and resume.
exits:
        mov     [rounds], rcx
        mov     [hostStackPointer], rsp
        cmp     byte [isPrepared], 0
        jne     .enter
        inc     byte [isPrepared]
        call    vmxLoadDescriptors
        call    vmxLoadSegments
        call    vmxOn
        call    vmxMakeCurrent
        xor     eax, eax
        mov     ebx, VMCS_PIN_CONTROLS
        mov     ecx, IA32_VMX_PINBASED_CTLS
        call    vmxWriteControls
        mov     eax, PRIMARY_HLT_EXITING
        mov     ebx, VMCS_PRIMARY_CONTROLS
        mov     ecx, IA32_VMX_PROCBASED_CTLS
        call    vmxWriteControls
        mov     eax, EXIT_HOST_64
        mov     ebx, VMCS_EXIT_CONTROLS
        mov     ecx, IA32_VMX_EXIT_CTLS
        call    vmxWriteControls
        mov     eax, ENTRY_GUEST_64
        mov     ebx, VMCS_ENTRY_CONTROLS
        mov     ecx, IA32_VMX_ENTRY_CTLS
        call    vmxWriteControls
        lea     rsi, [rel vmcsTable]
        call    vmxWriteTable
        call    vmxWriteCurrentState
        mov     rcx, [rounds]
        xor     r9d, r9d
        vmlaunch
        jmp     vmxBroken
.enter: mov     eax, VMCS_GUEST_RIP
        mov     edx, guest
        vmwrite rax, rdx
        xor     r9d, r9d
        vmresume
        jmp     vmxBroken
guest:  mov     r10, rcx
.again: xor     eax, eax
        cpuid
        add     r9d, r10d
        dec     r10
        jnz     .again
        hlt
vmExit:
        mov     eax, VMCS_EXIT_REASON
        vmread  r11, rax
        cmp     r11d, 10                ; CPUID
        jne     .end
        mov     eax, VMCS_GUEST_RIP
        vmread  rbx, rax
        mov     edx, VMCS_EXIT_INSTRUCTION_LENGTH
        vmread  rdx, rdx
        add     rbx, rdx
        vmwrite rax, rbx
        vmresume
        jmp     vmxBroken
.end:   mov     rsp, [hostStackPointer]
        mov     eax, r9d
        ret
        align   8
rounds: dq      0
hostStackPointer: dq 0
isPrepared: db  0
        align   8
vmcsTable:
        dq      VMCS_EXCEPTION_BITMAP, 0
        dq      VMCS_CR3_TARGET_COUNT, 0
        dq      VMCS_EXIT_MSR_STORE_COUNT, 0
        dq      VMCS_EXIT_MSR_LOAD_COUNT, 0
        dq      VMCS_ENTRY_MSR_LOAD_COUNT, 0
        dq      VMCS_ENTRY_INTERRUPTION_INFO, 0
        dq      VMCS_CR0_MASK, 0
        dq      VMCS_CR4_MASK, 0
        dq      VMCS_CR0_SHADOW, 0
        dq      VMCS_CR4_SHADOW, 0
        dq      VMCS_LINK_POINTER, -1
        dq      VMCS_HOST_RIP, vmExit
        dq      VMCS_HOST_RSP, STACK - 0x1000
        dq      VMCS_GUEST_RIP, guest
        dq      VMCS_GUEST_RSP, STACK - 0x2000
        dq      VMCS_GUEST_RFLAGS, 2
%include "include/flatGuest.inc"
        dq      -1
        align   8
parts:
        PART    "exit", exits, 10000, 50000
        POINTER 0
