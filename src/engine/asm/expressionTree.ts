import type { RegisterKeyword } from "./keywords";
import type { SymbolEntry } from "./symbols";
import type { Token } from "./tokens";

/** An expression as parsed once; passes only evaluate it. `token` is what an error points at. */
export type Expression =
  | {
      readonly op: "constant";
      readonly value: bigint;
      /** Folded from a sum: NASM then forgets which register was hinted as the base. */
      readonly summed: boolean;
      readonly token: Token;
    }
  | { readonly op: "symbol"; readonly symbol: SymbolEntry; readonly token: Token }
  | { readonly op: "here" | "base"; readonly token: Token }
  | { readonly op: "register"; readonly register: RegisterKeyword; readonly token: Token }
  | {
      readonly op: "negate" | "complement" | "not" | "seg";
      readonly operand: Expression;
      readonly token: Token;
    }
  | {
      readonly op: "function";
      readonly name: string;
      readonly operand: Expression;
      readonly token: Token;
    }
  | {
      readonly op: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly token: Token;
    }
  | {
      readonly op: "conditional";
      readonly test: Expression;
      readonly yes: Expression;
      readonly no: Expression;
      readonly token: Token;
    }
  | {
      readonly op: "wrt";
      readonly left: Expression;
      readonly right: Expression;
      readonly token: Token;
    };

export type BinaryOperator =
  | "||" | "^^" | "&&"
  | "=" | "<>" | "<" | ">" | "<=" | ">=" | "<=>"
  | "|" | "^" | "&"
  | "<<" | ">>" | ">>>"
  | "+" | "-"
  | "*" | "/" | "%" | "//" | "%%"; // prettier-ignore

/** Whether its value can change from pass to pass or from place to place. */
export function isConstant(expression: Expression): boolean {
  switch (expression.op) {
    case "constant":
    case "register":
      return true;
    case "symbol":
    case "here":
    case "base":
      return false;
    case "binary":
    case "wrt":
      return isConstant(expression.left) && isConstant(expression.right);
    case "conditional":
      return isConstant(expression.test) && isConstant(expression.yes) && isConstant(expression.no);
    default:
      return isConstant(expression.operand);
  }
}

/** Calls `visit` for each symbol in it. */
export function forEachSymbol(
  expression: Expression,
  visit: (symbol: SymbolEntry, token: Token) => void,
): void {
  switch (expression.op) {
    case "symbol":
      visit(expression.symbol, expression.token);
      return;
    case "binary":
    case "wrt":
      forEachSymbol(expression.left, visit);
      forEachSymbol(expression.right, visit);
      return;
    case "conditional":
      forEachSymbol(expression.test, visit);
      forEachSymbol(expression.yes, visit);
      forEachSymbol(expression.no, visit);
      return;
    case "negate":
    case "complement":
    case "not":
    case "seg":
    case "function":
      forEachSymbol(expression.operand, visit);
      return;
    default:
  }
}
