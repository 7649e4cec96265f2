/** xorshift32: the engine's only source of "randomness". Its state is part of every snapshot. */
export class Prng {
  constructor(public state: number) {
    if (state === 0) this.state = 0x9e3779b9;
  }

  /** The next unsigned 32-bit number. */
  next32(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }
}
