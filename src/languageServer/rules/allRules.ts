/** All domain rules, in the order of docs/LANGUAGE_SERVER.md. */
import { bootSector } from "./bootSector";
import { bootDrive, bootSegments, diskStatus, stackLoad } from "./bootStart";
import { codeSizeMissing } from "./codeSize";
import { divisionOfHalf, loopFromZero, stringInstructions } from "./counters";
import { descriptors } from "./descriptors";
import { encodingByVersion, shiftByByte } from "./encodings";
import { looseDefine, unsignedOperators } from "./expressions";
import { fallThroughIntoData, haltAtEnd, unreachableCode } from "./fallThrough";
import { flagUse } from "./flags";
import { haltGap, interruptsLeftOff } from "./interruptFlag";
import {
  endOfInterrupt,
  errorCodeOnStack,
  registersOfInterrupted,
  returnFromHandler,
} from "./interruptHandlers";
import { interruptGates, interruptTableSize } from "./interruptTables";
import { jumpIntoInstruction } from "./jumpTargets";
import { shadowingMacro } from "./macroNames";
import { accessTooWide, addressInByte, signedComparison } from "./operands";
import { orphanMnemonic } from "./orphanMnemonic";
import { paddingAlmostFull } from "./padding";
import { protectedModeJump } from "./protectedModeJump";
import { linearBase, tableBase } from "./pseudoDescriptors";
import type { Rule } from "./rule";
import {
  segmentLimits,
  selectorOfWrongType,
  selectorOutside,
  taskRegister,
  taskStateSegment,
} from "./selectors";
import { privilegedInstruction, sensitiveInstruction, wideCodeUnderTechnique } from "./sensitivity";
import { stackBalance } from "./stackBalance";
import { unusedNames } from "./unusedNames";
import { vmxOrder } from "./vmxOrder";

export const RULES: readonly Rule[] = [
  sensitiveInstruction,
  privilegedInstruction,
  vmxOrder,
  wideCodeUnderTechnique,
  protectedModeJump,
  descriptors,
  interruptTableSize,
  selectorOutside,
  selectorOfWrongType,
  taskRegister,
  taskStateSegment,
  interruptGates,
  segmentLimits,
  tableBase,
  linearBase,
  stackBalance,
  fallThroughIntoData,
  returnFromHandler,
  flagUse,
  bootSector,
  jumpIntoInstruction,
  haltAtEnd,
  endOfInterrupt,
  haltGap,
  interruptsLeftOff,
  divisionOfHalf,
  stringInstructions,
  loopFromZero,
  bootDrive,
  bootSegments,
  stackLoad,
  errorCodeOnStack,
  registersOfInterrupted,
  diskStatus,
  unreachableCode,
  orphanMnemonic,
  unsignedOperators,
  shiftByByte,
  unusedNames,
  paddingAlmostFull,
  encodingByVersion,
  looseDefine,
  shadowingMacro,
  accessTooWide,
  codeSizeMissing,
  addressInByte,
  signedComparison,
];
