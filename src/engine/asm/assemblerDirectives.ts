/** The bracketed primitives: [bits], [org], [section], [absolute], [global] ... (NASM manual, "Assembler Directives"). */
import type { Target } from "../codec/types";
import type { Bits } from "../isa/types";
import { allowsBits, readCpu } from "./cpuDirective";
import type { DiagnosticSink } from "./diagnosticSink";
import type { Expression } from "./expressionTree";
import { Cursor, parseExpression } from "./expressionParser";
import type { FloatOptions } from "./floats";
import { readNumber } from "./numbers";
import { applyAttributes } from "./sectionAttributes";
import { isPowerOfTwo, type Section, type SectionTable } from "./sections";
import type { StatementBody } from "./statementTree";
import type { Declaration, SymbolEntry, SymbolTable } from "./symbols";
import { isOp, tokensText, type Token } from "./tokens";
import type { Value } from "./value";
import type { WarningState } from "./warningClasses";

/** What a directive may read and change. */
export interface DirectiveState {
  readonly symbols: SymbolTable;
  readonly sections: SectionTable;
  readonly sink: DiagnosticSink;
  readonly pass: number;
  bits: Bits;
  defaultRel: boolean;
  target: Target | undefined;
  readonly segment: number;
  warningStack: WarningState[];
  floatOptions: FloatOptions;
  error(token: Token, code: string, message: string): void;
  warn(token: Token, name: string, message: string): void;
  evaluate(expression: Expression, critical: boolean): Value | undefined;
  switchTo(section: Section): void;
  originGiven(origin: number): void;
  switchToAbsolute(segment: number, offset: number): void;
  define(
    symbol: SymbolEntry,
    token: Token,
    segment: number,
    offset: bigint,
    kind: NonNullable<SymbolEntry["kind"]>,
  ): void;
}

type Directive = Extract<StatementBody, { kind: "directive" }>;
type Runner = (directive: Directive, state: DirectiveState) => void;

const RUNNERS: Readonly<Record<string, Runner>> = {
  absolute: runAbsolute,
  bits: runBits,
  common: (directive, state) => declare(directive, state, "common"),
  cpu: runCpu,
  debug: () => undefined,
  default: runDefault,
  extern: (directive, state) => declare(directive, state, "extern"),
  float: runFloat,
  global: (directive, state) => declare(directive, state, "global"),
  list: runList,
  map: () => undefined,
  org: runOrg,
  pragma: () => undefined,
  required: (directive, state) => declare(directive, state, "required"),
  section: runSection,
  sectalign: runSectionAlign,
  segment: runSection,
  static: (directive, state) => declare(directive, state, "static"),
  warning: runWarning,
};

export function runDirectiveStatement(directive: Directive, state: DirectiveState): void {
  const runner = Object.hasOwn(RUNNERS, directive.name) ? RUNNERS[directive.name] : undefined;
  if (runner) runner(directive, state);
  else {
    const message = `unrecognized directive [${directive.nameToken.text}]`;
    state.error(directive.nameToken, "unknown-directive", message);
  }
}

function valuePlace(directive: Directive): Token {
  return directive.value[0] ?? directive.nameToken;
}

function badParameter(directive: Directive, state: DirectiveState): void {
  const message = `invalid parameter to [${directive.nameToken.text}] directive`;
  state.error(valuePlace(directive), "directive-value", message);
}

function runBits(directive: Directive, state: DirectiveState): void {
  const text = tokensText(directive.value);
  const match = /^\d+/.exec(text);
  const bits = match ? Number(match[0]) : 0;
  const isSize = bits === 16 || bits === 32 || bits === 64;
  if (isSize && allowsBits(state.target, bits)) {
    state.bits = bits;
    return;
  }
  const oldest = bits === 32 ? "a 386" : "an x86-64";
  const message = isSize
    ? `cannot specify ${bits}-bit segment on processor below ${oldest}`
    : `\`${text}' is not a valid segment size; must be 16, 32 or 64`;
  state.error(valuePlace(directive), "bits", message);
  state.bits = 16;
}

