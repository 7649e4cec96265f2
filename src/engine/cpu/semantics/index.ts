import { arithmetic } from "./arithmetic";
import { bits } from "./bits";
import { branches } from "./branches";
import type { Semantics } from "./emitter";
import { logic } from "./logic";
import { moves } from "./moves";
import { shifts } from "./shifts";
import { strings } from "./strings";

/** Every instruction family that runs in emitted code, by the `semantics` name of its rows. All others are system events (cpu/system). */
export const EMITTED: Readonly<Record<string, Semantics>> = {
  ...arithmetic,
  ...logic,
  ...shifts,
  ...moves,
  ...branches,
  ...strings,
  ...bits,
};
