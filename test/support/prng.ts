/** A pseudorandom number generator (mulberry32): the same seed gives the same sequence. */
export class Prng {
  #state: number;

  /** @param seed an integer; its lowest 32 bits count */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 (inclusive) to 1 (exclusive). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** An integer from 0 (inclusive) to `end` (exclusive). */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** An element of a list. @throws when the list is empty */
  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new Error('an empty list has no element to pick');
    return values[this.below(values.length)] as T; // the index is within the list
  }
}
