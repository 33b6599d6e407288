import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import { LeasedPermits } from './leased-permits.js';

describe('LeasedPermits', () => {
  it('returns each unused permit to the window once, also one that was in use when the others were', () => {
    const clock = new ManualClock();
    const permits = new LeasedPermits({ clock, windowMs: 30_000, onReleased: () => undefined });
    permits.add(
      { id: 'lease', usableUntil: clock.monotonicNow() + 5_000, returnAt: clock.monotonicNow() },
      3,
    );
    const [used, unused] = [permits.take(), permits.take()];
    expect(permits.takeReport(true).unusedPermits).toEqual([{ leaseId: 'lease', count: 1 }]);
    unused?.release({ isUnused: true });
    unused?.release({ isUnused: true });
    used?.release();
    expect(permits.takeReport(true)).toMatchObject({
      unusedPermits: [{ leaseId: 'lease', count: 1 }],
      finishedCalls: [{ leaseId: 'lease', count: 1 }],
    });
    expect(permits.takeReport(true)).toEqual({ unusedPermits: [], finishedCalls: [] });
  });

  it('gives an unused permit to the next request while it may be used', async () => {
    const clock = new ManualClock();
    const permits = new LeasedPermits({ clock, windowMs: 30_000, onReleased: () => undefined });
    permits.add(
      { id: 'lease', usableUntil: clock.monotonicNow() + 5_000, returnAt: clock.monotonicNow() },
      1,
    );
    permits.take()?.release({ isUnused: true });
    const again = permits.take();
    expect(again?.usableForMs()).toBe(5_000);
    again?.release({ isUnused: true });
    await clock.advance(5_000);
    expect(permits.take()).toBeUndefined();
  });
});
