import { InvariantError } from "../base/errors";
import type { Supervisor } from "./supervisor";

export function createSupervisor(_options: unknown): Supervisor {
  throw new InvariantError("being written");
}
