/** All domain rules, in the order of docs/LANGUAGE_SERVER.md. */
import { beyondRealModeLimit, relativeOutside64, signExtendedAddress } from "./addressing";
import { bootSector } from "./bootSector";
import { codeSegmentSize, longCodeSegment } from "./codeSize";
import { descriptors } from "./descriptors";
import { eventInjection } from "./eventInjection";
import { hypercallNumber, rawPrivileged } from "./hypercalls";
import { identityMapping } from "./identityMapping";
import { longModeOrder, syscallSetup } from "./longMode";
import { closedA20, interruptsAtSwitch, jumpWithoutTable, staleSegments } from "./modeSwitch";
import { orphanMnemonic } from "./orphanMnemonic";
import {
  executeDisableWithoutNxe,
  misalignedLargePage,
  pageSizeWithoutPse,
  reservedEntryBits,
  userBitAbove,
} from "./pageTableEntries";
import { misalignedTable, pagingWithoutTable, tableOverCode } from "./pagingSwitch";
import { protectedModeJump } from "./protectedModeJump";
import { biosInProtectedMode, protectedOnlyInstruction } from "./realMode";
import { interruptFlagTest, ringTest } from "./ringVisibility";
import type { Rule } from "./rule";
import { privilegedInstruction, sensitiveInstruction, wideCodeUnderTechnique } from "./sensitivity";
import { staleTranslation } from "./translationCache";
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
  bootSector,
  orphanMnemonic,
];
