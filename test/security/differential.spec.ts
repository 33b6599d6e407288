import { describe, expect, it } from 'vitest';
import { compareWithJose } from './differential.js';

// `npm run test:campaigns` tries 100,000.
describe('verification of access tokens, compared with jose’s on random mutations', () => {
  it('accepts no token that jose rejects', async () => {
    const { accepted, rejected, tooLenient } = await compareWithJose({ count: 5_000, seed: 7 });
    expect(tooLenient).toEqual([]);
    // The mutations included valid and invalid tokens.
    expect(accepted).toBeGreaterThan(125);
    expect(rejected).toBeGreaterThan(2_500);
  });
});
