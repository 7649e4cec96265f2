/** All breakpoints of a session except events: the client's requests in, working breakpoints and DAP answers out. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { hex } from "../../engine/index";
import type { WatchPoint } from "../../engine/index";
import { ExpressionError } from "../expressions/expression";
import { parsePlace } from "../memoryReference";
import type { Program } from "../sources/program";
import type { VmmSources } from "../sources/vmmSources";
import { makeBreakpoint, newBreakpointId, parseGuards, refused } from "./breakpoint";
import type { Breakpoint } from "./breakpoint";
import { parseDataId } from "./dataBreakpoints";

/** What resolving needs to know of the launched program. */
export interface BreakpointTarget {
  readonly program: Program;
  readonly vmmSources: VmmSources;
  /** Value of an expression (function breakpoints may be addresses). */
  readonly address: (text: string) => bigint;
}

export interface WatchBreakpoint {
  readonly breakpoint: Breakpoint;
  readonly watch: WatchPoint;
}

type Answer = DebugProtocol.Breakpoint;

export class BreakpointStore {
  private readonly source = new Map<string, readonly Breakpoint[]>();
  private readonly vmm = new Map<number, readonly Breakpoint[]>();
  private readonly vmmKeys = new Map<string, Breakpoint>();
  private functions: readonly Breakpoint[] = [];
  private instructions: readonly Breakpoint[] = [];
  private data: readonly WatchBreakpoint[] = [];
  private addresses: ReadonlyMap<bigint, readonly Breakpoint[]> | undefined;

  /** Working breakpoints by linear address. */
  byAddress(): ReadonlyMap<bigint, readonly Breakpoint[]> {
    if (this.addresses) return this.addresses;
    const map = new Map<bigint, Breakpoint[]>();
    const all = [...this.source.values(), this.functions, this.instructions].flat();
    for (const breakpoint of all) {
      for (const address of breakpoint.addresses) {
        const there = map.get(address);
        if (there) there.push(breakpoint);
        else map.set(address, [breakpoint]);
      }
    }
    this.addresses = map;
    return map;
  }

  /** `handler:step` -> breakpoint. */
  get byVmmStep(): ReadonlyMap<string, Breakpoint> {
    return this.vmmKeys;
  }

  get watches(): readonly WatchBreakpoint[] {
    return this.data;
  }

  /** Time went another way: hits recorded after now are void. */
  forgetHitsAfter(position: number): void {
    const vmm = [...this.vmm.values()].flat();
    const data = this.data.map(({ breakpoint }) => breakpoint);
    for (const breakpoint of [...this.byAddress().values()].flat().concat(vmm, data)) {
      breakpoint.hits.forgetAfter(position);
    }
  }

  /** Replaces the breakpoints of one file. */
  setSource(
    file: string,
    requests: readonly DebugProtocol.SourceBreakpoint[],
    target: BreakpointTarget,
    ids = idsFor(requests),
  ): Answer[] {
    const working: Breakpoint[] = [];
    const answers = requests.map((request, index) =>
      resolveLine(ids[index] ?? newBreakpointId(), file, request, target.program, working),
    );
    this.source.set(file, working);
    this.addresses = undefined;
    return answers;
  }

  /** Replaces the breakpoints of one of the VMM's virtual sources. */
  setVmm(
    reference: number,
    requests: readonly DebugProtocol.SourceBreakpoint[],
    target: BreakpointTarget,
    ids = idsFor(requests),
  ): Answer[] {
    const working: Breakpoint[] = [];
    const keys: [string, Breakpoint][] = [];
    const answers = requests.map((request, index): Answer => {
      const id = ids[index] ?? newBreakpointId();
      const step = target.vmmSources.stepAtOrAfter(reference, request.line);
      if (!step) return refused(id, "No step of the VMM at or after this line.");
      const guards = parseGuards(request);
      if (typeof guards === "string") return refused(id, guards, { line: request.line });
      const breakpoint = makeBreakpoint(id, "vmm", [], step.key, guards);
      working.push(breakpoint);
      keys.push([step.key, breakpoint]);
      return { id: breakpoint.id, verified: true, line: step.line };
    });
    this.vmm.set(reference, working);
    const live = new Set([...this.vmm.values()].flat());
    for (const [key, breakpoint] of this.vmmKeys) if (!live.has(breakpoint)) this.vmmKeys.delete(key); // prettier-ignore
    for (const [key, breakpoint] of keys) this.vmmKeys.set(key, breakpoint);
    return answers;
  }

  setFunctions(
    requests: readonly DebugProtocol.FunctionBreakpoint[],
    target: BreakpointTarget,
    ids = idsFor(requests),
  ): Answer[] {
    const working: Breakpoint[] = [];
    const answers = requests.map((request, index) =>
      resolveFunction(ids[index] ?? newBreakpointId(), request, target, working),
    );
    this.functions = working;
    this.addresses = undefined;
    return answers;
  }

