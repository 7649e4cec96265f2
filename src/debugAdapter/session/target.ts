/** A launched program: the machine, what is known of its sources, and what depends on where it stands. */
import type { AddressSpace, Debuggee } from "../../engine/index";
import { CodeReader } from "../code/codeReader";
import { evaluateText } from "../expressions/expression";
import { MachineScope } from "../expressions/names";
import type { FrameRegisters } from "../expressions/names";
import type { CodePlace, SourcePlace } from "../protocol";
import { hex } from "../../engine/index";
import type { StopTelling } from "../running/stopText";
import { Program, symbolText } from "../sources/program";
import { VmmSources } from "../sources/vmmSources";
import { buildFrames } from "../stack/frames";
import type { Frame } from "../stack/frames";
import { ContainerHandles } from "../variables/node";
import { StopHistory } from "./stopHistory";
import { RequestError } from "./requestError";
import { basename } from "node:path";

/** More frames than a stack walk can find. */
const MAX_FRAMES = 1000;

/** Code as it can be read in one address space. */
export interface CodeView {
  readonly code: CodeReader;
  readonly program: Program;
}

/** A program of which nothing is known. */
const UNKNOWN = new Program({
  name: "",
  bytes: new Uint8Array(0),
  loadAddress: 0,
  entry: "real16",
  entryPoint: 0,
});

/** Guest-physical memory holds the program where the loader put it; of host-physical memory nothing is known. */
function programIn(space: AddressSpace, program: Program): Program {
  if (space === "gva") return program;
  return space === "gpa" ? program.asLoaded() : UNKNOWN;
}

export class Target {
  readonly program: Program;
  readonly code: CodeReader;
  readonly vmmSources: VmmSources;
  readonly handles = new ContainerHandles();
  readonly history = new StopHistory();
  lastStop: StopTelling | undefined;
  /** Position of the stop that the user sees. */
  seenPosition: number | undefined;
  /** Left of launch.json's maxInstructions; undefined once it was reached. */
  maxInstructions: number | undefined;
  private frames: readonly Frame[] | undefined;
  private readonly codeViews = new Map<AddressSpace, CodeView>();
  private firstFrameId = 1;

  constructor(
    readonly debuggee: Debuggee,
    readonly programPath: string,
  ) {
    this.program = new Program(debuggee.config.image);
    this.code = new CodeReader(debuggee, this.program);
    this.vmmSources = new VmmSources(debuggee.vmmHandlers(), debuggee.config.vmm);
  }

  /** Code in an address space, with what is known of it there. */
  codeIn(space: AddressSpace): CodeView {
    const known = this.codeViews.get(space);
    if (known) return known;
    const program = programIn(space, this.program);
    const view = { code: new CodeReader(this.debuggee, program, space), program };
    this.codeViews.set(space, view);
    return view;
  }

  /** Handles and frames that were given out are stale from now on. */
  expire(): void {
    this.handles.expire();
    // Far enough that an id of an earlier stop is never taken for one of this.
    this.firstFrameId += MAX_FRAMES;
    this.frames = undefined;
  }

  /** Registers or memory were set: ids stay, what they stand for is read again. */
  refresh(): void {
    this.frames = undefined;
  }

  stack(): readonly Frame[] {
    this.frames ??= buildFrames(this);
    return this.frames;
  }

  frameId(index: number): number {
    return this.firstFrameId + index;
  }

  /** The frame with an id; undefined means the top one. */
  frame(id: number | undefined): Frame | undefined {
    if (id === undefined) return undefined;
    const frame = this.stack()[id - this.firstFrameId];
    if (!frame) throw new RequestError("This stack frame is no longer there.");
    return frame;
  }

  frameRegisters(id: number | undefined): FrameRegisters | undefined {
    return id === undefined ? undefined : this.frame(id)?.registers;
  }

  scope(frameId?: number): MachineScope {
    return new MachineScope(this.debuggee, this.program, undefined, this.frameRegisters(frameId));
  }

  /** Value of an expression; throws ExpressionError. */
  address(text: string, frameId?: number): bigint {
    return evaluateText(text, this.scope(frameId)).value;
  }

  /** Linear address of the current instruction. */
  currentAddress(): bigint {
    const view = this.debuggee.vcpu();
    return BigInt.asUintN(64, view.segments.cs.base + (view.registers.rip ?? 0n));
  }

  sourceAt(address: bigint): SourcePlace | undefined {
    const range = this.program.entryAt(address)?.range;
    return range && { path: range.file, name: basename(range.file), line: range.line };
  }

  place(address: bigint): CodePlace {
    const symbol = symbolText(this.program.nameAt(address));
    const source = this.sourceAt(address);
    const instruction = this.code.textAt(address);
    return {
      address: hex(address),
      ...(symbol === undefined ? {} : { symbol }),
      ...(source === undefined ? {} : { source }),
      ...(instruction === undefined ? {} : { instruction }),
    };
  }
}
