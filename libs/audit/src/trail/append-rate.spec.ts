import { describe, expect, it } from 'vitest';
import { AppendRate } from './append-rate.js';

function rateAfter(batches: number, entries: number, durationMs: number): AppendRate {
  const rate = new AppendRate();
  for (let n = 0; n < batches; n += 1) rate.observe(entries, durationMs);
  return rate;
}

describe('AppendRate', () => {
  it('does not take the commits of a quiet log for the speed of a busy one', () => {
    const rate = rateAfter(500, 20, 15);
    expect(rate.durationOf(2_000)).toBeLessThan(500);
    expect(rate.batchEntriesWithin(500)).toBeGreaterThan(1_000);
  });

  it('predicts the queue of a slow log', () => {
    const rate = rateAfter(50, 64, 1_000);
    expect(rate.durationOf(640)).toBeCloseTo(10_000, 0);
    expect(rate.batchEntriesWithin(500)).toBe(64);
  });

  it('follows large batches', () => {
    const rate = rateAfter(50, 1_000, 100);
    expect(rate.durationOf(2_000)).toBeCloseTo(200, 0);
    expect(rate.batchEntriesWithin(500)).toBe(2_048);
  });

  it('predicts nothing while too little is known', () => {
    expect(new AppendRate().durationOf(10_000)).toBe(0);
    expect(new AppendRate().batchEntriesWithin(1)).toBe(2_048);
    expect(rateAfter(1, 10, 5_000).durationOf(10_000)).toBe(0);
  });
});
