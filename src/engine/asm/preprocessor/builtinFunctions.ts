/** Macros that compute: `__FILE__`, `__LINE__`, `%eval(..)`, `%strlen(..)`, `%isdef(..)` (NASM manual, "Preprocessor Functions"). */
import { lexText } from "../lexer";
import { bytesText, unquote } from "../stringLiterals";
import { readNumber } from "../numbers";
import { Token, type SlotSpec } from "../tokens";
import { CONDITION_SUFFIXES, conditionOf, testCondition } from "./conditions";
import { define } from "./macroTable";
import { substringBytes } from "./macroValues";
import type { Session } from "./session";
import { numberTokens, stringToken } from "./valueTokens";
import { utf8 } from "../stringLiterals";

type Arguments = readonly (readonly Token[])[];

function slot(flags: Partial<SlotSpec>): SlotSpec {
  return {
    name: "",
    evaluated: false,
    quoted: "no",
    verbatim: false,
    greedy: false,
    optional: false,
    variadic: false,
    ...flags,
  };
}

const EVALUATED = slot({ evaluated: true });
const STRING = slot({ quoted: "unlessString" });

function numberOf(tokens: readonly Token[] | undefined): bigint {
  const first = tokens?.[0];
  if (first === undefined) return 0n;
  const minus = first.kind === "op" && first.text === "-";
  const value = readNumber((minus ? tokens![1]?.text : first.text) ?? "")?.value ?? 0n;
  return minus ? -value : value;
}

function stringOf(tokens: readonly Token[] | undefined): number[] {
  const first = tokens?.[0];
  return first ? unquote(first.text) : [];
}

interface Builtin {
  readonly name: string;
  readonly slots: readonly SlotSpec[];
  readonly compute: (args: Arguments, call: Token, session: Session) => readonly Token[];
}

/** The line that __LINE__ means: the innermost one that is not NASM's own. */
function lineNumber(session: Session): bigint {
  const { frame, line } = session;
  if (!line.source.builtin) return BigInt(line.line + session.lineShift);
  for (let f = frame; f !== undefined; f = f.parent) {
    if (!f.call.source.builtin) return BigInt(f.call.line + session.lineShift);
  }
  return 0n;
}

const BUILTINS: readonly Builtin[] = [
  {
    name: "__?FILE?__",
    slots: [],
    compute: (_args, call, session) => [stringToken(utf8(session.fileName()), call)],
  },
  {
    name: "__?LINE?__",
    slots: [],
    compute: (_args, call, session) => numberTokens(lineNumber(session), call, session),
  },
  {
    name: "__?BITS?__",
    slots: [],
    compute: (_args, call, session) => numberTokens(BigInt(session.host.bits()), call, session),
  },
  {
    name: "__?PASS?__",
    slots: [],
    compute: (_args, call, session) => {
      session.host.dependsOnPass();
      return numberTokens(BigInt(session.host.passKind()), call, session);
    },
  },
  {
    name: "__?PTR?__",
    slots: [],
    compute: (_args, call, session) =>
      lexText({ 16: "word", 32: "dword", 64: "qword" }[session.host.bits()], call, session.words),
  },
  {
    name: "%abs",
    slots: [EVALUATED],
    compute: ([arg], call, session) => {
      const value = numberOf(arg);
      return numberTokens(BigInt.asUintN(64, value < 0n ? -value : value), call, session);
    },
  },
  {
    name: "%count",
    slots: [slot({ variadic: true })],
    compute: (args, call, session) => numberTokens(BigInt(args.length), call, session),
  },
  { name: "%eval", slots: [slot({ evaluated: true, variadic: true })], compute: joinArguments },
  { name: "%str", slots: [slot({ quoted: "always", greedy: true })], compute: joinArguments },
  {
    name: "%strcat",
    slots: [slot({ quoted: "unlessString", variadic: true })],
    compute: (args, call) => [
      stringToken(
        args.flatMap((arg) => stringOf(arg)),
        call,
      ),
    ],
  },
  {
    name: "%strlen",
    slots: [STRING],
    compute: ([arg], call, session) => numberTokens(BigInt(stringOf(arg).length), call, session),
  },
  {
    name: "%tok",
    slots: [STRING],
    compute: ([arg], call, session) => lexText(bytesText(stringOf(arg)), call, session.words),
  },
  {
    name: "%substr",
    slots: [STRING, EVALUATED, slot({ evaluated: true, optional: true, byDefault: "-1" })],
    compute: ([string, start, count], call) => [
      stringToken(substringBytes(stringOf(string), numberOf(start), numberOf(count)), call),
    ],
  },
  {
    name: "%sel",
    slots: [EVALUATED, slot({ variadic: true })],
    compute: (args, call, session) => {
      const which = Number(numberOf(args[0]));
      if (which >= 1 && which < args.length) return args[which]!;
      const message =
        which < 1
          ? `%sel(${which}) is not a valid selector`
          : `%sel(${which}) exceeds the number of arguments`;
      session.warning(call, "pp-sel-range", message);
      return [];
    },
  },
  {
    name: "%cond",
    slots: [EVALUATED, slot({}), slot({ optional: true })],
    compute: ([test, yes, no]) => (numberOf(test) !== 0n ? yes : no) ?? [],
  },
  {
    name: "%num",
    slots: [
      EVALUATED,
      slot({ evaluated: true, optional: true, byDefault: "-1" }),
      slot({ evaluated: true, optional: true, byDefault: "10" }),
    ],
    compute: formatNumber,
  },
];

