import { keywordOf } from "./keywords";
import type { FoldedWord, Word } from "./tokens";

/** All words of one program. */
export class WordTable {
  private readonly words = new Map<string, Word>();
  private readonly folded = new Map<string, FoldedWord>();

  get size(): number {
    return this.words.size;
  }

  word(text: string): Word {
    let word = this.words.get(text);
    if (word === undefined) {
      // The table outlives the text that the word was cut out of.
      const own = ` ${text}`.slice(1);
      word = { text: own, folded: this.fold(own) };
      this.words.set(own, word);
    }
    return word;
  }

  fold(text: string): FoldedWord {
    const lower = text.toLowerCase();
    let folded = this.folded.get(lower);
    if (folded === undefined) {
      folded = {
        lower,
        singleLine: undefined,
        multiLine: undefined,
        keyword: keywordOf(lower),
      };
      this.folded.set(lower, folded);
    }
    return folded;
  }

  /** Forgets macros: all, or those for which `which` holds. */
  forget(single: boolean, multi: boolean, keepAliases: boolean): void {
    for (const folded of this.folded.values()) {
      if (single && folded.singleLine) {
        folded.singleLine = keepAliases ? folded.singleLine.filter((m) => m.alias) : undefined;
      }
      if (multi) folded.multiLine = undefined;
    }
  }
}
