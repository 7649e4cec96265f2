/** All domain rules, in the order of docs/LANGUAGE_SERVER.md. */
import { bootSector } from "./bootSector";
import { descriptors } from "./descriptors";
import { orphanMnemonic } from "./orphanMnemonic";
import { protectedModeJump } from "./protectedModeJump";
import type { Rule } from "./rule";
import { privilegedInstruction, sensitiveInstruction, wideCodeUnderTechnique } from "./sensitivity";
import { vmxOrder } from "./vmxOrder";

export const RULES: readonly Rule[] = [
  sensitiveInstruction,
  privilegedInstruction,
  vmxOrder,
  wideCodeUnderTechnique,
  protectedModeJump,
  descriptors,
  bootSector,
  orphanMnemonic,
];
