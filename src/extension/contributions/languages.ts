/** The NASM language. */
export const LANGUAGE_ID = "nasm";
/** The rendered steps of the VMM's handlers. */
export const VMM_LANGUAGE_ID = "ringside-vmm";

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
