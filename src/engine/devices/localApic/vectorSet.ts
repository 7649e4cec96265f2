/** A set of interrupt vectors as IRR, ISR and TMR hold it: eight registers of 32 bits. SDM Vol. 3A, "Interrupt Acceptance for Fixed Interrupts". */

export class VectorSet {
  private words = new Uint32Array(8);

  has(vector: number): boolean {
    return ((this.words[vector >> 5]! >>> (vector & 31)) & 1) === 1;
  }

  set(vector: number, value: boolean): void {
    const bit = 1 << (vector & 31);
    const word = this.words[vector >> 5]!;
    this.words[vector >> 5] = value ? word | bit : word & ~bit;
  }

  /** The highest vector, which has the highest priority; -1 if there is none. */
  highest(): number {
    for (let index = 7; index >= 0; index--) {
      const word = this.words[index]!;
      if (word !== 0) return index * 32 + 31 - Math.clz32(word);
    }
    return -1;
  }

  word(index: number): number {
    return this.words[index]!;
  }

  save(): readonly number[] {
    return [...this.words];
  }

  load(words: readonly number[]): void {
    this.words = Uint32Array.from(words);
  }
}
