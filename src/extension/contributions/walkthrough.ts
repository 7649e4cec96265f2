/** "Get Started with Ringside". */
import { COMMAND } from "./commands";
import { VIEW } from "./views";

const WALKTHROUGH_STEPS = [
  {
    id: "example",
    title: "Open a guest kernel",
    description: `A guest kernel is one assembly file. Examples come with Ringside.\n[Open an Example](command:${COMMAND.openExample})`,
    completionEvents: [`onCommand:${COMMAND.openExample}`],
  },
  {
    id: "debug",
    title: "Press F5",
    description: `The file is assembled in memory, a computer is made, a hypervisor put on it, and the machine stops before your first instruction. No tool chain, no launch.json.\n[Debug the Open File](command:${COMMAND.debugFile})`,
    completionEvents: ["onContext:ringside.started"],
  },
  {
    id: "exit",
    title: "Break on a VM exit",
    description: `Tick a reason in **VM Exits**, for example CPUID, and continue: the machine stops in the hypervisor, before it handles the exit.\n[Show VM Exits](command:${VIEW.exits}.focus)`,
    completionEvents: ["onContext:ringside.stoppedOnExit"],
  },
  {
    id: "walk",
    title: "Walk a page",
    description: `Unfold the guest's page tables beside the nested or shadow ones, or follow one address through all of them.\n[Show Guest Page Tables](command:${VIEW.guestTables}.focus)\n[Translate an Address](command:${COMMAND.translate})`,
    completionEvents: [`onView:${VIEW.guestTables}`, `onCommand:${COMMAND.translate}`],
  },
  {
    id: "back",
    title: "Step back",
    description: `The machine is deterministic, so time runs both ways: registers, memory, VMCS, page tables, devices and counters go back with it.\n[Step Back](command:${COMMAND.stepBack})`,
    completionEvents: ["onContext:ringside.steppedBack"],
  },
];

export const WALKTHROUGHS = [
  {
    id: "start",
    title: "Get Started with Ringside",
    description: "Debug a guest kernel and its hypervisor, forwards and backwards.",
    steps: WALKTHROUGH_STEPS.map((step) => ({
      ...step,
      media: { markdown: `media/walkthrough/${step.id}.md` },
    })),
  },
];
