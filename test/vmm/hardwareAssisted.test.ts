import assert from "node:assert/strict";
import type { Debuggee, MmuKind, Stop, VmmKind } from "../../src/engine/index";
import { controlMask } from "../../src/engine/isa/vmx/controls";
import { fieldByName, type VmcsFieldName } from "../../src/engine/isa/vmx/vmcsFields";
import { guest, type GuestOptions } from "../support/guest";

const HEADER = "bits 32\norg 0x100000\n";
const EXIT = "mov al, 0\nout 0xf4, al\n";
const TECHNIQUES: readonly (readonly [VmmKind, MmuKind])[] = [
  ["hardware-assisted", "nested"],
  ["hardware-assisted", "shadow-lazy"],
];

function run(machine: Debuggee): Stop {
  for (let i = 0; i < 100; i++) {
    const stop = machine.run(200_000, { breakpoints: new Set() });
    if (stop) return stop;
  }
  throw new Error("the guest does not end");
}

interface Outcome {
  readonly stop: Stop;
  readonly serial: string;
  readonly registers: Readonly<Record<string, bigint>>;
  readonly memory: Uint8Array;
}

function outcome(text: string, options: GuestOptions): Outcome {
  const machine = guest(text, { recording: false, ...options });
  const stop = run(machine);
  return {
    stop,
    serial: machine.serialText(),
    registers: machine.vcpu().registers,
    memory: machine.readMemory("gpa", 0n, 0x100000),
  };
}

function exitCount(machine: Debuggee, key: string): number {
  return machine.exits().find((exit) => exit.key === key)?.count ?? 0;
}

/** Both views, the position and the VMM's memory with the VMCS. */
function fingerprint(machine: Debuggee): object {
  return {
    position: machine.position,
    vcpu: machine.vcpu(),
    cpu: machine.cpu(),
    vmm: machine.vmm()?.step,
    exits: machine.exits(),
    memory: machine.readMemory("hpa", 0n, 0x20000),
  };
}

/** Interrupt gates that store the vector in EBP and go on at the address in EDI. */
const CATCH_FAULTS = `
        mov     edi, idt
        lidt    [idtPointer]
        jmp     program
%macro GATE 2
        dw      %1 - $$, 8, 0x8e00, 0x10
%endmacro
undefined:
        mov     ebp, 6
        jmp     caught
fault:  mov     ebp, 13
        add     esp, 4
caught: mov     [esp], edi
        iret
        align   8
idt:    times   6 dq 0
        GATE    undefined, 6
        times   6 dq 0
        GATE    fault, 13
idtPointer:
        dw      $ - idt - 1
        dd      idt
program:
`;

/** Runs one instruction that may fault; BP tells the vector or 0. */
const TRY = (instruction: string, label: string): string =>
  `mov ebp, 0\nmov edi, ${label}\n${instruction}\n${label}:\n`;

