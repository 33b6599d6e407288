import { afterEach, describe, expect, it, vi } from 'vitest';
import { SystemClock } from './clock.js';

describe('SystemClock.monotonicNow', () => {
  let timeOfDay = 1_800_000_000_000;
  let running = 1_000;
  const start = (): SystemClock => {
    vi.spyOn(Date, 'now').mockImplementation(() => timeOfDay);
    vi.spyOn(performance, 'now').mockImplementation(() => running);
    return new SystemClock();
  };
  /** @returns by how much the clock advances when both of its sources do */
  const step = (clock: SystemClock, { dayMs, runningMs }: Record<string, number>): number => {
    const before = clock.monotonicNow();
    timeOfDay += dayMs ?? 0;
    running += runningMs ?? 0;
    return clock.monotonicNow() - before;
  };
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['the process works or is stopped', { dayMs: 60_000, runningMs: 60_000 }, 60_000],
    ['the machine was suspended or moved', { dayMs: 60_010, runningMs: 10 }, 60_010],
    ['the time of day is set back', { dayMs: -3_600_000, runningMs: 10 }, 10],
    ['the time of day is corrected a little', { dayMs: 30, runningMs: 20 }, 20],
  ])('advances by the time that has passed when %s', (_when, steps, expected) => {
    expect(step(start(), steps)).toBe(expected);
  });

  it('notices a suspension after the time of day was set back', () => {
    const clock = start();
    step(clock, { dayMs: -3_600_000, runningMs: 10 });
    expect(step(clock, { dayMs: 60_000, runningMs: 0 })).toBe(60_000);
  });

  it('counts no time twice, however often it is read', () => {
    const clock = start();
    const before = clock.monotonicNow();
    for (let nth = 0; nth < 10_000; nth += 1)
      step(clock, { dayMs: nth % 10 ? 0 : 1, runningMs: 0.1 });
    expect(clock.monotonicNow() - before).toBeCloseTo(1_000);
  });
});
