/** Hears what the preprocessor and the parser do, and keeps what the source model shows. */
import type { AssemblerObserver } from "./assembler";
import { placeOfTokens, rangeOf } from "./diagnosticSink";
import { NameRecorder, spelledText } from "./nameRecorder";
import type {
  Block,
  IncludeDirective,
  InactiveRegion,
  MacroDefinition,
  MacroInvocation,
  SourceWord,
} from "./sourceModel";
import type { SourceText } from "./sourceText";
import type { StatementTree } from "./statementTree";
import type { SymbolEntry } from "./symbols";
import {
  isOp,
  tokensText,
  type Frame,
  type MultiLineMacro,
  type SingleLineMacro,
  type SourceLine,
  type Token,
} from "./tokens";

interface OpenBlock {
  readonly kind: Block["kind"];
  readonly words: Token[];
}

export class ModelRecorder implements AssemblerObserver {
  readonly names = new NameRecorder();
  statements: StatementTree[] = [];
  includes: IncludeDirective[] = [];
  definitions: MacroDefinition[] = [];
  invocations: MacroInvocation[] = [];
  blocks: Block[] = [];
  /** Arguments of calls of NASM's own macros, by frame: they become the operands of the statement. */
  builtinArguments = new Map<Frame, readonly (readonly Token[])[]>();
  private open: OpenBlock[] = [];
  /** For each source the lines that were skipped (with what turned them off) and those that were read. */
  private skippedLines = new Map<
    SourceText,
    Map<SourceLine["line"], { line: SourceLine; directive: Token }>
  >();
  private activeLines = new Map<SourceText, Set<number>>();
  private readonly definitionOf = new Map<SingleLineMacro | MultiLineMacro, MacroDefinition>();

  restart(): void {
    this.names.clear();
    this.statements = [];
    this.includes = [];
    this.definitions = [];
    this.invocations = [];
    this.blocks = [];
    this.builtinArguments = new Map();
    this.open = [];
    this.skippedLines = new Map();
    this.activeLines = new Map();
    this.definitionOf.clear();
  }

  statementParsed(statement: StatementTree): void {
    this.statements.push(statement);
    const { label, body } = statement;
    if (label) this.names.symbol(label.symbol, label.token, "definition");
    if (body.kind !== "directive") return;
    const name = body.value[0];
    if (name && (body.name === "section" || body.name === "segment")) {
      const id = `section:${name.text}`;
      this.names.add(id, "section", name.text, this.seenSection(name), name);
    }
  }

  private readonly sections = new Set<string>();

  /** The first mention of a section stands for its definition. */
  private seenSection(name: Token): "definition" | "reference" {
    if (this.sections.has(name.text)) return "reference";
    this.sections.add(name.text);
    return "definition";
  }

  symbolReferred(symbol: SymbolEntry, token: Token): void {
    this.names.symbol(symbol, token, "reference");
  }

  singleLineDefined(macro: SingleLineMacro, directive: Token, name: Token, line: SourceLine): void {
    if (directive.source.builtin || spelledText(directive) !== directive.text) return;
    this.names.add(defineId(macro), "define", macro.name, "definition", name, name);
    const after = line.tokens.slice(line.tokens.findIndex((t) => t.start === name.start) + 1);
    const body = after.slice(this.slotNames(macro, after));
    const place = body.length > 0 ? placeOfTokens(body) : undefined;
    const isText = /^%i?define$/i.test(directive.text);
    const definition: MacroDefinition = {
      kind: "define",
      name: macro.name,
      directive: directive.text,
      caseSensitive: macro.caseSensitive,
      minArguments: macro.leastArguments,
      maxArguments: macro.variadic ? Infinity : macro.slots.length,
      greedy: macro.slots.some((slot) => slot.greedy),
      ...(macro.slots.length > 0 ? { parameters: macro.slots.map((slot) => slot.name) } : {}),
      defaults: [],
      nameRange: rangeOf(name),
      range: rangeOf(placeOfTokens(line.tokens)),
      ...(place ? { bodyRange: rangeOf(place) } : {}),
      body:
        isText && place ? place.source.text.slice(place.start, place.end) : tokensText(macro.body),
      ...documentation(line),
    };
    this.definitions.push(definition);
    this.definitionOf.set(macro, definition);
  }

  /** Enters the names in `(a, b)`; returns how many tokens the list takes. */
  private slotNames(macro: SingleLineMacro, after: readonly Token[]): number {
    if (macro.slots.length === 0 || !isOp(after[0], "(")) return 0;
    const owner = `${after[0]!.source.name}:${after[0]!.start}`;
    const end = after.findIndex((token) => isOp(token, ")")) + 1;
    const enter = (token: Token, role: "definition" | "reference"): void => {
      const id = `macro-parameter:${owner}:${token.text}`;
      this.names.add(id, "macro-parameter", token.text, role, token);
    };
    const names = new Set(macro.slots.map((slot) => slot.name));
    for (const token of after.slice(0, end)) if (token.kind === "id") enter(token, "definition");
    for (const token of after.slice(end)) if (names.has(token.text)) enter(token, "reference");
    return end;
  }

