import { describe, expect, it } from 'vitest';
import { compareWithJose } from './differential.js';

describe('verification, held against jose over random mutations of good tokens', () => {
  it('accepts nothing that jose refuses', { timeout: 120_000 }, async () => {
    const { accepted, refused, tooLenient } = await compareWithJose({ count: 20_000, seed: 7 });
    expect(tooLenient).toEqual([]);
    // Both kinds came up: neither verifier said one thing to all.
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(10_000);
  });
});
