/** Encodes the instructions of a pass, and reuses what the last pass encoded from the same values. */
import { encodeInstruction } from "../codec/encode";
import type { AsmOperand } from "../codec/types";
import { targetKey } from "./cpuDirective";
import type { Reuse } from "./knownLines";
import type { LayoutState } from "./layoutState";
import { OperandEvaluator } from "./operandValues";
import { EncodedStatement, type StatementTree } from "./statementTree";
import { tokensText } from "./tokens";
import { WarningState } from "./warningClasses";

export class InstructionEncoder {
  constructor(
    private readonly state: LayoutState,
    private readonly reuse: Reuse,
    /** Someone listens, so lines of files are not known by their text. */
    private readonly observed: boolean,
  ) {}

  /** Takes over the bytes of an equal instruction; returns under which key to remember new ones. */
  shareConstant(statement: StatementTree): string | undefined {
    if (!statement.isConstant || statement.encoded) return undefined;
    if (!this.observed && !statement.frame && !statement.label) return undefined;
    if (this.state.sink.warnings !== WarningState.initial) return undefined;
    if (!this.state.floatOptions.areDefault) return undefined;
    const key = this.constantKey(statement);
    statement.encoded = this.reuse.constant(key);
    return key;
  }

  rememberConstant(key: string, encoded: EncodedStatement): void {
    if (!encoded.usesAddress) this.reuse.rememberConstant(key, encoded);
  }

  /** Instructions without symbols are written again and again: equal text in equal state has equal bytes. */
  private constantKey(statement: StatementTree): string {
    const start = statement.tokens.indexOf(statement.mnemonicToken!);
    const { bits, defaultRel, target } = this.state;
    const state = `${bits}${defaultRel ? "r" : "a"}${targetKey(target)}${statement.prefixes.join(" ")}`;
    return `${state} ${tokensText(statement.tokens, start)}`;
  }

  /** The operands with the values of this pass; undefined if one is wrong. `wasBroken`: the last pass found an error. */
  operands(statement: StatementTree, wasBroken: boolean): readonly AsmOperand[] | undefined {
    const { body, encoded } = statement;
    if (body.kind !== "instruction") return undefined;
    // What is wrong with a known line is where it stands, not its operands.
    if (encoded && (statement.isKnown || (!wasBroken && this.unchanged(statement)))) {
      return encoded.operands;
    }
    statement.evaluatedAt = this.state.clock;
    statement.evaluatedOffset = this.state.offset;
    const evaluator = new OperandEvaluator(this.state.surroundings);
    const operands: AsmOperand[] = [];
    for (const tree of body.operands) {
      const operand = evaluator.operand(tree);
      if (operand === undefined) return undefined;
      operands.push(operand);
    }
    return operands;
  }

  /** Whether the operands still have the values of the last evaluation. */
  private unchanged(statement: StatementTree): boolean {
    if (statement.isConstant) return true;
    const at = statement.evaluatedAt;
    if (at < this.state.basesChangedAt) return false;
    if (statement.usesHere && statement.evaluatedOffset !== this.state.offset) return false;
    for (const symbol of statement.symbols) {
      if (symbol.changedAt > at || symbol.definedPass === 0) return false;
      if (symbol.declaration === "extern" || symbol.declaration === "required") return false;
    }
    return true;
  }

  /** Encodes, or takes what the last pass encoded from the same values. */
  encode(
    statement: StatementTree,
    mnemonic: string,
    operands: readonly AsmOperand[],
    offset: number,
    keep = true,
  ): EncodedStatement | undefined {
    const address = this.state.sections.baseOf(this.state.segment) + offset;
    const old = keep ? statement.encoded : undefined;
    if (old?.bits === this.state.bits && sameEncoding(old, operands, address)) {
      // Records that do not use the address are shared between equal statements.
      if (old.usesAddress) {
        old.address = address;
        old.operands = operands;
      }
      this.reportEncoding(statement, old);
      return old;
    }
    const result = encodeInstruction({
      mnemonic,
      operands,
      bits: this.state.bits,
      target: this.state.target,
      prefixes: statement.prefixes,
      address: BigInt(address),
    });
    if (!result.ok) {
      this.refuse(statement, operands, result);
      return undefined;
    }
    const usesAddress = result.isRelative || operands.some(isRipRelative);
    const made = new EncodedStatement(operands, address, result.bytes, usesAddress, result);
    if (keep) statement.encoded = made;
    this.reportEncoding(statement, made);
    return made;
  }

