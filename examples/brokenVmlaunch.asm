; A VMCS with three mistakes that beginners make. VM entry checks in three stages and stops at the first that fails:
; controls (error 7), host state (error 8), then guest state, which fails in another way: as a VM exit
; with bit 31 of the reason set. Each time we repair the field and try again.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"
%include "include/vmcs.inc"
%include "include/vmx.inc"

start:
        lea     rsp, [rel hostStack]
        call    serialInit
        call    vmxLoadDescriptors
        call    vmxLoadSegments
        call    vmxOn
        call    vmxMakeCurrent

        ; Mistake 1: a control field without the bits that the capability MSR demands.
        mov     eax, PRIMARY_HLT_EXITING
        mov     ebx, VMCS_PRIMARY_CONTROLS
        call    vmxWrite
        xor     eax, eax
        mov     ebx, VMCS_PIN_CONTROLS
        mov     ecx, IA32_VMX_PINBASED_CTLS
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

        ; Mistake 2: the host's task register must hold a TSS; 0 is refused.
        xor     eax, eax
        mov     ebx, VMCS_HOST_TR_SELECTOR
        call    vmxWrite

        ; Mistake 3: no shadow VMCS is written as all ones, not as 0.
        xor     eax, eax
        mov     ebx, VMCS_LINK_POINTER
        call    vmxWrite

        PRINT   "1st VMLAUNCH: "
        vmlaunch
        call    report
        mov     eax, PRIMARY_HLT_EXITING
        mov     ebx, VMCS_PRIMARY_CONTROLS
        mov     ecx, IA32_VMX_PROCBASED_CTLS
        call    vmxWriteControls

        PRINT   "2nd VMLAUNCH: "
        vmlaunch
        call    report
        mov     eax, HOST_TSS
        mov     ebx, VMCS_HOST_TR_SELECTOR
        call    vmxWrite

        PRINT   "3rd VMLAUNCH: "
        vmlaunch
        call    report
        jmp     wrong                   ; the third failure goes to HOST_RIP instead

; VMfailValid: ZF = 1 and an error number in the VMCS.
report:
        jc      vmxFailed
        jnz     wrong
        PRINT   "VM-instruction error "
        call    vmxPutInstructionError
        cmp     eax, 7
        je      .controls
        cmp     eax, 8
        jne     wrong
        PRINT   ", invalid host-state field", 10
        ret
.controls:
        PRINT   ", invalid control field", 10
        ret

vmExit:
        mov     ebx, VMCS_EXIT_REASON
        vmread  rdx, rbx
        btr     edx, 31
        jnc     .ran
        PRINT   "VM exit, entry failed, reason "
        mov     eax, edx
        call    putDecimal
        PRINT   ", qualification "      ; 4: the link pointer
        mov     ebx, VMCS_EXIT_QUALIFICATION
        vmread  rax, rbx
        call    putDecimal
        PRINT   10, "4th VMLAUNCH: "
        mov     rax, -1
        mov     ebx, VMCS_LINK_POINTER
        call    vmxWrite
        vmlaunch                        ; a failed entry leaves the launch state clear
        jmp     vmxFailed
.ran:
        PRINT   "VM exit, reason "
        mov     eax, edx
        call    putDecimal
        call    newLine
        vmxoff
        EXIT    0

wrong:
        PRINT   "unexpected result", 10
        EXIT    1

guest:
        hlt

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
        dq      VMCS_HOST_RIP, vmExit
        dq      VMCS_HOST_RSP, hostStack
        dq      VMCS_GUEST_RIP, guest
        dq      VMCS_GUEST_RSP, guestStack
        dq      VMCS_GUEST_RFLAGS, 2
%include "include/flatGuest.inc"
        dq      -1

        align   16
        times   2048 db 0
guestStack:
        times   2048 db 0
hostStack:
