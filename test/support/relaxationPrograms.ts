/** Programs in which many things depend on where labels are, most of them at the edge between two lengths. */
import { Prng } from "../../src/engine/base/prng";

class Dice {
  private readonly prng: Prng;

  constructor(seed: number) {
    this.prng = new Prng(Math.imul(seed, 0x9e3779b1) >>> 0);
    for (let i = 0; i < 8; i++) this.prng.next32();
  }

  below(limit: number): number {
    return (this.prng.next32() >>> 4) % limit;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}

const REGISTERS: Readonly<Record<number, readonly string[]>> = {
  16: ["ax", "bx", "cx"],
  32: ["eax", "ebx", "ecx"],
  64: ["rax", "rbx", "r9"],
};

export function relaxationProgram(seed: number, lines = 150): string {
  const dice = new Dice(seed);
  const bits = dice.of([16, 32, 64]);
  const sections = seed % 5 === 0;
  const out = [`bits ${bits}`, `org ${dice.of(["0", "0x7c00", "0x100000"])}`];
  const labels = Math.max(2, lines >> 3);
  let next = 0;
  const label = (within: number): string => {
    const wanted = next + dice.below(2 * within + 1) - within;
    return `l${Math.max(0, Math.min(labels - 1, wanted))}`;
  };
  const register = (): string => dice.of(REGISTERS[bits]!);
  const statement = (): string[] => {
    const kind = dice.below(100);
    if (kind < 35)
      return [`${dice.of(["jmp", "je", "jne", "call", "jg"])} ${label(dice.of([1, 3, 9]))}${dice.of(["", "", "", "", "+1", "-2"])}`]; // prettier-ignore
    if (kind < 45) return [`times ${dice.below(dice.of([6, 40, 140]))} nop`];
    if (kind < 50) return [`db ${Array.from({ length: 1 + dice.below(30) }, () => dice.below(256)).join(",")}`]; // prettier-ignore
    if (kind < 54) return [`dw ${label(5)} - ${label(5)}`];
    if (kind < 58) return [`mov ${register()}, ${label(9)}`];
    if (kind < 62) return [`add ${register()}, ${label(2)} - ${label(2)}`];
    if (kind < 66) return [`mov ${register()}, [${label(9)}]`];
    if (kind < 70) return [`align ${dice.of([2, 4, 8, 16, 32])}`];
    if (kind < 72) return [`times (64 - (($-$$) % 64)) ${dice.of(["nop", "db 0"])}`];
    if (kind < 74) return [`e${out.length} equ ${label(4)} + 3`, `dw e${out.length}`];
    if (kind < 76 && sections) return [`section ${dice.of([".text", ".data", ".more"])}`];
    if (kind < 78)
      return [`%if ($-$$) ${dice.of(["<", ">"])} ${dice.below(lines * 4)}`, "nop", "nop", "%endif"];
    if (kind < 79) return ["%assign here $-$$", "dw here & 0xffff"];
    if (kind < 81) return [`jmp $${dice.of(["", "+2", "-130", "+129", "+130", "-126", "-127"])}`];
    if (kind < 83) return [`push ${label(3)}-${label(3)}`];
    if (kind < 84) return [`resb ${dice.below(9)}`];
    if (kind < 85) return [`times ${dice.below(4)} jmp ${label(3)}`];
    if (kind < 86) return [`lea ${register()}, [${bits === 64 ? "rel " : ""}${label(5)}]`];
    return [`mov ${register()}, ${register()}`];
  };
  while (out.length < lines || next < labels) {
    if (dice.below(8) === 0 && next < labels) out.push(`l${next++}:`);
    else out.push(...statement());
  }
  return `${out.join("\n")}\n`;
}