  /** NASM looks at addresses while it measures, at the rest when it writes; of a line whose operands are wrong it has said enough. */
  private refuse(
    statement: StatementTree,
    operands: readonly AsmOperand[],
    { error, operand }: { readonly error: string; readonly operand?: number | undefined },
  ): void {
    const { state } = this;
    const early = /effective address|address sizes|non-64-bit mode/.test(error);
    if (statement.broken || (state.pass === 1 && !early)) return;
    const place = statement.operandPlace(operand);
    state.error(place, "operands", error);
    if (
      error === "impossible combination of address sizes" &&
      this.isMeasured(statement, operands)
    ) {
      state.error(place, "operands", `invalid ${state.bits}-bit effective address`);
    }
  }

  /** Whether NASM finds a template in spite of an impossible address. */
  private isMeasured({ prefixes }: StatementTree, operands: readonly AsmOperand[]): boolean {
    const isWide = (each: AsmOperand): boolean =>
      each.kind === "reg"
        ? each.register.class === "gpr" && each.register.size === 64
        : each.kind === "mem" && each.size === 64;
    if (this.state.bits !== 64 && operands.some(isWide)) return false;
    return !prefixes.some((prefix) => /^a\d\d$/.test(prefix));
  }

  private reportEncoding(
    statement: StatementTree,
    { warnings, outOfRange }: EncodedStatement,
  ): void {
    if (this.state.pass === 1) return;
    if (outOfRange) {
      this.state.error(statement.operandPlace(0), "short-jump", "short jump is out of range");
    }
    for (const warning of warnings) {
      const place = statement.operandPlace(warning.operand);
      this.state.sink.warning(warning.class, warning.message, place, statement.frame);
    }
  }
}

/** Its bytes change when the instruction moves, as those of relative jumps do. */
function isRipRelative(operand: AsmOperand): boolean {
  return (operand.kind === "mem" || operand.kind === "imm") && operand.relative === "rel";
}

/** Whether the bytes are still right. A relative jump's are, if its target has moved as far as itself. */
function sameEncoding(
  old: EncodedStatement,
  operands: readonly AsmOperand[],
  address: number,
): boolean {
  if (!old.usesAddress || old.address === address) return sameOperands(old.operands, operands);
  const before = old.operands[0]!;
  const now = operands[0]!;
  return (
    operands.length === 1 &&
    before.kind === "imm" &&
    now.kind === "imm" &&
    now.value - before.value === BigInt(address - old.address) &&
    now.known === before.known &&
    now.isAddress === before.isAddress &&
    now.otherSection === before.otherSection
  );
}

function sameOperands(a: readonly AsmOperand[], b: readonly AsmOperand[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((operand, i) => sameOperand(operand, b[i]!));
}

/** Of two operands from one tree: only what an evaluation can change is compared. */
function sameOperand(a: AsmOperand, b: AsmOperand): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "reg":
      return a.register === (b as typeof a).register;
    case "imm": {
      const other = b as typeof a;
      return (
        a.value === other.value &&
        a.known === other.known &&
        a.isAddress === other.isAddress &&
        a.otherSection === other.otherSection
      );
    }
    case "far": {
      const other = b as typeof a;
      return a.selector === other.selector && a.offset === other.offset && a.known === other.known;
    }
    case "mem": {
      const other = b as typeof a;
      return (
        a.displacement === other.displacement &&
        a.displacementKnown === other.displacementKnown &&
        a.displacementIsAddress === other.displacementIsAddress &&
        a.relative === other.relative &&
        a.base === other.base &&
        a.index === other.index &&
        a.scale === other.scale
      );
    }
  }
}
