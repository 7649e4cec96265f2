import type { AssemblerObserver } from "./assembler";
import type { SourceLine } from "./tokens";
import type { StatementTree } from "./statementTree";

/** Hears everything and does nothing: for observers that want only some of it. */
export class SilentObserver implements AssemblerObserver {
  restart(): void {
    return;
  }
  statementParsed(_statement: StatementTree): void {
    return;
  }
  lineRead(_line: SourceLine, _level: number, _shown: boolean, _number?: number): void {
    return;
  }
  symbolReferred(): void {
    return;
  }
  singleLineDefined(): void {
    return;
  }
  singleLineUsed(): void {
    return;
  }
  macroMentioned(): void {
    return;
  }
  multiLineDefined(): void {
    return;
  }
  multiLineUsed(): void {
    return;
  }
  localMentioned(): void {
    return;
  }
  skipped(): void {
    return;
  }
  active(): void {
    return;
  }
  block(): void {
    return;
  }
  included(): void {
    return;
  }
}
