/** %macro, %unmacro, %rep, %exitrep, %exitmacro, %rotate: bodies that are recorded and played back. */
import type { Frame, SourceLine, Token } from "../tokens";
import { overlapping } from "./conditions";
import { constantAfter, type DirectiveHost } from "./directiveHost";
import { parseHead } from "./multiLine";

/** NASM's own limit for %rep. */
const MOST_REPETITIONS = 1_000_000n;

export function runMacro(
  word: string,
  caseSensitive: boolean,
  directive: Token,
  rest: readonly Token[],
  line: SourceLine,
  host: DirectiveHost,
): void {
  const { session } = host;
  session.observer?.block("macro", "open", directive);
  const head = parseHead(directive, rest, session);
  if (head === undefined) {
    session.observer?.block("macro", "close", directive);
    return;
  }
  {
    const old = overlapping(
      head.nameToken.word!.folded,
      head.name,
      head.least,
      head.most,
      head.greedy,
    );
    if (old) {
      const notes = old.builtin
        ? []
        : [
            {
              message: "previous definition",
              range: old.definition.source.range(old.definition.start, old.definition.end),
            },
          ];
      const message = `redefining multi-line macro \`${head.name}'`;
      session.warning(head.nameToken, "pp-macro-redef-multi", message, notes);
    }
  }
  const body: SourceLine[] = [];
  const finish = (end: SourceLine): void => {
    const capturesLabel = body.some((each) =>
      each.tokens.some((t) => t.kind === "param" && t.text === "%00"),
    );
    const { folded } = head.nameToken.word!;
    const macro = {
      name: head.name,
      caseSensitive,
      least: head.least,
      most: head.most,
      greedy: head.greedy,
      defaults: head.defaults,
      recursive: word === "rmacro",
      noList: head.noList,
      builtin: line.source.builtin,
      capturesLabel,
      body,
      definition: head.nameToken,
      inProgress: 0,
    };
    folded.multiLine = [macro, ...(folded.multiLine ?? [])];
    session.observer?.multiLineDefined(macro, directive, line, end);
  };
  host.recordings.push({ kind: "macro", directive, start: line, body, macros: 0, reps: 0, finish });
}

export function runUnmacro(
  caseSensitive: boolean,
  directive: Token,
  rest: readonly Token[],
  { session }: DirectiveHost,
): void {
  const head = parseHead(directive, rest, session);
  if (!head) return;
  session.observer?.macroMentioned("macro", head.nameToken);
  const { folded } = head.nameToken.word!;
  folded.multiLine = folded.multiLine?.filter((macro) => {
    const same =
      macro.caseSensitive === caseSensitive &&
      (!caseSensitive || macro.name === head.name) &&
      macro.least === head.least &&
      macro.most === head.most &&
      macro.greedy === head.greedy;
    if (same && macro.inProgress > 0) {
      const message = "`%unmacro' can't undefine the macro being expanded";
      session.error(head.nameToken, "macro-in-use", message);
      return true;
    }
    return !same;
  });
}

export function runRep(
  directive: Token,
  rest: readonly Token[],
  line: SourceLine,
  host: DirectiveHost,
): void {
  const { session, input } = host;
  session.observer?.block("rep", "open", directive);
  const noList = rest[0]?.kind === "id" && rest[0].text.toLowerCase() === ".nolist";
  const count = noList ? rest.slice(1) : rest;
  let times = 0n;
  if (count.length === 0) {
    session.error(directive, "rep-count", `\`${directive.text}' expects a repeat count`);
  } else {
    const value = constantAfter(directive, count, session);
    if (value === undefined) {
      // NASM does not begin a body then.
      session.observer?.block("rep", "close", directive);
      return;
    }
    times = value;
  }
  if (times > MOST_REPETITIONS) {
    const message = `\`${directive.text}' count ${times} exceeds limit (currently ${MOST_REPETITIONS})`;
    session.error(count[0]!, "rep-count", message);
    times = 0n;
  } else if (times < 0n) {
    session.warning(count[0]!, "pp-rep-negative", `negative \`${directive.text}' count: ${times}`);
    times = 0n;
  }
  const { frame, invocation } = session;
  const body: SourceLine[] = [];
  const finish = (): void => {
    if (times === 0n || body.length === 0) return;
    const repeated: Frame = {
      parent: frame,
      name: "%rep",
      builtin: line.source.builtin || (frame?.builtin ?? false),
      call: line,
      callToken: directive,
      serial: host.nextSerial(),
    };
    input.playbacks.push({
      kind: "rep",
      body,
      next: 0,
      frame: repeated,
      invocation,
      remaining: Number(times) - 1,
      stopped: false,
      conditions: input.conditions.length,
      listed: !noList,
    });
  };
  host.recordings.push({ kind: "rep", directive, start: line, body, macros: 0, reps: 0, finish });
}

export function runExitRep(
  directive: Token,
  _rest: readonly Token[],
  _line: SourceLine,
  { input, session }: DirectiveHost,
): void {
  for (let i = input.playbacks.length - 1; i >= 0; i--) {
    const playback = input.playbacks[i]!;
    if (playback.kind === "macro") continue;
    playback.stopped = true;
    return;
  }
  session.error(directive, "no-rep", "`%exitrep' not within `%rep' block");
}

export function runExitMacro(
  directive: Token,
  _rest: readonly Token[],
  _line: SourceLine,
  { input, session }: DirectiveHost,
): void {
  const at = input.playbacks.findLastIndex((playback) => playback.kind === "macro");
  const playback = input.playbacks[at];
  if (playback === undefined) {
    session.error(directive, "no-macro", "`%exitmacro' not within `%macro' block");
    return;
  }
  input.playbacks.length = at + 1;
  playback.next = playback.body.length;
  input.conditions.length = Math.min(input.conditions.length, playback.conditions);
}

export function runRotate(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  if (rest.length === 0) {
    session.error(directive, "rotate-count", `\`${directive.text}' missing rotate count`);
    return;
  }
  const by = constantAfter(directive, rest, session);
  if (by === undefined) return;
  const { invocation } = session;
  if (invocation === undefined) {
    session.error(directive, "not-in-a-macro", `\`${directive.text}' invoked outside a macro call`);
  } else if (invocation.count === 0) {
    const message = `\`${directive.text}' invoked within macro without parameters`;
    session.error(directive, "rotate-count", message);
  } else {
    const { count } = invocation;
    const turned = (invocation.rotation + Number(by % BigInt(count))) % count;
    invocation.rotation = turned < 0 ? turned + count : turned;
  }
}