function joinArguments(args: Arguments, call: Token): readonly Token[] {
  return args.flatMap((arg, i) =>
    i === 0 ? arg : [new Token("op", ",", false, call.source, call.start, call.end), ...arg],
  );
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@_";

/** %num(value, digits, base). */
function formatNumber(args: Arguments, call: Token, session: Session): readonly Token[] {
  let n = BigInt.asUintN(64, numberOf(args[0]));
  const digits = Number(numberOf(args[1]));
  const base = Number(numberOf(args[2]));
  if (base < 2 || base > DIGITS.length) {
    session.error(call, "number-base", `invalid base ${base} given to %num()`);
    return [];
  }
  if (Math.abs(digits) > 253) {
    session.error(call, "number-base", `digit count ${digits} specified to %num() too large`);
    return [];
  }
  let text = "";
  for (let left = Math.abs(digits); left > 0 || (digits <= 0 && n > 0n); left--) {
    text = DIGITS.charAt(Number(n % BigInt(base))) + text;
    n /= BigInt(base);
  }
  return [stringToken(utf8(text), call)];
}

/** Enters all of them. `place` is a token to hang the definitions on. */
export function defineBuiltins(place: Token, session: Session): void {
  const enter = (builtin: Builtin): void => {
    const isFunction = builtin.name.startsWith("%");
    const name = new Token(
      isFunction ? "directive" : "id",
      builtin.name,
      false,
      place.source,
      place.start,
      place.end,
      session.words.word(builtin.name),
    );
    define(
      name,
      {
        caseSensitive: !isFunction,
        slots: builtin.slots,
        body: [],
        recursive: isFunction,
        compute: (args, call) => builtin.compute(args, call, session),
      },
      session,
    );
  };
  BUILTINS.forEach(enter);
  for (const suffix of CONDITION_SUFFIXES) {
    enter({
      name: `%is${suffix}`,
      slots: [slot({ greedy: true, optional: true })],
      compute: (args, call) => {
        const truth = testCondition(conditionOf(suffix)!, args[0] ?? [], call, session);
        return numberTokens(truth === true ? 1n : 0n, call, session);
      },
    });
  }
}

/** Words that are a directive or a function, by whether a parenthesis follows. */
export const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  BUILTINS.filter((b) => b.name.startsWith("%")).map((b) => b.name.slice(1)),
);
