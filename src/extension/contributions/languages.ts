/** The NASM language. */
export const LANGUAGE_ID = "nasm";
/** The rendered steps of the VMM's handlers. */
export const VMM_LANGUAGE_ID = "ringside-vmm";

/**
 * Languages whose files can hold breakpoints: a guest may be built of them by other tools. The ids are VS Code's own, and those of the common
 * extensions for assembly.
 */
export const BREAKPOINT_LANGUAGES = [
  LANGUAGE_ID,
  VMM_LANGUAGE_ID,
  "c",
  "cpp",
  "rust",
  "zig",
  "asm",
  "asm-collection",
  "asm-intel-x86-generic",
  "gas",
];

export const LANGUAGES = [
  {
    id: LANGUAGE_ID,
    aliases: ["NASM Assembly", "nasm"],
    extensions: [".asm", ".nasm", ".inc"],
    configuration: "./language-configuration.json",
  },
  {
    id: VMM_LANGUAGE_ID,
    aliases: ["Ringside VMM"],
    extensions: [".vmm"],
  },
];

export const GRAMMARS = [
  { language: LANGUAGE_ID, scopeName: "source.nasm", path: "./syntaxes/nasm.tmLanguage.json" },
  {
    language: VMM_LANGUAGE_ID,
    scopeName: "source.ringside-vmm",
    path: "./syntaxes/vmm.tmLanguage.json",
  },
];
