import type { SourceText } from "../sourceText";
import type { SourceLine, Token } from "../tokens";
import type { Input, Recording } from "./inputs";
import type { Session } from "./session";
import { expandLine } from "./singleLine";

/** What a directive may do to the preprocessor. */
export interface DirectiveHost {
  readonly session: Session;
  readonly input: Input;
  readonly recordings: Recording[];
  nextSerial(): number;
  pushSource(source: SourceText, place?: Token): void;
  /** %fatal: nothing more is read. */
  stop(): void;
}

export type Runner = (
  directive: Token,
  rest: readonly Token[],
  line: SourceLine,
  host: DirectiveHost,
) => void;

/** The number that a directive takes and the token it stands at; undefined (and an error reported) if there is none. */
export function constantWithPlace(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): { readonly value: bigint; readonly token: Token } | undefined {
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
  return { value: result.value.scalar, token: expanded[0] ?? directive };
}

/** The number alone. */
export function constantAfter(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): bigint | undefined {
  return constantWithPlace(directive, rest, session)?.value;
}
