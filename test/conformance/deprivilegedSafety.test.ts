import assert from "node:assert/strict";
import type { Debuggee, KernelRing, MachineEvent } from "../../src/engine/index";
import { RAM_BASE } from "../../src/engine/cpu/layout";
import { AREA, AREA_BASE } from "../../src/engine/vmm/deprivileged/area";
import type { Vm } from "../../src/engine/vmm/deprivileged/vm";
import { innerMachine } from "../support/describeRandomGuests";
import { guest } from "../support/guest";
import { GUEST_BYTES, randomGuest } from "../support/randomGuest";

const VMM_BYTES = 16 << 20;
/** The VMM takes its memory from the start: what lies behind stays empty. */
const USED_BYTES = 1 << 20;
const ROUNDS = Number(process.env.RINGSIDE_ROUNDS ?? 3);
/** A guest that comes to the VMM at each instruction is looked at so often. */
const STRETCHES = 150;
const TICKS = 20_000;
/** A and D flags: the processor sets them in the shadow tables by itself. */
const FLAGS = 0x60n;
const PAGE = 4096;

/** Host-physical memory of the VMM beside what it was when the guest was let go. */
class Watched {
  private readonly before = Buffer.alloc(USED_BYTES);
  /** Stretches in which the guest ran. */
  stretches = 0;
  /** The VMM's stack, where the processor pushes the guest's context, and the page that stands in for addresses without RAM. */
  private readonly open: ReadonlySet<number>;

  constructor(private readonly machine: Debuggee) {
    const vm = Reflect.get(innerMachine(machine).supervisor!, "vm") as Vm;
    this.open = new Set([vm.parts.area.hpaOf(AREA.stack), vm.parts.scratch]);
  }

  /** The machine's own bytes, not copied. */
  private now(): Buffer {
    const { buffer } = innerMachine(this.machine).memory;
    return Buffer.from(buffer, RAM_BASE, USED_BYTES);
  }

  resumed(): void {
    this.now().copy(this.before);
    this.stretches++;
  }

  /** HPA of the first 8 bytes that changed though nobody but the guest ran. */
  trapped(): number | undefined {
    const { before } = this;
    const now = this.now();
    if (this.stretches === 0 || before.equals(now)) return undefined;
    for (let at = 0; at < USED_BYTES; at += 8) {
      if (this.open.has(at - (at % PAGE))) continue;
      const changed = before.readBigUInt64LE(at) ^ now.readBigUInt64LE(at);
      if ((changed & ~FLAGS) !== 0n) return at;
    }
    return undefined;
  }
}

/** Runs a guest and looks at the VMM's memory around each stretch in which it ran. */
function hostile(text: string, kernelRing: KernelRing): Watched {
  const machine = guest(text, { vmm: "trap-and-emulate", mmu: "shadow-lazy", kernelRing, recording: false, memoryBytes: GUEST_BYTES }); // prettier-ignore
  const watched = new Watched(machine);
  const onEvent = ({ kind }: MachineEvent): boolean => {
    if (kind === "vm-entry") watched.resumed();
    if (kind !== "vm-exit") return false;
    const at = watched.trapped();
    if (at !== undefined) assert.fail(`the VMM's memory at HPA 0x${at.toString(16)} has changed`);
    return watched.stretches >= STRETCHES;
  };
  const stop = machine.run(TICKS, { breakpoints: new Set(), onEvent });
  if (stop?.reason === "error")
    assert.ok(["technique-needs-32-bit", "real-mode-not-deprivileged"].includes(stop.code), `${stop.code}: ${stop.text}`); // prettier-ignore
  const rest = machine.readMemory("hpa", BigInt(USED_BYTES), VMM_BYTES - USED_BYTES);
  assert.ok(rest.every((byte) => byte === 0), "the VMM uses more of its memory than is watched"); // prettier-ignore
  assert.ok(watched.stretches > 0, "the guest ran");
  return watched;
}

const HEADER = "bits 32\norg 0x100000\n";
const AREA_TEXT = `0x${AREA_BASE.toString(16)}`;

/** Guests that try one way each. */
const ATTEMPTS: Readonly<Record<string, string>> = {
  "writes over the whole area": `mov edi, ${AREA_TEXT}\nl: mov dword [edi], -1\nadd edi, 0x7ffc\njnc l\nhlt\n`,
  "pushes from the end of the address space":
    "mov esp, 0\nmov ecx, 0x1000\nl: push ecx\nloop l\nhlt\n",
  "jumps into the VMM's stubs": `mov eax, ${AREA_TEXT} + 0x43000\njmp eax\n`,
  "loads the VMM's own selectors":
    "mov esp, 0x9000\nl: mov eax, 0xffe8\nmov ds, eax\nmov [0], eax\nhlt\n",
  "returns to the VMM's code segment":
    "mov esp, 0x9000\npush dword 0xffe0\npush dword 0xffc44000\nretf\n",
  "makes a descriptor with base at the area": `lgdt [p]\nmov eax, 0x18\nmov es, eax\nmov dword [es:0], -1\nmov dword [es:0x44000], -1\nhlt\np: dw 31\ndd gdt\ngdt: dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0xffcf93c00000ffff\n`,
  "makes an expand-down segment that wraps":
    "lgdt [p]\nmov eax, 0x18\nmov es, eax\nmov edi, 0xffc00000\nmov ecx, 0x10000\nmov eax, -1\nrep es stosd\nhlt\np: dw 31\ndd gdt\ngdt: dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cf970000000000\n",
  "maps the area with page tables of its own":
    "mov edi, 0x200000\nmov ecx, 0x400\nmov eax, 0x83\nl: stosd\nadd eax, 0x400000\nloop l\nmov eax, 0x200000\nmov cr3, eax\nmov eax, cr4\nor eax, 0x10\nmov cr4, eax\nmov eax, cr0\nor eax, 0x80000000\nmov cr0, eax\nmov edi, 0xffc00000\nmov ecx, 0x10000\nmov eax, -1\nrep stosd\ninvlpg [0xffc00000]\nmov dword [0xffc40000], 0\nhlt\n",
  "writes to every host-physical address that its GPAs could be": "mov edi, 0\nmov ecx, 0x40000\nmov eax, -1\nrep stosd\nmov edi, 0x101000\nmov ecx, 0xbfc00\nrep stosd\nhlt\n", // prettier-ignore
};

for (const kernelRing of [1, 3] as const)
  describe(`the VMM's memory under trap-and-emulate, ring ${kernelRing}`, function () {
    this.timeout(120_000);

    for (const [attempt, text] of Object.entries(ATTEMPTS))
      it(`is not changed by a guest that ${attempt}`, () => {
        hostile(HEADER + text, kernelRing);
      });

    it("is not changed by random hostile guests, which end in no error of ours", () => {
      let stretches = 0;
      for (let round = 0; round < ROUNDS; round++)
        stretches += hostile(randomGuest({ seed: (round + 1) * 104729, kind: "hostile" }), kernelRing).stretches; // prettier-ignore
      assert.ok(stretches > 10 * ROUNDS, `${stretches} stretches`);
    });
  });
