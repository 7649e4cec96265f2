/** Bad input by a person: a stable code, a plain message and the way out. Never a bug of ours. */
export class UserError extends Error {
  constructor(
    /** Stable, kebab-case, documented: for example `image-too-large`. */
    readonly code: string,
    message: string,
    /** What the person can do about it, as a sentence. */
    readonly wayOut?: string,
  ) {
    super(wayOut === undefined ? message : `${message} ${wayOut}`);
    this.name = "UserError";
  }
}

/** A bug of ours. Caught once per request, reported with the machine's state; ends the session cleanly. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvariantError";
  }
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value ${JSON.stringify(value)}`);
}

/** Narrows away undefined where an invariant guarantees a value. */
export function defined<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new InvariantError(`${what} is missing`);
  return value;
}
