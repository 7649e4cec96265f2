/** A request that is refused for a reason that the user can understand. */
export class RequestError extends Error {
  constructor(
    message: string,
    /** Pop up in the editor; only failed launches do. */
    readonly showUser = false,
  ) {
    super(message);
  }
}
