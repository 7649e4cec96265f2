; A hypervisor with its own guest-physical address space: EPT maps guest-physical to host-physical addresses.
; The guest writes to a page that EPT does not map; the EPT violation brings us in, we give it a frame, and the
; same instruction runs again. A second violation asks for more than the entry allows: a write to a read-only page.
        bits    64
ORIGIN  equ     0x100000
        org     ORIGIN

        jmp     start
%include "include/ports.inc"
%include "include/serial64.inc"
%include "include/descriptors.inc"
%include "include/vmcs.inc"
%include "include/vmx.inc"

EPT_PML4        equ 0x400000            ; our tables, in memory the guest's EPT maps too: a real hypervisor
EPT_PDPT        equ 0x401000            ; would leave its own memory out
EPT_DIRECTORY   equ 0x402000            ; 1 GiB in 2 MiB pages
EPT_TABLE       equ 0x403000            ; one 2 MiB region in 4 KiB pages
LAZY            equ 0x1000000           ; guest-physical region (16-18 MiB) that starts unmapped
FRAME           equ 0x500000            ; host-physical page given to the guest at LAZY

; EPT entry: 2:0 read, write, execute; 5:3 memory type in leaves; bit 7 large page.
EPT_READ        equ 1
EPT_WRITE       equ 2
EPT_EXECUTE     equ 4
EPT_ALL         equ 7
EPT_WRITE_BACK  equ 6 << 3
EPT_LARGE       equ 1 << 7

start:
        lea     rsp, [rel hostStack]
        call    serialInit
        call    vmxLoadDescriptors
        call    vmxLoadSegments
        call    vmxOn

        mov     ecx, IA32_VMX_PROCBASED_CTLS
        rdmsr
        test    edx, PRIMARY_SECONDARY  ; may the secondary controls be used at all?
        jz      .missing
        mov     ecx, IA32_VMX_PROCBASED_CTLS2
        rdmsr
        test    edx, SECONDARY_EPT
        jnz     .supported
.missing:
        PRINT   "this processor has no EPT", 10
        EXIT    2
.supported:
        call    vmxMakeCurrent
        call    buildEpt

        xor     eax, eax
        mov     ebx, VMCS_PIN_CONTROLS
        mov     ecx, IA32_VMX_PINBASED_CTLS
        call    vmxWriteControls
        mov     eax, PRIMARY_HLT_EXITING | PRIMARY_SECONDARY
        mov     ebx, VMCS_PRIMARY_CONTROLS
        mov     ecx, IA32_VMX_PROCBASED_CTLS
        call    vmxWriteControls
        mov     eax, SECONDARY_EPT
        mov     ebx, VMCS_SECONDARY_CONTROLS
        mov     ecx, IA32_VMX_PROCBASED_CTLS2
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
        vmlaunch
        jmp     vmxFailed

; Guest-physical = host-physical for the first GiB, but for the region at LAZY.
buildEpt:
        mov     edi, EPT_PML4
        xor     eax, eax
        mov     ecx, 4 * 512
        cld
        rep     stosq
        mov     qword [EPT_PML4], EPT_PDPT | EPT_ALL
        mov     qword [EPT_PDPT], EPT_DIRECTORY | EPT_ALL
        mov     edi, EPT_DIRECTORY
        mov     eax, EPT_ALL | EPT_WRITE_BACK | EPT_LARGE
        mov     ecx, 512
.map:   stosq
        add     eax, 0x200000
        loop    .map
        mov     qword [EPT_DIRECTORY + (LAZY >> 21) * 8], EPT_TABLE | EPT_ALL
        ret

; ---- VM exits ---------------------------------------------------------------------------------

vmExit:
        push    rax
        push    rbx
        push    rcx
        push    rdx
        mov     ebx, VMCS_EXIT_REASON
        vmread  rcx, rbx
        cmp     ecx, EXIT_EPT_VIOLATION
        je      eptViolation
        cmp     ecx, EXIT_HLT
        je      finish
        PRINT   "unexpected exit "
        mov     eax, ecx
        call    putDecimal
        call    newLine
        EXIT    1

; Qualification: bits 0-2 the access (read, write, fetch), 3-5 what the entry allows, bit 7 a linear address
; is known, bit 8 the access was to the final page (not to a guest page table).
eptViolation:
        PRINT   "EPT violation, qualification "
        mov     ebx, VMCS_EXIT_QUALIFICATION
        vmread  rdx, rbx
        mov     eax, edx
        and     eax, 0x1bf
        call    putHex16
        PRINT   ", guest-physical "
        mov     ebx, VMCS_GUEST_PHYSICAL_ADDRESS
        vmread  rcx, rbx
        mov     eax, ecx
        call    putHex32
        mov     eax, ecx
        sub     eax, LAZY
        shr     eax, 12
        jnz     .unknown
        test    edx, 7 << 3             ; any permission: the page is mapped
        jnz     .allow
        PRINT   ": map a frame, read-only", 10
        mov     qword [EPT_TABLE], FRAME | EPT_READ | EPT_WRITE_BACK
        jmp     .resume                 ; not present before: nothing cached, no INVEPT
.allow:
        PRINT   ": allow writes", 10
        or      qword [EPT_TABLE], EPT_WRITE
        jmp     .resume                 ; the violation itself has dropped the cached entry
.resume:
        pop     rdx
        pop     rcx
        pop     rbx
        pop     rax
        vmresume                        ; RIP is unchanged: the access runs again
        jmp     vmxFailed
.unknown:
        PRINT   ": no such memory", 10
        EXIT    1

finish:
        PRINT   "guest halts, it read "
        mov     eax, [rsp + 24]         ; the guest's RAX
        call    putHex32
        PRINT   10, "host-physical "
        mov     eax, FRAME
        call    putHex32
        PRINT   " holds "
        mov     eax, [FRAME + 8]
        call    putHex32
        call    newLine
        vmxoff
        EXIT    0

; ---- the guest --------------------------------------------------------------------------------

guest:
        mov     ebx, LAZY + 8
        mov     eax, [rbx]              ; violation: read, nothing mapped
        mov     dword [rbx], 0xc0ffee   ; violation: write, read-only
        mov     eax, [rbx]
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
        dq      VMCS_LINK_POINTER, -1
        dq      VMCS_EPT_POINTER, EPT_PML4 | (4 - 1) << 3 | 6   ; 4 levels, tables are write-back
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
