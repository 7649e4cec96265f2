/**
 * What the instructions of the vector units do, one line each, composed of an operation and an element where the names are. In the texts
 * D is the destination, A and B are the sources of an operation that has two (A is the destination where there is no VEX), S is the only source.
 */

/** Followed by ps, pd, ss or sd. */
// prettier-ignore
const FLOAT_OPERATIONS: Readonly<Record<string, string>> = {
  add: "D ← A + B",
  sub: "D ← A − B",
  mul: "D ← A × B",
  div: "D ← A ÷ B",
  min: "D ← the lesser of A and B",
  max: "D ← the greater of A and B",
  and: "D ← A AND B",
  andn: "D ← NOT A, AND B",
  or: "D ← A OR B",
  xor: "D ← A XOR B",
  addsub: "D ← A − B in the even elements, A + B in the odd ones",
  hadd: "D ← sums of neighbouring elements, those of A, then those of B",
  hsub: "D ← differences of neighbouring elements, those of A, then those of B",
  unpckh: "D ← the upper halves of A and B, interleaved",
  unpckl: "D ← the lower halves of A and B, interleaved",
  shuf: "D ← the elements of A and B that the constant chooses",
  blend: "D ← B where the constant has a 1, else A",
  blendv: "D ← B where the mask's sign bits are set, else A",
  cmp: "D ← all ones where A and B compare as the constant says, else 0",
  dp: "D ← dot product of A and B; the constant chooses the elements and where the sum goes",
  sqrt: "D ← √S",
  rcp: "D ← about 1 ÷ S",
  rsqrt: "D ← about 1 ÷ √S",
  round: "D ← S rounded to integers as the constant says",
  comi: "ZF PF CF ← first operand compared with the second",
  ucomi: "ZF PF CF ← first operand compared with the second, a quiet NaN is no error",
  mova: "D ← S; memory must be aligned to the operand's size",
  movu: "D ← S",
  movnt: "D ← S, past the caches",
  movmsk: "D ← the sign bits of S",
  mov: "D ← S",
  movh: "upper half of the register to or from memory",
  movl: "lower half of the register to or from memory",
  permil: "D ← elements of the source, chosen within each 128 bits",
  perm: "D ← elements of the source, chosen across the whole register",
  test: "ZF, CF ← whether the sign bits of A AND B, NOT A AND B are all 0",
  maskmov: "move the elements whose mask has its sign bit set",
  gatherd: "D ← elements from memory at dword indexes, where the mask is set",
  gatherq: "D ← elements from memory at qword indexes, where the mask is set",
  extract: "D ← the element that the constant chooses",
  insert: "D ← A with an element of B put in, as the constant says",
};

const FLOAT_ELEMENTS: Readonly<Record<string, string>> = {
  ps: "packed single-precision numbers",
  pd: "packed double-precision numbers",
  ss: "one single-precision number",
  sd: "one double-precision number",
};

