/** The directives that are neither conditions nor definitions: %macro, %rep, %include, %push, %error ... */
import { SourceText } from "../sourceText";
import { readNumber } from "../numbers";
import { bytesText, unquote } from "../stringLiterals";
import { isOp, tokensText, type SourceLine, type Token } from "../tokens";
import {
  runExitMacro,
  runExitRep,
  runMacro,
  runRep,
  runRotate,
  runUnmacro,
} from "./bodyDirectives";
import { packageNameOf } from "./conditions";
import { runPop, runPush, runReplace } from "./contextDirectives";
import type { DirectiveHost, Runner } from "./directiveHost";
import { packageText } from "./packages";
import { withEnvironment } from "./environment";
import type { Session } from "./session";
import { expandLine } from "./singleLine";
import { stackDirective } from "./stackArguments";

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
    session.error(wholeLine(directive, rest), "error-directive", messageText(rest, session)),
  warning: (directive, rest, _line, { session }) =>
    session.warning(wholeLine(directive, rest), "user", messageText(rest, session)),
  fatal: (directive, rest, _line, host) => {
    host.session.error(wholeLine(directive, rest), "fatal-directive", messageText(rest, host.session)); // prettier-ignore
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
  const tokens = withEnvironment(expandLine(rest, session), session);
  const visible = tokens.filter((token) => token.kind !== "space");
  const only = visible.length === 1 ? visible[0] : undefined;
  return only?.kind === "string" ? bytesText(unquote(only.text)) : tokensText(tokens);
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
      `unable to open include file \`${spelled}': No such file or directory`,
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
