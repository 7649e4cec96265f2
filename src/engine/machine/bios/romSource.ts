/**
 * The BIOS's code in segment F000h: an entry for each software interrupt, the handlers of the hardware's, and POST.
 * Services are the device of devices/bios; everything that a PC's processor executes around them is here.
 */
import { PORTS } from "../../devices/bios/device";
import { FRAME } from "../../devices/bios/callFrame";
import { BIOS_TABLES, ROM_SEGMENT } from "../../devices/bios/romLayout";
import { FIRMWARE_WRITES } from "../../devices/firmware";

/** Software interrupts that a service answers. */
const SERVICE_VECTORS = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x1a] as const;

export const ROM_OFFSET = 0xe000;
export const POST_VECTORS = 0xf000;
/** Where the processor starts after a reset. */
const RESET = 0xfff0;

const number = (value: number): string => `0x${value.toString(16)}`;
const vectorName = (vector: number): string => `int_${vector.toString(16).padStart(2, "0")}h`;

/** Pushes the vector under the caller's IP, CS and FLAGS and goes to the common part. */
const serviceEntries = SERVICE_VECTORS.map(
  (vector) => `${vectorName(vector)}:
        push    word ${number(vector)}
        jmp     service`,
).join("\n");

/** The same port writes as at power-on. */
const deviceWrites = FIRMWARE_WRITES.map(
  ([port, value]) => `        mov     dx, ${number(port)}
        mov     al, ${number(value)}
        out     dx, al`,
).join("\n");

export const ROM_SOURCE = `
        bits    16
        org     ${number(ROM_OFFSET)}

${serviceEntries}

; The frame that the services read and write: ES, DS, PUSHAD, vector, IP, CS, FLAGS.
service:
        pushad
        push    ds
        push    es
.call:  mov     ax, ss
        shl     eax, 16
        mov     ax, sp
        mov     dx, ${number(PORTS.call.base)}
        out     dx, eax
        mov     bp, sp
        cmp     byte [bp + ${FRAME.again}], 0
        jne     .wait
        pop     es
        pop     ds
        popad
        add     sp, 2
        iret
.wait:  sti                             ; an interrupt may bring what the service waits for
        hlt
        cli
        jmp     .call

; Timer: ticks since midnight, then the user's hook.
int_08h:
        push    ds
        push    eax
        mov     ax, 0x40
        mov     ds, ax
        mov     eax, [0x6c]
        inc     eax
        cmp     eax, 0x1800b0
        jb      .store
        xor     eax, eax
        inc     byte [0x70]
.store: mov     [0x6c], eax
        int     0x1c
        mov     al, 0x20
        out     0x20, al
        pop     eax
        pop     ds
        iret

; Keyboard: the scan code, through INT 15h AH=4Fh, to the buffer.
int_09h:
        push    ax
        in      al, 0x60
        mov     ah, 0x4f
        stc
        int     0x15
        jnc     .done
        pushf
        push    cs
        call    keyArrived
.done:  mov     al, 0x20
        out     0x20, al
        pop     ax
        iret
keyArrived:
        push    word 0x09
        jmp     service

; Clock: periodic interrupts wake INT 15h AH=86h; the alarm is INT 4Ah.
int_70h:
        push    ax
        mov     al, 0x0c
        out     0x70, al
        in      al, 0x71
        test    al, 0x20
        jz      slaveEoi
        sti
        int     0x4a
        cli
        jmp     slaveEoi
slaveInterrupt:
        push    ax
slaveEoi:
        mov     al, 0x20
        out     0xa0, al
        out     0x20, al
        pop     ax
        iret
masterInterrupt:
        push    ax
        mov     al, 0x20
        out     0x20, al
        pop     ax
        iret

int_17h:                                ; no printer: time out
        mov     ah, 0x01
nothing:
        iret

int_18h:
        pushf
        push    cs
        call    noBootDevice
.stop:  cli
        hlt
        jmp     .stop
noBootDevice:
        push    word 0x18
        jmp     service

; After a reset or a jump to FFFF:0000: vectors, data area, devices, then the boot sector.
post:
        cli
        cld
        xor     ax, ax
        mov     es, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        xor     di, di
        mov     si, ${number(POST_VECTORS)}
        mov     cx, 0x280
        cs rep movsw
${deviceWrites}
        mov     ax, 0x0003
        int     0x10
int_19h:
        cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7c00
        push    word 0x0202             ; FLAGS, CS and IP of the boot sector
        push    ax
        push    word 0x7c00
        push    word 0x19
        jmp     service

        times   ${number(BIOS_TABLES.configuration)} - ${number(ROM_OFFSET)} - ($ - $$) db 0
configurationTable:
        dw      8                       ; bytes that follow
        db      0xfc, 0, 0              ; PC/AT
        db      0x70, 0x40, 0, 0, 0     ; second 8259, clock, INT 15h AH=4Fh; INT 16h AH=09h

        times   ${number(BIOS_TABLES.diskette)} - ${number(ROM_OFFSET)} - ($ - $$) db 0
disketteTable:
        db      0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08

        times   ${number(RESET)} - ${number(ROM_OFFSET)} - ($ - $$) db 0
reset:  jmp     ${number(ROM_SEGMENT)}:post
        db      "01/01/00"
        db      0, 0xfc, 0              ; PC/AT
`;
