import { OutOfRange } from './errors.js';

/** The floor of the binary logarithm of `value`, which is at least 1. */
export function floorLog2(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value);
}

/** Number of set bits: the number of perfect subtrees of a tree of size `value`. */
export function countOnes(value: number): number {
  let ones = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) {
    ones += rest % 2;
  }
  return ones;
}

/** @throws OutOfRange unless `value` is an integer from `min` to 2^53 - 1. */
export function requireInteger(value: number, min: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new OutOfRange(`${what} must be an integer of at least ${min}`);
  }
}
