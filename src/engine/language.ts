/** The door for the language server: isa + codec + asm, nothing that runs. */
export { UserError } from "./base/errors";
export { hex, hexBytes } from "./base/hex";

export type * from "./isa/types";
export * from "./isa/registers";
export * from "./isa/bitFields";
export * from "./isa/controlRegisters";
export * from "./isa/descriptors";
export * from "./isa/exceptions";
export * from "./isa/instructionDocs";
export * from "./isa/msrs";
export * from "./isa/pageTables";
export * from "./isa/sensitivityFacts";
export * from "./isa/vmx/capabilities";
export * from "./isa/vmx/controls";
export * from "./isa/vmx/exitReasons";
export * from "./isa/vmx/fieldLayouts";
export * from "./isa/vmx/vmcsFields";
export { formsByMnemonic, INSTRUCTIONS, INSTRUCTION_BY_ID, MNEMONICS } from "./isa/table";

export type * from "./codec/types";
export { decode } from "./codec/decode";
export { encodeInstruction } from "./codec/encode";
export { format } from "./codec/format";

export type * from "./asm/types";
export type * from "./asm/sourceModel";
export { assemble, preprocess } from "./asm/assemble";
export { bytesText, utf8 } from "./asm/stringLiterals";
export { warningSuffix } from "./asm/warningClasses";
export { buildSourceModel } from "./asm/buildSourceModel";
export { readNumber } from "./asm/numbers";
export { keywordOf, type Keyword } from "./asm/keywords";
