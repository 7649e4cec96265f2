/** The language server's own token modifiers, and how themes that know nothing of them colour our tokens. */
import { LANGUAGE_ID } from "./languages";

export const SEMANTIC_TOKENS = {
  semanticTokenModifiers: [
    { id: "privileged", description: "An instruction that faults at every privilege level above 0." },
    { id: "sensitive", description: "An instruction that tells or changes the machine's real state without a trap." },
    { id: "inactive", description: "Code that a false condition of the preprocessor leaves out." },
    { id: "local", description: "A label that belongs to the label above it, a macro or a context." },
  ],
  semanticTokenScopes: [
    {
      language: LANGUAGE_ID,
      scopes: {
        label: ["entity.name.function.nasm", "entity.name.function"],
        "label.local": ["entity.name.label.nasm", "entity.name.label", "entity.name.function"],
        macro: ["entity.name.function.preprocessor", "entity.name.function.macro"],
        enumMember: ["variable.other.enummember", "constant.other"],
        "keyword.privileged": ["keyword.control.nasm", "keyword.control"],
        "keyword.sensitive": ["invalid.deprecated.nasm", "markup.deleted", "invalid"],
        "variable.defaultLibrary": ["variable.language.register.nasm", "variable.language"],
        modifier: ["storage.modifier.nasm", "storage.modifier"],
        "comment.inactive": ["comment.block.preprocessor.nasm", "comment"],
      },
    },
  ],
}; // prettier-ignore
