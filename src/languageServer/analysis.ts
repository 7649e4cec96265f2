/** A program as the features see it: the source model of one main file, with look-ups by place. */
import type {
  AsmSymbol,
  MacroInvocation,
  NameOccurrence,
  PlainToken,
  SourceModel,
  SourceRange,
  Statement,
} from "../engine/language";
import { contains, type Place } from "./positions";

interface Ranged {
  readonly range: SourceRange;
}

/** Things of a program by file and the line on which they begin. */
class LineIndex<Item extends Ranged> {
  private readonly files = new Map<string, Map<number, Item[]>>();

  constructor(items: readonly Item[]) {
    for (const item of items) {
      const lines = this.linesOf(item.range.file);
      const list = lines.get(item.range.line);
      if (list === undefined) lines.set(item.range.line, [item]);
      else list.push(item);
    }
  }

  private linesOf(file: string): Map<number, Item[]> {
    let lines = this.files.get(file);
    if (lines === undefined) this.files.set(file, (lines = new Map<number, Item[]>()));
    return lines;
  }

  on(file: string, line: number): readonly Item[] {
    return this.files.get(file)?.get(line) ?? [];
  }

  of(file: string): Item[] {
    return [...(this.files.get(file)?.values() ?? [])].flat();
  }
}

function lazy<Value>(make: () => Value): () => Value {
  let value: { readonly made: Value } | undefined;
  return () => (value ??= { made: make() }).made;
}

export class Analysis {
  private readonly statements = lazy(() => new LineIndex(this.model.statements));
  private readonly calls = lazy(
    () =>
      new LineIndex(
        this.model.statements.map((statement) => ({ range: statement.callRange, statement })),
      ),
  );
  private readonly names = lazy(() => new LineIndex(this.model.names));
  private readonly invocations = lazy(() => new LineIndex(this.model.macroInvocations));
  private readonly tokens = new Map<string, LineIndex<PlainToken>>();
  private readonly symbols = lazy(
    () => new Map(this.model.assembly.symbols.map((symbol) => [symbol.name, symbol])),
  );
  private readonly indices = lazy(
    () => new Map(this.model.statements.map((statement, index) => [statement, index])),
  );
  private readonly byId = lazy(() => {
    const groups = new Map<string, NameOccurrence[]>();
    for (const name of this.model.names) {
      const group = groups.get(name.id);
      if (group === undefined) groups.set(name.id, [name]);
      else group.push(name);
    }
    return groups;
  });

  constructor(
    /** The main file. */
    readonly root: string,
    readonly model: SourceModel,
  ) {}

  /**
   * What was made of this program, by what made it. A WeakMap beside it would do, but V8 takes a value in one for alive as long as it collects
   * young objects only, and values point back here: every version since would be copied, though nobody can ask for it any more.
   */
  private readonly made = new Map<(analysis: Analysis) => unknown, unknown>();

  once<Value>(make: (analysis: Analysis) => Value): Value {
    if (!this.made.has(make)) this.made.set(make, make(this));
    return this.made.get(make) as Value;
  }

  has(file: string): boolean {
    return this.model.assembly.files.includes(file);
  }

  /** All expansions of a line, in the order of the program. */
  statementsOn(file: string, line: number): readonly Statement[] {
    return this.statements().on(file, line);
  }

  /** All statements that a line made, also through the macros that it calls. */
  statementsCalledOn(file: string, line: number): readonly Statement[] {
    return this.calls()
      .on(file, line)
      .map((each) => each.statement);
  }

  statementsOf(file: string): readonly Statement[] {
    return this.statements().of(file);
  }

  indexOf(statement: Statement): number {
    return this.indices().get(statement) ?? -1;
  }

  tokensOn(file: string, line: number): readonly PlainToken[] {
    let index = this.tokens.get(file);
    if (index === undefined) {
      index = new LineIndex(this.model.tokensOf(file));
      this.tokens.set(file, index);
    }
    return index.on(file, line);
  }

  tokensOf(file: string): readonly PlainToken[] {
    return this.model.tokensOf(file);
  }

  /** The token that a cursor is in; between two that touch, the right one unless only the left one is a word. */
  tokenAt(place: Place): PlainToken | undefined {
    const touching = this.tokensOn(place.file, place.line).filter((token) =>
      contains(token.range, place),
    );
    return touching.find((token) => token.kind !== "punctuation") ?? touching.at(-1);
  }

  namesOf(file: string): readonly NameOccurrence[] {
    return this.names().of(file);
  }

  /** Names at a place; a word can be two things at once, such as a macro's parameter that is a label. */
  namesAt(place: Place): readonly NameOccurrence[] {
    return this.names()
      .on(place.file, place.line)
      .filter((name) => contains(name.range, place));
  }

  occurrences(id: string): readonly NameOccurrence[] {
    return this.byId().get(id) ?? [];
  }

  /** Outermost first. */
  invocationsAt(place: Place): readonly MacroInvocation[] {
    return this.invocations()
      .on(place.file, place.line)
      .filter((call) => contains(call.nameRange, place));
  }

  invocationsOn(file: string, line: number): readonly MacroInvocation[] {
    return this.invocations().on(file, line);
  }

  symbol(name: string): AsmSymbol | undefined {
    return this.symbols().get(name);
  }

  /** Text of a line, without its end. */
  lineText(file: string, line: number): string {
    return this.lines(file)[line - 1] ?? "";
  }

  private readonly linesByFile = new Map<string, readonly string[]>();

  lines(file: string): readonly string[] {
    let lines = this.linesByFile.get(file);
    if (lines === undefined) {
      lines = (this.model.textOf(file) ?? "").split(/\r\n|\n|\r/);
      this.linesByFile.set(file, lines);
    }
    return lines;
  }

  /** The statement that a place belongs to: the operands' or the words' one, in its first expansion. */
  statementAt(place: Place): Statement | undefined {
    const onLine = this.statementsOn(place.file, place.line);
    return onLine.find((statement) => contains(statement.range, place)) ?? onLine[0];
  }

  /** The statements that cover an address, of those that make bytes. */
  statementAtAddress(address: number): Statement | undefined {
    return this.model.statements.find(
      (each) => each.length > 0 && each.address <= address && address < each.address + each.length,
    );
  }
}
