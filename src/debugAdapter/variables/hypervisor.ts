/** The scopes VCPU, VMCS and Translation: what the VMM and the hardware know of the guest. */
import { hex } from "../../engine/index";
import type { ProcessorView, Translation, VmcsFieldView, WalkStep } from "../../engine/index";
import { hexOf } from "../expressions/formatValue";
import { memoryReference } from "../memoryReference";
import { VARIABLE_MENU_CONTEXTS } from "../protocol";
import { entrySpaceOf } from "../translationText";
import type { ScopeInputs } from "./inputs";
import type { VariableNode } from "./node";

const plain = (name: string, value: string, type = ""): VariableNode => ({ name, value, type });

/** The two views of the processor: what the guest believes, and where the hardware differs. */
export function vcpuNodes(inputs: ScopeInputs): readonly VariableNode[] {
  const { debuggee, view } = inputs;
  const { config, world } = debuggee;
  const cpu = debuggee.cpu();
  const both = (name: string, guest: string, hardware: string): VariableNode =>
    plain(name, guest === hardware ? guest : `VCPU ${guest}, CPU ${hardware}`);
  return [
    plain("world", world, "where the processor is"),
    plain("technique", config.vmm, "vmm"),
    plain("memory technique", config.mmu, "mmu"),
    both("mode", view.mode, cpu.mode),
    both("cpl", String(view.cpl), String(cpu.cpl)),
    both("halted", String(view.halted), String(cpu.halted)),
    both("interrupt shadow", view.interruptShadow, cpu.interruptShadow),
    { name: "position", value: String(debuggee.position), evaluateName: "position" },
    { name: "instructions", value: String(debuggee.instructions), evaluateName: "instructions" },
    { name: "cycles", value: String(debuggee.cycles), evaluateName: "cycles" },
    {
      name: "VCPU and CPU differ",
      ...differences(debuggee.vcpu(), cpu),
    },
  ];
}

function differences(vcpu: ProcessorView, cpu: ProcessorView): Omit<VariableNode, "name"> {
  const rows: VariableNode[] = [];
  const row = (name: string, guest: bigint, hardware: bigint): void => {
    if (guest === hardware) return;
    const value = `VCPU ${hex(guest)}, CPU ${hex(hardware)}`;
    rows.push({ name, value, type: "register", evaluateName: name });
  };
  for (const [name, value] of Object.entries(vcpu.registers)) {
    row(name, value, cpu.registers[name] ?? 0n);
  }
  for (const [name, segment] of Object.entries(vcpu.segments)) {
    const hardware = cpu.segments[name as keyof ProcessorView["segments"]];
    row(name, BigInt(segment.selector), BigInt(hardware.selector));
    row(`${name}.base`, segment.base, hardware.base);
    row(`${name}.limit`, BigInt(segment.limit), BigInt(hardware.limit));
    row(`${name}.rights`, BigInt(segment.accessRights), BigInt(hardware.accessRights));
  }
  for (const name of ["gdtr", "idtr"] as const) {
    row(`${name}.base`, vcpu[name].base, cpu[name].base);
    row(`${name}.limit`, BigInt(vcpu[name].limit), BigInt(cpu[name].limit));
  }
  if (rows.length === 0) return { value: "nowhere" };
  return { value: `in ${rows.length} places`, children: () => rows };
}

const AREA_TITLES: Readonly<Record<VmcsFieldView["area"], string>> = {
  guest: "Guest state",
  host: "Host state",
  control: "Controls",
  "exit-info": "Exit information",
};

export function vmcsNodes({ debuggee }: ScopeInputs): readonly VariableNode[] {
  const vmcs = debuggee.vmcs();
  if (!vmcs) return [plain("VMCS", noVmcsText(debuggee.config.vmm))];
  const head = [
    {
      ...plain("region", hex(vmcs.address), "host-physical address"),
      memoryReference: memoryReference("hpa", vmcs.address),
    },
    plain("launch state", vmcs.launchState),
  ];
  const areas = Object.entries(AREA_TITLES).map(([area, title]): VariableNode => {
    const fields = vmcs.fields.filter((field) => field.area === area);
    return {
      name: title,
      value: `${fields.length} fields`,
      children: () => groupNodes(fields),
    };
  });
  return [...head, ...areas];
}

