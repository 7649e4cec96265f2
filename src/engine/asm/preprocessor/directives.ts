/** The directives that are neither conditions nor definitions: %macro, %rep, %include, %push, %error ... */
import { SourceText } from "../sourceText";
import { readNumber } from "../numbers";
import { bytesText, unquote } from "../stringLiterals";
import { isOp, Token, tokensText, type Frame, type SourceLine } from "../tokens";
import { overlapping, packageNameOf } from "./conditions";
import type { Input, Recording } from "./inputs";
import { parseHead } from "./multiLine";
import { packageText } from "./packages";
import type { Session } from "./session";
import { expandLine, expandName } from "./singleLine";
import { stackDirective } from "./stackArguments";

export interface DirectiveHost {
  readonly session: Session;
  readonly input: Input;
  readonly recordings: Recording[];
  nextSerial(): number;
  pushSource(source: SourceText, place?: Token): void;
  /** %fatal: nothing more is read. */
  stop(): void;
}

type Runner = (
  directive: Token,
  rest: readonly Token[],
  line: SourceLine,
  host: DirectiveHost,
) => void;

/** NASM's own limit for %rep. */
const MOST_REPETITIONS = 1_000_000n;

const RUNNERS: Readonly<Record<string, Runner>> = {
  aliases: (directive, rest, _line, { session }) => {
    const word = expandLine(rest, session)[0]?.text.toLowerCase() ?? "";
    session.aliasesOff = ["off", "no", "false", "0"].includes(word);
    if (word === "" && directive.text === "") session.aliasesOff = false;
  },
  clear: runClear,
  depend: () => undefined,
  endm: (directive, _rest, _line, { session }) =>
    session.error(directive, "no-macro", `\`${directive.text}': not defining a macro`),
  endmacro: (directive, _rest, _line, { session }) =>
    session.error(directive, "no-macro", `\`${directive.text}': not defining a macro`),
  endrep: (directive, _rest, _line, { session }) =>
    session.error(directive, "no-rep", "`%endrep': no matching `%rep'"),
  error: (directive, rest, _line, { session }) =>
    session.error(wholeLine(directive, rest), "user", messageText(rest, session)),
  warning: (directive, rest, _line, { session }) =>
    session.warning(wholeLine(directive, rest), "user", messageText(rest, session)),
  fatal: (directive, rest, _line, host) => {
    host.session.error(wholeLine(directive, rest), "user", messageText(rest, host.session));
    host.stop();
  },
  exitmacro: runExitMacro,
  exitrep: runExitRep,
  include: (directive, rest, _line, host) => runInclude(directive, rest, host, false),
  require: (directive, rest, _line, host) => runInclude(directive, rest, host, true),
  line: runLine,
  null: () => undefined,
  pop: runPop,
  pragma: runPragma,
  push: runPush,
  rep: runRep,
  repl: runReplace,
  rotate: runRotate,
  use: runUse,
  arg: (directive, rest, _line, { session }) => stackDirective("arg", directive, rest, session),
  local: (directive, rest, _line, { session }) => stackDirective("local", directive, rest, session),
  stacksize: (directive, rest, _line, { session }) =>
    stackDirective("stacksize", directive, rest, session),
};

/** Carries out a directive. False if the word is unknown: then the line goes on to the assembler, which refuses it. */
export function runDirective(
  word: string,
  caseSensitive: boolean,
  directive: Token,
  rest: readonly Token[],
  line: SourceLine,
  host: DirectiveHost,
): boolean {
  if (word === "macro" || word === "rmacro") {
    runMacro(word, caseSensitive, directive, rest, line, host);
    return true;
  }
  if (word === "unmacro" || word === "unimacro") {
    runUnmacro(word === "unmacro", directive, rest, host);
    return true;
  }
  const runner = Object.hasOwn(RUNNERS, word) ? RUNNERS[word] : undefined;
  if (runner === undefined) {
    const message = `unknown preprocessor directive \`${directive.text}'`;
    host.session.error(directive, "unknown-directive", message);
    return true;
  }
  runner(directive, rest, line, host);
  return true;
}

function wholeLine(
  directive: Token,
  rest: readonly Token[],
): { source: SourceText; start: number; end: number } {
  const last = rest[rest.length - 1];
  const end =
    last?.source === directive.source && last.end > directive.end ? last.end : directive.end;
  return { source: directive.source, start: directive.start, end };
}

function messageText(rest: readonly Token[], session: Session): string {
  const tokens = expandLine(rest, session).filter((token) => token.kind !== "space");
  const only = tokens.length === 1 ? tokens[0] : undefined;
  return only?.kind === "string" ? bytesText(unquote(only.text)) : tokensText(tokens);
}

