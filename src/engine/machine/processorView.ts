/** Both views of the processor: what the hardware holds, and what the guest believes. */
import type { Processor } from "../cpu/processor";
import { ACTIVITY, CR0, EFER, RFLAGS, type SegmentRegister } from "../cpu/systemState";
import { readVmcs, readVmcs32 } from "../cpu/vmx/vmcs";
import { AR } from "../isa/descriptors";
import { INTERRUPTIBILITY } from "../isa/vmx/fieldLayouts";
import { GPR64 } from "../isa/registers";
import type { Bits } from "../isa/types";
import { guestIsInVmcs, guestSegments, guestsProcessor, type ViewedMachine } from "./guestContext";
import type { CpuMode, ProcessorView, SegmentView } from "./types";

/** The register values that decide everything else. */
interface Core {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly cr8: bigint;
  readonly efer: bigint;
  readonly rip: bigint;
  readonly rsp: bigint | undefined;
  readonly rflags: bigint;
  readonly dr7: bigint;
  readonly gdtr: ProcessorView["gdtr"];
  readonly idtr: ProcessorView["idtr"];
  readonly halted: boolean;
  readonly interruptShadow: ProcessorView["interruptShadow"];
}

function segmentView({ selector, base, limit, ar }: SegmentRegister): SegmentView {
  return { selector, base, limit, accessRights: ar };
}

function modeOf({ cr0, efer, rflags }: Core, cs: SegmentRegister): CpuMode {
  if (!(Number(cr0) & CR0.PE)) return "real16";
  if (Number(rflags) & RFLAGS.VM) return "virtual8086";
  if (Number(efer) & EFER.LMA) return cs.ar & AR.L ? "long64" : "compatibility";
  return cs.ar & AR.DB ? "protected32" : "protected16";
}

function bitsOf(mode: CpuMode, cs: SegmentRegister): Bits {
  if (mode === "long64") return 64;
  return cs.ar & AR.DB ? 32 : 16;
}

function cplOf(mode: CpuMode, ss: SegmentRegister): number {
  if (mode === "real16") return 0;
  if (mode === "virtual8086") return 3;
  return (ss.ar & AR.DPL) >> 5;
}

type SegmentSet = ReturnType<typeof guestSegments>;

function view(
  cpu: Processor,
  core: Core,
  set: SegmentSet,
  gprs: readonly bigint[],
  cpl?: number,
): ProcessorView {
  const { system } = cpu;
  const [es, cs, ss, ds, fs, gs] = set.segments as readonly [
    SegmentRegister,
    SegmentRegister,
    SegmentRegister,
    SegmentRegister,
    SegmentRegister,
    SegmentRegister,
  ];
  const mode = modeOf(core, cs);
  const registers: Record<string, bigint> = {};
  GPR64.forEach((name, i) => {
    registers[name] = gprs[i]!;
  });
  if (core.rsp !== undefined) registers.rsp = core.rsp;
  const { rip, rflags, cr0, cr3, cr4, cr8, efer, dr7 } = core;
  Object.assign(registers, {
    rip,
    rflags,
    cr0,
    cr2: system.cr2,
    cr3,
    cr4,
    cr8,
    efer,
  });
  system.dr.forEach((value, i) => {
    registers[`dr${i}`] = value;
  });
  Object.assign(registers, { dr6: BigInt(system.dr6), dr7 });
  return {
    mode,
    cpl: cpl ?? cplOf(mode, ss),
    bits: bitsOf(mode, cs),
    registers,
    segments: {
      es: segmentView(es),
      cs: segmentView(cs),
      ss: segmentView(ss),
      ds: segmentView(ds),
      fs: segmentView(fs),
      gs: segmentView(gs),
      ldtr: segmentView(set.ldtr),
      tr: segmentView(set.tr),
    },
    gdtr: core.gdtr,
    idtr: core.idtr,
    halted: core.halted,
    interruptShadow: core.interruptShadow,
  };
}

function hardwareCore(cpu: Processor): Core {
  const { system } = cpu;
  return {
    cr0: BigInt(system.cr0 >>> 0),
    cr3: BigInt(system.cr3),
    cr4: BigInt(system.cr4 >>> 0),
    cr8: BigInt(cpu.localApic.taskPriority >> 4),
    efer: BigInt(system.efer >>> 0),
    rip: cpu.rip,
    rsp: undefined,
    rflags: BigInt(cpu.rflags >>> 0),
    dr7: BigInt(system.dr7),
    gdtr: { ...system.gdtr },
    idtr: { ...system.idtr },
    halted: system.activity === ACTIVITY.hlt,
    interruptShadow: system.shadow,
  };
}

function shadowOf(interruptibility: number): ProcessorView["interruptShadow"] {
  if (interruptibility & INTERRUPTIBILITY.STI) return "sti";
  return interruptibility & INTERRUPTIBILITY.MOV_SS ? "mov-ss" : "none";
}

function vmcsCore(cpu: Processor): Core {
  return {
    cr0: readVmcs(cpu, "GUEST_CR0"),
    cr3: readVmcs(cpu, "GUEST_CR3"),
    cr4: readVmcs(cpu, "GUEST_CR4"),
    cr8: BigInt(cpu.localApic.taskPriority >> 4),
    efer: readVmcs(cpu, "GUEST_IA32_EFER"),
    rip: readVmcs(cpu, "GUEST_RIP"),
    rsp: readVmcs(cpu, "GUEST_RSP"),
    rflags: readVmcs(cpu, "GUEST_RFLAGS"),
    dr7: readVmcs(cpu, "GUEST_DR7"),
    gdtr: { base: readVmcs(cpu, "GUEST_GDTR_BASE"), limit: readVmcs32(cpu, "GUEST_GDTR_LIMIT") },
    idtr: { base: readVmcs(cpu, "GUEST_IDTR_BASE"), limit: readVmcs32(cpu, "GUEST_IDTR_LIMIT") },
    halted: readVmcs32(cpu, "GUEST_ACTIVITY_STATE") === ACTIVITY.hlt,
    interruptShadow: shadowOf(readVmcs32(cpu, "GUEST_INTERRUPTIBILITY_STATE")),
  };
}

function processorGprs(cpu: Processor): bigint[] {
  return Array.from({ length: 16 }, (_, register) => cpu.gpr(register));
}

function viewOf(cpu: Processor): ProcessorView {
  return view(cpu, hardwareCore(cpu), cpu.system, processorGprs(cpu), cpu.cpl);
}

/** What the hardware holds now. */
export function hardwareView({ cpu }: ViewedMachine): ProcessorView {
  return viewOf(cpu);
}

/** What the guest believes: its state wherever it lies, with the read shadows applied. Equal to `hardwareView` without a supervisor. */
export function guestView(machine: ViewedMachine): ProcessorView {
  const { cpu, supervisor } = machine;
  if (!supervisor) return hardwareView(machine);
  if (supervisor.guestProcessor) return viewOf(guestsProcessor(machine));
  const inVmcs = guestIsInVmcs(machine);
  const core = inVmcs ? vmcsCore(cpu) : hardwareCore(cpu);
  const believed = supervisor.guestControlRegisters();
  const gprs = supervisor.guestRegisters?.() ?? processorGprs(cpu);
  return view(cpu, { ...core, ...believed }, guestSegments(machine), gprs);
}