  singleLineUsed(
    macro: SingleLineMacro,
    name: Token,
    last: Token,
    args: readonly (readonly Token[])[],
    result: () => string,
    frame: Frame | undefined,
  ): void {
    if (name.source.builtin || spelledText(name) !== name.text) return;
    this.names.add(defineId(macro), "define", macro.name, "reference", name, macro.definition);
    const definition = this.definitionOf.get(macro);
    const text = result();
    this.invocations.push({
      kind: "define",
      name: macro.name,
      nameRange: rangeOf(name),
      range: rangeOf(placeOfTokens([name, last])),
      arguments: args.map((arg) => sourceWord(arg, name)),
      ...(definition ? { definition } : {}),
      depth: depthOf(frame),
      expansion: () => text,
    });
  }

  macroMentioned(kind: "define" | "macro", name: Token): void {
    if (name.kind !== "id") return;
    const { folded } = name.word!;
    const macros: readonly (SingleLineMacro | MultiLineMacro)[] =
      (kind === "define" ? folded.singleLine : folded.multiLine) ?? [];
    const macro = macros.find((each) => !each.caseSensitive || each.name === name.text);
    const id = `${kind}:${macro && !macro.caseSensitive ? folded.lower : name.text}`;
    this.names.add(id, kind, name.text, "reference", name, macro?.definition);
  }

  multiLineDefined(
    macro: MultiLineMacro,
    directive: Token,
    start: SourceLine,
    end: SourceLine,
  ): void {
    if (macro.builtin) return;
    const { source } = start;
    const first = macro.body[0];
    const last = macro.body[macro.body.length - 1];
    const name = macro.definition;
    this.names.add(multiId(macro), "macro", macro.name, "definition", name, name);
    const definition: MacroDefinition = {
      kind: "macro",
      name: macro.name,
      directive: directive.text,
      caseSensitive: macro.caseSensitive,
      minArguments: macro.least,
      maxArguments: macro.greedy ? Infinity : macro.most,
      greedy: macro.greedy,
      defaults: macro.defaults.map((tokens) => tokensText(tokens)),
      nameRange: rangeOf(name),
      range: source.range(start.start, end.end),
      ...(first && last ? { bodyRange: source.range(first.start, last.end) } : {}),
      body: first && last ? source.text.slice(first.start, last.end) : "",
      ...documentation(start),
    };
    this.definitions.push(definition);
    this.definitionOf.set(macro, definition);
  }

  multiLineUsed(
    macro: MultiLineMacro,
    name: Token,
    args: readonly (readonly Token[])[],
    frame: Frame,
  ): void {
    if (macro.builtin) this.builtinArguments.set(frame, args);
    if (macro.name === "struc" && macro.builtin) this.block("struc", "open", name);
    if (macro.name === "endstruc" && macro.builtin) this.block("struc", "close", name);
    const inBuiltin = frame.parent?.builtin === true;
    if (name.source.builtin || inBuiltin || spelledText(name) !== name.text) return;
    if (!macro.builtin)
      this.names.add(multiId(macro), "macro", macro.name, "reference", name, macro.definition);
    const definition = this.definitionOf.get(macro);
    const words = args.map((arg) => sourceWord(arg, name));
    const { tokens: lineTokens } = frame.call;
    const tokens = lineTokens.filter((token) => token.start >= name.start);
    this.invocations.push({
      kind: "macro",
      name: macro.name,
      nameRange: rangeOf(name),
      range: rangeOf(placeOfTokens([name, ...tokens])),
      arguments: words,
      ...(definition ? { definition } : {}),
      depth: depthOf(frame.parent),
      expansion: () => this.expansionOf(frame),
    });
  }

  /** The lines that came out of a call. */
  private expansionOf(frame: Frame): string {
    const lines: string[] = [];
    for (const statement of this.statements) {
      for (let f = statement.frame; f !== undefined; f = f.parent) {
        if (f === frame) {
          lines.push(tokensText(statement.tokens));
          break;
        }
      }
    }
    return lines.join("\n");
  }

