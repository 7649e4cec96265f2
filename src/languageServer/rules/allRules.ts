/** All domain rules, in the order of docs/rules/README.md. */
import { beyondRealModeLimit, relativeOutside64, signExtendedAddress } from "./addressing";
import { bootSector } from "./bootSector";
import { bootDrive, bootSegments, diskStatus, stackLoad } from "./bootStart";
import { codeSegmentSize, longCodeSegment } from "./codeSize";
import { divisionOfHalf, loopFromZero, stringInstructions } from "./counters";
import { descriptors } from "./descriptors";
import { encodingByVersion, shiftByByte } from "./encodings";
import { eventInjection } from "./eventInjection";
import { looseDefine, unsignedOperators } from "./expressions";
import { fallThroughIntoData, haltAtEnd, unreachableCode } from "./fallThrough";
import { flagUse } from "./flags";
import { hypercallNumber, rawPrivileged } from "./hypercalls";
import { identityMapping } from "./identityMapping";
import { haltGap, interruptsLeftOff } from "./interruptFlag";
import {
  endOfInterrupt,
  errorCodeOnStack,
  registersOfInterrupted,
  returnFromHandler,
} from "./interruptHandlers";
import { interruptGates, interruptTableSize } from "./interruptTables";
import { jumpIntoInstruction } from "./jumpTargets";
import { longModeOrder, syscallSetup } from "./longMode";
import { shadowingMacro } from "./macroNames";
import { codeSizeMissing } from "./missingBits";
import { closedA20, interruptsAtSwitch, jumpWithoutTable, staleSegments } from "./modeSwitch";
import { accessTooWide, addressInByte, signedComparison } from "./operands";
import { orphanMnemonic } from "./orphanMnemonic";
import { paddingAlmostFull } from "./padding";
import {
  executeDisableWithoutNxe,
  misalignedLargePage,
  pageSizeWithoutPse,
  reservedEntryBits,
  userBitAbove,
} from "./pageTableEntries";
import { misalignedTable, pagingWithoutTable, tableOverCode } from "./pagingSwitch";
import { protectedModeJump } from "./protectedModeJump";
import { linearBase, tableBase } from "./pseudoDescriptors";
import { biosInProtectedMode, protectedOnlyInstruction } from "./realMode";
import { interruptFlagTest, ringTest } from "./ringVisibility";
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
import { staleTranslation } from "./translationCache";
import { unusedNames } from "./unusedNames";
import { endlessExit, incompleteVmcs } from "./vmcsCompleteness";
import { eptPointer, vmcsWidth, vmxControls } from "./vmcsValues";
import { vmxOrder } from "./vmxOrder";
import { vmxRegion } from "./vmxRegions";
import { vmxResult } from "./vmxResults";
import { codeStore, watchedStore } from "./watchedMemory";

export const RULES: readonly Rule[] = [
  sensitiveInstruction,
  privilegedInstruction,
  interruptFlagTest,
  ringTest,
  rawPrivileged,
  hypercallNumber,
  vmxOrder,
  watchedStore,
  wideCodeUnderTechnique,
  vmxResult,
  vmcsWidth,
  vmxRegion,
  vmxControls,
  codeStore,
  incompleteVmcs,
  endlessExit,
  eptPointer,
  eventInjection,
  codeSegmentSize,
  protectedModeJump,
  jumpWithoutTable,
  interruptsAtSwitch,
  staleSegments,
  longModeOrder,
  longCodeSegment,
  relativeOutside64,
  signExtendedAddress,
  beyondRealModeLimit,
  biosInProtectedMode,
  closedA20,
  syscallSetup,
  protectedOnlyInstruction,
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
  reservedEntryBits,
  staleTranslation,
  misalignedTable,
  identityMapping,
  pagingWithoutTable,
  misalignedLargePage,
  pageSizeWithoutPse,
  userBitAbove,
  executeDisableWithoutNxe,
  tableOverCode,
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
