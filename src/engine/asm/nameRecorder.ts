/** Gathers where names are written, for the source model. The same place is kept once, however often it is expanded. */
import { rangeOf } from "./diagnosticSink";
import type { NameKind, NameOccurrence } from "./sourceModel";
import { isLocalName, type SymbolEntry } from "./symbols";
import type { Token } from "./tokens";

interface Mention {
  id: string;
  readonly kind: NameKind | "symbol";
  readonly name: string;
  role: "definition" | "reference" | undefined;
  readonly token: Token;
  readonly symbol: SymbolEntry | undefined;
  definition: Token | undefined;
}

function placeKey(token: Token): string {
  return `${token.source.name}\n${token.start}`;
}

/** The text at the token's place in its file. */
export function spelledText(token: Token): string {
  return token.source.text.slice(token.start, token.end);
}

export class NameRecorder {
  private readonly mentions = new Map<string, Mention>();
  /** Ids that turned out to be one: labels of contexts that are pushed again at each expansion. */
  private readonly sameAs = new Map<string, string>();
  private readonly labelPlaces = new Set<string>();

  clear(): void {
    this.mentions.clear();
    this.sameAs.clear();
    this.labelPlaces.clear();
  }

  add(
    id: string,
    kind: NameKind,
    name: string,
    role: Mention["role"],
    token: Token,
    definition?: Token,
  ): void {
    if (token.source.builtin) return;
    const key = `${placeKey(token)}\n${kind}`;
    const old = this.mentions.get(key);
    if (old === undefined) {
      this.mentions.set(key, { id, kind, name, role, token, symbol: undefined, definition });
      return;
    }
    if (old.id !== id) this.unite(old.id, id);
    if (role === "definition") old.role = role;
    old.definition = definition ?? old.definition;
  }

  symbol(symbol: SymbolEntry, token: Token, role: "definition" | "reference"): void {
    if (token.source.builtin) return;
    if (role === "definition") this.labelPlaces.add(placeKey(token));
    // `%%x` and `%$x` are listed as what they are, not by the label that they become.
    if (token.text.startsWith("..@") && spelledText(token) !== token.text) return;
    const key = `${placeKey(token)}\nsymbol\n${symbol.name}`;
    const old = this.mentions.get(key);
    if (old) {
      if (role === "definition") old.role = role;
      return;
    }
    const id = `symbol:${symbol.name}`;
    this.mentions.set(key, {
      id,
      kind: "symbol",
      name: symbol.name,
      role,
      token,
      symbol,
      definition: undefined,
    });
  }

  private unite(a: string, b: string): void {
    const left = this.find(a);
    const right = this.find(b);
    if (left !== right) this.sameAs.set(right, left);
  }

  private find(id: string): string {
    let root = id;
    for (let next = this.sameAs.get(root); next !== undefined; next = this.sameAs.get(root))
      root = next;
    return root;
  }

  /** Sorted by place within each file; files in the order of their first mention. */
  occurrences(): NameOccurrence[] {
    const files = new Map<string, Mention[]>();
    for (const mention of this.mentions.values()) {
      const { name } = mention.token.source;
      const inFile = files.get(name);
      if (inFile) inFile.push(mention);
      else files.set(name, [mention]);
    }
    const sorted = [...files.values()].flatMap((list) =>
      list.sort((a, b) => a.token.start - b.token.start),
    );
    const list = sorted.map((mention) => this.finished(mention));
    this.linkDefinitions(list);
    return list;
  }

  private finished(mention: Mention): NameOccurrence {
    const { token, symbol } = mention;
    const spelled = spelledText(token);
    const definition = mention.definition ?? symbol?.definition;
    const role =
      mention.role ?? (this.labelPlaces.has(placeKey(token)) ? "definition" : "reference");
    return {
      id: this.find(mention.id),
      kind: mention.kind === "symbol" ? symbolKind(symbol!) : mention.kind,
      name: mention.name,
      role,
      range: rangeOf(token),
      spelled,
      ...(definition && !definition.source.builtin ? { definition: rangeOf(definition) } : {}),
      pasted: spelled !== token.text,
    };
  }

  /** Names without a definition of their own (`%%x`, sections) refer to the defining occurrence of their id. */
  private linkDefinitions(list: NameOccurrence[]): void {
    const ranges = new Map<string, NameOccurrence["range"]>();
    for (const each of list) {
      if (each.role === "definition" && !ranges.has(each.id)) ranges.set(each.id, each.range);
    }
    list.forEach((each, i) => {
      const range = ranges.get(each.id);
      if (each.definition === undefined && range) list[i] = { ...each, definition: range };
    });
  }
}

function symbolKind(symbol: SymbolEntry): NameKind {
  switch (symbol.kind) {
    case "equ":
    case "extern":
    case "common":
      return symbol.kind;
    case "struc-field":
      return symbol.name.includes(".") ? "struc-field" : "struc";
    default:
      return symbol.definition && isLocalName(symbol.definition.text) ? "local-label" : "label";
  }
}
