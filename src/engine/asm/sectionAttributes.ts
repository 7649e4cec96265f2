/** `section name align=16 vstart=(1 << 20) nobits`: the attributes of the bin format. */
import { isOp, tokensText, type Token } from "./tokens";
import { isPowerOfTwo, type Section } from "./sections";

export interface AttributeHost {
  error(token: Token, code: string, message: string): void;
  warning(token: Token, name: string, message: string): void;
  /** A plain number, known now; undefined (and reported) otherwise. */
  number(tokens: readonly Token[]): bigint | undefined;
}

const VALUE_ATTRIBUTES = ["start", "vstart", "align", "valign", "follows", "vfollows"] as const;
type ValueAttribute = (typeof VALUE_ATTRIBUTES)[number];

/** Applies the attributes that stand behind a section's name. */
export function applyAttributes(
  section: Section,
  tokens: readonly Token[],
  host: AttributeHost,
): void {
  let at = 0;
  while (at < tokens.length) {
    const name = tokens[at]!;
    const word = name.text.toLowerCase();
    const attribute = VALUE_ATTRIBUTES.find((each) => each === word);
    if (attribute && isOp(tokens[at + 1], "=")) {
      const end = valueEnd(tokens, at + 2);
      applyValue(section, attribute, name, tokens.slice(at + 2, end), host);
      at = end;
      continue;
    }
    if (word === "nobits" || word === "progbits") applyType(section, word, name, host);
    else {
      let end = at + 1;
      while (end < tokens.length && !tokens[end]!.space) end++;
      const text = tokensText(tokens, at, end);
      host.warning(name, "other", `ignoring unknown section attribute: "${text}"`);
      at = end;
      continue;
    }
    at++;
  }
}

/** A value ends at the next space outside of parentheses. */
function valueEnd(tokens: readonly Token[], start: number): number {
  let depth = 0;
  let at = start;
  for (; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (at > start && token.space && depth === 0) break;
    if (isOp(token, "(")) depth++;
    else if (isOp(token, ")")) depth--;
  }
  return at;
}

function applyType(
  section: Section,
  word: "nobits" | "progbits",
  name: Token,
  host: AttributeHost,
): void {
  if (section.type !== undefined && section.type !== word) {
    const message = `attempt to change section type from ${section.type} to ${word}`;
    host.error(name, "section-type", message);
  } else section.type = word;
}

function applyValue(
  section: Section,
  attribute: ValueAttribute,
  name: Token,
  value: readonly Token[],
  host: AttributeHost,
): void {
  const { given } = section;
  const fail = (message: string): void =>
    host.error(value[0] ?? name, "section-attribute", message);
  if (value.length === 0) {
    host.warning(name, "other", "No value given to attribute in `section' directive");
    return;
  }
  if (attribute === "follows" || attribute === "vfollows") {
    const clash = attribute === "follows" ? given.start : given.vstart;
    const other = attribute === "follows" ? "start" : "vstart";
    if (clash) {
      fail(`cannot combine \`${other}' and \`${attribute}' section attributes`);
      // NASM goes on with the name as if it were the next attribute.
      if (attribute === "vfollows")
        host.warning(
          value[0]!,
          "other",
          `ignoring unknown section attribute: "${tokensText(value)}"`,
        );
    } else {
      section[attribute] = tokensText(value);
      given[attribute] = true;
    }
    return;
  }
  const number = host.number(value);
  if (number === undefined) return;
  if (attribute === "align" || attribute === "valign")
    applyAlignment(section, attribute, number, fail);
  else applyStart(section, attribute, Number(BigInt.asIntN(64, number)), fail);
}

function applyAlignment(
  section: Section,
  attribute: "align" | "valign",
  number: bigint,
  fail: (message: string) => void,
): void {
  const { given } = section;
  if (!isPowerOfTwo(number)) {
    fail(`argument to \`${attribute}' is not a power of two`);
    return;
  }
  const start = attribute === "align" ? "start" : "vstart";
  const value = given[attribute] ? Math.max(Number(number), section[attribute]) : Number(number);
  if (given[start] && section[start] % value !== 0) {
    fail(
      attribute === "align"
        ? "`align' value conflicts with section start address"
        : "`valign' value conflicts with `vstart' address",
    );
    return;
  }
  section[attribute] = value;
  given[attribute] = true;
}

function applyStart(
  section: Section,
  attribute: "start" | "vstart",
  value: number,
  fail: (message: string) => void,
): void {
  const { given } = section;
  const follows = attribute === "start" ? "follows" : "vfollows";
  const align = attribute === "start" ? "align" : "valign";
  if (given[follows]) {
    fail(`cannot combine \`${attribute}' and \`${follows}' section attributes`);
  } else if (given[attribute] && value !== section[attribute]) {
    fail(
      attribute === "start"
        ? "section start address redefined"
        : "section virtual start address (vstart) redefined",
    );
  } else {
    section[attribute] = value;
    given[attribute] = true;
    if (!given[align]) return;
    if (section[align] > 0 && value % section[align] !== 0) {
      fail(
        attribute === "start"
          ? "`start' address conflicts with section alignment"
          : "`vstart' address conflicts with `valign' value",
      );
    }
    given[align] = false;
  }
}
