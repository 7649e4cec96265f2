/** The call stack across worlds: the VMM's step, the border, and the guest's callers. */
import type { Debuggee, ProcessorView, VmcsView } from "../../engine/index";
import type { CodeReader } from "../code/codeReader";
import type { FrameRegisters } from "../expressions/names";
import { exitTitle, eventTitle } from "../running/stopText";
import type { Program } from "../sources/program";
import type { VmmSource, VmmSources } from "../sources/vmmSources";
import { frameName, modeText } from "./frameNames";
import { walkStack } from "./stackWalk";
import type { WalkedFrame } from "./stackWalk";

export interface Frame {
  readonly name: string;
  readonly kind: "code" | "vmm" | "label";
  /** Linear address of code frames. */
  readonly address?: bigint;
  /** Registers that differ from the processor's, in callers. */
  readonly registers?: FrameRegisters;
  readonly vmmSource?: VmmSource;
  readonly file?: string;
  /** From 1; 0 without a source. */
  readonly line: number;
}

export interface FrameInputs {
  readonly debuggee: Debuggee;
  readonly program: Program;
  readonly code: CodeReader;
  readonly vmmSources: VmmSources;
}

/** All frames, innermost first. */
export function buildFrames(inputs: FrameInputs): Frame[] {
  const { debuggee } = inputs;
  const guest = guestFrames(inputs, debuggee.world === "root" ? debuggee.cpu() : debuggee.vcpu());
  if (debuggee.world === "vmm") return [...vmmFrames(inputs), ...guest];
  if (debuggee.world === "root") return [...guest, ...exitedGuestFrames(inputs)];
  return guest;
}

function vmmFrames({ debuggee, vmmSources }: FrameInputs): Frame[] {
  const activity = debuggee.vmm();
  if (!activity) return [];
  const source = vmmSources.byHandler(activity.handler);
  const step = `step ${activity.step + 1} of ${activity.steps.length}`;
  const top: Frame = {
    name: `VMM: ${activity.title}, ${step} [root]`,
    kind: "vmm",
    line: source ? vmmSources.lineOf(source, activity.step) : 0,
    ...(source ? { vmmSource: source } : {}),
  };
  return [top, label(eventTitle(activity.event, debuggee.exits()))];
}

function label(text: string): Frame {
  return { name: `— ${text} —`, kind: "label", line: 0 };
}

function guestFrames({ debuggee, program, code }: FrameInputs, view: ProcessorView): Frame[] {
  const current = BigInt.asUintN(64, view.segments.cs.base + (view.registers.rip ?? 0n));
  const walked = walkStack(view, {
    read: (address, length) => debuggee.readMemory("gva", address, length),
    isCode: (address) => isCode(program, address, current),
    callEndingAt: (address, bits) => code.callEndingAt(address, bits),
    functionStart: (address) => {
      const symbol = program.covers(address) ? program.functionAt(address) : undefined;
      return symbol && address - symbol.offset;
    },
  });
  return walked.flatMap((frame) => {
    const shown = codeFrame(program, frame, modeText(frame.mode, frame.cpl, debuggee.world));
    return frame.left === "interrupt" ? [label("interrupt or exception"), shown] : [shown];
  });
}

/** Known code; or, for code that no source describes, the neighbourhood of the current instruction. */
function isCode(program: Program, address: bigint, current: bigint): boolean {
  // After a CALL that never returns there may be data.
  if (program.covers(address)) return [address, address - 1n].some((one) => program.holdsCode(one));
  const distance = address > current ? address - current : current - address;
  return !program.covers(current) && distance < 0x10000n;
}

function codeFrame(program: Program, frame: WalkedFrame, mode: string): Frame {
  // A caller is at its CALL, not at the line after it.
  const place = frame.left === "call" ? frame.address - 1n : frame.address;
  const entry = program.entryAt(place);
  return {
    name: frameName(program, frame.address, mode, place),
    kind: "code",
    address: frame.address,
    ...(frame.left === "top" ? {} : { registers: { rip: frame.rip, rsp: frame.rsp } }),
    ...(entry ? { file: entry.range.file } : {}),
    line: entry?.range.line ?? 0,
  };
}

/** In VMX root operation of a hypervisor that the user wrote: the guest that it would resume, from the current VMCS. */
function exitedGuestFrames({ debuggee, program }: FrameInputs): Frame[] {
  const vmcs = debuggee.vmcs();
  if (vmcs?.launchState !== "launched") return [];
  const field = (name: string): bigint => fieldOf(vmcs, name);
  const address = BigInt.asUintN(64, field("GUEST_CS_BASE") + field("GUEST_RIP"));
  const reason = Number(field("EXIT_REASON") & 0xffffn);
  const exit = debuggee.exits().find(({ number }) => number === reason);
  const entry = program.entryAt(address);
  const mode = modeText(guestMode(vmcs), Number((field("GUEST_SS_ACCESS_RIGHTS") >> 5n) & 3n), "guest"); // prettier-ignore
  return [
    label(exit ? exitTitle(exit.key, exit.number, [exit]) : `VM exit ${reason}`),
    {
      name: `guest ${frameName(program, address, mode)}`,
      kind: "code",
      address,
      ...(entry ? { file: entry.range.file } : {}),
      line: entry?.range.line ?? 0,
    },
  ];
}

function fieldOf(vmcs: VmcsView, name: string): bigint {
  return vmcs.fields.find((field) => field.name === name)?.value ?? 0n;
}

/** SDM Vol. 3A, "Modes of Operation": CR0.PE, RFLAGS.VM, EFER.LMA, CS.L and CS.D decide. */
function guestMode(vmcs: VmcsView): ProcessorView["mode"] {
  const has = (name: string, bit: number): boolean => ((fieldOf(vmcs, name) >> BigInt(bit)) & 1n) === 1n; // prettier-ignore
  if (!has("GUEST_CR0", 0)) return "real16";
  if (has("GUEST_RFLAGS", 17)) return "virtual8086";
  // "IA-32e mode guest" is bit 9 of the VM-entry controls. SDM Vol. 3C, "VM-Entry Controls".
  if (has("VM_ENTRY_CONTROLS", 9)) {
    return has("GUEST_CS_ACCESS_RIGHTS", 13) ? "long64" : "compatibility";
  }
  return has("GUEST_CS_ACCESS_RIGHTS", 14) ? "protected32" : "protected16";
}
