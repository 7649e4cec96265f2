/** Programs to measure the assembler with: the same for the same seed, accepted by NASM. */

/**
 * `backward`: straight code with jumps back. `forward`: jumps both ways, many at the edge of the short form, so that it takes many passes. `dense`:
 * more of them, at shorter distances, so that it takes still more.
 */
export type ProgramKind = "backward" | "forward" | "dense";

const REGISTERS = ["eax", "ebx", "ecx", "edx", "esi", "edi"] as const;
const JUMPS = ["jne", "je", "jmp", "call"] as const;

/** Numerical Recipes' linear congruential generator: enough to mix lines. */
class Dice {
  constructor(private state: number) {}

  /** From 0 up to, but without, `limit`. */
  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}

function plainLine(dice: Dice): string {
  const kind = dice.below(10);
  if (kind < 4) return `    mov ${dice.of(REGISTERS)}, ${dice.of(REGISTERS)}`;
  if (kind < 7) return `    mov ${dice.of(REGISTERS)}, [ebp+${dice.below(300)}]`;
  if (kind < 9) return `    add ${dice.of(REGISTERS)}, ${dice.below(1000)}`;
  return `    push ${dice.of(REGISTERS)}`;
}

/** Labels to either side that a jump goes at most. */
const REACH = { forward: 8, dense: 6 } as const;

function wantedLabel(kind: ProgramKind, label: number, dice: Dice): number {
  if (kind === "backward") return label - 1 - dice.below(20);
  const reach = REACH[kind];
  return label + dice.below(2 * reach + 1) - reach;
}

function isJump(kind: ProgramKind, dice: Dice): boolean {
  return kind === "dense" ? dice.below(5) < 2 : dice.below(4) === 0;
}

function target(kind: ProgramKind, label: number, labels: number, dice: Dice): number {
  const wanted = wantedLabel(kind, label, dice);
  return Math.max(0, Math.min((kind === "backward" ? label : labels) - 1, wanted));
}

export function benchProgram(kind: ProgramKind, lines: number, seed = 1): string {
  const dice = new Dice(seed);
  const labels = Math.max(1, Math.floor(lines / 10));
  const out = ["bits 32", "org 0x100000"];
  let label = 0;
  while (out.length < lines || label < labels) {
    if (out.length % 10 === 2 && label < labels) out.push(`l${label++}:`);
    else if (isJump(kind, dice) && label > 0)
      out.push(`    ${dice.of(JUMPS)} l${target(kind, label, labels, dice)}`);
    else out.push(plainLine(dice));
  }
  return `${out.join("\n")}\n`;
}

const MACROS = `%macro outb 2
    mov dx, %1
    mov al, %2
    out dx, al
%endmacro
%define SERIAL 0x3f8
%define LINE_STATUS (SERIAL + 5)
`;

/** A source as people write them: comments, macros, data, local labels, an include. */
export function editProgram(lines: number, seed = 1): string {
  const dice = new Dice(seed);
  const out = ["bits 32", "org 0x100000", '%include "ports.inc"', ""];
  let routine = 0;
  while (out.length < lines) {
    out.push("; ------------------------------------------------", `routine${routine}:`);
    out.push("    push ebp", "    mov ebp, esp", "    push ebx");
    for (let i = 0; i < 6; i++) out.push(`${plainLine(dice)} ; step ${i}`);
    out.push(
      ".again:",
      "    outb SERIAL, 'x'",
      "    in al, dx",
      "    test al, 0x20",
      "    jz .again",
    );
    out.push(
      "    cmp eax, LINE_STATUS",
      `    jne .done`,
      `    call routine${dice.below(routine + 1)}`,
    );
    out.push(
      `    mov eax, [table${routine} + ecx*4]`,
      ".done:",
      "    pop ebx",
      "    pop ebp",
      "    ret",
    );
    out.push(`table${routine}: dd routine${routine}, 1, 2, ${dice.below(9999)}`, "");
    routine++;
  }
  return `${out.join("\n")}\n`;
}

/** What `editProgram` includes. */
export const PORTS_INCLUDE = { name: "ports.inc", text: MACROS } as const;