  localMentioned(
    kind: "macroLabel" | "contextLabel" | "parameter" | "context",
    token: Token,
    owner: string,
  ): void {
    if (token.source.builtin || !spelledText(token).startsWith(token.text.charAt(0))) return;
    const spelled = spelledText(token);
    const written = spelled === token.text || spelled === `%{${token.text.slice(1)}}`;
    if (!written) return;
    const kinds = {
      macroLabel: "macro-label",
      contextLabel: "context-label",
      parameter: "macro-parameter",
      context: "context",
    } as const;
    const name = token.text;
    this.names.add(
      `${kinds[kind]}:${owner}:${name}`,
      kinds[kind],
      name,
      kind === "context" ? "reference" : undefined,
      token,
    );
  }

  skipped(line: SourceLine, directive: Token): void {
    let lines = this.skippedLines.get(line.source);
    if (!lines)
      this.skippedLines.set(
        line.source,
        (lines = new Map<number, { line: SourceLine; directive: Token }>()),
      );
    lines.set(line.line, { line, directive });
  }

  active(line: SourceLine): void {
    let lines = this.activeLines.get(line.source);
    if (!lines) this.activeLines.set(line.source, (lines = new Set<number>()));
    lines.add(line.line);
  }

  block(kind: Block["kind"], part: "open" | "part" | "close", word: Token): void {
    if (word.source.builtin || spelledText(word) !== word.text) return;
    if (part === "open") {
      this.open.push({ kind, words: [word] });
      return;
    }
    const at = this.open.findLastIndex((open) => open.kind === kind);
    const open = this.open[at];
    if (open === undefined) return;
    open.words.push(word);
    if (part === "part") return;
    this.open.splice(at, 1);
    const first = open.words[0]!;
    if (first.source !== word.source || word.end < first.start) return;
    const range = first.source.range(first.start, word.end);
    const known = this.blocks.some(
      (other) =>
        other.kind === kind &&
        other.range.file === range.file &&
        other.range.line === range.line &&
        other.range.endLine === range.endLine,
    );
    if (known) return;
    const words = open.words.map((each) => ({ text: each.text, range: rangeOf(each) }));
    this.blocks.push({ kind, range, words });
  }

  included(
    kind: "include" | "incbin" | "use",
    name: Token,
    spelled: string,
    file: string | undefined,
  ): void {
    if (name.source.builtin) return;
    const range = rangeOf(name.via ?? name);
    this.includes.push({ kind, range, name: spelled, ...(file === undefined ? {} : { file }) });
  }

  /** Runs of skipped lines that no other pass over them has read. */
  inactiveRegions(): InactiveRegion[] {
    const regions: InactiveRegion[] = [];
    for (const [source, lines] of this.skippedLines) {
      const active = this.activeLines.get(source);
      let run: { first: SourceLine; last: SourceLine; directive: Token } | undefined;
      const finish = (): void => {
        if (!run) return;
        const range = source.range(run.first.start, run.last.end);
        regions.push({
          range,
          directive: { text: run.directive.text, range: rangeOf(run.directive) },
        });
        run = undefined;
      };
      for (const number of [...lines.keys()].sort((a, b) => a - b)) {
        const { line, directive } = lines.get(number)!;
        if (active?.has(number)) continue;
        if (run && source.lineAt(run.last.end) + 1 === number && run.directive === directive)
          run.last = line;
        else {
          finish();
          run = { first: line, last: line, directive };
        }
      }
      finish();
    }
    return regions;
  }
}

function defineId(macro: SingleLineMacro): string {
  const { definition } = macro;
  if (definition?.kind === "contextLocal") return `define:${definition.text}`;
  return `define:${macro.caseSensitive ? macro.name : macro.name.toLowerCase()}`;
}

function multiId(macro: MultiLineMacro): string {
  return `macro:${macro.caseSensitive ? macro.name : macro.name.toLowerCase()}`;
}

/** Enclosing macros and %rep that the user wrote. */
function depthOf(frame: Frame | undefined): number {
  let depth = 0;
  for (let f = frame; f !== undefined; f = f.parent) if (!f.builtin) depth++;
  return depth;
}

function sourceWord(tokens: readonly Token[], place: Token): SourceWord {
  if (tokens.length > 0) return { text: tokensText(tokens), range: rangeOf(placeOfTokens(tokens)) };
  return { text: "", range: place.source.range(place.end, place.end) };
}

/** The comment lines directly above a line. */
function documentation(line: SourceLine): { readonly documentation?: string } {
  const { source } = line;
  const starts = source.lineStarts;
  const lines: string[] = [];
  for (let n = line.line - 2; n >= 0; n--) {
    const text = source.text.slice(starts[n], (starts[n + 1] ?? source.text.length + 1) - 1);
    const match = /^\s*;+ ?(.*?)\s*$/.exec(text);
    if (!match) break;
    lines.unshift(match[1]!);
  }
  return lines.length > 0 ? { documentation: lines.join("\n") } : {};
}
