import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import { type ProgressLimits, RevocationHold } from './revocation-hold.js';

function holdOf(clock: ManualClock, limits: ProgressLimits = new Map()): RevocationHold {
  const lease = { holder: 'spec', durationMs: 5_000, endsAt: 0 };
  return new RevocationHold(lease, [], new AbortController().signal, limits, clock);
}

describe('the hold of a mass revocation worker', () => {
  it('is stuck at the ACS resource that is not reached, whatever others do', async () => {
    const clock = new ManualClock();
    const hold = holdOf(clock);
    hold.expectProgressAt(new Set(['silent', 'healthy']));
    for (let second = 0; second <= 20; second += 1) {
      expect(hold.stuck).toBeUndefined();
      hold.noteProgress('healthy');
      await clock.advance(1_000);
    }
    expect(hold.stuck).toBe('somewhere');
    await clock.advance(20_000);
    expect(hold.stuck).toBe('everywhere');
  });

  it('is not stuck where nothing is left', async () => {
    const clock = new ManualClock();
    const hold = holdOf(clock);
    hold.expectProgressAt(new Set(['silent', 'healthy']));
    await clock.advance(21_000);
    hold.expectProgressAt(new Set(['healthy']));
    hold.noteProgress('healthy');
    expect(hold.stuck).toBeUndefined();
  });

  it('is stuck when it can not be known what is left', async () => {
    const clock = new ManualClock();
    const hold = holdOf(clock);
    await clock.advance(21_000);
    expect(hold.stuck).toBe('everywhere');
  });

  it('waits longer each time for an ACS resource that no replica reaches, until there is progress', async () => {
    const clock = new ManualClock();
    const limits: ProgressLimits = new Map();
    const waited: number[] = [];
    for (let nth = 0; nth < 6; nth += 1) {
      const hold = holdOf(clock, limits);
      hold.expectProgressAt(new Set(['silent', 'healthy']));
      let seconds = 0;
      for (; hold.stuck === undefined; seconds += 1) {
        await clock.advance(1_000);
        hold.noteProgress('healthy');
      }
      hold.extendLimits();
      waited.push(seconds - 1);
    }
    expect(waited).toEqual([20, 40, 80, 160, 320, 320]);
    holdOf(clock, limits).noteProgress('silent');
    expect(limits.get('silent')).toBeUndefined();
  });
});
