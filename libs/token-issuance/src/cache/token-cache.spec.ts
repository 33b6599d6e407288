import { describe, expect, it } from 'vitest';
import { reusableUntil } from './token-cache.js';

describe('reusableUntil', () => {
  it.each([
    [60, 40],
    [45, 30],
    [30, 15],
    [1440, 960],
    [20, 5],
    [10, -5],
  ])('lets a token of %i minutes be reused for %i minutes', (lifetime, reusable) => {
    const issuedAt = Date.parse('2026-01-01T00:00:00Z');
    const until = reusableUntil(issuedAt, new Date(issuedAt + lifetime * 60_000));
    expect((until.getTime() - issuedAt) / 60_000).toBe(reusable);
  });
});
