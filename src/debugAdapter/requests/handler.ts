/** What answers a request. */
import type { RingsideSession } from "../session/session";

/** The body, nothing, or a thrown error. Arguments are as the protocol's types say. */
export type Handler = (session: RingsideSession, args: never) => unknown;
export type HandlerTable = Readonly<Record<string, Handler>>;