  setInstructions(
    requests: readonly DebugProtocol.InstructionBreakpoint[],
    target: BreakpointTarget,
    ids = idsFor(requests),
  ): Answer[] {
    const working: Breakpoint[] = [];
    const answers = requests.map((request, index): Answer => {
      const id = ids[index] ?? newBreakpointId();
      const place = parsePlace(request.instructionReference, target.address);
      if (place.space !== "gva")
        return refused(id, "Execution stops only at linear addresses (gva:).");
      const guards = parseGuards(request);
      if (typeof guards === "string") return refused(id, guards);
      const address = BigInt.asUintN(64, place.address + BigInt(request.offset ?? 0));
      const breakpoint = makeBreakpoint(id, "instruction", [address], hex(address), guards);
      working.push(breakpoint);
      return { id: breakpoint.id, verified: true, instructionReference: `gva:${hex(address)}` };
    });
    this.instructions = working;
    this.addresses = undefined;
    return answers;
  }

  setData(requests: readonly DebugProtocol.DataBreakpoint[], ids = idsFor(requests)): Answer[] {
    const working: WatchBreakpoint[] = [];
    const answers = requests.map((request, index): Answer => {
      const id = ids[index] ?? newBreakpointId();
      const place = parseDataId(request.dataId);
      if (!place) return refused(id, `"${request.dataId}" does not name memory.`);
      const guards = parseGuards(request);
      if (typeof guards === "string") return refused(id, guards);
      const breakpoint = makeBreakpoint(id, "data", [], request.dataId, guards);
      const watch = { id: breakpoint.id, ...place, access: request.accessType ?? "write" };
      working.push({ breakpoint, watch });
      return { id: breakpoint.id, verified: true };
    });
    this.data = working;
    return answers;
  }
}

function idsFor(requests: readonly unknown[]): readonly number[] {
  return requests.map(newBreakpointId);
}

/** A line without code slides down to the next one that has some. */
function resolveLine(
  id: number,
  file: string,
  request: DebugProtocol.SourceBreakpoint,
  program: Program,
  working: Breakpoint[],
): Answer {
  const line = program.codeLines(file).find((candidate) => candidate >= request.line);
  if (line === undefined) {
    return refused(id, "No instruction at or after this line.", { line: request.line });
  }
  const guards = parseGuards(request);
  if (typeof guards === "string") return refused(id, guards, { line });
  // A macro call is many instructions: it stops at the first. A line that is made into code in several places stops in each.
  const addresses = program.stopsOfLine(file, line);
  const breakpoint = makeBreakpoint(id, "source", addresses, `${file}:${line}`, guards);
  working.push(breakpoint);
  const [first] = addresses;
  return {
    id: breakpoint.id,
    verified: true,
    line,
    ...(first === undefined ? {} : { instructionReference: `gva:${hex(first)}` }),
    ...(line === request.line ? {} : { message: "Moved to the next line with an instruction." }),
  };
}

/** A label, an expression, or `/regular expression/` over labels. */
function resolveFunction(
  id: number,
  request: DebugProtocol.FunctionBreakpoint,
  target: BreakpointTarget,
  working: Breakpoint[],
): Answer {
  const guards = parseGuards(request);
  if (typeof guards === "string") return refused(id, guards);
  const addresses = functionAddresses(request.name.trim(), target);
  if (typeof addresses === "string") return refused(id, addresses);
  const breakpoint = makeBreakpoint(id, "function", addresses, request.name, guards);
  working.push(breakpoint);
  const [first] = addresses;
  const entry = first === undefined ? undefined : target.program.entryAt(first);
  // One label can be met at two addresses.
  const labels = new Set(addresses.map((address) => target.program.entryAt(address) ?? address)).size; // prettier-ignore
  return {
    id: breakpoint.id,
    verified: true,
    ...(labels > 1 ? { message: `${labels} labels` } : {}),
    ...(entry && labels === 1
      ? { source: { path: entry.range.file }, line: entry.range.line }
      : {}),
  };
}

function functionAddresses(name: string, target: BreakpointTarget): readonly bigint[] | string {
  const pattern = /^\/(.*)\/(i?)$/.exec(name);
  if (pattern) return matchingLabels(pattern[1] ?? "", pattern[2] ?? "", target);
  try {
    return target.program.twinsOf(target.address(name));
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

function matchingLabels(
  pattern: string,
  flags: string,
  { program }: BreakpointTarget,
): readonly bigint[] | string {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern, flags);
  } catch {
    return `/${pattern}/ is not a regular expression.`;
  }
  const addresses = program.symbols
    .filter((symbol) => symbol.kind === "label" && expression.test(symbol.name))
    .map((symbol) => program.placedAt(BigInt.asUintN(64, symbol.value)))
    .filter((placed) => placed?.entry.kind === "code")
    .map((placed) => placed?.address ?? 0n);
  return addresses.length > 0 ? addresses : `No label with code matches /${pattern}/.`;
}