/** Followed by b, w, d or q. */
// prettier-ignore
const INTEGER_OPERATIONS: Readonly<Record<string, string>> = {
  padd: "D ← A + B",
  padds: "D ← A + B, signed and held at the limits",
  paddus: "D ← A + B, unsigned and held at the limits",
  psub: "D ← A − B",
  psubs: "D ← A − B, signed and held at the limits",
  psubus: "D ← A − B, unsigned and held at the limits",
  pcmpeq: "D ← all ones where A = B, else 0",
  pcmpgt: "D ← all ones where A > B (signed), else 0",
  pavg: "D ← average of A and B, rounded up",
  pmaxs: "D ← the greater of A and B, signed",
  pmaxu: "D ← the greater of A and B, unsigned",
  pmins: "D ← the lesser of A and B, signed",
  pminu: "D ← the lesser of A and B, unsigned",
  pabs: "D ← |S|",
  psign: "D ← A, negated where B is negative, 0 where B is 0",
  psll: "D ← A shifted left",
  psrl: "D ← A shifted right, zeros come in",
  psra: "D ← A shifted right, copies of the sign come in",
  psllv: "D ← A shifted left, each element by its own count",
  psrlv: "D ← A shifted right, each element by its own count, zeros come in",
  psrav: "D ← A shifted right, each element by its own count, copies of the sign come in",
  pmull: "D ← lower halves of A × B",
  pmulh: "D ← upper halves of A × B, signed",
  pmulhu: "D ← upper halves of A × B, unsigned",
  phadd: "D ← sums of neighbouring elements, those of A, then those of B",
  phadds: "D ← sums of neighbouring elements of A, then B, held at the limits",
  phsub: "D ← differences of neighbouring elements, those of A, then those of B",
  phsubs: "D ← differences of neighbouring elements of A, then B, held at the limits",
  pshuf: "D ← elements of the source, in the order that the second source or the constant says",
  pblend: "D ← B where the constant has a 1, else A",
  pextr: "D ← the element that the constant chooses",
  pinsr: "D ← A with an element put in where the constant says",
  pbroadcast: "D ← copies of one element",
  perm: "D ← elements of the source, chosen across the whole register",
  pmaskmov: "move the elements whose mask has its sign bit set",
  pgatherd: "D ← elements from memory at dword indexes, where the mask is set",
  pgatherq: "D ← elements from memory at qword indexes, where the mask is set",
};

const INTEGER_ELEMENTS: Readonly<Record<string, string>> = {
  b: "packed bytes",
  w: "packed words",
  d: "packed dwords",
  q: "packed qwords",
};

const WIDENINGS: Readonly<Record<string, string>> = {
  bw: "bytes to words",
  bd: "bytes to dwords",
  bq: "bytes to qwords",
  wd: "words to dwords",
  wq: "words to qwords",
  dq: "dwords to qwords",
  qdq: "qwords to double qwords",
  wb: "words to bytes",
  dw: "dwords to words",
};

/** What CVT converts from and to. */
const CONVERTED: Readonly<Record<string, string>> = {
  pi: "two dwords of an MM register",
  ps: "packed single-precision numbers",
  pd: "packed double-precision numbers",
  ph: "packed half-precision numbers",
  dq: "packed dwords",
  si: "an integer",
  ss: "a single-precision number",
  sd: "a double-precision number",
};

