/** ringside/processor: the VCPU beside the CPU, with what changed since the last stop. */
import { accessRightsText, GPR64, hex, RFLAGS_LAYOUT, summarizeBits } from "../../engine/index";
import type { ProcessorView } from "../../engine/index";
import type { ProcessorBody, ProcessorGroup, ProcessorRow } from "../protocol";
import type { RingsideSession } from "../session/session";
import { THREAD_ID } from "../session/threads";
import { SYSTEM_LAYOUTS } from "../variables/system";

/** One row of the table: how to read it from a view, and how to decode it. */
interface RowSpec {
  readonly name: string;
  readonly read: (view: ProcessorView) => bigint;
  readonly decode?: (value: bigint) => string;
}

const register = (name: string): RowSpec => {
  const layout = name === "rflags" ? RFLAGS_LAYOUT : SYSTEM_LAYOUTS[name];
  const read = (view: ProcessorView): bigint => view.registers[name] ?? 0n;
  return layout ? { name, read, decode: (value) => summarizeBits(layout, value) } : { name, read };
};

function segmentRows(name: keyof ProcessorView["segments"]): RowSpec[] {
  return [
    { name, read: (view) => BigInt(view.segments[name].selector) },
    { name: `${name}.base`, read: (view) => view.segments[name].base },
    { name: `${name}.limit`, read: (view) => BigInt(view.segments[name].limit) },
    {
      name: `${name}.rights`,
      read: (view) => BigInt(view.segments[name].accessRights),
      decode: (value) => accessRightsText(Number(value)),
    },
  ];
}

function tableRows(name: "gdtr" | "idtr"): RowSpec[] {
  return [
    { name: `${name}.base`, read: (view) => view[name].base },
    { name: `${name}.limit`, read: (view) => BigInt(view[name].limit) },
  ];
}

const GROUPS: readonly { readonly title: string; readonly rows: readonly RowSpec[] }[] = [
  { title: "Registers", rows: [...GPR64, "rip", "rflags"].map(register) },
  {
    title: "Segments",
    rows: [
      ...(["cs", "ss", "ds", "es", "fs", "gs", "tr", "ldtr"] as const).flatMap(segmentRows),
      ...tableRows("gdtr"),
      ...tableRows("idtr"),
    ],
  },
  {
    title: "Control Registers",
    rows: ["cr0", "cr2", "cr3", "cr4", "cr8", "efer", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"].map(register), // prettier-ignore
  },
];

export function processorBody(session: RingsideSession): ProcessorBody {
  const { debuggee, history } = session.target;
  const vcpu = debuggee.vcpu();
  const cpu = debuggee.cpu();
  const { previous } = history;
  const row = (spec: RowSpec): ProcessorRow => processorRow(spec, vcpu, cpu, previous);
  const groups: ProcessorGroup[] = GROUPS.map(({ title, rows }) => ({
    title,
    rows: rows.map(row),
  }));
  const standing = ({ mode, cpl, halted }: ProcessorView) => ({ mode, cpl, halted });
  return {
    generation: session.generation,
    threadId: THREAD_ID,
    world: debuggee.world,
    vcpu: standing(vcpu),
    cpu: standing(cpu),
    groups,
  };
}

function processorRow(
  { name, read, decode }: RowSpec,
  vcpu: ProcessorView,
  cpu: ProcessorView,
  previous: { readonly vcpu: ProcessorView; readonly cpu: ProcessorView } | undefined,
): ProcessorRow {
  const [guest, hardware] = [read(vcpu), read(cpu)];
  const [guestBefore, hardwareBefore] = [previous && read(previous.vcpu), previous && read(previous.cpu)]; // prettier-ignore
  const changed = guestBefore !== undefined && guestBefore !== guest;
  const cpuChanged = hardwareBefore !== undefined && hardwareBefore !== hardware;
  return {
    name,
    vcpu: hex(guest),
    cpu: hex(hardware),
    differs: guest !== hardware,
    changed,
    cpuChanged,
    ...(changed ? { previous: hex(guestBefore) } : {}),
    ...(cpuChanged ? { cpuPrevious: hex(hardwareBefore) } : {}),
    ...(decode ? { vcpuDecoded: decode(guest), cpuDecoded: decode(hardware) } : {}),
  };
}
