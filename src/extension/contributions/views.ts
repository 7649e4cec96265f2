/** The views in Run and Debug, their colours, and what an empty one says. */
import { COMMAND, RELEVANT_KEY } from "./commands";

export const VIEW = {
  vcpu: "ringside.vcpu",
  vmcs: "ringside.vmcs",
  guestTables: "ringside.guestTables",
  hardwareTables: "ringside.hardwareTables",
  exits: "ringside.exits",
  translation: "ringside.translation",
  timeline: "ringside.timeline",
} as const;
export type ViewId = (typeof VIEW)[keyof typeof VIEW];

interface ViewRow {
  readonly id: ViewId;
  readonly name: string;
  readonly collapsed: boolean;
  /** Shown while no session runs. */
  readonly welcome: string;
}

const START = `[Debug the Open File](command:${COMMAND.debugFile})\n[Open an Example](command:${COMMAND.openExample})`;

export const VIEWS: readonly ViewRow[] = [
  {
    id: VIEW.exits,
    name: "VM Exits",
    collapsed: false,
    welcome: `Tick a reason and the machine stops at each VM exit of that kind.\n${START}`,
  },
  {
    id: VIEW.vcpu,
    name: "VCPU and CPU",
    collapsed: false,
    welcome: `The registers as the guest believes them (VCPU) beside those that the hardware holds (CPU). They fill when the machine stops.\n${START}`,
  },
  {
    id: VIEW.vmcs,
    name: "VMCS",
    collapsed: true,
    welcome:
      'The fields of the current VMCS, decoded. They fill when a guest runs under the "hardware-assisted" technique, or when your own hypervisor loads a VMCS.',
  },
  {
    id: VIEW.guestTables,
    name: "Guest Page Tables",
    collapsed: true,
    welcome:
      "The page tables that the guest made: GVA → GPA. They fill when the guest turns paging on.",
  },
  {
    id: VIEW.hardwareTables,
    name: "Shadow / Nested Page Tables",
    collapsed: true,
    welcome:
      'The tables that the hardware really walks: GPA → HPA with "nested", GVA → HPA with shadow page tables.',
  },
  {
    id: VIEW.translation,
    name: "Translation",
    collapsed: true,
    welcome:
      "Addresses that you follow from stop to stop, with every page-table entry on the way GVA → GPA → HPA.",
  },
  {
    id: VIEW.timeline,
    name: "Machine Timeline",
    collapsed: true,
    welcome:
      "VM exits and entries, interrupts, faults, ring and mode changes. Choose one to go there in time.",
  },
];

export const VIEWS_WHEN = `${RELEVANT_KEY} || debugType == ringside`;

export const COLOR = {
  changed: "ringside.changedForeground",
  differs: "ringside.differsForeground",
  violation: "ringside.violationForeground",
} as const;

export const COLORS = [
  {
    id: COLOR.changed,
    description: "A value in a Ringside view that changed since the previous stop.",
    defaults: {
      dark: "#e2c08d",
      light: "#895503",
      highContrast: "#f3d36b",
      highContrastLight: "#7a4b00",
    },
  },
  {
    id: COLOR.differs,
    description: "A register that the guest believes to be something else than the hardware holds.",
    defaults: {
      dark: "#4fc1ff",
      light: "#0062b1",
      highContrast: "#6fd3ff",
      highContrastLight: "#0f4a85",
    },
  },
  {
    id: COLOR.violation,
    description:
      "A VM-entry rule that the current VMCS breaks, or a page-table entry that refused.",
    defaults: {
      dark: "#f48771",
      light: "#a1260d",
      highContrast: "#ff9f8f",
      highContrastLight: "#8b1a05",
    },
  },
] as const;
