/** The processor that a template needs at least: that of its row, and of the operands that it takes. */
import { levelOfRow, processorLevel } from "../../isa/processors";
import type { Template } from "./compile";
import { GPR, IMMEDIATE, REGISTER, SIZE32 } from "./operandTypes";

/** A template belongs to one mnemonic. */
const levels = new WeakMap<Template, number>();

function isDword({ types, size }: Template["patterns"][number]): boolean {
  return (types & (GPR | IMMEDIATE)) !== 0 && (size & SIZE32) !== 0;
}

/** AVX has it from memory; from a register it came with AVX2. */
const BROADCAST = /^vbroadcasts[sd]$/;

function makeLevel(template: Template, mnemonic: string): number {
  const { form, modes, operandSize, patterns } = template;
  if (template.overJump) return processorLevel("8086");
  const fromRegister = ((patterns[1]?.types ?? 0) & REGISTER) !== 0;
  if (fromRegister && BROADCAST.test(mnemonic)) return processorLevel("future");
  const isWide = modes === "long" || operandSize === 64;
  return levelOfRow(form, mnemonic, isWide ? 64 : patterns.some(isDword) ? 32 : 0);
}

/** As NASM's CPU directive counts. */
export function levelOfTemplate(template: Template, mnemonic: string): number {
  let level = levels.get(template);
  if (level === undefined) levels.set(template, (level = makeLevel(template, mnemonic)));
  return level;
}