function runMacro(
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
  if (head) {
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
    if (!head) return;
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

function runUnmacro(
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

function constantAfter(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): bigint | undefined {
  const expanded = expandLine(rest, session).filter((token) => token.kind !== "space");
  const result = session.host.evaluate(expanded, directive);
  if (result === undefined) return undefined;
  if (result.rest < expanded.length) {
    session.warning(
      expanded[result.rest]!,
      "pp-trailing",
      "trailing garbage after expression ignored",
    );
  }
  if (!result.value.isSimple) {
    const message = `non-constant value given to \`${directive.text}'`;
    session.error(expanded[0] ?? directive, "not-constant", message);
    return undefined;
  }
  return result.value.scalar;
}

function runRep(
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
  } else times = constantAfter(directive, count, session) ?? 0n;
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

function runExitRep(
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

function runExitMacro(
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

function runRotate(
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

function fileNameAfter(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): Token | undefined {
  const expanded = expandLine(rest, session).filter((token) => token.kind !== "space");
  const name = expanded[0];
  if (name?.kind !== "string") {
    session.error(name ?? directive, "file-name", `\`${directive.text}' expects a file name`);
    return undefined;
  }
  if (expanded.length > 1) {
    session.warning(
      expanded[1]!,
      "pp-trailing",
      `trailing garbage after \`${directive.text}' ignored`,
    );
  }
  return name;
}

function runInclude(
  directive: Token,
  rest: readonly Token[],
  host: DirectiveHost,
  once: boolean,
): void {
  const { session } = host;
  const name = fileNameAfter(directive, rest, session);
  if (name === undefined) return;
  const spelled = bytesText(unquote(name.text));
  const found = session.host.readFile(spelled, session.line.source.name);
  session.observer?.included("include", name, spelled, found?.file);
  if (found === undefined) {
    session.error(
      name,
      "file-not-found",
      `unable to open include file \`${spelled}' No such file or directory`,
    );
    return;
  }
  if (once && session.included.has(found.file)) return;
  session.included.add(found.file);
  host.pushSource(session.sourceOf(found.file, found.bytes), name);
}

function runUse(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  host: DirectiveHost,
): void {
  const { session } = host;
  const token = expandLine(rest, session)[0];
  const name = packageNameOf(token);
  if (token === undefined || name === undefined) {
    session.error(
      token ?? directive,
      "package-name",
      `\`${directive.text}' expects a package name`,
    );
    return;
  }
  const text = packageText(name);
  session.observer?.included("use", token, name, undefined);
  if (text === undefined) {
    session.error(token, "unknown-package", `unknown \`${directive.text}' package: \`${name}'`);
  } else if (!session.packages.has(name)) {
    session.packages.add(name);
    host.pushSource(new SourceText(`<${name}>`, text, true), token);
  }
}

/** `%line 7+1 file`: what __LINE__ and __FILE__ say from here on. Places in diagnostics stay true. */
function runLine(
  directive: Token,
  rest: readonly Token[],
  line: SourceLine,
  { session }: DirectiveHost,
): void {
  const number = rest[0]?.kind === "number" ? readNumber(rest[0].text) : undefined;
  if (number === undefined) {
    session.error(directive, "line-number", `\`${directive.text}' expects a line number`);
    return;
  }
  const steps = isOp(rest[1], "+") || isOp(rest[1], "-");
  const name = rest.slice(steps ? 3 : 1);
  session.lineShift = Number(number.value) - line.line;
  if (name.length > 0) {
    session.lineFile =
      name[0]!.kind === "string" ? bytesText(unquote(name[0]!.text)) : tokensText(name);
  }
}

function contextName(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): { readonly name: string | undefined; readonly token: Token | undefined } | undefined {
  if (rest.length === 0) return { name: undefined, token: undefined };
  const tokens = expandName(rest, session);
  const token = tokens[0]!;
  if (token.kind !== "id") {
    session.error(token, "context-name", `\`${directive.text}' expects a context identifier`);
    return undefined;
  }
  if (tokens.length > 1) {
    session.warning(
      tokens[1]!,
      "pp-trailing",
      `trailing garbage after \`${directive.text}' ignored`,
    );
  }
  session.observer?.localMentioned("context", token, token.text.toLowerCase());
  return { name: token.text, token };
}

function runPush(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const found = contextName(directive, rest, session);
  if (found === undefined) return;
  session.observer?.block("context", "open", directive);
  session.contexts.push({ name: found.name, number: session.unique++, macros: new Map() });
}

function runPop(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const found = contextName(directive, rest, session);
  if (found === undefined) return;
  const top = session.contexts[session.contexts.length - 1];
  if (top === undefined) {
    session.error(directive, "context-stack", `\`${directive.text}': context stack is empty`);
    return;
  }
  if (found.name !== undefined && found.name.toLowerCase() !== top.name?.toLowerCase()) {
    const message = `\`${directive.text}' in wrong context: ${top.name ?? "anonymous"}, expected ${found.name}`;
    session.error(found.token!, "context-stack", message);
    return;
  }
  session.observer?.block("context", "close", directive);
  session.contexts.pop();
}

function runReplace(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const found = contextName(directive, rest, session);
  if (found === undefined) return;
  const top = session.contexts[session.contexts.length - 1];
  if (top === undefined) {
    session.error(directive, "context-stack", `\`${directive.text}': context stack is empty`);
    return;
  }
  top.name = found.name;
}

function runPragma(
  _directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const tokens = expandLine(rest, session);
  if (tokens[0]?.text.toLowerCase() !== "preproc") return;
  if (tokens[1]?.text.toLowerCase() !== "sane_empty_expansion") return;
  const value = tokens[2]?.text.toLowerCase() ?? "true";
  session.saneEmptyExpansion = !["off", "no", "false", "0"].includes(value);
}

function runClear(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const words = expandLine(rest, session).map((token) => token.text.toLowerCase());
  if (words.length === 0) {
    session.words.forget(true, true, true);
    return;
  }
  for (const word of words) {
    if (word === "all") session.words.forget(true, true, false);
    else if (["define", "def", "smacro"].includes(word)) session.words.forget(true, false, true);
    else if (["alldef", "alldefine"].includes(word)) session.words.forget(true, false, false);
    else if (["macro", "mmacro"].includes(word)) session.words.forget(false, true, false);
    else if (!["context", "ctx", "global", "nothing", "none", "ignore"].includes(word)) {
      session.error(directive, "clear", `invalid option to ${directive.text}: ${word}`);
    }
  }
}