// prettier-ignore
const OTHERS: Readonly<Record<string, string>> = {
  movd: "D ← S, a dword; the rest of a vector register becomes 0",
  movq: "D ← S, a qword; the rest of a vector register becomes 0",
  movdqa: "D ← S; memory must be aligned to the operand's size",
  movdqu: "D ← S",
  lddqu: "D ← S, from memory that need not be aligned",
  movntq: "D ← S, past the caches",
  movntdq: "D ← S, past the caches",
  movntdqa: "D ← S, a load past the caches",
  movnti: "D ← S from a general register, past the caches",
  movdq2q: "MM register ← lower half of an XMM register",
  movq2dq: "XMM register ← MM register, zero-extended",
  movhlps: "lower half of D ← upper half of the source",
  movlhps: "upper half of D ← lower half of the source",
  movddup: "D ← the even double-precision numbers of S, each twice",
  movshdup: "D ← the odd single-precision numbers of S, each twice",
  movsldup: "D ← the even single-precision numbers of S, each twice",
  maskmovq: "store the bytes whose mask has its sign bit set at DS:(E/R)DI",
  maskmovdqu: "store the bytes whose mask has its sign bit set at DS:(E/R)DI",
  pmovmskb: "D ← the sign bits of the bytes of S",
  pand: "D ← A AND B",
  pandn: "D ← NOT A, AND B",
  por: "D ← A OR B",
  pxor: "D ← A XOR B",
  pslldq: "D ← A shifted left by bytes",
  psrldq: "D ← A shifted right by bytes",
  palignr: "D ← the bytes of A:B from the one on that the constant says",
  pshufhw: "D ← S with its upper four words in the order that the constant says",
  pshuflw: "D ← S with its lower four words in the order that the constant says",
  pmaddwd: "D ← sums of pairs of products of the words of A and B",
  pmaddubsw: "D ← sums of pairs of products of the unsigned bytes of A and the signed ones of B",
  pmulhrsw: "D ← upper halves of A × B, rounded; packed words",
  pmuludq: "D ← A × B; the even dwords, unsigned, to qwords",
  pmuldq: "D ← A × B; the even dwords, signed, to qwords",
  psadbw: "D ← sums of the absolute differences of the bytes of A and B",
  mpsadbw: "D ← sums of the absolute differences of groups of four bytes of A and B",
  phminposuw: "D ← the least unsigned word of S, and where it stands",
  pblendvb: "D ← B where the mask's sign bits are set, else A; packed bytes",
  ptest: "ZF, CF ← whether A AND B, NOT A AND B are all 0",
  pcmpestri: "ECX ← index of a match in strings whose lengths are in EAX and EDX",
  pcmpestrm: "XMM0 ← mask of the matches in strings whose lengths are in EAX and EDX",
  pcmpistri: "ECX ← index of a match in strings that end with 0",
  pcmpistrm: "XMM0 ← mask of the matches in strings that end with 0",
  extrq: "AMD: D ← a bit field of its lower qword",
  insertq: "AMD: put a bit field into the lower qword of D",
  aesenc: "AES: one round of encryption of A with the round key B",
  aesenclast: "AES: last round of encryption of A with the round key B",
  aesdec: "AES: one round of decryption of A with the round key B",
  aesdeclast: "AES: last round of decryption of A with the round key B",
  aesimc: "AES: D ← round key S for decryption",
  aeskeygenassist: "AES: D ← parts of the next round key from S and the constant",
  pclmulqdq: "D ← product without carries of a qword of A and one of B",
  sha1msg1: "SHA-1: first part of the message schedule",
  sha1msg2: "SHA-1: second part of the message schedule",
  sha1nexte: "SHA-1: the variable E after four rounds",
  sha1rnds4: "SHA-1: four rounds",
  sha256msg1: "SHA-256: first part of the message schedule",
  sha256msg2: "SHA-256: second part of the message schedule",
  sha256rnds2: "SHA-256: two rounds",
  gf2p8mulb: "D ← A × B, packed bytes in the Galois field of 2⁸",
  gf2p8affineqb: "D ← affine transformation of the bytes of A by the matrices of B",
  gf2p8affineinvqb: "D ← affine transformation of the inverses of the bytes of A by the matrices of B",
  ldmxcsr: "load MXCSR",
  stmxcsr: "store MXCSR",
  vzeroupper: "clear the upper halves of all YMM registers",
  vzeroall: "clear all YMM registers",
  broadcastss: "D ← copies of one single-precision number",
  broadcastsd: "D ← copies of one double-precision number",
  broadcastf128: "D ← 128 bits from memory, twice",
  broadcasti128: "D ← 128 bits from memory, twice",
  extractf128: "D ← the half of the source that the constant chooses",
  extracti128: "D ← the half of the source that the constant chooses",
  insertf128: "D ← A with B in the half that the constant chooses",
  inserti128: "D ← A with B in the half that the constant chooses",
  perm2f128: "D ← two of the halves of A and B, as the constant says",
  perm2i128: "D ← two of the halves of A and B, as the constant says",
  andn: "destination ← NOT first source, AND second source; CF and OF cleared",
  bextr: "destination ← the bit field of the source that starts at bits 7-0 of the last operand and is as long as bits 15-8 say",
  blcfill: "destination ← source AND (source + 1): the trailing ones cleared",
  blci: "destination ← source OR NOT (source + 1): all ones but the lowest 0",
  blcic: "destination ← NOT source AND (source + 1): the lowest 0 alone, as a 1",
  blcmsk: "destination ← source XOR (source + 1): ones up to and with the lowest 0",
  blcs: "destination ← source OR (source + 1): the lowest 0 set",
  blsfill: "destination ← source OR (source − 1): ones below the lowest 1",
  blsic: "destination ← NOT source OR (source − 1): all ones but the lowest 1",
  t1mskc: "destination ← NOT source OR (source + 1): zeros for the trailing ones, else ones",
  tzmsk: "destination ← NOT source AND (source − 1): ones for the trailing zeros",
  blsi: "destination ← the lowest 1 of the source alone",
  blsmsk: "destination ← ones up to and with the lowest 1 of the source",
  blsr: "destination ← source without its lowest 1",
  bzhi: "destination ← source with zeros from the bit on that the last operand says",
  mulx: "first operand:second operand ← (E/R)DX × source, unsigned; no flags change",
  pdep: "destination ← the low bits of the first source, put where the second one has ones",
  pext: "destination ← the bits of the first source where the second one has ones, put together",
  rorx: "destination ← source rotated right; no flags change",
  sarx: "destination ← source shifted right, copies of the sign come in; no flags change",
  shlx: "destination ← source shifted left; no flags change",
  shrx: "destination ← source shifted right, zeros come in; no flags change",
  femms: "AMD: mark all MMX registers as free for floating point",
  pavgusb: "D ← average of A and B, rounded up; packed bytes",
  pmulhrwa: "D ← upper halves of A × B, rounded; packed words",
  pswapd: "D ← S with its dwords exchanged",
  pf2id: "convert two single-precision numbers to dwords, cut",
  pf2iw: "convert two single-precision numbers to words, cut",
  pi2fd: "convert two dwords to single-precision numbers",
  pi2fw: "convert two words to single-precision numbers",
  pfacc: "D ← sums of the pairs of A and of B; single-precision numbers",
  pfnacc: "D ← differences of the pairs of A and of B; single-precision numbers",
  pfpnacc: "D ← difference of the pair of A, sum of that of B; single-precision numbers",
  pfadd: "D ← A + B; two single-precision numbers",
  pfsub: "D ← A − B; two single-precision numbers",
  pfsubr: "D ← B − A; two single-precision numbers",
  pfmul: "D ← A × B; two single-precision numbers",
  pfmax: "D ← the greater of A and B; two single-precision numbers",
  pfmin: "D ← the lesser of A and B; two single-precision numbers",
  pfcmpeq: "D ← all ones where A = B, else 0; two single-precision numbers",
  pfcmpge: "D ← all ones where A ≥ B, else 0; two single-precision numbers",
  pfcmpgt: "D ← all ones where A > B, else 0; two single-precision numbers",
  pfrcp: "D ← about 1 ÷ S; a single-precision number",
  pfrcpv: "D ← about 1 ÷ S; two single-precision numbers",
  pfrcpit1: "first step towards an exact 1 ÷ S",
  pfrcpit2: "last step towards an exact 1 ÷ S or 1 ÷ √S",
  pfrsqit1: "first step towards an exact 1 ÷ √S",
  pfrsqrt: "D ← about 1 ÷ √S; a single-precision number",
  pfrsqrtv: "D ← about 1 ÷ √S; two single-precision numbers",
};

