/** The macro packages of %use (NASM manual, "Standard Macro Packages"), as tables that become NASM source. */

/** Register numbers of the alternative names `r0`.., in the order of the manual. */
const BASES = ["a", "c", "d", "b"] as const;
const POINTERS = ["sp", "bp", "si", "di"] as const;

function alternativeRegisters(): string[] {
  const lines: string[] = [];
  const define = (name: string, register: string): void => {
    lines.push(`%idefine ${name} ${register}`);
  };
  for (let n = 8; n < 16; n++) define(`r${n}l`, `r${n}b`);
  const stems = [...BASES.map((letter) => `${letter}x`), ...POINTERS];
  stems.forEach((stem, n) => {
    const low = n < 4 ? `${BASES[n]!}l` : `${stem}l`;
    define(`r${n}`, `r${stem}`);
    define(`r${n}d`, `e${stem}`);
    define(`r${n}w`, stem);
    define(`r${n}b`, low);
    define(`r${n}l`, low);
    if (n < 4) define(`r${n}h`, `${BASES[n]!}h`);
  });
  return lines;
}

const INTEGER_FUNCTIONS = [
  "%idefine ilog2(x) (__?ilog2e?__(x))",
  "%idefine ilog2e(x) (__?ilog2e?__(x))",
  "%idefine ilog2w(x) (__?ilog2w?__(x))",
  "%idefine ilog2fw(x) (__?ilog2w?__(x))",
  "%idefine ilog2f(x) (__?ilog2f?__(x))",
  "%idefine ilog2cw(x) (__?ilog2w?__(x) * 0 + __?ilog2c?__(x))",
  "%idefine ilog2c(x) (__?ilog2c?__(x))",
];

const FLOAT_NAMES = [
  "%define Inf __?Infinity?__",
  "%define NaN __?QNaN?__",
  "%define QNaN __?QNaN?__",
  "%define SNaN __?SNaN?__",
  ...[
    "float8",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "float80m",
    "float80e",
    "float128l",
    "float128h",
  ].map((name) => `%define ${name}(x) __?${name}?__(x)`),
  "%imacro bf16 1-*.nolist",
  "%rep %0",
  "dw __?bfloat16?__(%1)",
  "%rotate 1",
  "%endrep",
  "%endmacro",
];

/** One alignment mode: least padding that a jump skips, and the filler of 1, 2 ... bytes for each code size. */
interface AlignMode {
  readonly jump: number;
  readonly fillers: Readonly<Record<16 | 32 | 64, readonly string[]>>;
  /** The K7 table of NASM names a group for 64 bits only. */
  readonly groups?: Readonly<Partial<Record<16 | 32 | 64, number>>>;
}

const NOP = ["90"];
const OSIZE_NOPS = ["90", "6690", "666690", "66666690"];
const P6_SHORT = ["90", "6690", "0f1f00", "0f1f4000"];
const P6_LONG = [...P6_SHORT, "0f1f440000", "660f1f440000", "0f1f8000000000", "0f1f840000000000"];

const ALIGN_MODES: Readonly<Record<string, AlignMode>> = {
  nop: { jump: 16, fillers: { 16: NOP, 32: NOP, 64: NOP } },
  generic: {
    jump: 8,
    fillers: {
      16: [
        "90",
        "89f6",
        "8d7400",
        "8db40000",
        "8db4000090",
        "8db4000089ff",
        "8db400008d7d00",
        "8db400008dbd0000",
      ],
      32: ["90", "89f6", "8d7600", "8d742600", "908d742600", "8db600000000", "8db42600000000"],
      64: OSIZE_NOPS,
    },
  },
  k8: { jump: 16, fillers: { 16: OSIZE_NOPS, 32: OSIZE_NOPS, 64: OSIZE_NOPS } },
  k7: {
    jump: 16,
    fillers: {
      16: OSIZE_NOPS,
      32: ["90", "8bc0", "8d0420", "8d442000", "8d44200090", "8d8000000000", "8d040500000000"],
      64: OSIZE_NOPS,
    },
    groups: { 32: 7, 64: 4 },
  },
  p6: { jump: 16, fillers: { 16: P6_SHORT, 32: P6_LONG, 64: P6_LONG } },
};