export function noVmcsText(vmm: string): string {
  return vmm === "none" || vmm === "hardware-assisted"
    ? "There is no current VMCS."
    : `There is no VMCS: ${vmm} does not use VMX.`;
}

function groupNodes(fields: readonly VmcsFieldView[]): readonly VariableNode[] {
  const groups = [...new Set(fields.map(({ group }) => group))];
  if (groups.length < 2) return fields.map(fieldNode);
  return groups.map((group) => {
    const members = fields.filter((field) => field.group === group);
    return {
      name: group,
      value: `${members.length} fields`,
      children: () => members.map(fieldNode),
    };
  });
}

function fieldNode(field: VmcsFieldView): VariableNode {
  return {
    name: field.name,
    value: `${hexOf(field.value, field.width)} ${field.decoded}`.trimEnd(),
    type: `${field.title} (encoding ${hex(field.encoding)})`,
    evaluateName: `vmcs.${field.name}`,
    context: VARIABLE_MENU_CONTEXTS.vmcsField,
  };
}

/** The translations that a person asks for first: of RIP, RSP, and of CR2 after a page fault. */
export function translationNodes({ debuggee, view }: ScopeInputs): readonly VariableNode[] {
  const register = (name: string): bigint => view.registers[name] ?? 0n;
  const addresses: readonly (readonly [string, bigint])[] = [
    ["rip", view.segments.cs.base + register("rip")],
    ["rsp", view.segments.ss.base + register("rsp")],
    ...(register("cr2") === 0n ? [] : [["cr2", register("cr2")] as const]),
  ];
  return addresses.map(([name, address]) => {
    const gva = BigInt.asUintN(64, address);
    const translation = debuggee.translate("gva", gva);
    return {
      name,
      value: translationText(translation),
      type: "GVA to GPA to HPA",
      memoryReference: memoryReference("gva", gva),
      context: VARIABLE_MENU_CONTEXTS.address,
      children: () => walkNodes(translation),
    };
  });
}

/** "gva 0x7c00 → gpa 0x7c00 → hpa 0x107c00, rwx s, 2 MiB page". */
export function translationText(translation: Translation): string {
  const places = [
    translation.gva === undefined ? [] : [`gva ${hex(translation.gva)}`],
    translation.gpa === undefined ? [] : [`gpa ${hex(translation.gpa)}`],
    translation.hpa === undefined ? [] : [`hpa ${hex(translation.hpa)}`],
  ].flat();
  const notes = [
    ...(translation.rights === undefined ? [] : [translation.rights]),
    ...(translation.pageSize === undefined ? [] : [`${pageSizeText(translation.pageSize)} page`]),
    ...(translation.failure === undefined ? [] : [translation.failure]),
  ];
  return [places.join(" → "), ...notes].join(", ");
}

function pageSizeText(bytes: number): string {
  if (bytes >= 1 << 30) return `${bytes / (1 << 30)} GiB`;
  return bytes >= 1 << 20 ? `${bytes / (1 << 20)} MiB` : `${bytes / 1024} KiB`;
}

function walkNodes(translation: Translation): readonly VariableNode[] {
  const seen = new Map<string, number>();
  return translation.steps.map((step) => {
    const base = `${step.stage} ${step.level}`;
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    return walkNode(step, count === 1 ? base : `${base} (${count})`);
  });
}

function walkNode(step: WalkStep, name: string): VariableNode {
  const refused = step.refused === undefined ? "" : ` REFUSED: ${step.refused}`;
  const space = entrySpaceOf(step.stage);
  return {
    name,
    value: `${hex(step.value)} [${step.flags.join(" ")}] → ${hex(step.target)}${refused}`,
    type: `entry at ${space} ${hex(step.entryAddress)}`,
    memoryReference: memoryReference(space, step.entryAddress),
    context: VARIABLE_MENU_CONTEXTS.address,
  };
}
