import { OutOfRange } from './errors.js';

/** The exponent of the largest power of two that is not above `value`, which is at least 1. */
export function floorLog2(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value);
}

/** How many bits of `value` are set: how many perfect subtrees a tree of that size has. */
export function countOnes(value: number): number {
  let ones = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) {
    ones += rest % 2;
  }
  return ones;
}

/** @throws OutOfRange unless `value` is an integer from `least` to 2^53 - 1. */
export function requireInteger(value: number, least: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new OutOfRange(`${what} must be an integer of at least ${least}`);
  }
}
