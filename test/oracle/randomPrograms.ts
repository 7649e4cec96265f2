/** Programs of several lines, made from a seed: each family stresses one part of the language. */
import { Prng } from "../../src/engine/base/prng";

/** Picks from tables; the same seed gives the same program. */
class Chooser {
  private readonly random: Prng;

  constructor(seed: number) {
    this.random = new Prng(seed * 2654435761);
    for (let i = 0; i < 4; i++) this.random.next32();
  }

  below(n: number): number {
    return (this.random.next32() >>> 8) % n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  times(least: number, most: number, make: (i: number) => readonly string[]): string[] {
    return Array.from({ length: least + this.below(most - least + 1) }, (_, i) => make(i)).flat();
  }
}

export type Family = (seed: number) => string;

function program(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** Jumps around the edge of the short distance, with padding, equ chains both ways and distances as operands. */
const relaxation: Family = (seed) => {
  const c = new Chooser(seed);
  const bits = c.of([16, 32, 64]);
  const count = 3 + c.below(10);
  const label = (): string => `l${c.below(count)}`;
  const accumulator = bits === 16 ? "ax" : "eax";
  const line = (): string =>
    c.of<() => string>([
      () => `  jmp ${label()}`,
      () => `  j${c.of(["z", "nc", "ge", "a"])} ${label()}`,
      () => `  jmp ${c.of(["short", "near", ""])} $+${c.below(20)}`,
      () => `  call ${label()}`,
      () => `  loop $-${c.below(8)}`,
      () => `  times ${100 + c.below(40)} nop`,
      () => `  times ${c.below(5)} jmp ${label()}`,
      () => `  align ${1 << c.below(6)}`,
      () => `  add ${accumulator}, ${label()}-${label()}`,
      () => `  mov ${accumulator}, distance${c.below(3)}`,
      () => `  push ${label()}-${label()}`,
      () => `  cmp byte [${c.of(["bx", "ebx"])}+${label()}-${label()}], 1`,
      () => `  db ${label()}-$, ($-$$) & 255`,
    ])();
  return program([
    `bits ${bits}`,
    ...(c.chance(60) ? [`org ${c.of(["0x7c00", "0x100000", "5"])}`] : []),
    `distance0 equ l1-l0`,
    `distance1 equ distance2*2`,
    ...Array.from({ length: count }, (_, i) => [`l${i}:`, ...c.times(0, 6, () => [line()])]).flat(),
    `distance2 equ l2-l1`,
    ...(c.chance(50) ? [`  times (64-($-$$)%64)%64 db ${c.below(256)}`] : []),
  ]);
};

/** Sections with all attributes, entered more than once, with references across. */
const sections: Family = (seed) => {
  const c = new Chooser(seed);
  const names = [".text", ".data", ".bss", ".one", ".two", "three"];
  const used = names.slice(0, 2 + c.below(names.length - 1));
  // Only sections that come before are followed: NASM does not end on a circle.
  const attribute = (i: number): string =>
    c.of<() => string>([
      () => `align=${1 << c.below(6)}`,
      () => `valign=${1 << c.below(6)}`,
      () => `start=0x${(c.below(16) * 64).toString(16)}`,
      () => `vstart=0x${(c.below(16) * 4096).toString(16)}`,
      () => `follows=${c.of(used.slice(0, Math.max(1, i)))}`,
      () => `vfollows=${c.of(used.slice(0, Math.max(1, i)))}`,
      () => c.of(["nobits", "progbits"]),
      () => "exec",
    ])();
  const label = (): string => `s${c.below(used.length)}`;
  const line = (): string =>
    c.of<() => string>([
      () => `  mov ax, ${label()}`,
      () => `  mov [${label()}+1], bl`,
      () => `  dw ${label()}, $, $$`,
      () => `  resb ${c.below(20)}`,
      () => `  times ${c.below(20)} db ${c.below(256)}`,
      () => `  dd section.${c.of(used)}.${c.of(["start", "vstart"])}`,
      () => `  align ${1 << c.below(5)}`,
      () => `  jmp ${label()}`,
      () => `  db ${label()}-$$`,
    ])();
  return program([
    ...(c.chance(50) ? [`org 0x${(c.below(8) * 256).toString(16)}`] : []),
    ...c.times(0, 2, () => [line()]),
    ...used.flatMap((name, i) => [
      `section ${name} ${c.times(0, 2, () => [attribute(i)]).join(" ")}`,
      `s${i}:`,
      ...c.times(0, 4, () => [line()]),
    ]),
    ...c.times(0, 3, () => [`section ${c.of(used)}`, ...c.times(1, 3, () => [line()])]),
  ]);
};

/** Multi-line macros with ranges, defaults and greedy parameters, %rep, contexts, conditions. */
const macros: Family = (seed) => {
  const c = new Chooser(seed);
  const body = (): readonly string[] =>
    c.of<() => readonly string[]>([
      () => ["  db %0"],
      () => ["  db %0, %1"],
      () => ["%rep %0", "  db %1", "%rotate 1", "%endrep"],
      () => ["%rotate -1", "  db %1, %2"],
      () => ["%%here: dw %%here", "  jmp %%here"],
      () => ["%if %0 > 1", "  db 1", "%elifidn %1,2", "  db 2", "%else", "  db 3", "%endif"],
      () => ["%ifempty %1", "  db 0xee", "%endif"],
      () => [
        "%ifnum %1",
        "  db %1+1",
        "%elifid %1",
        "  db 'i'",
        "%elifstr %1",
        "  db %1",
        "%endif",
      ],
      () => ["%push", "%$local: dw %$local", "%assign %$n %0*2", "  db %$n", "%pop"],
      () => ["%assign total total+%0", "  db total"],
      () => ["%defstr text %1", "%strlen length text", "  db length, text"],
      () => ["%{1:-1}"],
      () => ["%if %0 > 2", "%exitmacro", "%endif", "  nop"],
      () => ["  dw %{1}0h"],
    ])();
  const argument = (): string =>
    c.of(["1", "2", "'s'", "{1,2}", "", "(3)", "5+1", "-1", "FIVE", " 7 ", "3", "4"]);
  const head = (): string => {
    const least = c.below(3);
    const range = c.of([`${least}`, `${least}-${least + 1 + c.below(2)}`, `${least}-*`, `${least}-*`, `${least + 1}+`, `${least}-${least + 2}+`]); // prettier-ignore
    const noList = c.chance(20) ? ".nolist" : "";
    const defaults = range.includes("-") && c.chance(50) ? ` ${c.times(1, 2, () => [c.of(["8", "9", "{4,4}"])]).join(", ")}` : ""; // prettier-ignore
    return `${range}${noList}${defaults}`;
  };
  const name = (): string => `m${c.below(2)}`;
  return program([
    "bits 16",
    "%define EMPTY",
    "%define FIVE 5",
    "%assign total 0",
    ...c.times(2, 5, () => [
      `%${c.of(["macro", "imacro"])} ${name()} ${head()}`,
      ...c.times(1, 2, body),
      "%endmacro",
    ]),
    ...c.times(3, 9, () => [
      `${c.chance(15) ? "label%[total]: " : c.chance(10) ? "  " : ""}${name()} ${c.times(0, 3, () => [argument()]).join(",")}`,
    ]),
    "%assign i 0",
    `%rep ${c.below(5)}`,
    "  db i",
    ...(c.chance(50) ? [`%if i == ${c.below(4)}`, "%exitrep", "%endif"] : []),
    "%assign i i+1",
    "%endrep",
  ]);
};

/** Single-line macros, strings and the functions of the preprocessor. */
const words: Family = (seed) => {
  const c = new Chooser(seed);
  const value = (): string =>
    c.of(["1", "x1", "x2", "f1(3)", "f2(x1, 2)", "(x2)", "-4", "f1(f1(1))"]);
  const string = (): string => c.of(["'abc'", '"de"', "`x\\n`", "s1", "s2", "%str(x1)", "''"]);
  const line = (): readonly string[] =>
    c.of<() => readonly string[]>([
      () => [`%define x1 ${value()}`],
      () => [`%xdefine x2 ${value()}`],
      () => [`%idefine X1 ${value()}`],
      () => [`%assign x2 ${c.of(["1", "2*3", "x2+1", "%eval(1+1)", "5 % 3", "7 // -2"])}`],
      () => [`%define f1(a) ${c.of(["a+1", "(a)*2", "a", "%[a]"])}`],
      () => [`%define f2(a,=b) ${c.of(["a-b", "b", "a %+ b"])}`],
      () => [`%strcat s1 ${string()}, ${string()}`],
      () => [`%substr s2 ${string()} ${c.of(["1", "2", "1,2", "2,-1", "-1"])}`],
      () => [`%defstr s1 ${c.of(["x1", "a b", "x1+x2"])}`],
      () => [`%deftok x1 ${c.of(["'1'", "'x2'", "'2 + 3'"])}`],
      () => [`%strlen x2 ${string()}`],
      () => ["%undef x1", "%define x1 4"],
      () => [`%if ${value()} > 2 && x2 <> 0`, "  db 1", "%else", "  db 2", "%endif"],
      () => [`%ifdef ${c.of(["x1", "X1", "x9", "f1"])}`, "  db 3", "%endif"],
      () => [
        `%ifidni ${c.of(["x1", "Ab", "s1"])},${c.of(["x1", "aB", "'abc'"])}`,
        "  db 4",
        "%endif",
      ],
      () => [`  db ${string()}, ${value()}`],
      () => [`  dw ${value()}, %strlen(${string()})`],
      () => [`  db %substr(${string()}, 1, 1), %sel(${1 + c.below(3)}, 5, 6)`],
      () => [`  db %cond(x2, 1, 2), %count(1, 2, x1), %abs(-3)`],
      () => [`  db %num(${c.of(["10", "x2"])}, ${c.below(5)}, ${c.of(["2", "16", "36"])})`],
      () => [`  db %is(x2 > 1), %isdef(x1), %isnum(${value()}), %isstr(${string()})`],
      () => ["  db __?BITS?__, __LINE__, %tok('5')"],
    ])();
  return program([
    "%define x1 3",
    "%assign x2 2",
    "%define f1(a) a",
    "%define f2(a,b) a+b",
    "%define s1 'one'",
    "%define s2 'two'",
    ...c.times(6, 16, line),
  ]);
};

/** Structures, absolute space, included bytes, repeated data, alignment packages. */
const data: Family = (seed) => {
  const c = new Chooser(seed);
  const item = (): string =>
    c.of(["1", "'ab'", "?", "3 dup (?)", "2 dup (1,?)", "-1", "300", "1.5", "$", "label", "byte 2", "2 dup 'x'", "%(1,2)", "label-$"]); // prettier-ignore
  const line = (): readonly string[] =>
    c.of<() => readonly string[]>([
      () => [`  ${c.of(["db", "dw", "dd", "dq"])} ${c.times(1, 3, () => [item()]).join(", ")}`],
      () => [
        `  ${c.of(["dd", "dq", "dt"])} ${c.of(["1.0", "-2.5e3", "__Infinity__", "0x1.8p1", "1e-40"])}`,
      ],
      () => [`  incbin "data.bin"${c.of(["", ",4", ",4,6", ",38,9", ",50", ",0,3"])}`],
      () => [`  times ${c.below(4)} incbin "data.bin",${c.below(40)},2`],
      () => [`  ${c.of(["resb", "resw", "resd"])} ${c.below(12)}`],
      () => ["record: istruc point\nat .x, dw 5\nat point.y, dd 7\niend"],
      () => ["istruc point", "iend"],
      () => [`  align ${1 << c.below(6)}${c.of(["", ", db 0", ", nop", ", resb 1"])}`],
      () => [`  alignb ${1 << c.below(4)}`],
      () => [
        `absolute ${c.of(["0x500", "label", "point_size"])}
space: resb 3
section .text
  mov ax, [space]`,
      ],
      () => ["  db point_size, point.y, pair.b"],
      () => [`  times ${c.below(6)} db ${c.below(300)}`],
      () => [`  mov ax, [bx+point.y]`],
    ])();
  const once = (lines: readonly string[]): readonly string[] => {
    const seen = new Set<string>();
    return lines.filter((each) => {
      const defines = /^\w+:/m.exec(each)?.[0];
      if (defines === undefined || !seen.has(defines)) {
        if (defines !== undefined) seen.add(defines);
        return true;
      }
      return c.chance(5);
    });
  };
  return program([
    ...(c.chance(30) ? ["%use smartalign", ...c.times(0, 1, () => [`alignmode ${c.of(["nop", "p6", "k8, 8", "generic, nojmp"])}`])] : []), // prettier-ignore
    `bits ${c.of([16, 32, 64])}`,
    "struc point",
    ".x: resw 1",
    ".y: resd 1",
    "endstruc",
    `struc pair, ${c.below(8)}`,
    ".a: resb 1",
    ".b: resb 1",
    "endstruc",
    "label:",
    ...once(c.times(4, 12, line)),
  ]);
};

/** Right and wrong lines, mixed: what is refused, where, and in which words. */
const mistakes: Family = (seed) => {
  const c = new Chooser(seed);
  const right = [
    "nop",
    "mov ax, 1",
    "label%[__LINE__]: ret",
    "db 1, 2",
    "times 3 db 0",
    "%define a 1",
    "jmp $",
  ];
  const wrong = [
    "mov ax, nowhere", "frob ax, 1", "mov al, 70000", "db 300", "mov ax, [ax]", "add", "db 1 +", "orphan", "times -1 nop",
    "jmp short $+300", "push 5, 6", "mov ax, eax", "%if", "%error stop here", "%warning careful",  "%rotate 1",
    "mov ax, 5 5", "lea ax, bx", "%else", "[bits 17]", "[nonsense]", "db 'abc", "x equ", "1: nop", "mov ax, (1", "dw 1/0",
    "org nowhere", "int 300", "%include 'none.inc'", "incbin 'none.bin'", "extern out\nmov ax, out", "lock nop",
    "rep rep movsb", "mov cs, ax, bx", "global", "absolute", "section", "align 3", "%macro", "%endmacro", "%rep -1\n%endrep",
    "%assign q 1 2", "%substr q 5", "%undef", "cpu nonesuch", "default nonesuch", "seg ax", "equ 5", "mov ax, 1.5", "dt 5",
    "%exitrep", "%pop", "%ifidn a", "%endif", "a: equ 1\na: equ 2", "mov byte ax, 1", "mov [bx], 1", "dq 0x1ffffffffffffffff",
  ]; // prettier-ignore
  return program([
    "bits 16",
    ...c.times(3, 8, () => [c.chance(55) ? c.of(right) : c.of(wrong)]),
    ...(c.chance(60) ? [] : [c.of(wrong)]),
  ]);
};

export const FAMILIES: Readonly<Record<string, Family>> = {
  relaxation,
  sections,
  macros,
  words,
  data,
  mistakes,
};
