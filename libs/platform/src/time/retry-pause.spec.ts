import { describe, expect, it } from 'vitest';
import { retryAfterMs, retryPauseMs } from './retry-pause.js';

const NOW = Date.UTC(2026, 10, 26, 12);

describe('retryPauseMs', () => {
  it('doubles up to five minutes, less up to a quarter', () => {
    const pauses = [0, 1, 2, 8, 9, 1_000].map((count) => retryPauseMs(count, 0, 0));
    expect(pauses).toEqual([1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
    expect(retryPauseMs(3, 0, 1)).toBe(6_000);
  });

  it('is never shorter than the receiver demands, within an hour', () => {
    expect(retryPauseMs(0, 30_000)).toBe(30_000);
    expect(retryPauseMs(20, 1_000, 0)).toBe(300_000);
    expect(retryPauseMs(0, 86_400_000)).toBe(3_600_000);
  });
});

describe('retryAfterMs', () => {
  it.each([
    ['7', 7_000],
    ['0', 0],
    ['99999999999', 99_999_999_999_000],
    ['Thu, 26 Nov 2026 12:00:30 GMT', 30_000],
    ['Thu, 26 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
    [undefined, undefined],
  ])('reads %s', (value, expected) => {
    expect(retryAfterMs(value, NOW)).toBe(expected);
  });
});
