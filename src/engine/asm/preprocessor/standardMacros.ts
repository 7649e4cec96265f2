/**
 * The user-level directives that NASM defines as macros on its bracketed primitives (NASM manual, "Assembler Directives", "Standard Macros"). They are
 * macros here too, so that `%ifmacro align`, `%unmacro`, arguments and `__SECT__` behave as they do there.
 */

const PADDING = "(((%1) - (($-$$) % (%1))) % (%1))";

function macro(head: string, ...body: readonly string[]): string[] {
  return [`%imacro ${head}`, ...body, "%endmacro"];
}

/** Directives that take a list and give one bracketed primitive for each element. */
function listDirective(name: string): string[] {
  return macro(`${name} 1-*.nolist`, "%rep %0", `[${name} %1]`, "%rotate 1", "%endrep");
}

function switchesSection(name: string): string[] {
  return macro(`${name} 1+.nolist`, `%define __?SECT?__ [${name} %1]`, "__?SECT?__");
}

const ALIGN_SECTION = ["%if __?SECTALIGN_ALIGN_UPDATES_SECTION?__", "sectalign %1", "%endif"];

/** Names without the question marks, for older sources. */
const ALIASES = [
  "SECT", "SECTALIGN_ALIGN_UPDATES_SECTION", "FLOAT_DAZ", "FLOAT_ROUND", "FLOAT", "NASM_MAJOR", "NASM_MINOR",
  "NASM_SUBMINOR", "NASM_PATCHLEVEL", "NASM_SNAPSHOT", "NASM_VERSION_ID", "NASM_VER", "OUTPUT_FORMAT",
  "DATE", "DATE_NUM", "TIME", "TIME_NUM", "UTC_DATE", "UTC_DATE_NUM", "UTC_TIME", "UTC_TIME_NUM", "POSIX_TIME",
  "FILE", "LINE", "BITS", "PTR", "PASS",
]; // prettier-ignore

const KEYWORD_ALIASES = [
  "infinity", "nan", "qnan", "snan", "float8", "float16", "float32", "float64", "float80m", "float80e", "float128l",
  "float128h", "utf16", "utf16le", "utf16be", "utf32", "utf32le", "utf32be", "ilog2e", "ilog2w", "ilog2f", "ilog2c",
]; // prettier-ignore

/** The version that is spoken: NASM 2.16.01, `-f bin`. */
const VERSION = [
  "%define __?NASM_MAJOR?__ 2",
  "%define __?NASM_MINOR?__ 16",
  "%define __?NASM_SUBMINOR?__ 1",
  "%define __?NASM_PATCHLEVEL?__ 0",
  "%define __?NASM_VERSION_ID?__ 0x02100100",
  '%define __?NASM_VER?__ "2.16.01"',
  "%define __?OUTPUT_FORMAT?__ bin",
];

/** The engine has no clock; the date macros exist so that sources which print them assemble. */
const DATES = [
  "%define __?DATE?__ '1980-01-01'",
  "%define __?DATE_NUM?__ 19800101",
  "%define __?TIME?__ '00:00:00'",
  "%define __?TIME_NUM?__ 0",
  "%define __?UTC_DATE?__ '1980-01-01'",
  "%define __?UTC_DATE_NUM?__ 19800101",
  "%define __?UTC_TIME?__ '00:00:00'",
  "%define __?UTC_TIME_NUM?__ 0",
  "%define __?POSIX_TIME?__ 315532800",
];

const FLOAT = macro(
  "float 1-*.nolist",
  "%rep %0",
  "[float %1]",
  "%ifidni %1,daz",
  "%define __?FLOAT_DAZ?__ daz",
  "%elifidni %1,nodaz",
  "%define __?FLOAT_DAZ?__ nodaz",
  "%elifidni %1,default",
  "%define __?FLOAT_DAZ?__ nodaz",
  "%define __?FLOAT_ROUND?__ near",
  "%else",
  "%define __?FLOAT_ROUND?__ %1",
  "%endif",
  "%rotate 1",
  "%endrep",
);

const STRUCTURES = [
  ...macro(
    "struc 1-2.nolist 0",
    "%push",
    "%define %$strucname %1",
    "[absolute %2]",
    "%$strucname:",
  ),
  ...macro("endstruc 0.nolist", "%{$strucname}_size equ ($-%$strucname)", "%pop", "__?SECT?__"),
  ...macro("istruc 1.nolist", "%push", "%define %$strucname %1", "%$strucstart:"),
  ...macro(
    "at 1-2+.nolist",
    "%defstr %$member %1",
    "%substr %$member1 %$member 1",
    "%ifidn %$member1, '.'",
    "times (%$strucname%1-%$strucname)-($-%$strucstart) db 0",
    "%else",
    "times (%1-%$strucname)-($-%$strucstart) db 0",
    "%endif",
    "%2",
  ),
  ...macro("iend 0.nolist", "times %{$strucname}_size-($-%$strucstart) db 0", "%pop"),
];

const LINES = [
  "%define __?SECT?__ [section .text]",
  "%define __?SECTALIGN_ALIGN_UPDATES_SECTION?__ 1",
  "%define __?FLOAT_DAZ?__ nodaz",
  "%define __?FLOAT_ROUND?__ near",
  "%define __?FLOAT?__ __?FLOAT_DAZ?__,__?FLOAT_ROUND?__",
  ...switchesSection("section"),
  ...switchesSection("segment"),
  ...switchesSection("absolute"),
  ...macro(
    "sectalign 1+.nolist",
    "%ifidni %1,off",
    "%define __?SECTALIGN_ALIGN_UPDATES_SECTION?__ 0",
    "%elifidni %1,on",
    "%define __?SECTALIGN_ALIGN_UPDATES_SECTION?__ 1",
    "%else",
    "[sectalign %1]",
    "%endif",
  ),
  ...STRUCTURES,
  ...macro("align 1-2+.nolist nop", ...ALIGN_SECTION, `times ${PADDING} %2`),
  ...macro(
    "alignb 1-2+.nolist",
    ...ALIGN_SECTION,
    "%ifempty %2",
    "[warning push]",
    "[warning -zeroing]",
    `resb ${PADDING}`,
    "[warning pop]",
    "%else",
    `times ${PADDING} %2`,
    "%endif",
  ),
  ...macro("bits 1+.nolist", "[bits %1]"),
  ...[16, 32, 64].flatMap((bits) => macro(`use${bits} 0.nolist`, `[bits ${bits}]`)),
  ...["extern", "static", "global", "required", "common"].flatMap(listDirective),
  ...macro("cpu 1+.nolist", "[cpu %1]"),
  ...FLOAT,
  ...macro("default 1+.nolist", "[default %1]"),
  ...[
    ["userel", "rel"],
    ["useabs", "abs"],
    ["usebnd", "bnd"],
    ["usenobnd", "nobnd"],
  ].flatMap(([name, value]) => macro(`${name!} 0.nolist`, `[default ${value!}]`)),
  ...macro("org 1+.nolist", "[org %1]"),
  ...VERSION,
  ...DATES,
  ...ALIASES.map((name) => `%defalias __${name}__ __?${name}?__`),
  ...KEYWORD_ALIASES.map((name) => `%idefalias __${name}__ __?${name}?__`),
];

export const STANDARD_MACROS: string = LINES.join("\n");
