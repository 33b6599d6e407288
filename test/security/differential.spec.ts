import { describe, expect, it } from 'vitest';
import { compareWithJose } from './differential.js';

describe('verification of access tokens, compared with jose’s on random mutations', () => {
  it('accepts no token that jose rejects', { timeout: 120_000 }, async () => {
    const { accepted, rejected, tooLenient } = await compareWithJose({ count: 20_000, seed: 7 });
    expect(tooLenient).toEqual([]);
    // The mutations included valid and invalid tokens.
    expect(accepted).toBeGreaterThan(500);
    expect(rejected).toBeGreaterThan(10_000);
  });
});