function fillerLines(mode: AlignMode): string[] {
  const lines = [`%define __?ALIGN_JMP_THRESHOLD?__ ${mode.jump}`];
  for (const bits of [16, 32, 64] as const) {
    mode.fillers[bits].forEach((filler, i) => {
      const bytes = filler.replace(/../g, (pair) => `,0x${pair}`).slice(1);
      lines.push(`%define __?ALIGN_${bits}BIT_${i + 1}B?__ ${bytes}`);
    });
    const group = mode.groups ? mode.groups[bits] : mode.fillers[bits].length;
    if (group !== undefined) lines.push(`%define __?ALIGN_${bits}BIT_GROUP?__ ${group}`);
  }
  return lines;
}

function smartAlign(): string[] {
  const modes = Object.entries(ALIGN_MODES).flatMap(([name, mode], i) => [
    `${i === 0 ? "%ifidni" : "%elifidni"} %1,${name}`,
    ...fillerLines(mode),
  ]);
  const group = "__?ALIGN_%[__?BITS?__]BIT_GROUP?__";
  const padding = "(((%1) - (($-$$) % (%1))) % (%1))";
  return [
    "%imacro alignmode 1-2.nolist",
    ...modes,
    "%else",
    "%error unknown alignment mode: %1",
    "%endif",
    "%ifnempty %2",
    "%ifidni %2,nojmp",
    "%xdefine __?ALIGN_JMP_THRESHOLD?__ -1",
    "%else",
    "%xdefine __?ALIGN_JMP_THRESHOLD?__ %2",
    "%endif",
    "%endif",
    "%xdefine __?ALIGNMODE?__ %1,__?ALIGN_JMP_THRESHOLD?__",
    "%endmacro",
    "%defalias __ALIGNMODE__ __?ALIGNMODE?__",
    "%unimacro align 1-2+.nolist",
    "%imacro align 1-2+.nolist",
    "sectalign %1",
    "%ifnempty %2",
    `times ${padding} %2`,
    "%else",
    "%push",
    `%assign %$pad ${padding}`,
    "%if __?ALIGN_JMP_THRESHOLD?__ != -1 && %$pad > __?ALIGN_JMP_THRESHOLD?__",
    "jmp %$end",
    `times ${padding} nop`,
    "%else",
    `times (%$pad / ${group}) db __?ALIGN_%[__?BITS?__]BIT_%[${group}]B?__`,
    `%assign %$pad %$pad % ${group}`,
    "%if %$pad > 0",
    "db __?ALIGN_%[__?BITS?__]BIT_%[%$pad]B?__",
    "%endif",
    "%endif",
    "%$end:",
    "%pop",
    "%endif",
    "%endmacro",
    "alignmode generic",
  ];
}

/** Words of MASM that have another form here. */
const MASM = [
  "%unimacro segment 1+",
  "%imacro segment 0-1+.nolist",
  "%define __?SECT?__ [segment %00 %1]",
  "__?SECT?__",
  "%endmacro",
  "%imacro ends 0+.nolist",
  "%null ends %00",
  "%endmacro",
  "%imacro proc 0-*.nolist",
  "%rep %0",
  "%ifidni %1,far",
  "%idefine ret retf",
  "%else",
  "%idefine ret retn",
  "%endif",
  "%rotate 1",
  "%endrep",
  "%endmacro",
  "%imacro endp 0.nolist",
  "%null endp %00",
  "%undef ret",
  "%endmacro",
  "%imacro end 0+.nolist",
  "%endmacro",
  "%idefine ptr __?masm_ptr?__",
  "%idefine flat __?masm_flat?__",
  "%idefine offset",
  "%idefine tbyte tword",
  "default rel",
];

const PACKAGES: Readonly<Record<string, () => string[]>> = {
  altreg: alternativeRegisters,
  fp: () => FLOAT_NAMES,
  ifunc: () => INTEGER_FUNCTIONS,
  masm: () => MASM,
  smartalign: smartAlign,
};

export const packageNames: ReadonlySet<string> = new Set(Object.keys(PACKAGES));

/** NASM source of a package; undefined for one that we do not have. */
export function packageText(name: string): string | undefined {
  return Object.hasOwn(PACKAGES, name) ? PACKAGES[name]!().join("\n") : undefined;
}