/** An operation with the element that it works on. */
function composed(
  name: string,
  operations: Readonly<Record<string, string>>,
  elements: Readonly<Record<string, string>>,
): string | undefined {
  for (const [suffix, element] of Object.entries(elements)) {
    if (!name.endsWith(suffix)) continue;
    const operation = operations[name.slice(0, -suffix.length)];
    if (operation !== undefined) return `${operation}; ${element}`;
  }
  return undefined;
}

function conversion(name: string): string | undefined {
  const [, cut, from = "", to = ""] = /^cvt(t?)([a-z]{2})2([a-z]{2})$/.exec(name) ?? [];
  const source = CONVERTED[from];
  const target = CONVERTED[to];
  if (source === undefined || target === undefined) return undefined;
  return `convert ${source} to ${target}${cut === "t" ? ", cut" : ""}`;
}

/** PACK, PUNPCK and PMOVSX, PMOVZX: from one element to another. */
function rearrangement(name: string): string | undefined {
  const [, stem = "", way = ""] =
    /^(packss|packus|punpckh|punpckl|pmovsx|pmovzx)([bwdq]+)$/.exec(name) ?? [];
  const widths = WIDENINGS[way];
  if (widths === undefined) return undefined;
  if (stem === "pmovsx") return `D ← S, sign-extended from ${widths}`;
  if (stem === "pmovzx") return `D ← S, zero-extended from ${widths}`;
  if (stem.startsWith("pack"))
    return `D ← A and B narrowed from ${widths}, ${stem === "packss" ? "signed" : "unsigned"} and held at the limits`;
  const half = stem === "punpckh" ? "upper" : "lower";
  return `D ← the ${half} halves of A and B, interleaved from ${widths}`;
}