/** Guests whose end must be the same everywhere: what a guest can see. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "string output with REP across a page":
    "mov esi, text\nmov ecx, 12\nmov dx, 0xe9\nrep outsb\n" + EXIT + "times 0x1ffa - ($ - $$) db 0\ntext: db 'across pages'\n", // prettier-ignore
  "string output downwards, by words":
    "std\nmov esi, text + 2\nmov ecx, 2\nmov dx, 0xe9\nrep outsw\ncld\n" + EXIT + "text: db 'abcd'\n", // prettier-ignore
  "string input into memory":
    "mov edi, 0x8ffe\nmov ecx, 4\nmov dx, 0x3fb\nrep insb\nmov eax, [0x8ffe]\nmov ebx, edi\n" + EXIT, // prettier-ignore
  "input of 1, 2 and 4 bytes leaves the rest of EAX alone":
    "mov eax, 0x12345678\nin al, 0x80\nmov ebx, eax\nmov eax, 0x12345678\nin ax, 0x80\nmov ecx, eax\nin eax, 0x80\nmov esi, eax\n" + EXIT, // prettier-ignore
  "cache-control bits of CR0 read back":
    "mov eax, cr0\nor eax, 0x60000000\nmov cr0, eax\nmov ebx, cr0\nand eax, 0x9fffffff\nmov cr0, eax\nmov ecx, cr0\n" + EXIT, // prettier-ignore
  "CR0.NE reads as written": "mov ebx, cr0\nxor ebx, 0x20\nmov cr0, ebx\nmov ecx, cr0\n" + EXIT,
  "CR0.NW without CR0.CD faults":
    CATCH_FAULTS +
    "mov eax, cr0\nor eax, 0x20000000\n" +
    TRY("mov cr0, eax", "a") +
    "mov ebx, cr0\n" +
    EXIT,
  "an unknown MSR faults and RIP stays on the instruction":
    CATCH_FAULTS + "mov ecx, 0x12345\n" + TRY("rdmsr", "a") + EXIT,
  "VMCALL is undefined": CATCH_FAULTS + TRY("vmcall", "a") + EXIT,
  "the time-stamp counter can be set":
    "mov ecx, 0x10\nmov eax, 0x1000\nmov edx, 5\nwrmsr\nrdtsc\nmov ebx, edx\nxor eax, eax\n" + EXIT,
  "EFER.NXE and IA32_APIC_BASE read as written":
    "mov ecx, 0xc0000080\nrdmsr\nor eax, 0x800\nwrmsr\nrdmsr\nmov ebx, eax\nmov ecx, 0x1b\nmov eax, 0xfee00900\nxor edx, edx\nwrmsr\nrdmsr\nmov esi, eax\n" + EXIT, // prettier-ignore
  "there is a machine-check architecture without banks":
    CATCH_FAULTS +
    "mov ecx, 0x179\nrdmsr\nmov ebx, eax\ninc ecx\nmov eax, 4\nxor edx, edx\nwrmsr\nrdmsr\nmov esi, eax\nmov ecx, 0x400\n" + // prettier-ignore
    TRY("rdmsr", "a") +
    EXIT,
  "reserved bits of IA32_APIC_BASE fault":
    CATCH_FAULTS + "mov ecx, 0x1b\nmov eax, 0xfee00901\nxor edx, edx\n" + TRY("wrmsr", "a") + EXIT,
  "the local APIC goes away with IA32_APIC_BASE.EN, for CPUID too, and moves with its base":
    "mov ecx, 0x1b\nmov eax, 0xfee00100\nxor edx, edx\nwrmsr\nmov eax, 1\ncpuid\nmov edi, edx\nmov esi, [0xfee00030]\nmov ecx, 0x1b\nmov eax, 0xfed40900\nxor edx, edx\nwrmsr\nmov ebx, [0xfed40030]\nmov ebp, [0xfee00030]\n" + EXIT, // prettier-ignore
  "registers of the local APIC are read, written, and read and written in one instruction":
    "mov dword [0xfee00080], 0x57\nor dword [0xfee000d0], 0x1234567f\nxor eax, eax\nxchg eax, [0xfee00320]\nmov ebx, [0xfee00080]\nmov ecx, [0xfee000d0]\nmov edx, [0xfee00320]\nmovzx esi, byte [0xfee00032]\n" + EXIT, // prettier-ignore
  "IA32_TSC_DEADLINE holds a deadline in its mode alone":
    "mov ecx, 0x6e0\nmov eax, -1\nxor edx, edx\nwrmsr\nrdmsr\nmov ebx, eax\nmov dword [0xfee00320], 0x50030\nmov eax, -1\nwrmsr\nrdmsr\nmov esi, eax\n" + EXIT, // prettier-ignore
  "addresses without RAM read as ones, also when written and by strings":
    "mov eax, [0xd0000000]\ninc dword [0xd0000ffe]\nmov ebx, [0xd0000ffe]\nmov esi, 0xe0000ff8\nmov edi, 0x8000\nmov ecx, 4\nrep movsd\nmov edx, [0x800c]\n" + EXIT, // prettier-ignore
  "single-stepping goes on behind instructions that exit":
    "mov esp, 0x8000\nlidt [pointer]\npushfd\nor dword [esp], 0x100\npopfd\nin al, 0x80\nmov eax, 0\ncpuid\nnop\npushfd\nand dword [esp], ~0x100\npopfd\nmov ebx, [steps]\nxor eax, eax\nxor ecx, ecx\nxor edx, edx\n" + EXIT + "trap: inc dword [steps]\niret\nsteps: dd 0\nidt: dq 0\ndw trap - $$, 8, 0x8e00, 0x10\npointer: dw 15\ndd idt\n", // prettier-ignore
  "HLT with interrupts off ends the machine": "mov ebx, 7\nhlt\nmov ebx, 8\n",
  "a triple fault shuts down": "lidt [none]\nint3\nnone: dw 0\ndd 0\n",
};

for (const [vmm, mmu] of TECHNIQUES) {
  describe(`hardware-assisted virtualization, ${mmu}`, () => {
    for (const [name, program] of Object.entries(PROGRAMS)) {
      it(`shows the guest what bare metal shows: ${name}`, () => {
        const bare = outcome(HEADER + program, { vmm: "none" });
        const hosted = outcome(HEADER + program, { vmm, mmu });
        // A fault that ends in shutdown leaves RFLAGS.RF undefined.
        const mask = bare.stop.reason === "shutdown" ? ~0x10000n : ~0n;
        const plain = ({ registers, ...rest }: Outcome): object => ({
          ...rest,
          registers: { ...registers, rflags: registers.rflags! & mask },
        });
        assert.deepEqual(plain(hosted), plain(bare));
      });
    }

    it("hides VMX: CPUID, its MSRs, CR4.VMXE and VMXON", () => {
      const text =
        HEADER +
        CATCH_FAULTS +
        "mov eax, 1\ncpuid\nand ecx, 0x20\npush ecx\n" +
        "mov ecx, 0x480\n" +
        TRY("rdmsr", "a") +
        "push ebp\nmov eax, cr4\nor eax, 0x2000\n" +
        TRY("mov cr4, eax", "b") +
        "push ebp\n" +
        TRY("vmxon [esp]", "c") +
        "push ebp\nmov eax, cr4\npush eax\n" +
        "pop eax\npop ebx\npop ecx\npop edx\npop esi\nhlt\n";
      const { rax, rbx, rcx, rdx, rsi } = outcome(text, { vmm, mmu }).registers;
      assert.deepEqual([rsi, rdx, rcx, rbx, rax], [0n, 13n, 13n, 6n, 0n]);
    });

    it("lets instructions run that need no help: a loop does not exit", () => {
      const machine = guest(`${HEADER}mov ecx, 100000\nl: add eax, ecx\nloop l\n${EXIT}`, {
        vmm,
        mmu,
        recording: false,
      });
      run(machine);
      const all = machine.exits().reduce((sum, { count }) => sum + count, 0);
      assert.ok(all <= 4, `${all} exits`);
    });

    it("keeps the guest out of the VMM's memory", () => {
      const text = `${HEADER}mov edi, 0x200000\nmov ecx, 0x80000\nmov eax, -1\nrep stosd\nmov edi, 0\nmov ecx, 0x3f000\nrep stosd\n${EXIT}`;
      const machine = guest(text, { vmm, mmu, recording: false });
      // Host descriptor tables, page tables and bitmaps lie between the VMCS and the first guest-dependent page.
      const tables = (): Uint8Array => machine.readMemory("hpa", 0x3000n, 0xa000);
      const before = tables();
      run(machine);
      assert.deepEqual(tables(), before);
    });

    it("goes backwards through its own steps to the same state", () => {
      const machine = guest(`${HEADER}in al, 0x80\nmov eax, [0xd0000000]\ncpuid\n${EXIT}`, {
        vmm,
        mmu,
      });
      const seen: object[] = [];
      for (let i = 0; i < 40; i++) {
        seen.push(fingerprint(machine));
        machine.step();
      }
      for (let i = 39; i >= 0; i--) {
        machine.stepBack();
        assert.deepEqual(fingerprint(machine), seen[i], `step ${i}`);
      }
    });

    it("wakes a halted guest by the virtual timer", () => {
      const text = `${HEADER}lidt [pointer]\nmov al, 0xfe\nout 0x21, al\nsti\nhlt\ncli\nmov ebx, [ticks]\n${EXIT}
timer: inc dword [ticks]\npush eax\nmov al, 0x20\nout 0x20, al\npop eax\niret
ticks: dd 0
idt: times 8 dq 0
dw timer - $$, 8, 0x8e00, 0x10
pointer: dw 0x47
dd idt`;
      const machine = guest(text, { vmm, mmu, recording: false });
      run(machine);
      assert.equal(machine.vcpu().registers.rbx, 1n);
      assert.equal(exitCount(machine, "HLT"), 1);
      assert.ok(exitCount(machine, "PREEMPTION_TIMER") >= 1);
    });
  });
}

describe("hardware-assisted virtualization with shadow paging", () => {
  const options = { vmm: "hardware-assisted", mmu: "shadow-lazy", recording: false } as const;

  it("refuses a real-mode guest and says what to do", () => {
    assert.throws(() => guest("bits 16\norg 0x7c00\nhlt\n", { ...options, entry: "real16" }), {
      code: "real-mode-needs-nested",
      message: /--mmu nested/,
    });
  });

  it("stops a guest that goes back to real mode", () => {
    const stop = run(guest(`${HEADER}mov eax, cr0\nand eax, ~1\nmov cr0, eax\n${EXIT}`, options));
    assert.equal(stop.reason, "error");
    assert.ok(stop.reason === "error" && stop.code === "real-mode-needs-nested");
  });

  it("counts hidden faults: one for the first touch of a page, and one for its first write", () => {
    const touch = `${HEADER}mov eax, [0x3000]\n`;
    const count = (text: string): number => {
      const machine = guest(text + EXIT, options);
      run(machine);
      return exitCount(machine, "EXCEPTION_NMI");
    };
    const base = count(HEADER);
    assert.equal(count(touch), base + 1);
    // Without paging there are no D flags to keep: the page is writable at once.
    assert.equal(count(`${touch}mov [0x3000], eax\n`), base + 1);
  });
});

describe("the hypervisor's own errors", () => {
  const options = { vmm: "hardware-assisted", mmu: "nested", recording: false } as const;

  /** Changes a field of the VMCS behind the VMM's back. */
  function corrupt(
    machine: Debuggee,
    name: VmcsFieldName,
    change: (value: bigint) => bigint,
  ): void {
    const at = machine.vmcs()!.address + BigInt(fieldByName(name).offset);
    const old = new DataView(machine.readMemory("hpa", at, 8).buffer).getBigUint64(0, true);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, change(old), true);
    machine.writeMemory("hpa", at, bytes);
  }

  it("name the rule that a refused VM entry breaks", () => {
    const machine = guest(`${HEADER}nop\n${EXIT}`, options);
    corrupt(machine, "GUEST_RFLAGS", () => 0n);
    const stop = run(machine);
    assert.ok(stop.reason === "error" && stop.code === "vm-entry-failed");
    assert.match(stop.text, /RFLAGS/);
  });

  it("stop at a control word that the processor does not allow", () => {
    const machine = guest(`${HEADER}nop\n${EXIT}`, options);
    corrupt(machine, "PIN_BASED_CONTROLS", () => 0n);
    const stop = run(machine);
    assert.ok(stop.reason === "error" && stop.code === "vm-entry-failed");
  });

  it("stop at an exit that nobody handles, with RIP on the instruction", () => {
    const machine = guest(`${HEADER}rdtsc\n${EXIT}`, options);
    const mask = BigInt(controlMask("primary", "rdtscExiting"));
    corrupt(machine, "PRIMARY_PROCESSOR_BASED_CONTROLS", (value) => value | mask);
    const stop = run(machine);
    assert.ok(stop.reason === "error" && stop.code === "unexpected-exit");
    assert.match(stop.text, /RDTSC/);
    assert.equal(machine.vcpu().registers.rip, 0x100000n);
  });
});
