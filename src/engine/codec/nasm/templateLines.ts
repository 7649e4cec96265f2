/** How templates are written down: see templates.ts for the notation. */

/** Lines, or where there are many mnemonics with lines of their own, how to make them. */
export type TemplateLines = readonly string[] | (() => readonly string[]);

/** Adds mnemonics with the same lines: "word" or "word=mnemonic of the rows". */
export type AddTemplates = (names: string, lines: TemplateLines) => void;
