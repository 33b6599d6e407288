import { describe, expect, it } from 'vitest';
import { ManualClock } from './manual-clock.js';

describe('ManualClock', () => {
  it('ends sleeps in the order of their times, each at its own time', async () => {
    const clock = new ManualClock(0);
    const woken: [string, number][] = [];
    void clock.sleep(20).then(() => woken.push(['late', clock.now()]));
    void clock.sleep(10).then(() => woken.push(['early', clock.now()]));
    await clock.advance(30);
    expect(woken).toEqual([
      ['early', 10],
      ['late', 20],
    ]);
    expect(clock.now()).toBe(30);
  });

  it('leaves sleeps pending that are not due', async () => {
    const clock = new ManualClock(0);
    void clock.sleep(20);
    await clock.advance(19);
    expect(clock.sleeping).toBe(1);
  });

  it('keeps sleeps and durations when its time of day is set', async () => {
    const clock = new ManualClock(3_600_000);
    const before = clock.monotonicNow();
    void clock.sleep(20);
    clock.step(-3_600_000);
    expect([clock.now(), clock.monotonicNow() - before, clock.sleeping]).toEqual([0, 0, 1]);
    await clock.advance(20);
    expect([clock.now(), clock.monotonicNow() - before, clock.sleeping]).toEqual([20, 20, 0]);
  });

  it('rejects with the reason of an abort', async () => {
    const clock = new ManualClock(0);
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(clock.sleep(5, gone)).rejects.toThrow('gone');
  });
});