function runCpu(directive: Directive, state: DirectiveState): void {
  const { target, unknown } = readCpu(tokensText(directive.value), state.target);
  state.target = target;
  if (unknown === undefined) return;
  state.error(valuePlace(directive), "cpu", `unknown CPU type or flag '${unknown}'`);
}

function runDefault(directive: Directive, state: DirectiveState): void {
  // NASM looks at the first word only.
  switch (directive.value[0]?.text.toLowerCase()) {
    case "rel":
      state.defaultRel = true;
      return;
    case "abs":
      state.defaultRel = false;
      return;
    case "bnd":
    case "nobnd":
      return;
    default:
      badParameter(directive, state);
  }
}

function runFloat(directive: Directive, state: DirectiveState): void {
  const option = tokensText(directive.value).toLowerCase();
  const options = state.floatOptions.with(option);
  if (options) state.floatOptions = options;
  else state.error(valuePlace(directive), "float", `unknown 'float' directive: ${option}`);
}

/** The listing always shows everything; the directive is checked. */
function runList(directive: Directive, state: DirectiveState): void {
  const first = directive.value[0];
  if (!isOp(first, "+") && !isOp(first, "-")) badParameter(directive, state);
}

function runOrg(directive: Directive, state: DirectiveState): void {
  const { expression } = directive;
  const value = expression && state.evaluate(expression, true);
  if (value === undefined) {
    state.error(directive.nameToken, "org", "No or invalid offset specified in ORG directive.");
    return;
  }
  if (!value.isReallySimple) {
    state.error(valuePlace(directive), "org", "org value must be a critical expression");
    return;
  }
  // Addresses from 2^63 up are negative numbers everywhere: exact, where an unsigned one would be rounded.
  const origin = Number(BigInt.asIntN(64, value.scalar));
  const { sections } = state;
  if (sections.origin !== undefined && sections.origin !== origin) {
    state.error(valuePlace(directive), "org", "program origin redefined");
  } else {
    sections.origin = origin;
    state.originGiven(origin);
  }
}

function runAbsolute(directive: Directive, state: DirectiveState): void {
  const { expression } = directive;
  const value = expression && state.evaluate(expression, true);
  if (value === undefined) {
    if (expression === undefined)
      state.error(directive.nameToken, "absolute", "invalid ABSOLUTE address");
    state.switchToAbsolute(-1, 0x100);
    return;
  }
  if (!value.isRelocatable(state.segment)) {
    const message = "cannot use non-relocatable expression as ABSOLUTE address";
    state.error(valuePlace(directive), "absolute", message);
    return;
  }
  state.switchToAbsolute(value.segment, Number(value.scalar));
}

function runSection(directive: Directive, state: DirectiveState): void {
  const { value } = directive;
  const first = value[0];
  if (first === undefined) {
    state.error(directive.nameToken, "section", "section name expected");
    return;
  }
  let end = 1;
  while (end < value.length && !value[end]!.space) end++;
  const section = state.sections.open(tokensText(value, 0, end));
  section.place ??= first;
  if (state.pass > 1) {
    applyAttributes(section, value.slice(end), {
      error: (token, code, message) => state.error(token, code, message),
      warning: (token, name, message) => state.warn(token, name, message),
      number: (tokens) => attributeNumber(tokens, state),
    });
    section.type ??= "progbits";
  }
  state.switchTo(section);
}

function attributeNumber(tokens: readonly Token[], state: DirectiveState): bigint | undefined {
  const cursor = new Cursor(tokens);
  const expression = parseExpression(cursor, {
    bits: () => state.bits,
    floatOptions: () => state.floatOptions,
    symbol: (name) => state.symbols.entry(name),
    error: (token, code, message) => state.error(token, code, message),
    warning: (token, name, message) => state.warn(token, name, message),
  });
  const value = expression && state.evaluate(expression, true);
  if (value === undefined) {
    const message = "Invalid attribute value specified in `section' directive.";
    state.error(tokens[0]!, "section-attribute", message);
    return undefined;
  }
  if (value.isReallySimple) return value.scalar;
  const message = "section attribute value must be a critical expression";
  state.error(tokens[0]!, "section-attribute", message);
  return undefined;
}

