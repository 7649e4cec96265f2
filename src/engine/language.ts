/** The door for the language server: isa + codec + asm, nothing that runs. */
export type * from "./isa/types";
export * from "./isa/registers";
export type * from "./codec/types";
export type * from "./asm/types";
export type * from "./asm/sourceModel";
export { UserError } from "./base/errors";
export { hex, hexBytes } from "./base/hex";