function legacyText(name: string): string | undefined {
  return (
    OTHERS[name] ??
    conversion(name) ??
    rearrangement(name) ??
    composed(name, FLOAT_OPERATIONS, FLOAT_ELEMENTS) ??
    composed(name, INTEGER_OPERATIONS, INTEGER_ELEMENTS)
  );
}

const LEGACY_NAMES: Readonly<Record<string, string>> = {
  D: "destination",
  A: "destination",
  B: "source",
  S: "source",
};

function spelled(text: string, names: Readonly<Record<string, string>>): string {
  return text.replaceAll(/(?<![\w/])[DABS](?!\w|-)/g, (letter) => names[letter]!);
}

const VEX_NAMES: Readonly<Record<string, string>> = {
  D: "destination",
  A: "first source",
  B: "second source",
  S: "source",
};

const FUSED_OPERATIONS: Readonly<Record<string, string>> = {
  madd: "D ← x × y + z",
  msub: "D ← x × y − z",
  nmadd: "D ← −(x × y) + z",
  nmsub: "D ← −(x × y) − z",
  maddsub: "D ← x × y − z in the even elements, + z in the odd ones",
  msubadd: "D ← x × y + z in the even elements, − z in the odd ones",
};
const ORDINALS: Readonly<Record<string, string>> = {
  1: "D",
  2: "second operand",
  3: "third operand",
};

/** VFMADD132PS ...: the digits say which operands are multiplied and which one is added. */
function fusedText(mnemonic: string): string | undefined {
  const [, name = "", order = "", element = ""] =
    /^vf([a-z]+)(132|213|231)([ps][sd])$/.exec(mnemonic) ?? [];
  const operation = FUSED_OPERATIONS[name];
  if (operation === undefined) return undefined;
  const places: Record<string, string> = { x: order[0]!, y: order[1]!, z: order[2]! };
  const text = operation.replaceAll(/\b[xyz]\b/g, (letter) => ORDINALS[places[letter]!]!);
  return `${text}, rounded once; ${FLOAT_ELEMENTS[element]!}`;
}

/** What an instruction of the vector units does; undefined for any other word. */
export function vectorText(mnemonic: string): string | undefined {
  const text = legacyText(mnemonic);
  if (text !== undefined) return spelled(text, LEGACY_NAMES);
  const wide = fusedText(mnemonic) ?? OTHERS[mnemonic];
  if (wide !== undefined) return spelled(wide, VEX_NAMES);
  const under = mnemonic.startsWith("v") ? legacyText(mnemonic.slice(1)) : undefined;
  return under === undefined ? undefined : spelled(under, VEX_NAMES);
}