function runSectionAlign(directive: Directive, state: DirectiveState): void {
  const { expression } = directive;
  const value = expression && state.evaluate(expression, true);
  if (value === undefined) return;
  const place = valuePlace(directive);
  const amount = value.scalar;
  if (!isPowerOfTwo(amount)) {
    const text = tokensText(directive.value);
    state.error(place, "alignment", `segment alignment \`${text}' is not power of two`);
    return;
  }
  if (amount > 0x7fffffffn) {
    const text = tokensText(directive.value);
    state.error(place, "alignment", `absurdly large segment alignment \`${text}'`);
    return;
  }
  const section = state.sections.ofSegment(state.segment);
  if (section === undefined) return;
  section.align = Math.max(section.align, Number(amount));
  section.given.align = true;
}

function runWarning(directive: Directive, state: DirectiveState): void {
  const text = tokensText(directive.value).replaceAll(" ", "");
  const { sink } = state;
  if (text.toLowerCase() === "push") {
    state.warningStack.push(sink.warnings);
  } else if (text.toLowerCase() === "pop") {
    const saved = state.warningStack.pop();
    if (!saved) state.warn(directive.nameToken, "warn-stack-empty", "warning stack empty");
    sink.warnings = saved ?? sink.startWarnings;
  } else {
    const changed = sink.warnings.apply(text);
    if (changed) sink.warnings = changed;
    else state.warn(valuePlace(directive), "unknown-warning", `unknown warning name: ${text}`);
  }
}

const DECLARATION_WORDS: Readonly<Record<Declaration, string>> = {
  local: "local", static: "static", global: "global", extern: "extern", required: "required", common: "common", special: "special",
}; // prettier-ignore

/** global, extern, common ...: in a flat binary they only say something about the name. */
function declare(directive: Directive, state: DirectiveState, declaration: Declaration): void {
  const name = directive.value[0];
  if (name?.kind !== "id") {
    const got = tokensText(directive.value);
    const message = `identifier expected after ${directive.nameToken.text}, got \`${got}'`;
    state.error(valuePlace(directive), "declaration", message);
    return;
  }
  const afterName = directive.value.slice(1);
  const colon = afterName.findIndex((token) => isOp(token, ":"));
  const rest = colon < 0 ? afterName : afterName.slice(0, colon);
  if (declaration === "common") {
    if (rest[0] === undefined || readNumber(rest[0].text) === undefined) {
      const which = rest.length > 0 ? "invalid" : "no";
      state.error(rest[0] ?? name, "declaration", `${which} size specified in common declaration`);
    } else {
      const message = "binary output format does not support common variables";
      state.error(name, "declaration", message);
    }
  } else if (rest.length > 0) {
    state.error(
      rest[0]!,
      "declaration",
      `invalid syntax in ${directive.nameToken.text} declaration`,
    );
  }
  const symbol = apply(name, declaration, state);
  if (colon >= 0) symbol.hasSpecialType = true;
}

function apply(name: Token, declaration: Declaration, state: DirectiveState): SymbolEntry {
  const text = name.text.startsWith("$") ? name.text.slice(1) : name.text;
  const symbol = state.symbols.entry(text);
  const old = symbol.declaration;
  const external = declaration === "extern" || declaration === "required";
  const oldExternal = old === "extern" || old === "required";
  const compatible = old === declaration || old === "local" || oldExternal || external;
  if (!compatible) {
    const message = `symbol \`${symbol.name}' declared both as ${DECLARATION_WORDS[old]} and ${DECLARATION_WORDS[declaration]}`;
    state.error(name, "declaration", message);
    return symbol;
  }
  // A definition or a global declaration wins over extern.
  if (
    external &&
    (old === "global" || old === "common" || symbol.kind === "label" || symbol.kind === "equ")
  )
    return symbol;
  symbol.declaration = declaration;
  if (external || declaration === "common") {
    const segment = symbol.kind === "extern" ? symbol.segment : state.sections.outsideSegment();
    state.define(symbol, name, segment, 0n, "extern");
  }
  return symbol;
}
