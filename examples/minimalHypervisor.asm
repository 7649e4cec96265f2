; A complete hypervisor. It runs one guest of a few instructions and handles its VM exits:
; CPUID (always exits), OUT (unconditional I/O exiting), VMCALL (a hypercall), HLT (HLT exiting).
; The guest shares the hypervisor's page tables, so this teaches VM entry and exit only; for memory see
; minimalHypervisorEpt.asm.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"
%include "include/vmcs.inc"
%include "include/vmx.inc"

HYPERCALL_ADD   equ 1                   ; RAX; RBX + RCX comes back in RAX
DEBUG_CONSOLE   equ 0xe9

start:
        lea     rsp, [rel hostStack]
        call    serialInit
        call    vmxLoadDescriptors
        call    vmxLoadSegments
        call    vmxOn
        call    vmxMakeCurrent

        ; Controls: what we want, corrected by what the processor allows.
        xor     eax, eax
        mov     ebx, VMCS_PIN_CONTROLS
        mov     ecx, IA32_VMX_PINBASED_CTLS
        call    vmxWriteControls
        mov     eax, PRIMARY_HLT_EXITING | PRIMARY_IO_EXITING
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

        PRINT   "VMLAUNCH", 10
        vmlaunch                        ; on success the next instruction is the guest's
        jmp     vmxFailed               ; here only after VMfail

; ---- VM exits arrive here: HOST_RIP, with HOST_RSP, interrupts off ----------------------------
; Only RIP, RSP, RFLAGS, segments and control registers were switched; the other registers are still the guest's.

vmExit:
        mov     [rel guestRax], rax
        mov     [rel guestRbx], rbx
        mov     [rel guestRcx], rcx
        mov     [rel guestRdx], rdx
        PRINT   "exit "
        mov     ebx, VMCS_EXIT_REASON
        vmread  rcx, rbx
        mov     eax, ecx
        call    putDecimal
        cmp     ecx, EXIT_CPUID
        je      exitCpuid
        cmp     ecx, EXIT_IO
        je      exitIo
        cmp     ecx, EXIT_VMCALL
        je      exitVmcall
        cmp     ecx, EXIT_HLT
        je      exitHlt
        PRINT   ": unexpected", 10      ; never resume after an exit that nobody understood
        EXIT    1

; The guest shall see the host's CPUID with one bit added: "a hypervisor is present".
exitCpuid:
        PRINT   ", CPUID, leaf "
        mov     rax, [rel guestRax]
        call    putDecimal
        call    newLine
        mov     rcx, [rel guestRcx]
        mov     r8d, eax
        cpuid
        cmp     r8d, 1
        jne     .store
        or      ecx, 1 << 31
.store: mov     [rel guestRax], rax
        mov     [rel guestRbx], rbx
        mov     [rel guestRcx], rcx
        mov     [rel guestRdx], rdx
        jmp     skipInstruction

; Qualification: 2:0 size - 1, bit 3 IN, 31:16 port. We are the guest's debug console.
exitIo:
        mov     ebx, VMCS_EXIT_QUALIFICATION
        vmread  rax, rbx
        PRINT   ", I/O, port "
        shr     eax, 16
        call    putHex16
        cmp     eax, DEBUG_CONSOLE
        jne     .other
        PRINT   ", character "
        mov     rax, [rel guestRax]
        call    putChar
.other: call    newLine
        jmp     skipInstruction

exitVmcall:
        PRINT   ", VMCALL, hypercall "
        mov     rax, [rel guestRax]
        call    putDecimal
        call    newLine
        mov     rcx, -1                 ; unknown hypercall
        cmp     rax, HYPERCALL_ADD
        jne     .done
        mov     rcx, [rel guestRbx]
        add     rcx, [rel guestRcx]
.done:  mov     [rel guestRax], rcx
        jmp     skipInstruction

exitHlt:
        PRINT   ", HLT, guest RAX = "
        mov     rax, [rel guestRax]
        call    putDecimal
        call    newLine
        vmxoff
        PRINT   "VMXOFF", 10
        mov     rax, [rel guestRax]
        EXIT    al

; These exits are fault-like: RIP still points at the instruction. Emulated means it must be passed over.
skipInstruction:
        mov     ebx, VMCS_EXIT_INSTRUCTION_LENGTH
        vmread  rcx, rbx
        mov     ebx, VMCS_GUEST_RIP
        vmread  rax, rbx
        add     rax, rcx
        vmwrite rbx, rax
        mov     rax, [rel guestRax]
        mov     rbx, [rel guestRbx]
        mov     rcx, [rel guestRcx]
        mov     rdx, [rel guestRdx]
        vmresume                        ; the launch state is "launched" now: VMLAUNCH would fail
        jmp     vmxFailed

; ---- the guest: VMX non-root operation --------------------------------------------------------

guest:
        mov     eax, 1
        xor     ecx, ecx
        cpuid
        mov     r15d, ecx
        mov     al, 'G'
        out     DEBUG_CONSOLE, al
        mov     eax, HYPERCALL_ADD
        mov     ebx, 30
        mov     ecx, 11
        vmcall
        shr     r15d, 31                ; what CPUID said: 1 in here
        add     eax, r15d
        hlt                             ; RAX = 30 + 11 + 1

; ---- the VMCS: everything that does not depend on this machine --------------------------------

        align   8
vmcsTable:
        dq      VMCS_EXCEPTION_BITMAP, 0
        dq      VMCS_CR3_TARGET_COUNT, 0
        dq      VMCS_EXIT_MSR_STORE_COUNT, 0
        dq      VMCS_EXIT_MSR_LOAD_COUNT, 0
        dq      VMCS_ENTRY_MSR_LOAD_COUNT, 0
        dq      VMCS_ENTRY_INTERRUPTION_INFO, 0
        dq      VMCS_CR0_MASK, 0                ; the guest owns all of CR0 and CR4
        dq      VMCS_CR4_MASK, 0
        dq      VMCS_CR0_SHADOW, 0
        dq      VMCS_CR4_SHADOW, 0
        dq      VMCS_LINK_POINTER, -1           ; no shadow VMCS
        dq      VMCS_HOST_RIP, vmExit
        dq      VMCS_HOST_RSP, hostStack
        dq      VMCS_GUEST_RIP, guest
        dq      VMCS_GUEST_RSP, guestStack
        dq      VMCS_GUEST_RFLAGS, 2            ; bit 1 is always 1
%include "include/flatGuest.inc"
        dq      -1

guestRax: dq    0
guestRbx: dq    0
guestRcx: dq    0
guestRdx: dq    0

        align   16
        times   2048 db 0
guestStack:
        times   2048 db 0
hostStack:
